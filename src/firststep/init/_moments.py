"""What the values of a parameter should look like: moments and support."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import rng
from ._truncation import truncated_moments


@dataclass(frozen=True, slots=True)
class Moments:
    """What the values of a parameter should look like.

    Args:
        mean, variance: first moment and second central moment.
        low, high: support; no value lies outside.
        kurtosis: fourth central moment over the squared variance (3 for a normal, 1.8 for a uniform); 1 says that the
            second moment is not random at all, as for a constant or an orthogonal matrix.
        copies: how often each independent value stands: a sample of n elements says as much as n / copies would.
    """

    mean: float
    variance: float
    low: float = -math.inf
    high: float = math.inf
    kurtosis: float = 3.0
    copies: int = field(default=1, repr=False, compare=False)

    @property
    def std(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.variance)

    @property
    def second_moment(self) -> float:
        """E[w^2]."""
        return self.variance + self.mean**2

    @staticmethod
    def mixture(weights: Sequence[float], moments: Sequence[Moments]) -> Moments:
        """Moments of a draw that follows ``moments[i]`` with probability proportional to ``weights[i]``."""
        pairs = [(w, m) for w, m in zip(weights, moments, strict=True) if w > 0]
        if len(pairs) == 1:
            return pairs[0][1]
        if not pairs:
            return moments[0] if moments else Moments(0.0, 0.0, 0.0, 0.0, 1.0)
        total = math.fsum(w for w, _ in pairs)
        mean = math.fsum(w * m.mean for w, m in pairs) / total
        variance = math.fsum(w * (m.variance + (m.mean - mean) ** 2) for w, m in pairs) / total
        # E[(x - mean)^4] of each part about the common mean; the third central moment of the parts is taken as 0.
        fourth = math.fsum(
            w * (m.kurtosis * m.variance**2 + 6 * m.variance * (m.mean - mean) ** 2 + (m.mean - mean) ** 4)
            for w, m in pairs
        )
        kurtosis = fourth / total / variance**2 if variance > 0 else 1.0
        low, high = min(m.low for _, m in pairs), max(m.high for _, m in pairs)
        return Moments(mean, variance, low, high, kurtosis, max(m.copies for _, m in pairs))


def constant_moments(value: float) -> Moments:
    """Moments of a value that is always the same.

    >>> constant_moments(0.5)
    Moments(mean=0.5, variance=0.0, low=0.5, high=0.5, kurtosis=1.0)
    """
    return Moments(value, 0.0, value, value, kurtosis=1.0)


def table_moments(values: Sequence[float]) -> Moments:
    """Moments of a table that holds ``values``, each as often.

    >>> table_moments([1.0, 3.0])
    Moments(mean=2.0, variance=1.0, low=1.0, high=3.0, kurtosis=1.0)
    """
    count = max(len(values), 1)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / count
    return Moments(mean, variance, min(values, default=0.0), max(values, default=0.0), kurtosis=1.0)


def law_moments(law: rng.Law) -> Moments:
    """Moments of the values that ``law`` draws.

    >>> law_moments(rng.Uniform(-1.0, 1.0))
    Moments(mean=0.0, variance=0.3333333333333333, low=-1.0, high=1.0, kurtosis=1.8)
    """
    if isinstance(law, rng.Normal):
        return Moments(law.mean, law.std**2) if law.std else constant_moments(law.mean)
    if isinstance(law, rng.Bits):
        raise TypeError("raw words are no values of a parameter")
    if law.low == law.high:
        return constant_moments(law.low)
    if isinstance(law, rng.Uniform):
        return Moments((law.low + law.high) / 2, (law.high - law.low) ** 2 / 12, law.low, law.high, kurtosis=1.8)
    unit = truncated_moments((law.low - law.mean) / law.std, (law.high - law.mean) / law.std)
    return Moments(law.mean + law.std * unit.mean, law.std**2 * unit.variance, law.low, law.high, unit.kurtosis)
