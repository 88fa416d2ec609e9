"""Laws: the distribution of one element, as plain numbers. A law that exists can be drawn from."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

from ..errors import SchemeError
from ._truncation import LEAST_MASS, LEAST_WIDTH, word_range


@dataclass(frozen=True, slots=True)
class Bits:
    """The raw stream: 32-bit words as int64, for tests and for building other laws on."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """U[low, high): every value v satisfies ``low <= v < high``; ``low == high`` is the constant.

    Raises:
        SchemeError: when ``low > high`` or a bound is not a finite number.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _settle(self)
        _check_order(self, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Normal:
    """N(mean, std^2); ``std == 0`` is the constant.

    Raises:
        SchemeError: when ``std < 0`` or a parameter is not a finite number.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        _settle(self)
        if self.std < 0:
            raise SchemeError(f"{self}: expected std >= 0")


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """N(mean, std^2) conditioned on ``low <= v <= high``; the bounds are absolute; ``low == high`` is the constant.

    Raises:
        SchemeError: when ``std <= 0``, ``low > high``, a parameter is not a finite number, or so little of the normal
            lies between the bounds that 64-bit words cannot tell its values apart: less than 2^-48 of it.
    """

    mean: float
    std: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _settle(self)
        if self.std <= 0:
            raise SchemeError(f"{self}: expected std > 0")
        _check_order(self, self.low, self.high)
        if self.low < self.high and word_range(self.mean, self.std, self.low, self.high, bits=64)[1] < LEAST_WIDTH:
            near, far = ((bound - self.mean) / self.std for bound in (self.low, self.high))
            raise SchemeError(
                f"{self}: the bounds lie at {near:.4g} and {far:.4g} std from the mean, with less than "
                f"{LEAST_MASS:.2g} of the normal between them, too little to draw from. Expected an interval that "
                "reaches to within 7.7 std of the mean and is not too short there; move a bound or use a larger std"
            )


Law = Bits | Uniform | Normal | TruncatedNormal


def _settle(law: Law) -> None:
    """Check that the law's numbers are finite and make floats of them, 0.0 of -0.0, so that equal laws are one."""
    given = {field.name: getattr(law, field.name) for field in fields(law)}
    for name, value in given.items():
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (real and abs(value) <= sys.float_info.max):
            raise SchemeError(f"{law}: expected a finite number for {name}, given {value!r}")
    for name, value in given.items():
        object.__setattr__(law, name, float(value) + 0.0)


def _check_order(law: Law, low: float, high: float) -> None:
    if low > high:
        raise SchemeError(f"{law}: expected low <= high")
