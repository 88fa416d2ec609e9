"""A box of a tensor: which elements of the whole are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import FirststepError


@dataclass(frozen=True, slots=True)
class Region:
    """A box of a tensor, by offsets and sizes in the global shape.

    An element's values depend on its place in the *global* tensor only, so a shard is filled by naming its region.

    Args:
        shape: the global shape.
        offsets: first index along each dimension, same length as ``shape``.
        sizes: number of indices along each dimension, same length as ``shape``.

    Raises:
        FirststepError: when the box does not lie inside the shape.

    >>> Region.whole((4, 6)).narrow(0, 1, 2)
    Region(shape=(4, 6), offsets=(1, 0), sizes=(2, 6))
    """

    shape: tuple[int, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.shape), len(self.offsets), len(self.sizes)}
        inside = len(lengths) == 1 and all(
            0 <= offset and 0 <= size and offset + size <= extent
            for extent, offset, size in zip(self.shape, self.offsets, self.sizes, strict=True)
        )
        if not inside:
            raise FirststepError(
                f"a region must lie inside its tensor: shape {self.shape}, offsets {self.offsets}, "
                f"sizes {self.sizes}; expected 0 <= offset and offset + size <= extent in each dimension"
            )

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Region:
        """The region that covers all of ``shape``."""
        shape = tuple(shape)
        return cls(shape, (0,) * len(shape), shape)

    @property
    def numel(self) -> int:
        """Number of elements in the box."""
        return math.prod(self.sizes)

    @property
    def is_whole(self) -> bool:
        """Whether the box is the whole tensor."""
        return self.sizes == self.shape

    def narrow(self, dim: int, start: int, length: int) -> Region:
        """The sub-box with ``length`` indices along ``dim``, from ``start`` counted from this box's own offset."""
        offsets, sizes = list(self.offsets), list(self.sizes)
        offsets[dim] += start
        sizes[dim] = length
        return Region(self.shape, tuple(offsets), tuple(sizes))

    def overlap(self, dim: int, start: int, stop: int) -> tuple[int, int]:
        """Where global indices ``[start, stop)`` along ``dim`` fall in this box: (local start, length >= 0)."""
        low = max(self.offsets[dim], start)
        high = min(self.offsets[dim] + self.sizes[dim], stop)
        return low - self.offsets[dim], max(high - low, 0)

    def index(self, dim: int, device: torch.device | str = "cpu") -> Tensor:
        """Global indices along ``dim``, int64, shaped to broadcast over the box: ``[1, ..., size, ..., 1]``."""
        start = self.offsets[dim]
        along = torch.arange(start, start + self.sizes[dim], dtype=torch.int64, device=device)
        return along.view([-1 if d == dim else 1 for d in range(len(self.shape))])
