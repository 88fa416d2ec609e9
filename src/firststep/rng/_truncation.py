"""Which words fall between two bounds, in exact integer arithmetic: no libm, hence the same on every platform."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

FRACTION_BITS = 384
"""Binary digits after the point in the fixed-point numbers below."""

LEAST_WIDTH = 2**16
"""Fewest 64-bit words that an interval must hold to be drawn from."""

LEAST_MASS = LEAST_WIDTH * 2.0**-64

_FAR = 10
"""Beyond this many std, Phi rounds to 0 or 1 in 64 bits: Phi(-10) = 7.6e-24 < 2^-65."""


@functools.lru_cache(maxsize=1024)
def word_range(mean: float, std: float, low: float, high: float, *, bits: int) -> tuple[int, int]:
    """First signed word and number of words whose normal value lies in [low, high].

    ``first = round(2^bits Phi((low - mean) / std)) - 2^(bits - 1)``, and likewise for the word after the last, since
    the word s stands for the quantile of ``(s + 2^(bits-1) + 1/2) / 2^bits``.

    >>> word_range(0.0, 1.0, -40.0, 0.0, bits=32)
    (-2147483648, 2147483648)
    """
    begin, end = (_scaled_cdf((Fraction(bound) - Fraction(mean)) / Fraction(std), bits) for bound in (low, high))
    return begin - 2 ** (bits - 1), end - begin


def _scaled_cdf(z: Fraction, bits: int) -> int:
    """``round(2^bits Phi(z))``."""
    if abs(z) >= _FAR:
        return 2**bits if z > 0 else 0
    spare = FRACTION_BITS - bits
    return (phi(z) + (1 << (spare - 1))) >> spare


def phi(z: Fraction) -> int:
    """``2^FRACTION_BITS Phi(z)`` for |z| < 10, with an error below 2^100 units (the 284 leading digits are right).

    ``Phi(z) = 1/2 + (2 pi)^(-1/2) sum_n (-1)^n z^(2n+1) / (2^n n! (2n+1))``

    Terms grow to e^(z^2/2) < 2^73 before they shrink, which costs that many of the digits.
    """
    one = 1 << FRACTION_BITS
    x = (z.numerator << FRACTION_BITS) // z.denominator
    x2 = (x * x) >> FRACTION_BITS
    total, term, n = 0, x, 0
    while term not in (0, -1):  # a floor shift brings negative terms to -1
        total += term // (2 * n + 1)
        n += 1
        term = -((term * x2) >> FRACTION_BITS) // (2 * n)
    return one // 2 + (total * one) // _sqrt_two_pi()


@functools.cache
def _sqrt_two_pi() -> int:
    """``2^FRACTION_BITS sqrt(2 pi)``, pi by Machin: 16 arctan(1/5) - 4 arctan(1/239)."""
    pi = 16 * _arctan_inverse(5) - 4 * _arctan_inverse(239)
    return math.isqrt((2 * pi) << FRACTION_BITS)


def _arctan_inverse(m: int) -> int:
    """``2^FRACTION_BITS arctan(1/m)`` by its Taylor series."""
    power = (1 << FRACTION_BITS) // m
    total, k = 0, 1
    while power:
        total += power // k if k % 4 == 1 else -(power // k)
        power //= m * m
        k += 2
    return total
