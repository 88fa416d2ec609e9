"""The values of a parameter as a few counts, to be drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._sample import sample

BINS = 24
_LARGEST = 2**16
"""Elements that are counted: enough for bars whose heights an eye compares."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width.

    Args:
        low, high: the ends of the first and of the last bin.
        counts: one per bin; a single one where all values are the same.
    """

    low: float
    high: float
    counts: tuple[int, ...]


def histogram(tensor: Tensor) -> Histogram | None:
    """Of evenly spaced elements of a large tensor; None for none, or where one of them is no finite number.

    >>> histogram(torch.tensor([0.0, 0.0, 24.0]))
    Histogram(low=0.0, high=24.0, counts=(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
    >>> histogram(torch.ones(3))
    Histogram(low=1.0, high=1.0, counts=(3,))
    """
    if tensor.numel() == 0 or not tensor.is_floating_point():
        return None
    values = sample(tensor, _LARGEST).cpu()  # the counting itself is not deterministic on a GPU
    low, high = (float(one) for one in values.aminmax())
    if not math.isfinite(high - low):
        return None
    if low == high:
        return Histogram(low, high, (values.numel(),))
    return Histogram(low, high, tuple(int(one) for one in torch.histc(values, BINS, low, high)))
