"""Schemes of state spaces: values by their place, logarithms of uniform draws, orthogonal matrices by their size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate

from firststep import init
from firststep.errors import SchemeError
from firststep.init import Site

IN_A_STACK = (("L", 6.0), ("l", 2.0))


def test_values_by_their_place() -> None:
    n = 17
    i = np.arange(n)
    site = replace(Site.of_shape((3, 1, n)), symbols=IN_A_STACK)
    decay = init.by_index("-5 + 8*(i/(n-1))**(0.7 + 1.3*l/(L-1))")
    zigzag = init.by_index("log(0.3) + 0.5*((i+1) % 3 - 1)")

    expected = -5 + 8 * (i / (n - 1)) ** (0.7 + 1.3 * 2 / 5)
    values = decay.sample(site, seed=0).double().numpy()
    assert values == pytest.approx(np.broadcast_to(expected, (3, 1, n)), rel=1e-7)
    assert decay.expected(site).mean == pytest.approx(expected.mean(), rel=1e-12)
    assert decay.expected(site).std == pytest.approx(expected.std(), rel=1e-12)
    assert zigzag.sample((n,), seed=1)[:4].tolist() == pytest.approx(
        [math.log(0.3), math.log(0.3) + 0.5, math.log(0.3) - 0.5, math.log(0.3)], rel=1e-7
    )


def test_a_place_has_no_model_of_its_own() -> None:
    with pytest.raises(SchemeError) as error:
        init.by_index("l/L + i").expected((4,))
    assert str(error.value) == (
        "by_index(formula='l/L + i') asks for L, l, which cannot be told of a tensor of shape (4,). It is told of a "
        "layer in a stack of blocks; write the number into the formula instead of L"
    )
    with pytest.raises(SchemeError, match=r"expected at least 1 dimension"):
        init.by_index("i").expected(())
    with pytest.raises(SchemeError, match=r"has no value at .*division by zero"):
        init.by_index("i/(n-1)").expected((1,))


def test_the_logarithm_of_a_uniform_draw() -> None:
    low, high = 1.0, 16.0
    moments = init.log_of_uniform(low, high).expected((4096,))
    mean = integrate.quad(lambda u: math.log(u) / (high - low), low, high, epsabs=1e-13)[0]
    variance = integrate.quad(lambda u: (math.log(u) - mean) ** 2 / (high - low), low, high, epsabs=1e-13)[0]
    assert moments.mean == pytest.approx(mean, rel=1e-9)
    assert moments.variance == pytest.approx(variance, rel=1e-9)
    assert (moments.low, moments.high) == (0.0, math.log(16.0))

    u = init.log_of_uniform(low, high).sample((100_000,), seed=0).double().exp()
    # Kolmogorov's bound at n = 100,000: a false failure in 1e9.
    from scipy import stats

    assert stats.kstest((u.numpy() - low) / (high - low), "uniform").pvalue > 1e-9


def test_no_logarithm_of_nothing() -> None:
    with pytest.raises(SchemeError, match=r"log_of_uniform\(low=0, high=1\): expected 0 < low <= high"):
        init.log_of_uniform(0, 1)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_the_size_of_orthogonal_elements(shape: tuple[int, int]) -> None:
    """RWKV: gain sqrt(out/in) where there are more outputs, else 1, so that E[w^2] = 1/in either way."""
    out, inputs = shape
    w = init.orthogonal_rms().sample(shape, seed=0).double()
    gain = math.sqrt(max(1.0, out / inputs))
    assert torch.linalg.svdvals(w).tolist() == pytest.approx([gain] * min(shape), rel=1e-6)
    assert init.orthogonal_rms().expected(shape).std == pytest.approx(1 / math.sqrt(inputs), rel=1e-12)


def test_the_size_may_follow_from_the_model() -> None:
    site = replace(Site.of_shape((8, 4)), symbols=IN_A_STACK)
    assert init.orthogonal_rms("1/L").expected(site).std == pytest.approx(1 / 6, rel=1e-12)
    with pytest.raises(SchemeError, match=r"orthogonal_rms\(rms='1/L'\) asks for L, which cannot be told of"):
        init.orthogonal_rms("1/L").expected((8, 4))
