"""Fans, parts and roles of every layer of torch.nn, and of layers that other libraries have."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from firststep import init
from firststep.init import Fans, Site, site_of
from firststep.init._layers import _READERS

LSTM = ("input", "forget", "cell", "output")
GRU = ("reset", "update", "new")


def parts_of(module: nn.Module, name: str) -> list[tuple[int, Fans | None]]:
    return [(part.size, part.fans) for part in site_of(module, name).parts]


@pytest.mark.parametrize(
    ("layer", "size", "expected", "torch_fan"),
    [
        (nn.Linear(10, 4), 4, Fans(10, 4), 10),
        (nn.Bilinear(3, 5, 4), 4, Fans(15, 20), 3),
        (nn.Conv1d(8, 16, 5), 16, Fans(40, 80), 40),
        (nn.Conv2d(8, 16, (3, 2), stride=2), 16, Fans(48, 96), 48),
        (nn.Conv2d(8, 16, 3, groups=4), 16, Fans(18, 36), 18),
        (nn.Conv2d(8, 8, 3, groups=8), 8, Fans(9, 9), 9),
        (nn.Conv3d(2, 4, 3), 4, Fans(54, 108), 54),
        (nn.ConvTranspose1d(6, 4, 3), 6, Fans(18, 12), 12),
        (nn.ConvTranspose2d(16, 64, 4, stride=2), 16, Fans(64, 1024), 1024),
        (nn.ConvTranspose2d(16, 8, 3, groups=2, stride=(1, 2)), 16, Fans(36, 36), 36),
        (nn.ConvTranspose3d(2, 2, 2, stride=3), 2, Fans(16 / 27, 16), 16),
    ],
    ids=lambda value: str(value),
)
def test_weight_and_bias_of_a_layer(layer: nn.Module, size: int, expected: Fans, torch_fan: int) -> None:
    weight = site_of(layer, "weight", name="layer.weight")
    assert parts_of(layer, "weight") == [(size, expected)]
    assert (weight.role, weight.axis, weight.torch_fan, weight.name) == ("weight", 0, torch_fan, "layer.weight")
    bias = site_of(layer, "bias")
    assert parts_of(layer, "bias") == [(layer.bias.numel(), expected)]
    assert (bias.role, bias.torch_fan) == ("bias", torch_fan)
    # The bare shape as torch reads it, the same function for weight and bias.
    by_torch = Fans(*nn.init._calculate_fan_in_and_fan_out(layer.weight))
    assert weight.tensor_fans == bias.tensor_fans == by_torch
    assert weight.groups == getattr(layer, "groups", 1)


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_embeddings_keep_their_padding_row(kind: type[nn.Module]) -> None:
    assert site_of(kind(10, 4), "weight").zero_rows == ()
    site = site_of(kind(10, 4, padding_idx=-2), "weight")
    assert site.zero_rows == (8,)
    assert [part.fans for part in site.parts] == [Fans(4, 10)]
    filled = init.normal().sample(site, seed=0)
    assert (filled[8] == 0).all()
    assert (filled[:8] != 0).all()
    assert init.normal(std=0.5).expected(site).variance == pytest.approx(0.25 * 9 / 10)


def test_attention_in_one_tensor_is_three_blocks() -> None:
    layer = nn.MultiheadAttention(12, 3, add_bias_kv=True)
    weight, bias = site_of(layer, "in_proj_weight"), site_of(layer, "in_proj_bias")
    assert [(p.label, p.size, p.fans) for p in weight.parts] == [(n, 12, Fans(12, 12)) for n in "qkv"]
    assert [(p.label, p.size, p.fans) for p in bias.parts] == [(n, 12, Fans(12, 12)) for n in "qkv"]
    assert weight.tensor_fans == bias.tensor_fans == Fans(12, 36)
    assert (weight.role, bias.role) == ("weight", "bias")
    assert site_of(layer, "bias_k").tensor_fans == Fans(*nn.init._calculate_fan_in_and_fan_out(layer.bias_k))
    assert parts_of(layer.out_proj, "weight") == [(12, Fans(12, 12))]


def test_attention_with_other_widths() -> None:
    layer = nn.MultiheadAttention(12, 3, kdim=8, vdim=6)
    assert parts_of(layer, "q_proj_weight") == [(12, Fans(12, 12))]
    assert parts_of(layer, "k_proj_weight") == [(12, Fans(8, 12))]
    assert parts_of(layer, "v_proj_weight") == [(12, Fans(6, 12))]
    assert [p.fans for p in site_of(layer, "in_proj_bias").parts] == [Fans(12, 12), Fans(8, 12), Fans(6, 12)]


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, LSTM), (nn.GRU, GRU), (nn.RNN, ("",))])
def test_recurrent_layers_gate_by_gate(kind: type[nn.RNNBase], gates: tuple[str, ...]) -> None:
    layer = kind(3, 5, num_layers=2, bidirectional=True)
    inputs = {"weight_ih_l0": 3, "weight_hh_l0": 5, "weight_ih_l1_reverse": 10, "weight_hh_l1_reverse": 5}
    for name, fan_in in inputs.items():
        for local_name, role in ((name, "weight"), (name.replace("weight", "bias"), None)):
            site = site_of(layer, local_name)
            assert [(p.label, p.size, p.fans) for p in site.parts] == [(g, 5, Fans(fan_in, 5)) for g in gates]
            assert site.torch_fan == 5
            assert site.role == (role or ("bias" if "ih" in name else "second_bias"))
            assert site.tensor_fans == Fans(fan_in, 5 * len(gates))


def test_a_projected_lstm() -> None:
    layer = nn.LSTM(3, 6, proj_size=4)
    assert parts_of(layer, "weight_hh_l0") == [(6, Fans(4, 6))] * 4
    assert parts_of(layer, "weight_hr_l0") == [(4, Fans(6, 4))]
    assert site_of(layer, "weight_hr_l0").torch_fan == 6


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTMCell, LSTM), (nn.GRUCell, GRU), (nn.RNNCell, ("",))])
def test_recurrent_cells(kind: type[nn.RNNCellBase], gates: tuple[str, ...]) -> None:
    layer = kind(3, 5)
    assert parts_of(layer, "weight_ih") == [(5, Fans(3, 5))] * len(gates)
    assert site_of(layer, "bias_hh").role == "second_bias"
    assert tuple(p.label for p in site_of(layer, "bias_ih").parts) == gates


NORMS = [
    nn.BatchNorm1d(4),
    nn.BatchNorm2d(4),
    nn.BatchNorm3d(4),
    nn.SyncBatchNorm(4),
    nn.InstanceNorm1d(4, affine=True),
    nn.InstanceNorm2d(4, affine=True),
    nn.InstanceNorm3d(4, affine=True),
    nn.GroupNorm(2, 4),
    nn.LayerNorm(4),
    nn.LayerNorm((4, 3)),
    nn.RMSNorm(4),
    nn.PReLU(4),
]


@pytest.mark.parametrize("layer", NORMS, ids=str)
def test_norms_and_prelu_have_no_fans(layer: nn.Module) -> None:
    for name, parameter in layer.named_parameters():
        site = site_of(layer, name)
        assert site == Site(tuple(parameter.shape), site.parts, role=name)  # pyright: ignore[reportArgumentType]
        assert [(p.size, p.fans) for p in site.parts] == [(4, None)]


def test_every_layer_of_torch_that_owns_parameters_is_known() -> None:
    owners = set()
    for name, kind in inspect.getmembers(nn, inspect.isclass):
        if not issubclass(kind, nn.Module) or name.startswith("Lazy"):
            continue
        source = inspect.getsource(kind.__init__) if "__init__" in kind.__dict__ else ""
        if "Parameter(" in source or any(base in _READERS for base in kind.__mro__):
            owners.add(kind)
    containers = {nn.ParameterDict, nn.ParameterList}
    unknown = {k.__name__ for k in owners - containers if not any(base in _READERS for base in k.__mro__)}
    assert unknown == set()


def test_a_subclass_is_read_as_its_base_and_what_it_adds_by_its_shape() -> None:
    class Adapted(nn.Linear):
        def __init__(self) -> None:
            super().__init__(6, 4)
            self.lora_a = nn.Parameter(torch.zeros(2, 6))

    layer = Adapted()
    assert site_of(layer, "weight") == site_of(nn.Linear(6, 4), "weight")
    assert site_of(layer, "bias") == site_of(nn.Linear(6, 4), "bias")
    assert site_of(layer, "lora_a") == Site.of_shape((2, 6))


def test_what_a_known_layer_does_not_know_is_read_by_its_shape() -> None:
    for layer in (
        nn.Bilinear(2, 2, 2),
        nn.Conv2d(2, 2, 3),
        nn.Embedding(2, 2),
        nn.MultiheadAttention(4, 1),
        nn.LSTM(2, 2),
    ):
        layer.register_parameter("extra", nn.Parameter(torch.zeros(3, 5)))
        assert site_of(layer, "extra") == Site.of_shape((3, 5))
    flat = nn.Linear(2, 2)
    flat.weight = nn.Parameter(torch.zeros(4))
    assert site_of(flat, "weight") == Site.of_shape((4,))
    weird = nn.LSTM(2, 2)
    weird.register_parameter("weight_scale", nn.Parameter(torch.zeros(2)))
    assert site_of(weird, "weight_scale") == Site.of_shape((2,))


def test_unknown_modules_are_read_by_shape() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(torch.tensor(1.0))
    module.table = nn.Parameter(torch.zeros(7, 3))
    assert site_of(module, "scale") == Site(())
    assert site_of(module, "table", name="table") == Site.of_shape((7, 3))
    with pytest.raises(AttributeError):
        site_of(module, "missing")


class Conv1D(nn.Module):
    """As in transformers: x @ weight + bias."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.scale = nn.Parameter(torch.empty(outputs))


