"""Moments of a truncated normal, by closed form in decimal arithmetic: exact, and equal on every machine."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

_DIGITS = 120
"""The closed forms subtract nearly equal numbers in the tails and for narrow bounds: these digits outlast that."""

_FAR = 25
"""Beyond this many std less than 10^-120 of the normal is left: its tail is taken as empty."""

_PI = Decimal(
    "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"
    "8214808651328230664709384460955058223172535940812848"
)


@dataclass(frozen=True, slots=True)
class TruncatedMoments:
    """Mean, variance and kurtosis (3 for a normal) of a truncated standard normal."""

    mean: float
    variance: float
    kurtosis: float


@functools.lru_cache(maxsize=4096)
def truncated_moments(low: float, high: float) -> TruncatedMoments:
    """Moments of a standard normal z conditioned on ``low <= z <= high``.

    With ``Z = Phi(high) - Phi(low)`` the raw moments are

        M_0 = 1,  M_1 = (phi(low) - phi(high)) / Z,
        M_k = (k - 1) M_(k-2) + (low^(k-1) phi(low) - high^(k-1) phi(high)) / Z,

    and mean = M_1, variance = M_2 - M_1^2, kurtosis = E[(z - M_1)^4] / variance^2.

    Args:
        low, high: bounds in units of the parent's std, ``low < high``, one of them within 25 of zero.

    >>> truncated_moments(-2.0, 2.0).variance ** 0.5
    0.8796256610342398
    """
    with localcontext(Context(prec=_DIGITS)):
        a, b = (max(min(Decimal(bound), Decimal(_FAR)), Decimal(-_FAR)) for bound in (low, high))
        density_a, density_b = _density(a), _density(b)
        mass = _mass_from_zero(b, density_b) - _mass_from_zero(a, density_a)
        raw = [Decimal(1), (density_a - density_b) / mass]
        for k in (2, 3, 4):
            raw.append((k - 1) * raw[k - 2] + (a ** (k - 1) * density_a - b ** (k - 1) * density_b) / mass)
        mean = raw[1]
        variance = raw[2] - mean**2
        fourth = raw[4] - 4 * mean * raw[3] + 6 * mean**2 * raw[2] - 3 * mean**4
        return TruncatedMoments(float(mean), float(variance), float(fourth / variance**2))


def truncation_factor(low: float, high: float) -> float:
    """The std of a normal truncated to ``[low, high]`` (in units of its std) over its std before truncation.

    ``c(k) = sqrt(1 - 2 k phi(k) / (2 Phi(k) - 1))`` for bounds ±k: dividing the parent's std by it gives values whose
    std is as asked.

    >>> [round(truncation_factor(-k, k), 8) for k in (1, 2, 3, 4)]
    [0.53956009, 0.87962566, 0.98657839, 0.9994645]
    """
    return math.sqrt(truncated_moments(low, high).variance)


def _density(z: Decimal) -> Decimal:
    """``phi(z) = exp(-z^2 / 2) / sqrt(2 pi)``."""
    return (-z * z / 2).exp() / (2 * _PI).sqrt()


def _mass_from_zero(z: Decimal, density: Decimal) -> Decimal:
    """``Phi(z) - 1/2 = phi(z) (z + z^3 / 3 + z^5 / (3 5) + ...)``, a series whose terms all have the sign of z."""
    total, term, odd = Decimal(0), z, 1
    while total + term != total:
        total += term
        odd += 2
        term *= z * z / odd
    return density * total
