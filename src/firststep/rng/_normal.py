"""The inverse normal CDF of a word, by table, with no rounding that a platform could do otherwise.

Only ``*``, ``+``, shifts and bitwise operations are used, each its own torch operation: no libm, no fused multiply-add,
no division, no square root. Their results are fixed by IEEE 754, so the bits are equal on every device.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from . import _table32, _table64


def ndtri32(word: Tensor) -> Tensor:
    """The standard normal quantile of 32-bit words.

    ``z = ndtri((s + 2^31 + 0.5) / 2^32)`` with s the word read as a signed integer; increasing in s, odd in s + 1/2.

    With a the larger of s and -1 - s:
      - tail, a >= 2^30: f = 2^31 - 1 - a + 0.5 = t 2^k, 1 <= t < 2; row k of the table at u = t - 1.5;
      - centre: f = a + 0.5; the centre row at u = f 2^-31.

    Args:
        word: int64 in [0, 2^32), any shape.

    Returns:
        float32 of the same shape and device, ``|z| <= 6.34``.
    """
    s = (word - ((word >> 31) << 32)).to(torch.int32)
    sign = s >> 31
    a = s ^ sign
    tail = a >= 2**30
    f = torch.where(tail, a ^ 0x7FFFFFFF, a).to(torch.float32).add_(0.5)
    bits = f.view(torch.int32)
    table = _table(_table32.DEGREE, _table32.ROWS, torch.float32, word.device)
    row = torch.where(tail, (bits >> 23) - 126, table.shape[1] - 1)
    t = ((bits & 0x7FFFFF) | 0x3F800000).view(torch.float32)
    u = torch.where(tail, t - 1.5, f * 2.0**-31)
    z = _horner(table, row, u)
    return (z.view(torch.int32) ^ (sign & -(2**31))).view(torch.float32)


def ndtri64(word: Tensor) -> Tensor:
    """The standard normal quantile of 64-bit words.

    As :func:`ndtri32` with 63, 62 and 64 for 31, 30 and 32, but for the centre: with x = f 2^-63, z is x times the
    centre row at u = x^2 - 1/8.

    Args:
        word: int64, its 64 bits read as a signed integer, any shape.

    Returns:
        float64 of the same shape and device, ``|z| <= 9.16``.
    """
    sign = word >> 63
    a = word ^ sign
    tail = a >= 2**62
    f = torch.where(tail, a ^ (2**63 - 1), a).to(torch.float64).add_(0.5)
    bits = f.view(torch.int64)
    table = _table(_table64.DEGREE, _table64.ROWS, torch.float64, word.device)
    row = torch.where(tail, (bits >> 52) - 1022, table.shape[1] - 1)
    t = ((bits & (2**52 - 1)) | (1023 << 52)).view(torch.float64)
    x = f * 2.0**-63
    z = _horner(table, row, torch.where(tail, t - 1.5, x * x - 0.125))
    z = torch.where(tail, z, z * x)
    return (z.view(torch.int64) ^ (sign & -(2**63))).view(torch.float64)


def _horner(table: Tensor, row: Tensor, u: Tensor) -> Tensor:
    """The polynomial ``row`` at ``u``, elementwise; ``table`` is ``[degree + 1, rows]``, constant terms first."""
    flat = row.flatten()
    z = table[-1].index_select(0, flat).view_as(u)
    for coefficients in table[:-1].flip(0):
        z = z.mul_(u).add_(coefficients.index_select(0, flat).view_as(u))
    return z


def _table(degree: int, text: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    rows = torch.tensor(_numbers(text), dtype=dtype).view(-1, degree + 1)
    return rows.T.contiguous().to(device)


@functools.cache
def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float.fromhex(number) for number in text.split())
