"""Boxes within a parameter: its independent matrices, one tap of its kernel, and what they share with a region."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from torch import Tensor

from .. import rng
from ._site import Part, Site


def matrices(site: Site) -> Iterator[tuple[Part, rng.Region]]:
    """The independent matrices of a site: each part within each of the stacked."""
    whole, start = rng.Region.whole(site.shape), 0
    for part in site.parts:
        box = whole.narrow(site.axis, start, part.size)
        for places in itertools.product(*(range(site.shape[dim]) for dim in range(site.stacked))):
            single = box
            for dim, place in enumerate(places):
                single = single.narrow(dim, place, 1)
            yield part, single
        start += part.size


def common(region: rng.Region, box: rng.Region) -> rng.Region | None:
    """What two boxes of one tensor share, ``None`` when nothing.

    >>> whole = rng.Region.whole((4, 6))
    >>> common(whole.narrow(0, 0, 3), whole.narrow(0, 2, 2))
    Region(shape=(4, 6), offsets=(2, 0), sizes=(1, 6))
    """
    for dim, (offset, size) in enumerate(zip(box.offsets, box.sizes, strict=True)):
        start, length = region.overlap(dim, offset, offset + size)
        if not length:
            return None
        region = region.narrow(dim, start, length)
    return region


def view(tensor: Tensor, region: rng.Region, box: rng.Region) -> Tensor:
    """The view of ``tensor``, which holds ``region``, on the elements of ``box`` within it."""
    for dim, (offset, size) in enumerate(zip(box.offsets, box.sizes, strict=True)):
        tensor = tensor.narrow(dim, offset - region.offsets[dim], size)
    return tensor


def kernel_tap(tensor: Tensor, region: rng.Region, taps: Sequence[int]) -> Tensor | None:
    """The view ``[out, in]`` of the elements of ``region`` at one place of the kernel, ``None`` when it holds none.

    Args:
        tensor: the elements of ``region``, ``[out, in, k...]``.
        taps: the place, one global index per dimension of the kernel.

    >>> import torch
    >>> kernel_tap(torch.arange(6).view(1, 2, 3), rng.Region.whole((1, 2, 3)), [1])
    tensor([[1, 4]])
    """
    for dim in range(len(region.shape) - 1, 1, -1):
        start, length = region.overlap(dim, taps[dim - 2], taps[dim - 2] + 1)
        if not length:
            return None
        tensor = tensor.select(dim, start)
    return tensor
