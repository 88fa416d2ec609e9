"""The numbers in a tensor, in one look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._sample import bad, sample


@dataclass(frozen=True, slots=True)
class Facts:
    """A tensor in a few numbers; NaN where it has no finite element.

    Args:
        shape, dtype: its own.
        low, high, mean, std: of the finite elements.
        bad: how many elements are NaN or infinite.
        whole: whether all finite elements are whole numbers.
        zero: the share of elements that are exactly 0.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    low: float
    high: float
    mean: float
    std: float
    bad: int
    whole: bool
    zero: float

    @property
    def floating(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype.is_floating_point

    @property
    def rms(self) -> float:
        """The root of the mean square."""
        return math.hypot(self.mean, self.std)


_LARGEST = 2**22


def facts(tensor: Tensor) -> Facts:
    """Look at a tensor: of more than four million floating-point numbers at a sample, but at all for NaN.

    >>> seen = facts(torch.tensor([0.0, 1.0, 3.0, torch.inf]))
    >>> seen.low, seen.high, seen.bad, seen.whole, seen.zero
    (0.0, 3.0, 1, True, 0.25)
    """
    shape, dtype = tuple(tensor.shape), tensor.dtype
    count = bad(tensor)
    values = sample(tensor, _LARGEST if tensor.is_floating_point() else tensor.numel())
    values = values.abs() if dtype.is_complex else values
    values = values.to(torch.float32 if values.dtype in (torch.bfloat16, torch.float16, torch.bool) else values.dtype)
    if not values.dtype.is_floating_point:
        values = values.double()
    n = max(values.numel(), 1)
    zero = float((values == 0).sum()) / n
    values = values[values.isfinite()] if count else values
    if values.numel() == 0:
        nothing = float("nan")
        return Facts(shape, dtype, nothing, nothing, nothing, nothing, count, False, zero)
    low, high = (float(one) for one in values.aminmax())
    std, mean = (float(one) for one in torch.std_mean(values, correction=0))
    return Facts(shape, dtype, low, high, mean, std, count, bool((values == values.round()).all()), zero)
