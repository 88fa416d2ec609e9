"""Another scheme for each part of a packed parameter, and biases of layers of one's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import Site

NORMALS = {"query": init.normal(std=1.0), "key": init.normal(std=2.0), "value": init.normal(std=4.0)}
QKV = init.by_part(**NORMALS)  # type: ignore[arg-type]
ATTENTION = init.site_of(nn.MultiheadAttention(64, 4), "in_proj_weight")


def in_proportion(parts: list[Tensor], expected: list[float]) -> None:
    """n = 4096 numbers each: a std is within 5 / sqrt(2 n) = 5.6 % but once in 2 million."""
    assert [part.std().item() for part in parts] == pytest.approx(expected, rel=0.056)


def test_the_parts_of_torchs_attention() -> None:
    assert QKV.expected(ATTENTION).variance == pytest.approx((1 + 4 + 16) / 3)
    in_proportion(list(QKV.sample(ATTENTION, seed=0).split(64)), [1, 2, 4])


def test_a_layer_that_names_no_parts_is_divided_equally() -> None:
    site = init.site_of(nn.Linear(64, 192), "weight")
    in_proportion(list(QKV.sample(site, seed=0).split(64)), [1, 2, 4])
    pair = init.by_part(key=init.normal(), value=init.normal(std=3.0))
    in_proportion(list(pair.sample((128, 64), seed=0).split(64)), [1, 3])


def test_grouped_queries_are_cut_by_a_layout() -> None:
    rows = QKV.layout("out in", blocks=(128, 64, 64)).sample((256, 64), seed=0)
    in_proportion(list(rows.split([128, 64, 64])), [1, 2, 4])


def test_the_conv1d_of_transformers_packs_columns() -> None:
    class Conv1D(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.zeros(64, 192)), nn.Parameter(torch.zeros(192))

    site = init.site_of(Conv1D(), "weight")
    in_proportion(list(QKV.sample(site, seed=0).split(64, dim=1)), [1, 2, 4])


def test_each_part_has_fans_of_its_own() -> None:
    """Xavier of a (64, 64) part is sqrt(2 / 128), of the whole (192, 64) sqrt(2 / 256)."""
    xavier = init.xavier_normal()
    scheme = init.by_part(query=xavier, key=xavier, value=xavier)
    for site in (ATTENTION, init.site_of(nn.Linear(64, 192), "weight")):
        assert scheme.expected(site).std == pytest.approx(math.sqrt(2 / 128))


def test_heads_that_keep_their_parts_together() -> None:
    """Rows (head, part, 16): each head's queries, then its keys, then its values."""
    scheme = init.by_part(**NORMALS, by_head=True)  # type: ignore[arg-type]
    site = Site((192, 64), init.site_of(nn.Linear(64, 192), "weight").parts, symbols=(("h", 4.0),))
    rows = scheme.sample(site, seed=0).view(4, 3, 16, 64)
    in_proportion([rows[:, part] for part in range(3)], [1, 2, 4])
    assert scheme.uses_model
    assert not QKV.uses_model


def test_the_gates_of_an_lstm() -> None:
    gates = [init.constant(float(i)) for i in range(4)]
    scheme = init.by_part(input=gates[0], forget=gates[1], cell=gates[2], output=gates[3])
    weight = scheme.sample(init.site_of(nn.LSTM(3, 2), "weight_hh_l0"), seed=0)
    assert weight[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_region_is_a_piece_of_the_whole() -> None:
    whole = QKV.sample(ATTENTION, seed=7)
    region = rng.Region((192, 64), (50, 10), (100, 20))
    assert torch.equal(QKV.sample(ATTENTION, seed=7, region=region), whole[50:150, 10:30])


def test_equal_schemes_draw_what_the_scheme_alone_draws() -> None:
    one = init.normal(std=0.02)
    same = init.by_part(query=one, key=one, value=one)
    assert torch.equal(same.sample(ATTENTION, seed=3), one.sample(ATTENTION, seed=3))


def test_it_is_told_by_part() -> None:
    scheme = init.by_part(query=init.zeros(), key=init.zeros(), value=init.scaled(init.normal(), by="1/2"))
    assert scheme.describe(ATTENTION) == "query: zeros(); key: zeros(); value: normal() * 0.5"
    assert repr(scheme) == "by_part(query=zeros(), key=zeros(), value=scaled(normal(), by='1/2'))"
    assert init.from_dict(scheme.to_dict()) == scheme
    heads = init.by_part(value=init.zeros(), by_head=True)
    assert init.from_dict(heads.to_dict()) == heads


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "by_part(): expected a scheme for each part, such as by_part(query=..., key=..., value=...)"),
        (
            {"value": init.orthogonal()},
            "by_part(value=orthogonal()): expected a scheme of independent elements, such as init.normal(std=0.02)",
        ),
        (
            {"value": 1.0},
            "by_part(value=1.0): expected a scheme of independent elements, such as init.normal(std=0.02)",
        ),
        ({"value": init.zeros(), "by_head": 1}, "by_part(by_head=1): expected True or False"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SchemeError) as caught:
        init.by_part(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("scheme", "site", "message"),
    [
        (
            init.by_part(value=init.zeros()),
            ATTENTION,
            "by_part(value=zeros()) has no scheme for q, k of a tensor of shape (192, 64)",
        ),
        (
            init.by_part(key=init.zeros(), value=init.zeros()),
            Site.of_shape((5, 4), "w"),
            "by_part(key=zeros(), value=zeros()) divides dimension 0 of 'w' of shape (5, 4) into 2 equal parts, and it "
            "has 5: expected a multiple of 2",
        ),
        (
            QKV.layout("out in", blocks=2),
            Site.of_shape((6, 4), "w"),
            "by_part(query=normal(), key=normal(std=2.0), value=normal(std=4.0)) names 3 parts, and 'w' of shape "
            "(6, 4) was cut into 2: expected as many",
        ),
        (
            init.by_part(value=init.zeros(), by_head=True),
            Site.of_shape((6, 4), "w"),
            "by_part(value=zeros(), by_head=True) asks for the number of heads, which cannot be told of 'w' of shape "
            "(6, 4). It is told of a layer in a block, around which a module has num_heads or the like",
        ),
    ],
)
def test_parameters_that_are_refused(scheme: init.Scheme, site: Site, message: str) -> None:
    with pytest.raises(SchemeError) as caught:
        scheme.check(site)
    assert str(caught.value) == message


# Layers of one's own


class Own(nn.Module):
    def __init__(self, outputs: int, *weight: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(weight)), nn.Parameter(torch.zeros(outputs))


def test_a_bias_beside_a_weight_has_its_fans() -> None:
    """A convolution of one's own, 4 inputs and a kernel of 9: torch's start for it is U(-1/6, 1/6)."""
    assert init.torch_default().expected(init.site_of(Own(8, 8, 4, 3, 3), "bias")).high == pytest.approx(1 / 6)
    own, torchs = init.site_of(Own(8, 8, 4), "bias"), init.site_of(nn.Linear(4, 8), "bias")
    assert (own.parts, own.role, own.torch_fan) == (torchs.parts, torchs.role, torchs.torch_fan)


@pytest.mark.parametrize("module", [Own(8, 4, 8), Own(8, 8)])
def test_a_bias_of_another_size_or_of_a_norm_has_none(module: nn.Module) -> None:
    site = init.site_of(module, "bias")
    assert (site.torch_fan, site.role) == (None, "weight")
