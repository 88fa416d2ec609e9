"""Which bits belong to which element: from places in the global tensor to the words of Philox."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ._box import merge
from ._key import Key
from ._philox import philox


def bits_of_box(
    start: int, sizes: Sequence[int], steps: Sequence[int], key: Key, device: torch.device, *, wide: bool
) -> Tensor:
    """The bits of the elements at ``start + sum_d i_d steps[d]`` with ``0 <= i_d < sizes[d]``, in row-major order.

    An element has word i (``wide=False``) or words 2i (upper half) and 2i + 1, where i is its global linear index and
    word i is word i mod 4 of block i // 4.

    Args:
        start: global linear index of the box's first element.
        sizes, steps: extent of each dimension, none of them 0, and what one step along it adds to the index; row-major,
            so each step is at least the extent of the dimensions after it.

    Returns:
        int64, flat: words in [0, 2^32), or all 64 bits read as signed.
    """
    sizes, steps = merge(sizes, steps)
    run = 1  # consecutive elements; what is left in sizes and steps are the places where runs start
    if steps and steps[-1] == 1:
        run, _ = sizes.pop(), steps.pop()
    if not sizes:
        return _span(start, run, key, device, wide=wide)
    starts = _grid(start, sizes, steps, device)
    per_block = _per_block(wide)
    aligned = all(step % per_block == 0 for step in steps)
    lead = start % per_block if aligned else per_block - 1  # the most elements of its first block that a run skips
    blocks = (lead + run - 1) // per_block + 1
    extent = run + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if extent <= starts.numel() * blocks * per_block:  # the runs lie so close that drawing the gaps too costs less
        places = (starts - start).unsqueeze(1) + torch.arange(run, device=device)
        return _span(start, extent, key, device, wide=wide)[places].flatten()
    rows = (starts // per_block).unsqueeze(1) + torch.arange(blocks, device=device)
    elements = _elements(philox(rows, key), wide=wide).flatten(1)
    if aligned:
        return elements[:, lead : lead + run].flatten()
    places = (starts % per_block).unsqueeze(1) + torch.arange(run, device=device)
    return elements.gather(1, places).flatten()


def bits_at(index: Tensor, key: Key, *, wide: bool) -> Tensor:
    """The bits of the elements at the global linear indices ``index``, int64, any shape."""
    per_block = _per_block(wide)
    elements = _elements(philox(index // per_block, key), wide=wide)
    return elements.gather(-1, (index % per_block).unsqueeze(-1)).squeeze(-1)


def _span(start: int, length: int, key: Key, device: torch.device, *, wide: bool) -> Tensor:
    """The bits of consecutive elements."""
    per_block = _per_block(wide)
    first, last = start // per_block, (start + length - 1) // per_block
    block = torch.arange(first, last + 1, dtype=torch.int64, device=device)
    skipped = start - first * per_block
    return _elements(philox(block, key), wide=wide).flatten()[skipped : skipped + length]


def _elements(words: Tensor, *, wide: bool) -> Tensor:
    """Words ``[..., 4]`` of a block as the bits of its 4 elements, or 2 wide ones."""
    return words[..., 0::2] << 32 | words[..., 1::2] if wide else words


def _per_block(wide: bool) -> int:
    """Elements that one block of Philox serves."""
    return 2 if wide else 4


def _grid(start: int, sizes: Sequence[int], steps: Sequence[int], device: torch.device) -> Tensor:
    """``start + sum_d i_d steps[d]`` for all i, int64, flat, row-major."""
    grid = torch.full((1,), start, dtype=torch.int64, device=device)
    for size, step in zip(sizes, steps, strict=True):
        along = torch.arange(0, size * step, step, dtype=torch.int64, device=device)
        grid = (grid.unsqueeze(1) + along).flatten()
    return grid
