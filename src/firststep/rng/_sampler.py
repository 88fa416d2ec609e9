"""From words to values: what each law does with the bits of one element."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

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


Kind: TypeAlias = Literal["constant", "bits", "uniform", "normal", "truncated"]


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the bits of one element become its value: a law as the numbers that a loop needs, rounded beforehand.

        constant    shift
        bits        the word itself
        uniform     clamp(u * scale + shift), u the upper 24 bits over 2^24, or 53 over 2^53 when wide
        normal      z * scale + shift, z the quantile of the word
        truncated   clamp(z * scale + shift), z the quantile of the word first + floor(bits * width / 2^n)

    with n = 32, or 64 when wide. The truncated map keeps order and reaches every word between the bounds and no other;
    its clamp undoes rounding only. A wide truncated law is rounded to ``compute`` before the clamp.

    :meth:`values` is the specification; the kernels read the same numbers and give the same bits.

    Args:
        kind: which of the five.
        compute: dtype of the values: float32, float64, or int64 for bits.
        wide: whether an element takes 64 bits (words 2i and 2i + 1, the first the upper half) or 32 (word i).
        shift, scale: numbers of float64 when wide, else of float32.
        bottom, top: the clamp.
        first, width: the truncated map.
    """

    kind: Kind
    compute: torch.dtype
    wide: bool = False
    shift: float = 0.0
    scale: float = 0.0
    bottom: float = -math.inf
    top: float = math.inf
    first: int = 0
    width: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether all bits give the same value."""
        return self.kind == "constant"

    @property
    def extremes(self) -> tuple[int, int]:
        """The bits that give the least and the greatest value."""
        if self.kind == "normal":
            return (-(2**63), 2**63 - 1) if self.wide else (2**31, 2**31 - 1)
        return (0, 0) if self.is_constant else (0, -1 if self.wide else _MASK)

    def values(self, bits: Tensor) -> Tensor:
        """Maps bits, int64, to values in the compute dtype, elementwise; increasing from one extreme to the other."""
        if self.kind == "constant":
            return torch.full_like(bits, self.shift, dtype=self.compute)
        if self.kind == "bits":
            return bits.clone()
        if self.kind == "uniform":
            drop, digits = (11, 53) if self.wide else (8, 24)
            u = ((bits >> drop) & (2**digits - 1)).to(self.compute).mul_(2.0**-digits)
            return u.mul_(self.scale).add_(self.shift).clamp_(self.bottom, self.top)
        if self.kind == "truncated":
            bits = (_mulhi64 if self.wide else _mulhi32)(bits, self.width).add_(self.first)
        z = (ndtri64 if self.wide else ndtri32)(bits).mul_(self.scale).add_(self.shift)
        return z if self.kind == "normal" else z.to(self.compute).clamp_(self.bottom, self.top)


@functools.lru_cache(maxsize=1024)
def make_sampler(law: Law, compute: torch.dtype, target: torch.dtype) -> Sampler:
    """The sampler of ``law`` in ``compute`` (float32, float64; int64 for Bits), for values that end up in ``target``.

    Raises:
        SchemeError: when ``target`` cannot hold the law's values.
    """
    if isinstance(law, Bits):
        return Sampler("bits", compute)
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
    return Sampler("constant", compute, shift=rounded(value, compute))


def _normal(law: Normal, compute: torch.dtype, target: torch.dtype) -> Sampler:
    wide = compute == torch.float64
    _check_reach(law, abs(law.mean) + (Z_MAX_64 if wide else Z_MAX_32) * law.std, target)
    return Sampler("normal", compute, wide, rounded(law.mean, compute), rounded(law.std, compute))


def _uniform(law: Uniform, compute: torch.dtype, bottom: float, top: float) -> Sampler:
    low, width = rounded(law.low, compute), rounded(law.high - law.low, compute)
    if not math.isfinite(width):
        raise SchemeError(f"{law}: high - low overflows {_short(compute)}. Use closer bounds or a wider dtype")
    return Sampler("uniform", compute, compute == torch.float64, low, width, bottom, top)


def _truncated(law: TruncatedNormal, compute: torch.dtype, bottom: float, top: float) -> Sampler:
    first, width = word_range(law.mean, law.std, law.low, law.high, bits=32)
    wide = compute == torch.float64 or width < NARROW_WIDTH
    if wide:
        first, width = word_range(law.mean, law.std, law.low, law.high, bits=64)
    inner = torch.float64 if wide else torch.float32
    mean, std = rounded(law.mean, inner), rounded(law.std, inner)
    return Sampler("truncated", compute, wide, mean, std, bottom, top, first, width)


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
