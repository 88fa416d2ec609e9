"""Fans, parts and roles of every layer of torch.nn; layouts of raw parameters; what fans mean for a layer's output."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from firststep import init
from firststep.errors import SchemeError
from firststep.init import Fans, Site, fans, site_of
from firststep.init._layers import _READERS
from firststep.init._layout import Layout

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


@pytest.mark.parametrize(
    ("shape", "axes", "options", "expected"),
    [
        ((4, 10), "out in *", {}, Fans(10, 4)),
        ((10, 4), "in out", {}, Fans(10, 4)),
        ((8, 64, 256), "expert in out", {}, Fans(64, 256)),
        ((12, 64, 768), "out k in", {}, Fans(64 * 768, 12 * 64)),
        ((12, 64, 768), "out out in", {}, Fans(768, 768)),
        ((768, 12, 64), "in out out", {}, Fans(768, 768)),
        ((3, 3, 8, 16), "k k in out", {}, Fans(72, 144)),
        ((16, 2, 3, 3), "out in *", {"groups": 4}, Fans(18, 36)),
        ((16, 2, 3, 3), "in out *", {"groups": 4, "stride": 3}, Fans(4, 18)),
        ((16, 2, 3, 5), "in out *", {"stride": (1, 7)}, Fans(240 / 7, 30)),
        ((9,), "out", {}, Fans(1, 9)),
        ((9,), "in", {}, Fans(9, 1)),
    ],
)
def test_fans_by_axes(shape: tuple[int, ...], axes: str, options: dict, expected: Fans) -> None:
    assert fans(shape, axes, **options) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fans((4, 5), "out in k"),
            "axes='out in k' names 3 dimensions, the shape (4, 5) has 2; expected one word per dimension, such as "
            "'out in', with '*' at the end for all that are left",
        ),
        (
            lambda: fans((4,)),
            "axes='out in *' names 3 dimensions, the shape (4,) has 1; expected one word per dimension, such as "
            "'out in', with '*' at the end for all that are left",
        ),
        (lambda: fans((4, 5), groups=3), "groups=3 does not divide the 4 channels of (4, 5) read as 'out in *'"),
        (
            lambda: fans((4, 5, 3), "in out *", stride=0),
            "stride=0: expected a whole number >= 1, or one for each of the 1 kernel dimensions of (4, 5, 3) read as "
            "'in out *'",
        ),
        (
            lambda: fans((4, 5, 3), "in out *", stride=(2, 2)),
            "stride=(2, 2): expected a whole number >= 1, or one for each of the 1 kernel dimensions of (4, 5, 3) read "
            "as 'in out *'",
        ),
        (
            lambda: init.zeros().layout("* in"),
            "layout('* in'): expected one word per dimension, such as 'in out' or 'expert in out', with '*' only at "
            "the end",
        ),
        (
            lambda: init.zeros().layout(""),
            "layout(''): expected one word per dimension, such as 'in out' or 'expert in out', with '*' only at the "
            "end",
        ),
        (
            lambda: init.zeros().layout("in k", blocks=2),
            "layout('in k', blocks=2): blocks divide the axis 'out'; there is none",
        ),
        (
            lambda: init.zeros().layout("in expert out"),
            "layout('in expert out'): 'expert' stacks independent weights and must come first; the other words are "
            "'in', 'out', 'k' and, at the end, '*'",
        ),
        (
            lambda: init.zeros().layout("out in", blocks=3).expected((4, 5)),
            "blocks=3 does not divide the 4 of axis 'out' of a tensor of shape (4, 5) read as 'out in'",
        ),
        (
            lambda: init.zeros().layout("out in", blocks=(1, 2)).expected(Site.of_shape((4, 5), "w")),
            "blocks=(1, 2) do not add up to the 4 of axis 'out' of 'w' of shape (4, 5) read as 'out in'",
        ),
    ],
)
def test_messages(call, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        call()
    assert str(error.value) == message


def test_a_layout_reads_the_shape_its_own_way() -> None:
    site = Layout("expert in out", blocks=(6, 2), groups=1).read(Site.of_shape((3, 5, 8), "w"))
    assert [(p.size, p.fans) for p in site.parts] == [(6, Fans(5, 6)), (2, Fans(5, 2))]
    assert (site.axis, site.stacked, site.tensor_fans, site.torch_fan) == (2, 1, Fans(5, 8), 5)
    assert (site.name, site.role) == ("w", "weight")


def test_a_laid_scheme_prints_compares_and_is_plain_data() -> None:
    scheme = init.kaiming_normal(nonlinearity="relu").layout("out in", blocks=[768, 256, 256])
    assert repr(scheme) == "kaiming_normal(nonlinearity='relu').layout('out in', blocks=(768, 256, 256))"
    assert scheme.to_dict() == {
        "scheme": "kaiming_normal",
        "nonlinearity": "relu",
        "layout": {"axes": "out in", "blocks": [768, 256, 256]},
    }
    assert scheme == init.kaiming_normal(nonlinearity="relu").layout("out in", blocks=(768, 256, 256))
    assert scheme != init.kaiming_normal().layout("out in")
    assert scheme.describe(Site.of_shape((1280, 64))) == repr(scheme)
    with_stride = init.lecun_normal().layout("in out *", groups=2, stride=(2, 1))
    assert repr(with_stride) == "lecun_normal().layout('in out *', groups=2, stride=(2, 1))"
    assert with_stride.to_dict()["layout"] == {"axes": "in out *", "groups": 2, "stride": [2, 1]}
    assert not scheme.uses_flow
    assert init.variance_preserving().layout("in out").uses_flow


def test_blocks_have_the_std_of_their_own_fans() -> None:
    scheme = init.xavier_normal().layout("out in", blocks=(512, 128, 128))
    moments = scheme.expected((768, 256))
    by_block = [2 / (256 + 512), 2 / (256 + 128), 2 / (256 + 128)]
    assert moments.variance == pytest.approx((512 * by_block[0] + 128 * sum(by_block[1:])) / 768)
    # n = 2^17 and 2^15 elements: the std of a sample variance is sqrt(2 / n) of it; 5 of those fail once in 2e6.
    values = scheme.sample((768, 256), seed=0, name="qkv")
    for block, variance in zip(values.split((512, 128, 128)), by_block, strict=True):
        assert block.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / block.numel()))


def test_a_laid_scheme_fills_a_region_with_the_bits_of_the_whole() -> None:
    from firststep.rng import Region

    scheme = init.xavier_uniform().layout("expert in out", blocks=(3, 5))
    whole = scheme.sample((4, 6, 8), seed=1, name="w")
    region = Region((4, 6, 8), (1, 2, 1), (2, 3, 6))
    assert torch.equal(scheme.sample((4, 6, 8), seed=1, name="w", region=region), whole[1:3, 2:5, 1:7])


def second_moment_of_output(layer: nn.Module, x: torch.Tensor, scheme: init.Scheme) -> float:
    """E[y^2] of a layer whose weight the scheme fills and whose bias is zero, away from the border."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            site = site_of(layer, name, name=name)
            (scheme if site.role == "weight" else init.zeros()).fill_(parameter, seed=0, name=name, site=site)
        y = layer(x)
    inner = (slice(None), slice(None), *(slice(8, -8) for _ in range(y.dim() - 2)))
    return y[inner].square().mean().item()


