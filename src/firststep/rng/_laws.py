"""Laws: the distribution of one element, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bits:
    """The raw stream: 32-bit words as int64, for tests and for building other laws on."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """U[low, high): every value v satisfies ``low <= v < high``."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Normal:
    """N(mean, std^2)."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """N(mean, std^2) conditioned on ``low <= v <= high``; the bounds are absolute."""

    mean: float
    std: float
    low: float
    high: float


Law = Bits | Uniform | Normal | TruncatedNormal
