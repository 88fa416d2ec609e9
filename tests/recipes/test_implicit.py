"""Nets of coordinates against the formulas of their sources."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from scipy import integrate, stats
from torch import nn

import firststep as fs
from firststep import recipes
from firststep.errors import RuleError
from firststep.planning import Plan

from .twins import raw, tree


def bounds(plan: Plan) -> dict[str, float]:
    return {row.name: row.expected.high for row in plan.rows if row.expected}


def field(hidden: int = 2) -> nn.Module:
    """A coordinate net as the authors of SIREN nest it: ``net.0.0``, ``net.1.0`` ..."""
    sizes = [3, *[16] * hidden, 4]
    pairs = list(pairwise(sizes))
    return tree(net=nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.Identity()) for a, b in pairs)))


@pytest.mark.parametrize("omega", [30.0, 5.0])
def test_siren(omega: float) -> None:
    recipe = recipes.get("siren", omega=omega)
    assert bounds(fs.plan(field(), recipe)) == pytest.approx(
        {
            "net.0.0.weight": 1 / 3,
            "net.0.0.bias": 1 / math.sqrt(3),
            "net.1.0.weight": math.sqrt(6 / 16) / omega,
            "net.1.0.bias": 1 / math.sqrt(16),
            "net.2.0.weight": math.sqrt(6 / 16) / omega,
            "net.2.0.bias": 1 / math.sqrt(16),
        }
    )


def test_siren_keeps_the_arcsine_law_through_the_layers() -> None:
    """Section 3.2: after sin(30 x) every layer's outputs have the arcsine law, of std sqrt(1/2), and what goes into
    the sine is N(0, 1) after the first layer. 256 units by 4096 points: within 5 %."""
    sizes = [2, 256, 256, 256]
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    model = nn.Sequential(*layers)
    fs.initialize(model, "siren", seed=0)
    x = torch.rand(4096, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        for layer in layers:
            x = torch.sin(30 * layer(x))
            assert x.std().item() == pytest.approx(math.sqrt(0.5), rel=0.05)


def test_the_first_layer_of_each_of_several_nets() -> None:
    model = tree(colour=field(), density=field())
    found = bounds(fs.plan(model, "siren"))
    assert found["colour.net.0.0.weight"] == found["density.net.0.0.weight"] == pytest.approx(1 / 3)
    assert found["density.net.1.0.weight"] == pytest.approx(math.sqrt(6 / 16) / 30)


def test_layers_that_hold_their_own_weight() -> None:
    """As siren-pytorch's ``Siren`` does: ``layers.0``, ``layers.1`` and ``last_layer``."""
    layers = nn.ModuleList([raw("Siren", weight=(16, 2), bias=(16,)), raw("Siren", weight=(16, 16), bias=(16,))])
    model = tree(layers=layers, last_layer=raw("Siren", weight=(3, 16), bias=(3,)))
    assert bounds(fs.plan(model, "siren")) == pytest.approx(
        {
            "layers.0.weight": 1 / 2,
            "layers.0.bias": 1 / math.sqrt(2),
            "layers.1.weight": math.sqrt(6 / 16) / 30,
            "layers.1.bias": 1 / 4,
            "last_layer.weight": math.sqrt(6 / 16) / 30,
            "last_layer.bias": 1 / 4,
        }
    )


@pytest.mark.parametrize("omega", [0, -1.0, True, "30", float("inf"), float("nan")])
def test_an_omega_of_no_use(omega: Any) -> None:
    with pytest.raises(RuleError, match=r"siren: omega=.*: expected a number > 0, such as 30"):
        recipes.get("siren", omega=omega)


STDS = {"relu": math.sqrt(2 / 16), "softplus": math.sqrt(2 / 16), "selu": 1 / 4, "tanh": math.sqrt(2 / 20)}
STDS |= {"sigmoid": math.sqrt(2 / 20), "elu": math.sqrt(1.5505188080679277 / 16)}


@pytest.mark.parametrize("nonlinearity", STDS)
def test_nets_of_other_activations(nonlinearity: str) -> None:
    plan = fs.plan(field(), recipes.get("coordinate_mlp", nonlinearity=nonlinearity))
    rows = {row.name: row.expected for row in plan.rows}
    last, bias = rows["net.2.0.weight"], rows["net.2.0.bias"]
    assert last is not None
    assert bias is not None
    assert (last.std, last.kurtosis) == pytest.approx((STDS[nonlinearity], 3.0))
    assert bias.high == pytest.approx(1 / 4)


def test_the_number_of_elu() -> None:
    """1 / E[elu(z)^2] by quadrature."""
    second = integrate.quad(lambda z: (z if z > 0 else math.expm1(z)) ** 2 * stats.norm.pdf(z), -12, 12, points=[0])[0]
    assert 1 / second == pytest.approx(1.5505188080679277, rel=1e-6)


def test_an_activation_that_has_no_start() -> None:
    with pytest.raises(RuleError) as caught:
        recipes.get("coordinate_mlp", nonlinearity="relo")
    assert str(caught.value) == (
        "coordinate_mlp: nonlinearity='relo': expected one of relu, softplus, sigmoid, tanh, selu, elu. Did you mean "
        "'relu'? For sine: fs.recipes.get('siren')"
    )


def test_pinn() -> None:
    """tf.truncated_normal(stddev=s) has the std 0.87962566 s and stays within 2 s."""
    row = fs.plan(field(), "pinn").rows[0]
    s = math.sqrt(2 / (3 + 16))
    assert row.expected is not None
    assert (row.expected.std, row.expected.high) == pytest.approx((0.87962566103423978 * s, 2 * s))


def test_nerf() -> None:
    assert bounds(fs.plan(field(), "nerf"))["net.1.0.weight"] == pytest.approx(math.sqrt(6 / 32))
    assert bounds(fs.plan(field(), "nerf"))["net.1.0.bias"] == 0
    found = bounds(fs.plan(field(), "nerf.torch"))
    assert found["net.1.0.weight"] == found["net.1.0.bias"] == pytest.approx(1 / 4)