def test_conv1d_of_transformers() -> None:
    layer = Conv1D(12, 4)
    weight = site_of(layer, "weight")
    assert (weight.axis, parts_of(layer, "weight")) == (1, [(12, Fans(4, 12))])
    assert weight.tensor_fans == Fans(12, 4)
    assert (site_of(layer, "bias").role, parts_of(layer, "bias")) == ("bias", [(12, Fans(4, 12))])
    assert site_of(layer, "scale") == Site.of_shape((12,))
    layer.weight = None
    assert site_of(layer, "bias") == Site.of_shape((12,))


class CondConv2d(nn.Module):
    """As in timm: each row of the weight is a kernel, here of 6 outputs, 8 inputs in 2 groups, 3 by 3."""

    def __init__(self) -> None:
        super().__init__()
        self.groups, self.weight_shape = 2, (6, 4, 3, 3)
        self.weight, self.bias = nn.Parameter(torch.empty(5, 6 * 4 * 9)), nn.Parameter(torch.empty(5, 6))
        self.scale = nn.Parameter(torch.empty(5))


def test_conditional_convolution_of_timm() -> None:
    layer = CondConv2d()
    assert parts_of(layer, "weight") == [(5, Fans(36, 27))]
    assert site_of(layer, "weight").tensor_fans == Fans(36, 54)
    assert (site_of(layer, "bias").role, parts_of(layer, "bias")) == ("bias", [(5, Fans(36, 27))])
    assert site_of(layer, "bias").torch_fan == 36
    assert site_of(layer, "scale") == Site.of_shape((5,))
    layer.weight_shape = None  # type: ignore[assignment]
    assert site_of(layer, "weight") == Site.of_shape((5, 216))


