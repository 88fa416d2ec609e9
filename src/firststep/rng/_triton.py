"""Filling CUDA tensors in one pass: the same bits as the torch operations of the specification, written once.

The kernels stand in ``_triton_kernel``, which is imported, and triton with it, when the first tensor is filled:

    dense   consecutive in the index and in memory: whole tensors, shards of the first dimension
    rows    long runs of that kind: shards of other dimensions
    runs    anything else: narrow columns, strided memory
    jobs    many small dense tensors at once

What was checked, all of it without a GPU, by tests/rng/test_triton.py with triton 3.7:

    values         under Triton's interpreter, bit for bit against ``Sampler.values``
    machine code   as compiled for sm_90 (by hand for sm_75, 80, 100 and 120 as well): neither the PTX nor what ptxas
                   makes of it fuses a multiply-add or flushes to zero, and dense tensors are stored 128 bits at a time

Not checked yet: that a GPU gives these bits, and at what speed. benchmarks/gpu.py does both, and the same tests run on
a GPU where there is one.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import struct
from array import array
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor  # pyright: ignore[reportMissingImports]

from ._key import Key
from ._native import touched, watched
from ._normal import _table_32, _table_64
from ._sampler import Sampler

MAX_DIMS = 5
"""Most dimensions that a region may have, once merged."""

BLOCK = 256
"""Blocks of Philox that a program draws."""

WARPS = 4
"""Warps of a program: two blocks for each thread, so that 128 bits of bfloat16 are one thread's."""

OWN_LAUNCH = 2**20
"""Elements from which a tensor gets a launch of its own in :func:`fill_many`."""

NUMBERED_IN_32_BITS = 2**31
"""Most blocks of a grid of runs that are numbered in 32 bits."""

NOT_INSTALLED = "triton is not installed"

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64)
_OLDEST = (7, 5)
_FIELDS = 13


@dataclass(frozen=True, slots=True)
class Job:
    """One region of one tensor: the arguments of :func:`fill`."""

    out: Tensor
    sampler: Sampler
    key: Key
    start: int
    sizes: Sequence[int]
    steps: Sequence[int]
    strides: Sequence[int]


@functools.cache
def available(device: torch.device) -> bool:
    """Whether tensors on ``device`` can be filled here: an NVIDIA GPU that Triton compiles for, and triton installed.

    AMD's GPUs are left to the torch operations: how their compiler rounds was not looked at.
    """
    return not obstacle(device)


def obstacle(device: torch.device) -> str:
    """What keeps tensors on ``device`` from being filled here; nothing when they can be."""
    if device.type != "cuda":
        return f"a {device.type} device is none of NVIDIA's"
    if torch.version.hip is not None:
        return "this is an AMD GPU, whose rounding was not checked"
    if importlib.util.find_spec("triton") is None:
        return NOT_INSTALLED
    capability = torch.cuda.get_device_capability(device)
    if capability < _OLDEST:
        return "its compute capability {}.{} is below {}.{}".format(*capability, *_OLDEST)
    return ""


def serves(out: Tensor, sampler: Sampler, sizes: Sequence[int]) -> bool:
    """Whether :func:`fill` takes this case; the torch operations are for all others.

    Not served: other devices, other dtypes (float8), constants, more than MAX_DIMS dimensions; and, as by the native
    kernel, subclasses of Tensor and tensors whose operations somebody watches or transforms.
    """
    return (
        type(out) in (Tensor, torch.nn.Parameter)
        and available(out.device)
        and out.dtype in _DTYPES
        and out.layout is torch.strided
        and not out.is_neg()
        and not is_functorch_wrapped_tensor(out)
        and not watched()
        and not sampler.is_constant
        and len(sizes) <= MAX_DIMS
    )


