"""The inverse normal CDF of a word, by table, with no rounding that a platform could do otherwise.

Only ``*``, ``+``, shifts and bitwise operations are used, each its own torch operation: no libm, no fused multiply-add,
no division, no square root. Their results are fixed by IEEE 754, so the bits are equal on every device. (Masks stand
where ``torch.where`` would read better: it costs as much as all the rest together.)
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from . import _table32, _table64

Z_MAX_32, Z_MAX_64 = 6.338, 9.156
"""No quantile of a 32-bit, a 64-bit word is larger."""


def ndtri32(word: Tensor) -> Tensor:
    """The standard normal quantile of 32-bit words.

    ``z = ndtri((s + 2^31 + 1/2) / 2^32)`` with s the word read as a signed integer; increasing in s, odd in s + 1/2.
    Of the upper half, a = max(s, -1 - s), two ranges are told apart:

        tail, a >= 2^30:  f = 2^31 - 1/2 - a = t 2^k with 1 <= t < 2,   u = t - 3/2,    z = sum_d c[k][d] u^d
        centre:           f = a + 1/2,                                  u = 2^-31 f,    z = sum_d c[centre][d] u^d

    Args:
        word: int64 in [0, 2^32), or already signed, any shape.

    Returns:
        float32 of the same shape and device.

    Source of the coefficients: tools/fit_normal_table.py; their accuracy: benchmarks/accuracy.py.
    """
    s = word.to(torch.int32)
    sign = s >> 31
    a = s ^ sign
    tail = (a << 1) >> 31  # all ones where bit 30 is set
    f = (a ^ (tail & 0x7FFFFFFF)).to(torch.float32).add_(0.5)
    exponent = (f.view(torch.int32) >> 23).sub_(127)
    scale, shift, *coefficients = _gather(_table_32(), _table32.DEGREE + 3, _row(exponent, tail, centre=32))
    z = _horner(coefficients, f.mul_(scale).add_(shift))
    return (z.view(torch.int32) ^ (sign & -(2**31))).view(torch.float32)


def ndtri64(word: Tensor) -> Tensor:
    """The standard normal quantile of 64-bit words.

    As :func:`ndtri32` with 64, 63 and 62 for 32, 31 and 30, but for the centre, which keeps its relative accuracy by a
    factor: ``u = 2^-63 f - 1/4``, ``z = 2^-63 f sum_d c[centre][d] u^d``. Increasing but for rounding: many words share
    a float64, and the next one may come out a last place lower.

    Args:
        word: int64, its 64 bits read as a signed integer, any shape.

    Returns:
        float64 of the same shape and device.
    """
    sign = word >> 63
    a = word ^ sign
    tail = (a << 1) >> 63
    f = (a ^ (tail & (2**63 - 1))).to(torch.float64).add_(0.5)
    exponent = (f.view(torch.int64) >> 52).sub_(1023)
    row = _row(exponent, tail, centre=64)
    scale, shift, slope, constant, *coefficients = _gather(_table_64(), _table64.DEGREE + 5, row)
    z = _horner(coefficients, scale.mul_(f).add_(shift)).mul_(slope.mul_(f).add_(constant))
    return (z.view(torch.int64) ^ (sign & -(2**63))).view(torch.float64)


def _row(exponent: Tensor, tail: Tensor, *, centre: int) -> Tensor:
    """The table's row: exponent + 1 in the tail (the first octave is f = 1/2), else ``centre``, the last."""
    return ((exponent + (1 - centre)) & tail).add_(centre)


def _gather(table: array[float], columns: int, row: Tensor) -> tuple[Tensor, ...]:
    """Each column of ``table`` at ``row``."""
    dtype = torch.float32 if table.typecode == "f" else torch.float64
    by_column = torch.frombuffer(table, dtype=dtype).view(columns, -1).to(row.device)
    return by_column.index_select(1, row.flatten()).view(columns, *row.shape).unbind(0)


def _horner(coefficients: Sequence[Tensor], u: Tensor) -> Tensor:
    """``sum_d coefficients[d] u^d``, in place."""
    z = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        z.mul_(u).add_(coefficient)
    return z


@functools.cache
def _table_32() -> array[float]:
    """Columns (scale, shift, c_0 .. c_8), one after the other: u = scale f + shift."""
    *octaves, centre = parse_table(_table32.ROWS, _table32.DEGREE)
    rows = [(2.0**-k, -1.5, *row) for k, row in enumerate(octaves, start=-1)]
    return array("f", _by_column([*rows, (2.0**-31, 0.0, *centre)]))


@functools.cache
def _table_64() -> array[float]:
    """Columns (scale, shift, slope, constant, c_0 .. c_20): besides u, the factor slope f + constant."""
    *octaves, centre = parse_table(_table64.ROWS, _table64.DEGREE)
    rows = [(2.0**-k, -1.5, 0.0, 1.0, *row) for k, row in enumerate(octaves, start=-1)]
    return array("d", _by_column([*rows, (2.0**-63, -0.25, 2.0**-63, 0.0, *centre)]))


def parse_table(text: str, degree: int) -> list[list[float]]:
    """The rows of a table's text, constant term first."""
    numbers = [float.fromhex(number) for number in text.split()]
    return [numbers[i : i + degree + 1] for i in range(0, len(numbers), degree + 1)]


def _by_column(rows: Sequence[Sequence[float]]) -> list[float]:
    return [number for column in zip(*rows, strict=True) for number in column]
