"""Which parameters share memory, and how."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor


class Span(NamedTuple):
    """Where a tensor lies: an address space, and the bytes ``[start, stop)`` that hold its elements."""

    space: tuple[str, int]
    start: int
    stop: int


_NOWHERE = Span(("", 0), 0, 0)


def identity(tensor: Tensor) -> object:
    """A key that two tensors share exactly when they are the same elements of the same memory, in the same order."""
    span = _span(tensor)
    if span is None:
        return id(tensor)
    return span, tuple(tensor.shape), tensor.stride(), tensor.dtype


def is_expanded(tensor: Tensor) -> bool:
    """Whether several elements are one number in memory, as after ``expand``."""
    return any(size > 1 and stride == 0 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def apart(tensors: Iterable[Tensor]) -> bool:
    """Whether it shows at a glance that no number in memory is held twice; when it does not, it may be so all the same.

    Intervals are disjoint when, both sorted, no start comes before the stop that precedes it.
    """
    starts: list[int] = []
    stops: list[int] = []
    for tensor in tensors:
        is_dense = tensor.is_contiguous()
        if not is_dense and is_expanded(tensor):
            return False
        if tensor.is_meta:  # its storage stands for itself as one byte: two tensors on it are to be looked at closely
            start = tensor.untyped_storage()._cdata
            stop = start + 1
        elif is_dense:
            start = tensor.data_ptr()
            stop = start + tensor.nbytes
        else:
            _, start, stop = _span(tensor) or _NOWHERE
        if start:
            starts.append(start)
            stops.append(stop)
    starts.sort()
    stops.sort()
    return all(map(operator.le, stops, islice(starts, 1, None)))


def overlaps(tensors: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Pairs of positions whose tensors have elements in common."""
    spans = [(span, i) for i, tensor in enumerate(tensors) if (span := _span(tensor)) is not None]
    spans.sort(key=lambda pair: (pair[0].space, pair[0].start))
    found: list[tuple[int, int]] = []
    open_: list[tuple[Span, int]] = []
    for span, i in spans:
        open_ = [(other, j) for other, j in open_ if other.space == span.space and other.stop > span.start]
        found += [(min(i, j), max(i, j)) for other, j in open_ if _touch(tensors[i], span, tensors[j], other)]
        open_.append((span, i))
    return sorted(found)


def _span(tensor: Tensor) -> Span | None:
    """The tensor's bytes; ``None`` when it has none of its own (no elements, or a wrapper of other tensors)."""
    if tensor.numel() == 0:
        return None
    extent = sum((size - 1) * abs(stride) for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    length = (extent + 1) * tensor.element_size()
    if tensor.is_meta:  # no address; the storage object stands for one
        start = int(tensor.storage_offset()) * tensor.element_size()
        return Span(("meta", tensor.untyped_storage()._cdata), start, start + length)
    start = tensor.data_ptr()
    return Span((str(tensor.device), 0), start, start + length) if start else None


def _touch(a: Tensor, span_a: Span, b: Tensor, span_b: Span) -> bool:
    """Whether two tensors whose spans overlap have an element in common; columns of one matrix have none."""
    if a.element_size() != b.element_size():
        return True
    low = min(span_a.start, span_b.start)
    size = (max(span_a.stop, span_b.stop) - low) // a.element_size()
    painted = torch.zeros(size, dtype=torch.bool, device="cpu")
    painted.as_strided(a.shape, a.stride(), (span_a.start - low) // a.element_size()).fill_(True)
    return bool(painted.as_strided(b.shape, b.stride(), (span_b.start - low) // a.element_size()).any())