def fill(
    out: Tensor,
    sampler: Sampler,
    key: Key,
    start: int,
    sizes: Sequence[int],
    steps: Sequence[int],
    strides: Sequence[int],
) -> None:
    """Fill a region: the element at ``i`` gets the value of global index ``start + sum_d i_d steps[d]``.

    Args:
        out: its first element is the region's. A case that :func:`serves` accepts, with at least one element.
        sampler: computes in float32 for float32, bfloat16 and float16, in float64 for float64, in int64 for int64.
        key: the stream.
        start: global linear index of the first element.
        sizes, steps, strides: of each dimension the extent, what one step along it adds to the index, and to the place
            in memory in elements, as ``_box.merge`` leaves them.
    """
    outer, (count, stride) = _runs(sizes, steps, strides)
    numbers = (_signed(key.philox), _signed(key.stream), *_numbers(sampler))
    if outer or stride != 1:
        _launch_outer(out, sampler, start, outer, count, stride, numbers)
    else:
        _launch_dense(out, sampler, start, count, numbers)
    touched([out])


def fill_many(jobs: Sequence[Job]) -> None:
    """Fill many regions, with few launches: small dense ones of one kind and dtype share a launch.

    All jobs of a launch are read from a table on the device, and each of its programs fills a chunk of one of them.
    """
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        outer, (count, stride) = _runs(job.sizes, job.steps, job.strides)
        if outer or stride != 1 or count >= OWN_LAUNCH:
            fill(job.out, job.sampler, job.key, job.start, job.sizes, job.steps, job.strides)
            continue
        sampler = job.sampler
        aligned = _aligned(job.out, sampler, job.start)
        alike = (job.out.device, job.out.dtype, sampler.kind, sampler.wide, sampler.compute, aligned)
        groups.setdefault(alike, []).append(job)
    for group in groups.values():
        _launch_jobs(group)
        touched([job.out for job in group])


