"""Sines, exponentials and logarithms with the same bits on every machine, for tables that hold no chance."""

from __future__ import annotations

import decimal
import math

import torch
from torch import Tensor

# pi / 2 in three pieces of 33, 33 and 53 bits: k times each of the first two is exact for |k| < 2^20.
_PI_2 = tuple(map(float.fromhex, ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69")))

LARGEST = 2**20
"""Largest angle, in radians, that is reduced without loss."""

# Taylor on [-pi/4, pi/4]; the first term left out is below 1e-19.
_SIN = [(-1) ** n / math.factorial(2 * n + 1) for n in range(9)]
_COS = [(-1) ** n / math.factorial(2 * n) for n in range(9)]

_CONTEXT = decimal.Context(prec=40)


def sincos(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Sine and cosine, float64, within 1e-15, by multiplications, additions and rounding alone.

    A math library's sine differs in its last bit between machines, and a vectorized one between places in a tensor.

    Args:
        angle: float64, on the CPU, radians, magnitude at most 2^20.

    >>> s, c = sincos(torch.tensor([0.5, 1e6], dtype=torch.float64))
    >>> torch.allclose(s, torch.tensor([0.5, 1e6], dtype=torch.float64).sin(), rtol=0, atol=1e-15)
    True
    """
    if angle.numel() and angle.abs().max() > LARGEST:
        raise ValueError(f"angles up to {LARGEST} can be reduced, given {angle.abs().max().item()}")
    quadrant = (angle * (2 / math.pi)).round()
    rest = angle
    for piece in _PI_2:
        rest = rest - quadrant * piece
    square = rest * rest
    sine, cosine = rest * _polynomial(_SIN, square), _polynomial(_COS, square)
    turn = quadrant.long() & 3
    odd = turn % 2 == 1
    return (
        torch.where(odd, cosine, sine) * torch.where(turn >= 2, -1.0, 1.0).double(),
        torch.where(odd, sine, cosine) * torch.where((turn == 1) | (turn == 2), -1.0, 1.0).double(),
    )


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` for base > 0, correctly rounded.

    >>> power(10000.0, -0.5)
    0.01
    """
    return float(_CONTEXT.power(decimal.Decimal(base), decimal.Decimal(exponent)))


def log(x: int) -> float:
    """The natural logarithm, correctly rounded.

    >>> log(1), log(10)
    (0.0, 2.302585092994046)
    """
    return float(_CONTEXT.ln(decimal.Decimal(x)))


def _polynomial(coefficients: list[float], x: Tensor) -> Tensor:
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total
