"""Measured moments against numpy in float64, deviations against scipy, and how often they alarm."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from firststep import init
from firststep.init import Moments
from firststep.planning import THRESHOLD, measure, plan, rule
from firststep.planning._measure import CHUNK, Deviation, Measured, deviation


@pytest.mark.parametrize("n", [1, 2, 1000, 2 * CHUNK + 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_moments_are_numpys(n: int, dtype: torch.dtype) -> None:
    tensor = torch.randn(n, generator=torch.Generator().manual_seed(n)).add_(3).to(dtype)
    found, numbers = measure(tensor), tensor.double().numpy()

    assert found.n == n
    assert found.mean == pytest.approx(numbers.mean(), rel=1e-12)
    assert found.std == pytest.approx(numbers.std(), rel=1e-9, abs=1e-15)
    assert (found.low, found.high) == (numbers.min(), numbers.max())


def test_a_constant_has_no_variance_whatever_its_size() -> None:
    found = measure(torch.full((1000, 1000), 0.1))

    assert found.std == 0.0
    assert found.mean == float(np.float32(0.1))


def test_a_large_mean_costs_no_digits() -> None:
    tensor = torch.randn(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1e8

    assert measure(tensor).std == pytest.approx(tensor.numpy().std(), rel=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [0, CHUNK + 1])
def test_what_is_not_finite_is_seen(value: float, where: int) -> None:
    tensor = torch.zeros(CHUNK + 5)
    assert measure(tensor).is_finite
    tensor[where] = value

    assert not measure(tensor).is_finite


def test_layouts_and_shapes() -> None:
    tensor = torch.arange(24.0).reshape(1, 2, 3, 4)
    expected = measure(tensor)

    for other in (tensor.to(memory_format=torch.channels_last), tensor.mT, torch.stack([tensor, -tensor], -1)[..., 0]):
        assert measure(other) == expected
    assert measure(torch.tensor(2.0)) == Measured(1, 2.0, 0.0, 2.0, 2.0)
    assert measure(torch.zeros(0, 3)).n == 0
    assert measure(torch.zeros(0)).is_finite


def test_the_tensor_is_left_alone() -> None:
    tensor = torch.randn(100, dtype=torch.float64)
    before = tensor.clone()
    measure(tensor)

    assert torch.equal(tensor, before)


F32 = torch.float32


def sample(mean: float, std: float, n: int = 100, low: float = -9.0, high: float = 9.0) -> Measured:
    return Measured(n, mean, std, low, high)


def test_the_mean_is_told_in_standard_errors() -> None:
    found = deviation(sample(0.3, 1.0), Moments(0.1, 4.0), F32)

    assert found.mean == pytest.approx((0.3 - 0.1) / (2 / math.sqrt(100)), rel=1e-5)


@pytest.mark.parametrize("n", [1, 5, 30, 1000])
@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.2, 0.5, 0.9, 0.999, 1 - 1e-6])
def test_the_second_moment_is_a_chi_square(n: int, p: float) -> None:
    """For normals the squares over the variance sum to a chi-square of n degrees: the normal score of its p-quantile is
    that of p. Wilson and Hilferty's cube root is within 0.1 of it for n >= 30, and never alarms too early."""
    ratio = stats.chi2.ppf(p, n) / n
    score = deviation(sample(0.0, math.sqrt(ratio), n), Moments(0.0, 1.0), F32).second

    if n >= 30:
        assert score == pytest.approx(stats.norm.ppf(p), abs=0.1)
    else:
        assert abs(score) <= abs(stats.norm.ppf(p)) + 0.2


def test_kurtosis_widens_the_second_moment() -> None:
    def score(kurtosis: float) -> float:
        return deviation(sample(0.0, 1.1), Moments(0.0, 1.0, kurtosis=kurtosis), F32).second

    assert score(1.8) > score(3.0) > score(9.0) > 0


def test_a_shifted_mean_counts_in_the_second_moment() -> None:
    found = deviation(sample(1.0, 1.0), Moments(0.0, 1.0), F32)

    assert found.second == pytest.approx(deviation(sample(0.0, math.sqrt(2)), Moments(0.0, 1.0), F32).second)


def test_what_is_not_random_must_agree_exactly() -> None:
    constant = Moments(0.1, 0.0, 0.1, 0.1, 1.0)
    stored = float(np.float32(0.1))

    assert deviation(sample(stored, 0.0, 9, stored, stored), constant, F32) == Deviation()
    assert deviation(sample(0.1001, 0.0, 9, 0.1001, 0.1001), constant, F32).mean == math.inf
    assert deviation(sample(0.0999, 0.0, 9, 0.1, 0.1), constant, F32).mean == -math.inf
    assert deviation(sample(stored, 0.01, 9, stored, stored), constant, F32).second == math.inf
    assert deviation(sample(float(torch.tensor(0.1).bfloat16()), 0.0, 9, 0.1, 0.1), constant, torch.bfloat16).worst == 0


def test_an_orthogonal_matrix_has_an_exact_second_moment() -> None:
    exact = Moments(0.0, 0.25, -1.0, 1.0, 1.0)

    assert deviation(sample(0.0, 0.5 * (1 + 1e-6), 16, -1, 1), exact, F32).second == 0.0
    assert deviation(sample(0.0, 0.51, 16, -1, 1), exact, F32).second == math.inf
    assert deviation(sample(0.0, 0.49, 16, -1, 1), exact, F32).second == -math.inf


def test_the_support_holds_to_rounding() -> None:
    bounded = Moments(0.0, 1 / 300, -0.1, 0.1, 1.8)

    assert deviation(sample(0.0, 0.057, 9, -0.1000000015, 0.1000000015), bounded, F32).inside
    assert not deviation(sample(0.0, 0.057, 9, -0.1, 0.1001), bounded, F32).inside
    assert deviation(sample(0.0, 0.057, 9, -0.1001, 0.1), bounded, F32).worst == math.inf


def test_nothing_deviates_from_nothing() -> None:
    assert deviation(measure(torch.zeros(0)), Moments(0.0, 1.0), F32) == Deviation()


def test_sound_samples_do_not_alarm() -> None:
    """8,000 samples of 2 to 40 normals or uniforms. Two moments each beyond 5 with probability 5.7e-7 would alarm
    0.01 times; that there is none has probability 0.99, and the seed is fixed."""
    generator = torch.Generator().manual_seed(0)
    cases = [(torch.randn, Moments(0.0, 1.0)), (torch.rand, Moments(0.5, 1 / 12, 0.0, 1.0, 1.8))]
    worst = max(
        deviation(measure(draw(2 + i % 39, generator=generator)), moments, F32).worst
        for draw, moments in cases
        for i in range(4_000)
    )

    assert 3.3 < worst < THRESHOLD


def test_repeated_values_count_once() -> None:
    """ICNR repeats each kernel 16 times: were they counted as independent, every other start would look off."""
    model = nn.Conv2d(4, 1024, 1, bias=False)
    done = plan(model, rule(nn.Conv2d, weight=init.icnr(init.kaiming_normal(), scale=4)))

    assert all(done.apply(seed).ok for seed in range(40))
    assert deviation(sample(0.3, 1.0), Moments(0.1, 4.0, copies=16), F32).mean == pytest.approx(0.25, rel=1e-5)