def _launch_dense(out: Tensor, sampler: Sampler, start: int, count: int, numbers: tuple[int, ...]) -> None:
    block, lead = divmod(start, _per_block(sampler))
    chunks = _chunks(-(-(lead + count) // _per_block(sampler)))
    with _on(out.device):
        _kernels().fill_dense[(chunks,)](
            _raw(out),
            _table(out.device, sampler.wide),
            count,
            block,
            lead,
            *numbers,
            **_constants(sampler),
            ALIGNED=_aligned(out, sampler, start),
        )


def _launch_outer(
    out: Tensor,
    sampler: Sampler,
    start: int,
    outer: list[tuple[int, int, int]],
    count: int,
    stride: int,
    numbers: tuple[int, ...],
) -> None:
    """A grid of runs: long ones by programs of their own, others block by block."""
    per_block = _per_block(sampler)
    lead = per_block - 1  # the most elements of its first block that a run skips
    if all(step % per_block == 0 for _, step, _ in outer):
        lead = start % per_block
    blocks = (lead + count - 1) // per_block + 1
    runs = math.prod(size for size, _, _ in outer)
    grid = [number for row in reversed(outer) for number in row]
    grid += [1] * (3 * (MAX_DIMS - 1) - len(grid))
    constants = {**_constants(sampler), "DIMS": len(outer)}
    table = _table(out.device, sampler.wide)
    with _on(out.device):
        if stride == 1 and blocks >= BLOCK:
            chunks = _chunks(blocks)
            _kernels().fill_rows[(runs * chunks,)](_raw(out), table, count, chunks, start, *grid, *numbers, **constants)
        else:
            programs = _chunks(runs * blocks)
            large = programs * BLOCK > NUMBERED_IN_32_BITS
            _kernels().fill_runs[(programs,)](
                _raw(out), table, runs, count, blocks, stride, start, *grid, *numbers, **constants, LARGE=large
            )


def _launch_jobs(group: list[Job]) -> None:
    """One launch for dense jobs of one device, dtype, alignment and kind of sampler."""
    out, sampler = group[0].out, group[0].sampler
    rows, chunks, programs = array("q"), array("q"), 0
    for job in group:
        block, lead = divmod(job.start, _per_block(sampler))
        count = math.prod(job.sizes)
        numbers = (_signed(job.key.philox), _signed(job.key.stream), *_numbers(job.sampler))
        rows.extend((job.out.data_ptr(), programs, count, block, lead, *numbers))
        chunks.append(_chunks(-(-(lead + count) // _per_block(sampler))))
        programs += chunks[-1]
    table = torch.frombuffer(rows, dtype=torch.int64).to(out.device)
    owners = torch.repeat_interleave(torch.frombuffer(chunks, dtype=torch.int64)).to(torch.int32).to(out.device)
    kernels = _kernels()
    with _on(out.device):
        kernels.fill_jobs[(programs,)](
            table,
            owners,
            _table(out.device, sampler.wide),
            DTYPE=kernels.ELEMENTS[str(_raw(out).dtype).removeprefix("torch.")],
            FIELDS=_FIELDS,
            **_constants(sampler),
            ALIGNED=_aligned(out, sampler, group[0].start),
        )


def _runs(
    sizes: Sequence[int], steps: Sequence[int], strides: Sequence[int]
) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
    """(size, step, stride) of the outer dimensions, and (length, stride) of runs that are consecutive in the index.

    >>> _runs([4, 6], [8, 1], [6, 1])
    ([(4, 8, 6)], (6, 1))
    >>> _runs([4], [8], [2])
    ([(4, 8, 2)], (1, 1))
    """
    outer = list(zip(sizes, steps, strides, strict=True))
    if outer and outer[-1][1] == 1:
        count, _, stride = outer.pop()
        return outer, (count, stride)
    return outer, (1, 1)


@functools.lru_cache(maxsize=1024)
def _numbers(sampler: Sampler) -> tuple[int, ...]:
    """shift, scale, bottom, top by their bits; first, width modulo 2^64. All as signed integers."""
    inner = "<dq" if sampler.wide else "<fi"
    bound = "<dq" if sampler.compute == torch.float64 else "<fi"
    given = ((sampler.shift, inner), (sampler.scale, inner), (sampler.bottom, bound), (sampler.top, bound))
    patterns = [struct.unpack("<" + code[2], struct.pack(code[:2], value))[0] for value, code in given]
    return (*patterns, _signed(sampler.first), _signed(sampler.width))


def _signed(number: int) -> int:
    """``number`` modulo 2^64, read as a signed integer."""
    return (number + 2**63) % 2**64 - 2**63


def _constants(sampler: Sampler) -> dict[str, object]:
    """What a kernel is compiled for, and how. Fused multiply-adds would change bits."""
    return {
        "KIND": sampler.kind,
        "WIDE": sampler.wide,
        "DOUBLE": sampler.compute == torch.float64,
        "BLOCK": BLOCK,
        "num_warps": WARPS,
        "enable_fp_fusion": False,
    }


def _per_block(sampler: Sampler) -> int:
    """Elements that one block of Philox serves."""
    return 2 if sampler.wide else 4


def _chunks(blocks: int) -> int:
    """Programs that ``blocks`` take."""
    return -(-blocks // BLOCK)


def _aligned(out: Tensor, sampler: Sampler, start: int) -> bool:
    """Whether blocks begin at multiples of 16 bytes."""
    return start % _per_block(sampler) == 0 and out.data_ptr() % 16 == 0


def _raw(out: Tensor) -> Tensor:
    """``out`` in a dtype that the kernels store: bfloat16 by its bits."""
    return out.view(torch.int16) if out.dtype == torch.bfloat16 else out


@functools.cache
def _table(device: torch.device, wide: bool) -> Tensor:
    """The table of the inverse normal CDF on ``device``."""
    table, dtype = (_table_64(), torch.float64) if wide else (_table_32(), torch.float32)
    return torch.frombuffer(table, dtype=dtype).to(device)


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Triton launches on the current device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@functools.cache
def _kernels() -> ModuleType:
    """The kernels; this imports triton."""
    from . import _triton_kernel

    return _triton_kernel
