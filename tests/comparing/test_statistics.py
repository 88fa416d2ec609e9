"""Intervals and p-values against scipy, and against what probability says they must be."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from scipy import stats

from firststep.comparing._statistics import (
    Spread,
    holm,
    median_interval,
    seeds_needed,
    signed_rank,
    smoothed,
    steps_to,
)


@pytest.mark.parametrize("n", [*range(1, 41), 100])
def test_the_interval_is_the_shortest_pair_of_order_statistics_with_95_percent(n: int) -> None:
    values = random.Random(n).sample(range(1000), n)
    low, high, coverage = median_interval([float(v) for v in values])
    ordered = sorted(values)
    k = ordered.index(int(low)) + 1

    assert ordered.index(int(high)) == n - k
    assert coverage == pytest.approx(1 - 2 * stats.binom.cdf(k - 1, n, 0.5), abs=1e-12)
    if n >= 6:
        assert coverage >= 0.95 > 1 - 2 * stats.binom.cdf(k, n, 0.5)
    else:
        assert (k, coverage) == (1, pytest.approx(1 - 2.0 ** (1 - n)))


def test_the_interval_is_scipys_for_the_median() -> None:
    """scipy.stats.quantile_test's interval for p = 1/2 is made of the same order statistics."""
    for n in (6, 7, 10, 15, 25):
        values = np.random.default_rng(n).normal(size=n)
        theirs = stats.quantile_test(values, p=0.5).confidence_interval(confidence_level=0.95)
        assert median_interval(values.tolist())[:2] == (theirs.low, theirs.high)


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    """20,000 samples of 7 skewed numbers: a share of 98.44% within 5 standard errors (false failures: 6e-7)."""
    samples = np.random.default_rng(0).exponential(size=(20_000, 7))
    held = [low <= math.log(2) <= high for low, high, _ in (median_interval(row) for row in samples.tolist())]
    coverage = median_interval(samples[0].tolist())[2]

    assert np.mean(held) == pytest.approx(coverage, abs=5 * math.sqrt(coverage * (1 - coverage) / 20_000))


@pytest.mark.parametrize("n", [1, 2, 5, 7, 10, 20, 40])
def test_p_values_without_ties_are_scipys(n: int) -> None:
    rng = np.random.default_rng(n)
    for shift in (0.0, 0.5, 2.0):
        differences = rng.normal(shift, size=n)
        theirs = stats.wilcoxon(differences, method="exact").pvalue
        assert signed_rank(differences.tolist()) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_p_values_with_ties_are_those_of_all_sign_changes(seed: int) -> None:
    """Steps to a target are whole numbers, with ties and zeros: scipy permutes the signs, all of them."""
    differences = np.random.default_rng(seed).integers(-3, 5, size=9).astype(float)
    theirs = stats.wilcoxon(differences, zero_method="wilcox", method=stats.PermutationMethod(n_resamples=2**12)).pvalue

    assert signed_rank(differences.tolist()) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("sizes", [[1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 2, 2, 5, 0], [3, 3, 3, 3, 3, 3]])
def test_alike_starts_are_called_different_in_at_most_5_percent(sizes: list[int]) -> None:
    """If the starts are alike, all signs are equally likely: counted over all of them, no simulation."""
    p_values = [
        signed_rank([s * size for s, size in zip(signs, sizes, strict=True)])
        for signs in itertools.product((1.0, -1.0), repeat=len(sizes))
    ]
    for level in (0.01, 0.05, 0.1, 0.5):
        assert np.mean(np.array(p_values) <= level) <= level


def test_infinite_differences_rank_highest_and_equal_ones_say_nothing() -> None:
    assert signed_rank([math.inf, 1.0, 2.0, -0.5]) == signed_rank([9.0, 1.0, 2.0, -0.5])
    assert signed_rank([0.0] * 7) == 1.0
    assert signed_rank([math.inf] * 7) == 2 / 2**7


def test_holm_is_scipys_bound_step_by_step() -> None:
    """By its definition: the i-th least is multiplied by how many are left, and none is below the one before."""
    p_values = [0.04, 0.001, 0.02, 0.5]
    assert holm(p_values) == [pytest.approx(x) for x in (0.08, 0.004, 0.06, 0.5)]
    assert holm([0.03]) == [0.03]
    assert holm([0.4, 0.6, 0.5]) == [1.0, 1.0, 1.0]


def test_so_many_seeds_are_needed() -> None:
    for comparisons in range(1, 20):
        n = seeds_needed(comparisons)
        assert comparisons * stats.wilcoxon(np.arange(1.0, n + 1), method="exact").pvalue <= 0.05
        assert comparisons * stats.wilcoxon(np.arange(1.0, n), method="exact").pvalue > 0.05


def test_curves_are_smoothed_by_a_trailing_mean_and_read_from_the_left() -> None:
    curve = np.random.default_rng(0).normal(size=50)
    ours = smoothed(curve.tolist(), 7)
    full = np.convolve(curve, np.ones(7) / 7, "valid")

    assert ours[6:] == pytest.approx(full.tolist())
    assert ours[:6] == pytest.approx([curve[: i + 1].mean() for i in range(6)])
    assert steps_to(0.5, [2.0, 0.5, 3.0, 0.1]) == 1
    assert steps_to(0.05, [2.0, 0.5, 3.0, 0.1]) == math.inf


def test_a_spread_with_runs_that_diverged() -> None:
    spread = Spread.of([1.0, math.inf, 2.0, 4.0, math.inf, 3.0, 5.0])

    assert (spread.median, spread.low, spread.high) == (4.0, 1.0, math.inf)
    assert spread.interval == (1.0, math.inf)
    assert spread.coverage == 1 - 2 * 2.0**-7
