"""What values look like, and how far that is from what was expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..init import Moments

CHUNK, DEVICE_CHUNK = 2**18, 2**24
"""Elements measured at a time: what stays in a CPU's cache, and what keeps an accelerator busy."""


class Measured(NamedTuple):
    """Sample moments of a parameter, in float64.

    Args:
        n: number of elements; the rest is NaN when there are none.
        mean, std: of the elements, the std over n (not n - 1).
        low, high: least and greatest element.
    """

    n: int
    mean: float
    std: float
    low: float
    high: float

    @property
    def is_finite(self) -> bool:
        """Whether every element is."""
        return self.n == 0 or (math.isfinite(self.low) and math.isfinite(self.high))


def measure(tensor: Tensor) -> Measured:
    """Sample moments of ``tensor``, whatever its layout; a chunk at a time, so that no full-size copy is made."""
    if tensor.numel() == 0:
        return Measured(0, math.nan, math.nan, math.nan, math.nan)
    flat = _in_memory_order(tensor.detach())
    # Sums are taken about one element: then a constant has no variance at all, and a large mean costs no digits.
    about = float(flat[0])
    about = about if math.isfinite(about) else 0.0
    n, size = tensor.numel(), CHUNK if flat.is_cpu else DEVICE_CHUNK
    found = [_sums(chunk.double(), about) for chunk in ((flat,) if n <= size else flat.split(size))]
    first, second = math.fsum(row[0] for row in found) / n, math.fsum(row[1] for row in found) / n
    low, high = min(row[2] for row in found), max(row[3] for row in found)
    if any(math.isnan(row[2]) for row in found):
        low = high = math.nan
    return Measured(n, about + first, math.sqrt(max(second - first**2, 0.0)), low, high)


class Deviation(NamedTuple):
    """How far measured moments lie from the expected ones, in standard errors; see :class:`Yardstick`.

    Args:
        mean, second: deviations of the mean and of the second moment, signed.
        inside: whether every element lies in the expected support, to the dtype's rounding.
    """

    mean: float = 0.0
    second: float = 0.0
    inside: bool = True

    @property
    def worst(self) -> float:
        """The larger of the two, unsigned; infinite when an element lies outside."""
        return max(abs(self.mean), abs(self.second)) if self.inside else math.inf


def deviation(measured: Measured, expected: Moments, dtype: torch.dtype) -> Deviation:
    """The deviation of a sample in ``dtype`` from what was expected."""
    return Yardstick(expected, measured.n, dtype).deviation(measured)


class Yardstick:
    """What samples of n elements are held against.

    With n independent elements of variance s^2 and kurtosis k, the mean has standard error ``s / sqrt(n)``. The second
    moment about the expected mean, over s^2, is close to a chi-square over its degrees of freedom,
    ``nu = 2 n / (k - 1)``, whose cube root is close to normal (Wilson and Hilferty 1931): the deviation is honest for a
    handful of elements too. A moment that is not random (s = 0, or k = 1) must agree to the dtype's rounding and
    deviates by 0 or infinity.

    Args:
        expected: the moments of an element.
        n: how many there are.
        dtype: what they are stored in.
    """

    def __init__(self, expected: Moments, n: int, dtype: torch.dtype) -> None:
        self._expected, self._n = expected, n
        self._rounding = rounding = _rounding(dtype)
        self._low = expected.low - rounding.of(expected.low)
        self._high = expected.high + rounding.of(expected.high)
        self._slack = rounding.of(expected.mean)
        independent = n / expected.copies
        self._standard_error = expected.std / math.sqrt(independent) if n else 0.0
        self._spread = (expected.kurtosis - 1) / (9 * independent) if n else 0.0  # 2 / (9 nu)

    def deviation(self, measured: Measured) -> Deviation:
        """The deviation of one such sample."""
        expected = self._expected
        if self._n == 0:
            return Deviation()
        inside = self._low <= measured.low and measured.high <= self._high
        off_by = measured.mean - expected.mean
        error = math.copysign(max(abs(off_by) - self._slack, 0.0), off_by)
        if expected.variance == 0:
            return Deviation(_exact(error), _exact(max(measured.std - self._slack, 0.0)), inside)
        mean = error / self._standard_error
        ratio = (measured.std**2 + off_by**2) / expected.variance
        if expected.kurtosis <= 1:
            wrong = abs(ratio - 1) > self._rounding.relative ** (2 / 3)
            return Deviation(mean, _exact(ratio - 1) if wrong else 0.0, inside)
        return Deviation(mean, (ratio ** (1 / 3) - (1 - self._spread)) / math.sqrt(self._spread), inside)


@dataclass(frozen=True)
class _Rounding:
    """How far a stored number may be from the one meant."""

    relative: float
    absolute: float

    def of(self, value: float) -> float:
        return self.relative * abs(value) + self.absolute


def _rounding(dtype: torch.dtype) -> _Rounding:
    info = torch.finfo(dtype)
    return _Rounding(info.eps, info.smallest_normal * info.eps)


def _exact(error: float) -> float:
    """0 for no error, else an infinity of its sign."""
    return math.copysign(math.inf, error) if error else 0.0


def _sums(chunk: Tensor, about: float) -> list[float]:
    """Sum and sum of squares about a number, least and greatest; fetched from the device at once."""
    low, high = chunk.aminmax()
    shifted = chunk - about
    return torch.stack((shifted.sum(), shifted.dot(shifted), low, high)).tolist()


def _in_memory_order(tensor: Tensor) -> Tensor:
    """All elements in one dimension: a view of a dense tensor of any memory format."""
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return tensor.permute(order).reshape(-1)