def test_variance_one_over_fan_in_keeps_the_second_moment_of_every_layer() -> None:
    """E[y^2] = E[x^2] = 1. Weights and inputs are both drawn: with W weights and X inputs the relative std of the mean
    is about sqrt(2 / W + 2 / X) <= 1.2 % here; 6 % is 5 of those: one failure in 2e6."""
    draw = torch.Generator().manual_seed(0)
    cases = [
        (nn.Linear(256, 512), (256, 256)),
        (nn.Conv2d(64, 32, 3), (4, 64, 32, 32)),
        (nn.Conv2d(64, 64, 3, groups=4), (4, 64, 32, 32)),
        (nn.Conv1d(4096, 4096, 5, groups=4096), (1, 4096, 64)),
        (nn.ConvTranspose2d(16, 64, 4, stride=2), (4, 16, 24, 24)),
        (nn.ConvTranspose1d(64, 64, 6, stride=3, groups=2), (4, 64, 200)),
        (Times(256, 512), (256, 256)),
    ]
    for layer, shape in cases:
        x = torch.randn(shape, generator=draw)
        scheme = init.variance_scaling(1.0, "fan_in", "normal")
        if isinstance(layer, Times):
            scheme = scheme.layout("in out")
        assert second_moment_of_output(layer, x, scheme) == pytest.approx(1.0, rel=0.06), layer


def test_a_bilinear_layer_keeps_second_moments_both_ways() -> None:
    """As above, with two inputs: relative std about 1.5 %, and 10 % is 6 of those: one failure in 5e8."""
    draw = torch.Generator().manual_seed(0)
    layer, site = nn.Bilinear(48, 32, 64, bias=False), site_of(nn.Bilinear(48, 32, 64), "weight")
    for mode in ("fan_in", "fan_out"):
        init.variance_scaling(1.0, mode, "normal").fill_(layer.weight, seed=0, site=site)
        x1, x2 = torch.randn(512, 48, generator=draw, requires_grad=True), torch.randn(512, 32, generator=draw)
        y = layer(x1, x2)
        y.backward(torch.randn(y.shape, generator=draw))
        moment = y if mode == "fan_in" else x1.grad
        assert moment.square().mean().item() == pytest.approx(1.0, rel=0.1)


class Times(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


def test_variance_one_over_fan_out_keeps_the_second_moment_of_the_gradient() -> None:
    """As above, of the input's gradient for unit gradients of the output: away from the border and at stride 1."""
    draw = torch.Generator().manual_seed(0)
    scheme = init.variance_scaling(1.0, "fan_out", "normal")
    for layer, shape in [
        (nn.Linear(256, 512), (256, 256)),
        (nn.Conv2d(64, 64, 3, groups=4), (4, 64, 32, 32)),
        (nn.ConvTranspose2d(32, 32, 4, stride=2), (2, 32, 32, 32)),
    ]:
        x = torch.randn(shape, generator=draw, requires_grad=True)
        second_moment_of_output(layer, x.detach(), scheme)
        y = layer(x)
        y.backward(torch.randn(y.shape, generator=draw))
        inner = (slice(None), slice(None), *(slice(8, -8) for _ in range(x.dim() - 2)))
        assert x.grad[inner].square().mean().item() == pytest.approx(1.0, rel=0.06), layer


def test_packed_attention_has_the_scale_of_separate_projections() -> None:
    """torch's own start has 1 / sqrt(2) of it. n = 3 * 2^16: 5 sqrt(2 / n) fails once in 2e6."""
    site = site_of(nn.MultiheadAttention(256, 4), "in_proj_weight")
    scheme = init.xavier_uniform()
    assert scheme.expected(site).variance == pytest.approx(1 / 256)
    values = scheme.sample(site, seed=0, name="in_proj_weight")
    assert values.var().item() == pytest.approx(1 / 256, rel=5 * math.sqrt(0.8 / values.numel()))
    assert init.xavier_uniform(fans="tensor").expected(site).variance == pytest.approx(2 / (256 + 768))
