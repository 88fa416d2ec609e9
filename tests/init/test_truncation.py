"""Moments of a truncated normal against mpmath, by its closed forms and by integration."""

from __future__ import annotations

import math

import mpmath
import pytest

from firststep import rng
from firststep.init._moments import Moments, constant_moments, law_moments
from firststep.init._truncation import truncated_moments, truncation_factor

BOUNDS = [
    (-2.0, 2.0),
    (-1.0, 3.0),
    (0.0, 1.0),
    (-100.0, 100.0),
    (-100.0, 0.5),
    (1.0, 1.0 + 1e-6),  # the closed form loses 12 digits here in float64
    (6.5, 7.5),
    (-9.0, -7.6),
    (0.02, 24.0),
]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_moments_equal_those_integrated_by_mpmath(low: float, high: float) -> None:
    with mpmath.workdps(40):
        start, stop = max(low, -30.0), min(high, 30.0)
        edges = [mpmath.mpf(start) + (mpmath.mpf(stop) - start) * i / 16 for i in range(17)]

        def integral(f):
            return mpmath.quad(lambda z: f(z) * mpmath.exp(-z * z / 2), edges)

        mass = integral(lambda z: 1)
        mean = integral(lambda z: z) / mass
        variance = integral(lambda z: (z - mean) ** 2) / mass
        kurtosis = integral(lambda z: (z - mean) ** 4) / mass / variance**2
    ours = truncated_moments(low, high)
    assert ours.mean == pytest.approx(float(mean), rel=1e-15, abs=1e-20)
    assert ours.variance == pytest.approx(float(variance), rel=1e-15)
    assert ours.kurtosis == pytest.approx(float(kurtosis), rel=1e-15)


@pytest.mark.parametrize("k", [1e-3, 0.5, 1.0, 2.0, 3.0, 4.0, 12.0])
def test_factor_equals_the_closed_form(k: float) -> None:
    with mpmath.workdps(60):
        phi = mpmath.npdf(k)
        closed = mpmath.sqrt(1 - 2 * mpmath.mpf(k) * phi / (2 * mpmath.ncdf(k) - 1))
    assert truncation_factor(-k, k) == pytest.approx(float(closed), rel=3e-16)


def test_factors_that_libraries_use() -> None:
    # 0.87962566103423978 is written in the sources of JAX, Keras and TensorFlow.
    assert truncation_factor(-2.0, 2.0) == pytest.approx(0.87962566103423978, rel=1e-15)
    assert [round(truncation_factor(-k, k), 8) for k in (1.0, 3.0, 4.0)] == [0.53956009, 0.98657839, 0.99946450]


def test_moments_of_the_laws() -> None:
    assert law_moments(rng.Normal(1.0, 2.0)) == Moments(1.0, 4.0)
    assert law_moments(rng.Normal(1.0, 0.0)) == law_moments(rng.Uniform(1.0, 1.0)) == constant_moments(1.0)
    assert law_moments(rng.Uniform(1.0, 4.0)) == Moments(2.5, 0.75, 1.0, 4.0, 1.8)
    moments = law_moments(rng.TruncatedNormal(1.0, 0.5, 0.0, 2.0))
    assert (moments.mean, moments.low, moments.high) == (1.0, 0.0, 2.0)
    assert moments.std == pytest.approx(0.5 * 0.87962566103423978, rel=1e-15)
    with pytest.raises(TypeError, match="raw words are no values of a parameter"):
        law_moments(rng.Bits())


def test_a_mixture_has_the_moments_of_its_parts() -> None:
    # Half N(-1, 1), half N(1, 4): E x^2 = 3.5; E x^4 = (3 + 6 + 1 + 48 + 24 + 1) / 2.
    mixed = Moments.mixture([3, 3, 0], [Moments(-1.0, 1.0), Moments(1.0, 4.0), Moments(9.0, 9.0)])
    assert (mixed.mean, mixed.variance, mixed.second_moment) == (0.0, 3.5, 3.5)
    assert mixed.kurtosis == pytest.approx(41.5 / 3.5**2)
    assert (mixed.low, mixed.high) == (-math.inf, math.inf)
    assert Moments.mixture([2], [Moments(1.0, 2.0)]) == Moments(1.0, 2.0)
    assert Moments.mixture([0], [Moments(1.0, 2.0)]) == Moments(1.0, 2.0)
    assert Moments.mixture([], []) == constant_moments(0.0)
    assert Moments.mixture([1, 1], [constant_moments(2.0)] * 2) == constant_moments(2.0)