def test_lookups_leave_a_parametrized_layer_as_it_was() -> None:
    layer = parametrizations.spectral_norm(nn.Linear(5, 3))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert site_of(layer, "weight") == site_of(nn.Linear(5, 3), "weight")
    assert site_of(layer, "bias") == site_of(nn.Linear(5, 3), "bias")
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    normed = parametrizations.weight_norm(nn.Conv2d(4, 6, 3))
    assert site_of(normed, "weight") == site_of(nn.Conv2d(4, 6, 3), "weight")


def test_like_layers_share_a_site_which_a_name_does_not_change() -> None:
    first, second = nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3)

    assert site_of(first, "weight") is site_of(second, "weight")
    named = site_of(first, "weight", name="stem.weight")
    assert (named, named.name, str(named)) == (
        site_of(second, "weight"),
        "stem.weight",
        "'stem.weight' of shape (6, 4, 3, 3)",
    )
    assert site_of(second, "weight").name == ""
    assert site_of(nn.Conv2d(4, 6, 3, groups=2), "bias") != site_of(first, "bias")


def test_sizes_given_as_numpy_integers_do_not_reach_the_fans_of_like_layers() -> None:
    site_of(nn.Linear(np.int64(37), 41), "bias")

    (part,) = site_of(nn.Linear(37, 41), "bias").parts
    assert part.fans is not None
    assert type(part.fans.fan_in) is int


def test_layers_on_meta_and_shapes_that_are_known() -> None:
    layer = nn.Linear(5, 3, device="meta")
    assert site_of(layer, "weight") == site_of(nn.Linear(5, 3), "weight")
    assert site_of(layer, "weight", shape=(6, 5)).shape == (6, 5)


def test_empty_layers() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        layer = nn.Linear(0, 3)
    assert init.xavier_normal().sample(site_of(layer, "weight"), seed=0).shape == (3, 0)
    assert init.torch_default().sample(site_of(layer, "bias"), seed=0).tolist() == [0.0] * 3
    assert init.normal().sample(site_of(nn.Embedding(0, 3), "weight"), seed=0).shape == (0, 3)
