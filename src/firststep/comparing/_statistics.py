"""What a few seeds can say: exact intervals of a median and exact p-values of paired differences."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.05
"""How often two equal starts may be called different."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One number over the seeds; infinite where a run diverged or never arrived.

    Args:
        median: the median.
        low, high: the least and the greatest.
        interval: of the median, by order statistics; see :func:`median_interval`.
        coverage: the probability with which such an interval holds the median.
    """

    median: float
    low: float
    high: float
    interval: tuple[float, float]
    coverage: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of ``values``, none of them NaN.

        >>> Spread.of([3.0, 1.0, math.inf]).median
        3.0
        """
        low, high, coverage = median_interval(values)
        return cls(statistics.median(values), min(values), max(values), (low, high), coverage)


def median_interval(values: Sequence[float], level: float = 1 - LEVEL) -> tuple[float, float, float]:
    """The shortest pair of order statistics that holds the median with probability ``level``, for any distribution.

    ``P(x_(k) <= median <= x_(n+1-k)) = 1 - 2 P(B <= k - 1)`` with B binomial(n, 1/2); the largest k for which that is
    at least ``level``. Fewer than six values have no such pair at 95%: then it is their range.

    Args:
        values: n >= 1 numbers; infinite ones are allowed.
        level: the probability wanted.

    Returns:
        The lower end, the upper end, and the probability that the pair really has.

    >>> median_interval([4.0, 1.0, 3.0, 2.0, 6.0, 5.0])
    (1.0, 6.0, 0.96875)
    >>> median_interval([1.0, 2.0, 3.0])
    (1.0, 3.0, 0.75)

    Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition, 2003, section 7.1.
    """
    ordered, n = sorted(values), len(values)
    tails = list(itertools.accumulate(math.comb(n, k) / 2**n for k in range(n)))  # P(B <= k)
    k = max((k for k in range(1, n // 2 + 1) if 1 - 2 * tails[k - 1] >= level), default=1)
    return ordered[k - 1], ordered[n - k], 1 - 2 * tails[k - 1]


def signed_rank(differences: Sequence[float]) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test, exact also with ties.

    The sizes of the differences that are not 0 are ranked, equal ones by the mean of their ranks. If the two starts
    were alike, each sign would be a fair coin: the distribution of the sum of the positive ranks is counted over all
    2^n ways, ``p = min(1, 2 min(P(W <= w), P(W >= w)))``. n seeds cannot give less than 2^(1-n).

    Args:
        differences: one per seed; infinite ones rank highest, NaN is not allowed.

    Returns:
        The p-value; 1 where all differences are 0.

    >>> signed_rank([0.1, 0.3, 0.2, 0.4, 0.5])
    0.0625
    >>> signed_rank([0.1, -0.1, 0.0])
    1.0

    Source: F. Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1(6), 1945.
    """
    ranks = signed_ranks(differences)
    ways = [1]  # how often each sum of positive ranks comes up
    for rank in map(abs, ranks):
        longer = ways + [0] * rank
        for i, count in enumerate(ways):
            longer[i + rank] += count
        ways = longer
    at = sum(rank for rank in ranks if rank > 0)
    return min(1.0, 2 * min(sum(ways[: at + 1]), sum(ways[at:])) / 2 ** len(ranks))


def signed_ranks(differences: Sequence[float]) -> list[int]:
    """Twice the rank of each difference that is not 0, by size, with the sign of the difference.

    >>> signed_ranks([0.3, -0.1, 0.0, 0.1])
    [6, -3, 3]
    """
    known = [one for one in differences if one != 0]
    sizes = sorted(abs(one) for one in known)
    # Equal sizes share the mean of their ranks; twice that is a whole number.
    twice = {size: 2 * sizes.index(size) + sizes.count(size) + 1 for size in set(sizes)}
    return [twice[abs(one)] if one > 0 else -twice[abs(one)] for one in known]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for there being several: with probability 95% none of equal starts is called different.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Source: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian J. of Statistics 6(2), 1979.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted


def seeds_needed(comparisons: int) -> int:
    """The fewest seeds with which a difference that all of them show is told at 5% among so many comparisons.

    >>> seeds_needed(1), seeds_needed(3), seeds_needed(4)
    (6, 7, 8)
    """
    return next(n for n in itertools.count(1) if comparisons * 2.0 ** (1 - n) <= LEVEL)


def smoothed(curve: Sequence[float], window: int) -> list[float]:
    """The mean of the last ``window`` values up to each; of those there are, at the beginning.

    >>> smoothed([4.0, 2.0, 0.0, math.inf], 2)
    [4.0, 3.0, 1.0, inf]
    """
    return [statistics.fmean(curve[max(0, i + 1 - window) : i + 1]) for i in range(len(curve))]


def steps_to(target: float, curve: Sequence[float]) -> float:
    """After how many steps a curve, whose first value belongs to step 0, is at ``target``; infinite if it never is.

    >>> steps_to(1.0, [3.0, 1.0, 2.0]), steps_to(0.5, [3.0, 1.0])
    (1.0, inf)
    """
    return next((float(step) for step, value in enumerate(curve) if value <= target), math.inf)
