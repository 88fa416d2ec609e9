"""Schemes that read the net around a layer: gains against quadrature by scipy, chains against linear algebra."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, special
from torch import Tensor, nn

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import Site, looks_linear, odd_slope, unit_gain, variance_preserving

SCIPY = {
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "elu": lambda x: x if x > 0 else special.expm1(x),
    "softplus": lambda x: special.log1p(math.exp(-abs(x))) + max(x, 0),
}


@pytest.mark.parametrize("name", SCIPY)
def test_unit_gain_solves_its_equation(name: str) -> None:
    g, f = unit_gain(name), SCIPY[name]

    def integrand(z: float) -> float:
        return f(g * z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    power = integrate.quad(integrand, -12, 0)[0] + integrate.quad(integrand, 0, 12)[0]
    assert power == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "closed"),
    [
        ("linear", 1.0),
        ("relu", math.sqrt(2)),
        ("leaky_relu(0.2)", math.sqrt(2 / 1.04)),
        ("selu", 1.0),  # Klambauer et al. 2017: (0, 1) is its fixed point
        ("tanh", 1.592537),  # bounded: 1 / sqrt(E[tanh(z)^2])
        ("sigmoid", 1.846229),
    ],
)
def test_unit_gain_closed_forms(name: str, closed: float) -> None:
    assert unit_gain(name) == pytest.approx(closed, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        *((name, 1) for name in ("relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "softplus", "hardswish")),
        *((name, None) for name in ("tanh", "elu", "mish", "sigmoid")),
        ("leaky_relu(0.2)", 1.2),
        ("linear", 2),
    ],
)
def test_odd_slope(name: str, slope: float | None) -> None:
    assert odd_slope(name) == slope


def site(
    shape: tuple[int, ...], nonlinearity: str | None, mirrored_in: bool = False, mirrored_out: bool = False
) -> Site:
    return dataclasses.replace(
        Site.of_shape(shape, "w"), nonlinearity=nonlinearity, mirrored_in=mirrored_in, mirrored_out=mirrored_out
    )


def test_variance_preserving_is_he_for_relu() -> None:
    here = site((16, 8, 3, 3), "relu")
    he = init.kaiming_normal(nonlinearity="relu").expected(here)
    ours = variance_preserving().expected(here)
    assert ours.variance == pytest.approx(he.variance, rel=1e-9)
    assert ours.variance == pytest.approx(2 / 72, rel=1e-9)


def test_variance_preserving_without_a_known_activation() -> None:
    assert variance_preserving().expected(site((4, 100), None)).std == pytest.approx(0.1)
    assert variance_preserving().describe(site((4, 100), None)) == "variance_preserving()"
    assert variance_preserving().describe(site((4, 100), "silu")) == "variance_preserving() [silu 1.56]"


@pytest.mark.parametrize("scheme", [variance_preserving(), looks_linear()])
def test_a_bias_is_refused(scheme: init.Scheme) -> None:
    with pytest.raises(SchemeError) as error:
        scheme.fill_(torch.zeros(4), seed=0, name="fc.bias")
    assert str(error.value) == (
        f"{scheme} needs fan_in and fan_out, and 'fc.bias' of shape (4,) has none: expected at least 2 dimensions. "
        "Use init.zeros(), init.constant(value) or init.normal(std=...) here"
    )


def chain(shapes: list[tuple[int, ...]], activation: str) -> list[Tensor]:
    last = len(shapes) - 1
    sites = [
        site(s, activation if i < last else "linear", mirrored_in=i > 0, mirrored_out=i < last)
        for i, s in enumerate(shapes)
    ]
    return [looks_linear().sample(s, seed=3, name=str(i), dtype=torch.float64) for i, s in enumerate(sites)]


ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "leaky_relu(0.2)": lambda x: F.leaky_relu(x, 0.2)}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_chain_is_an_isometry(activation: str) -> None:
    weights = chain([(32, 16), *[(32, 32)] * 40, (16, 32)], activation)
    x = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def net(x: Tensor) -> list[Tensor]:
        outputs = []
        for weight in weights:
            outputs.append(x @ weight.T)
            x = ACTIVATIONS[activation](outputs[-1])
        return outputs

    strength = x.norm(dim=1)
    for u in net(x)[:-1]:  # pairs (u, -u), each of the strength of x times the unit gain
        torch.testing.assert_close(u[:, :16], -u[:, 16:])
        torch.testing.assert_close(u[:, :16].norm(dim=1), strength * unit_gain(activation), rtol=1e-7, atol=0)
    y, z = net(x)[-1], net(2 * x[:1] - 3 * x[1:2])[-1]
    torch.testing.assert_close(z, 2 * y[:1] - 3 * y[1:2], rtol=1e-9, atol=1e-12)


def test_a_convolutional_chain_loses_nothing_at_the_border() -> None:
    weights = chain([(12, 3, 3, 3), *[(12, 12, 3, 3)] * 20, (4, 12, 1, 1)], "relu")
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    strength = x.square().mean()
    for weight in weights[:-1]:
        x = F.conv2d(x, weight, padding=1)
        assert x.square().mean().item() == pytest.approx(2 * strength.item(), rel=1e-9)
        x = F.relu(x)


@pytest.mark.parametrize("shape", [(8, 6), (6, 8), (8, 6, 3, 3), (6, 8, 4)])
@pytest.mark.parametrize("mirrored_in", [False, True])
@pytest.mark.parametrize("mirrored_out", [False, True])
def test_expected_moments_are_exact(shape: tuple[int, ...], mirrored_in: bool, mirrored_out: bool) -> None:
    here = site(shape, "gelu", mirrored_in, mirrored_out)
    w, expected = looks_linear().sample(here, seed=0, dtype=torch.float64), looks_linear().expected(here)
    assert w.square().mean().item() == pytest.approx(expected.second_moment, rel=1e-9)
    assert expected.low <= w.min().item() <= w.max().item() <= expected.high
    assert expected.kurtosis == 1
    if mirrored_in or mirrored_out:
        assert w.mean().item() == pytest.approx(0, abs=1e-15)


def test_regions_are_slices() -> None:
    here = site((8, 6, 3, 3), "relu", mirrored_in=True, mirrored_out=True)
    whole = looks_linear().sample(here, seed=0, name="w")
    region = rng.Region((8, 6, 3, 3), (3, 1, 0, 1), (4, 5, 2, 2))
    part = looks_linear().sample(here, seed=0, name="w", region=region)
    assert torch.equal(part, whole[3:7, 1:6, 0:2, 1:3])
    off_centre = rng.Region((8, 6, 3, 3), (0, 0, 0, 0), (8, 6, 1, 3))
    assert not looks_linear().sample(here, seed=0, name="w", region=off_centre).any()


def test_outside_a_chain_it_is_orthogonal() -> None:
    w = looks_linear().sample((6, 9), seed=0, dtype=torch.float64)
    torch.testing.assert_close(w @ w.T, torch.eye(6, dtype=torch.float64))


def test_they_ask_planning_for_the_flow() -> None:
    assert variance_preserving().uses_flow
    assert looks_linear().uses_flow
    assert not init.zeros().uses_flow
    model = nn.Linear(2, 2)
    assert init.site_of(model, "weight").nonlinearity is None
