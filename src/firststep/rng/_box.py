"""The same box as arithmetic: which global indices its elements have, dimension by dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ._region import Region


@dataclass(frozen=True, slots=True)
class Box:
    """The elements at global linear indices ``start + sum_d i_d steps[d]``, ``0 <= i_d < sizes[d]``, row-major."""

    start: int
    sizes: list[int]
    steps: list[int]


def box_of(region: Region, out: Tensor) -> tuple[Box, list[int]]:
    """The box of ``region``, and the strides of ``out``, which holds it; as few dimensions as both can be walked in."""
    if region.is_whole and out.is_contiguous():
        return Box(0, [out.numel()], [1]), [1]
    steps = [math.prod(region.shape[d + 1 :]) for d in range(len(region.shape))]
    start = sum(offset * step for offset, step in zip(region.offsets, steps, strict=True))
    sizes, steps, strides = merge(region.sizes, steps, out.stride())
    return Box(start, sizes, steps), strides


def merge(sizes: Sequence[int], *strides: Sequence[int]) -> tuple[list[int], ...]:
    """Drop dimensions of size 1 and join neighbours that every one of ``strides`` walks evenly.

    >>> merge((2, 1, 3, 4), (12, 12, 4, 1), (12, 12, 4, 1))
    ([24], [1], [1])
    >>> merge((2, 3, 4), (12, 4, 1), (60, 5, 1))
    ([2, 3, 4], [12, 4, 1], [60, 5, 1])
    """
    kept: list[tuple[int, ...]] = []
    for size, *steps in zip(sizes, *strides, strict=True):
        if size == 1:
            continue
        if kept and all(outer == size * step for outer, step in zip(kept[-1][1:], steps, strict=True)):
            size *= kept.pop()[0]
        kept.append((size, *steps))
    return tuple([row[i] for row in kept] for i in range(1 + len(strides)))
