"""Many tensors written in one pass: measured before and after, and the old elements kept to go back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from . import _triton
from ._box import Box, box_of
from ._fill import fill_, region_of, sampler_of
from ._key import Key
from ._laws import Law
from ._native import (
    FILL,
    KEEP,
    MAX_RANK,
    MEASURE_AFTER,
    MEASURE_BEFORE,
    Native,
    is_plain,
    native,
    packed_box,
    packed_dense,
    packed_law,
    touched,
    watched,
)
from ._region import Region
from ._sampler import Sampler
from ._work import Summary, Work


class Fill(NamedTuple):
    """What :func:`fill_` is asked for."""

    out: Tensor
    law: Law
    key: Key
    region: Region | None = None


def fill_many_(fills: Sequence[Fill]) -> None:
    """Fill many tensors: the values of :func:`fill_`, the work spread evenly over ``torch.get_num_threads()`` threads.

    Raises:
        SchemeError: as :func:`fill_` does; no tensor is touched.

    >>> from firststep.rng import Normal, derive_key
    >>> tensors = [torch.empty(3), torch.empty(2, 2)]
    >>> fill_many_([Fill(t, Normal(0.0, 1.0), derive_key(0, f"{i}")) for i, t in enumerate(tensors)])
    >>> torch.equal(tensors[1], fill_(torch.empty(2, 2), Normal(0.0, 1.0), derive_key(0, "1")))
    True
    """
    batch = _Batch(None if watched() else native())
    batch.add(fills)
    batch.run()


class _Batch:
    """Fills sorted by who does them: the kernel, the GPU's kernels, or torch operations one by one."""

    def __init__(self, kernel: Native | None) -> None:
        self._kernel = kernel
        self._jobs: list[bytes] = []
        self._done: list[Tensor] = []
        self._on_gpu: list[_triton.Job] = []
        self._others: list[Fill] = []

    def add(self, fills: Sequence[Fill]) -> None:
        """Take on fills; whatever is wrong with one is found here."""
        kernel, like, packed = self._kernel, (None, None), b""
        for fill in fills:
            out, law, key, region = fill
            if region is None and kernel is not None and is_plain(out) and out.is_contiguous():
                if like[0] is not law or like[1] is not out.dtype:
                    like = law, out.dtype
                    packed = packed_law(kernel, sampler_of(law, out.dtype), out.dtype)
                self._jobs.append(kernel.module.dense(packed, key.digest, out.data_ptr(), out.numel(), FILL, 0))
                self._done.append(out)
            else:
                self._add(fill, region_of(out, region), sampler_of(law, out.dtype))

    def _add(self, fill: Fill, region: Region, sampler: Sampler) -> None:
        out = fill.out
        box, strides = box_of(region, out)
        if self._kernel is not None and _is_for(out, box):
            self._jobs.append(_packed_box(self._kernel, fill, sampler, box, strides))
            self._done.append(out)
        elif out.is_cuda and out.numel() and _triton.serves(out, sampler, box.sizes):
            self._on_gpu.append(_triton.Job(out, sampler, fill.key, box.start, box.sizes, box.steps, strides))
        else:
            self._others.append(fill)

    def run(self) -> None:
        """Do them all."""
        if self._kernel is not None and self._jobs:
            Work(self._kernel, self._jobs, sum(out.numel() for out in self._done)).run()
            touched(self._done)
        if self._on_gpu:
            _triton.fill_many(self._on_gpu)
        for fill in self._others:
            fill_(*fill)


