"""From words to values: what each law does with the bits of one element."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SchemeError
from ._grid import inside, rounded
from ._laws import Bits, Law, Normal, TruncatedNormal, Uniform
from ._normal import Z_MAX_32, Z_MAX_64, ndtri32, ndtri64
from ._truncation import word_range

NARROW_WIDTH = 2**24
"""A truncated normal whose bounds hold fewer 32-bit words than this is drawn from 64-bit words, in every dtype."""

_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the bits of one element become its value.

    Args:
        wide: whether an element takes 64 bits (words 2i and 2i + 1, the first the upper half) or 32 (word i).
        values: maps bits, int64, to values in the compute dtype, elementwise; increasing in the bits.
        extremes: the bits that give the least and the greatest value.
    """

    wide: bool
    values: Callable[[Tensor], Tensor]
    extremes: tuple[int, int]

    @property
    def is_constant(self) -> bool:
        """Whether all bits give the same value."""
        return self.extremes[0] == self.extremes[1]


@functools.lru_cache(maxsize=1024)
def make_sampler(law: Law, compute: torch.dtype, target: torch.dtype) -> Sampler:
    """The sampler of ``law`` in ``compute`` (float32, float64; int64 for Bits), for values that end up in ``target``.

    Raises:
        SchemeError: when ``target`` cannot hold the law's values.
    """
    if isinstance(law, Bits):
        return Sampler(False, torch.Tensor.clone, (0, _MASK))
    if isinstance(law, Normal):
        return _normal(law, compute, target)
    if law.low == law.high:
        return _constant(law, law.low, compute, target)
    _check_reach(law, _reach(law), target)
    bottom, top = inside(law.low, law.high, target, half_open=isinstance(law, Uniform))
    if bottom > top:
        raise SchemeError(
            f"{law} has no value in {_short(target)}: no {_short(target)} number lies between its bounds. "
            "Use a wider dtype or wider bounds"
        )
    if isinstance(law, Uniform):
        return _uniform(law, compute, bottom, top)
    return _truncated(law, compute, bottom, top)


def _constant(law: Law, value: float, compute: torch.dtype, target: torch.dtype) -> Sampler:
    _check_reach(law, value, target)
    return Sampler(False, lambda bits: torch.full_like(bits, value, dtype=compute), (0, 0))


def _normal(law: Normal, compute: torch.dtype, target: torch.dtype) -> Sampler:
    """``z * std + mean``."""
    wide = compute == torch.float64
    quantile, z_max = (ndtri64, Z_MAX_64) if wide else (ndtri32, Z_MAX_32)
    _check_reach(law, abs(law.mean) + z_max * law.std, target)
    mean, std = rounded(law.mean, compute), rounded(law.std, compute)

    def values(bits: Tensor) -> Tensor:
        return quantile(bits).mul_(std).add_(mean)

    return Sampler(wide, values, (-(2**63), 2**63 - 1) if wide else (2**31, 2**31 - 1))


def _uniform(law: Uniform, compute: torch.dtype, bottom: float, top: float) -> Sampler:
    """``u * (high - low) + low``, then the clamp; u is the upper 24 bits over 2^24, or 53 over 2^53 in float64."""
    wide = compute == torch.float64
    drop, digits = (11, 53) if wide else (8, 24)
    low, width = rounded(law.low, compute), rounded(law.high - law.low, compute)
    if not math.isfinite(width):
        raise SchemeError(f"{law}: high - low overflows {_short(compute)}. Use closer bounds or a wider dtype")

    def values(bits: Tensor) -> Tensor:
        u = ((bits >> drop) & (2**digits - 1)).to(compute).mul_(2.0**-digits)
        return u.mul_(width).add_(low).clamp_(bottom, top)

    return Sampler(wide, values, (0, -1 if wide else _MASK))


def _truncated(law: TruncatedNormal, compute: torch.dtype, bottom: float, top: float) -> Sampler:
    """The normal's values at the words ``first + floor(bits * width / 2^n)``, n = 32 or 64, then the clamp.

    The map keeps order and reaches every word between the bounds and no other; the clamp undoes rounding only.
    """
    first, width = word_range(law.mean, law.std, law.low, law.high, bits=32)
    wide = compute == torch.float64 or width < NARROW_WIDTH
    if wide:
        first, width = word_range(law.mean, law.std, law.low, law.high, bits=64)
    inner = torch.float64 if wide else torch.float32
    mean, std = rounded(law.mean, inner), rounded(law.std, inner)

    def values(bits: Tensor) -> Tensor:
        z = ndtri64(_mulhi64(bits, width).add_(first)) if wide else ndtri32(_mulhi32(bits, width).add_(first))
        return z.mul_(std).add_(mean).to(compute).clamp_(bottom, top)

    return Sampler(wide, values, (0, -1 if wide else _MASK))


def _mulhi32(bits: Tensor, factor: int) -> Tensor:
    """``floor(bits * factor / 2^32)`` for bits in [0, 2^32) and ``factor <= 2^32``."""
    return (bits * factor >> 32).bitwise_and_(_MASK)


def _mulhi64(bits: Tensor, factor: int) -> Tensor:
    """``floor(bits * factor / 2^64)`` of unsigned numbers, ``factor <= 2^64``, by halves, none of which overflows."""
    high, low = (bits >> 32) & _MASK, bits & _MASK
    factor_high, factor_low = factor >> 32, factor & _MASK
    middle = high * factor_low + (((low * factor_low) >> 32) & _MASK)
    carry = low * factor_high + (middle & _MASK)
    return high * factor_high + ((middle >> 32) & _MASK) + ((carry >> 32) & _MASK)


def _reach(law: Uniform | TruncatedNormal) -> float:
    """The largest magnitude that a value can have."""
    if isinstance(law, Uniform):
        return max(abs(law.low), abs(law.high))
    least, most = law.mean - Z_MAX_64 * law.std, law.mean + Z_MAX_64 * law.std
    return max(abs(max(law.low, least)), abs(min(law.high, most)))


def _check_reach(law: Law, reach: float, target: torch.dtype) -> None:
    limit = torch.finfo(target).max
    if abs(reach) > limit:
        raise SchemeError(
            f"{law} reaches {abs(reach):.4g}, beyond the largest {_short(target)}, {limit:.4g}. "
            "Use smaller numbers or a wider dtype"
        )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