class Rewrite:
    """Tensors of this process's memory, to be overwritten together.

    Each is read once and written once: its old elements are measured and copied, the new ones drawn and measured, a
    chunk at a time, by as many threads as torch uses.

    >>> from firststep.rng import Normal, derive_key
    >>> weight = torch.ones(1000)
    >>> rewrite = Rewrite()
    >>> rewrite.add_whole(weight, Normal(0.0, 1.0), derive_key(0, "w").digest)
    True
    >>> rewrite.run()
    >>> before, after = rewrite.summaries()[0]
    >>> before[:2], round(after[1], 1)
    ((1.0, 0.0), 1.0)
    >>> rewrite.restore()
    >>> bool((weight == 1).all())
    True
    """

    def __init__(self) -> None:
        self._kernel = None if watched() else native()
        self._laws: dict[tuple[Law, torch.dtype], bytes] = {}
        self._tensors: list[Tensor] = []
        self._first: list[bytes] = []
        self._fills: list[bytes] = []
        self._last: list[bytes] = []
        self._elements = self._bytes = 0
        self._works: tuple[Work, Work, Work] | None = None

    def add_whole(self, tensor: Tensor, law: Law, digest: bytes) -> bool:
        """Take on a tensor whose elements all have one law; ``False``, and nothing done, when this is not for it.

        Args:
            tensor: what to fill.
            law: the distribution of an element.
            digest: its key, see :class:`Seeded`.
        """
        kernel = self._kernel
        if kernel is None or not is_plain(tensor) or not tensor.is_contiguous() or not tensor.numel():
            return False
        law_and_dtype = (law, tensor.dtype)
        packed = self._laws.get(law_and_dtype)
        if packed is None:
            packed = self._laws[law_and_dtype] = packed_law(kernel, sampler_of(*law_and_dtype), tensor.dtype)
        tasks = FILL | MEASURE_BEFORE | MEASURE_AFTER | KEEP
        self._first.append(packed_dense(kernel, tensor, packed, digest, tasks, self._bytes))
        self._counted(tensor)
        return True

    def add(self, tensor: Tensor, fills: Sequence[Fill]) -> bool:
        """Take on a tensor that ``fills``, of views that share no element, cover; ``False`` as :meth:`add_whole`."""
        kernel = self._kernel
        if kernel is None or not is_plain(tensor) or not _is_one_run(tensor):
            return False
        jobs: list[bytes] = []
        for fill in fills:
            box, strides = box_of(region_of(fill.out, fill.region), fill.out)
            if not _is_for(fill.out, box):
                return False
            jobs.append(_packed_box(kernel, fill, sampler_of(fill.law, fill.out.dtype), box, strides))
        law = packed_law(kernel, sampler_of(fills[0].law, tensor.dtype), tensor.dtype)  # only its dtype is read
        digest = fills[0].key.digest
        self._first.append(packed_dense(kernel, tensor, law, digest, MEASURE_BEFORE | KEEP, self._bytes))
        self._fills += jobs
        self._last.append(packed_dense(kernel, tensor, law, digest, MEASURE_AFTER))
        self._counted(tensor)
        return True

    def _counted(self, tensor: Tensor) -> None:
        self._tensors.append(tensor)
        self._elements += tensor.numel()
        self._bytes += -(-tensor.nbytes // 64) * 64

    def run(self, tell: Callable[[float], object] | None = None) -> None:
        """Write them all. ``tell`` hears the share of the work that is done."""
        kernel = self._kernel
        if kernel is None or not self._tensors:
            return
        self._arena = torch.empty(self._bytes, dtype=torch.uint8, device="cpu")
        kernel.module.huge(self._arena.data_ptr(), self._bytes)
        elements = self._elements
        works = self._works = (
            Work(kernel, self._first, elements, arena=self._arena.data_ptr(), measured=True),
            Work(kernel, self._fills, elements),
            Work(kernel, self._last, elements, measured=True),
        )
        chunks, before = sum(work.chunks for work in works), 0
        for work in works:
            if work.chunks:
                work.run(None if tell is None else lambda done, so_far=before: tell((so_far + done) / chunks))
                before += work.chunks
        touched(self._tensors)

    def summaries(self) -> list[tuple[Summary, Summary]]:
        """Of each tensor, in the order they were added: what its elements were, and are."""
        if self._works is None:
            return []
        last = iter(self._works[2].summaries())
        found = []
        for before, after in self._works[0].summaries():
            after = after or next(last)[1]
            assert before is not None
            assert after is not None
            found.append((before, after))
        return found

    def restore(self) -> None:
        """Put the old elements back, wherever the work stopped."""
        if self._works is not None:
            self._works[0].restore()


def _is_for(out: Tensor, box: Box) -> bool:
    """Whether the kernel can fill this box."""
    return is_plain(out) and out.numel() > 0 and len(box.sizes) <= MAX_RANK


def _packed_box(kernel: Native, fill: Fill, sampler: Sampler, box: Box, strides: Sequence[int]) -> bytes:
    return packed_box(kernel, fill.out, packed_law(kernel, sampler, fill.out.dtype), fill.key.digest, box, strides)


def _is_one_run(tensor: Tensor) -> bool:
    """Whether the elements lie side by side in memory, in any order, and none of them twice."""
    if tensor.is_contiguous():
        return tensor.numel() > 0
    length = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1:
            if stride != length:
                return False
            length *= size
    return length == tensor.numel() > 0
