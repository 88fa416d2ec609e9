"""The native kernel: whether there is one, whether it is right, and telling it what to fill.

The extension ``_kernel`` (csrc/) does in C what ``Sampler.values`` says, bit for bit, with the widest instructions that
the processor has. It is optional: where it is missing, or computes anything else, torch operations serve.
"""

from __future__ import annotations

import functools
import hashlib
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, strided
from torch._C._functorch import is_functorch_wrapped_tensor  # pyright: ignore[reportMissingImports]
from torch.nn import Parameter
from torch.utils._python_dispatch import _disable_current_modes

from ..errors import FirststepError, did_you_mean
from . import _table32, _table64
from ._box import Box
from ._laws import Normal, TruncatedNormal, Uniform
from ._normal import parse_table
from ._sampler import Sampler, make_sampler

VARIABLE = "FIRSTSTEP_KERNEL"
"""Environment variable: an instruction set, or ``torch`` for none."""

REBUILD = "pip install --force-reinstall --no-deps --no-cache-dir --no-binary firststep firststep"
"""Compiles the extension on this machine. From its cache, pip would take a wheel all the same."""

_REPAIR = f"build it without flags of your own (unset CC and CFLAGS)\n{REBUILD}"

watched = torch._C._len_torch_dispatch_stack
"""How many modes are to see every operation, which a kernel's are not."""

touched = torch._C._increment_version
"""Tells autograd that each of several tensors was written, as torch's own in-place functions do."""

MAX_RANK = 8
"""Dimensions of a box, after those that are walked evenly are merged."""

SMALL = 2**14
"""Elements that are not worth letting other threads run for, ten microseconds' work."""

FILL, MEASURE_BEFORE, MEASURE_AFTER, KEEP = 1, 2, 4, 8

SUMS = 10
"""Numbers that the kernel keeps of a chunk: two rows, before and after, of five."""

_KINDS = {"constant": 0, "bits": 1, "uniform": 2, "normal": 3, "truncated": 4}
_WHOLE = 5
_DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2, torch.float64: 3, torch.int64: 4}
_COMPUTE = {torch.float64: torch.float64, torch.int64: torch.int64}


@dataclass(frozen=True, slots=True)
class Native:
    """A kernel that has been tried: the extension, and the number and name of the instruction set it runs with."""

    module: ModuleType
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What serves CPU tensors, and why; whether that is as it should be, and what to do for a faster one."""

    native: Native | None
    reason: str
    ok: bool = True
    advice: str = ""


def native() -> Native | None:
    """The kernel that serves CPU tensors; ``None`` when torch operations do."""
    return choice().native


@functools.cache
def choice() -> Choice:
    """Load the extension and try it, once. Nothing happens before the first call.

    Raises:
        FirststepError: when FIRSTSTEP_KERNEL asks for what is not here.
    """
    wish = os.environ.get(VARIABLE, "")
    if wish == "torch":
        return Choice(None, f"{VARIABLE}=torch asks for it", advice=f"for the native kernel, unset {VARIABLE}")
    try:
        from . import _kernel  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        if wish:
            raise FirststepError(f"{VARIABLE}={wish}: the native kernel cannot be loaded ({error})") from error
        advice = f"for the native kernel, install a C compiler, then\n{REBUILD}"
        return Choice(None, f"the native kernel cannot be loaded ({error})", ok=False, advice=advice)
    found = kernels(_kernel)
    if wish and wish not in (one.name for one in found):
        names = [one.name for one in found]
        raise FirststepError(
            f"{VARIABLE}={wish}: this processor has {', '.join(names)}; expected one of them, or torch."
            f"{did_you_mean(wish, names)}"
        )
    wrong = []
    for one in found:
        if wish in ("", one.name):
            if _is_right(one):
                return _chosen(one, found, wrong, asked=bool(wish))
            wrong.append(one.name)
    reason = f"the native kernel was built wrongly: {', '.join(wrong)} failed the known-answer test"
    return Choice(None, reason, ok=False, advice=_REPAIR)


def _is_right(kernel: Native) -> bool:
    """Whether a kernel gives the known answer. The first fill may be asked for where tensors are fake, or watched."""
    with _disable_current_modes(), torch.inference_mode(False):
        return known_answer(kernel) == KNOWN_ANSWER


def _chosen(one: Native, found: Sequence[Native], wrong: Sequence[str], *, asked: bool) -> Choice:
    """``one``, which passed, and the faster ones that did not or were not asked."""
    if wrong:
        reason = f"the fastest that is right: {', '.join(wrong)} failed the known-answer test"
        return Choice(one, reason, ok=False, advice=_REPAIR)
    if not asked:
        return Choice(one, "the fastest that this processor has")
    advice = "" if one == found[0] else f"for {found[0].name}, which is faster, unset {VARIABLE}"
    return Choice(one, f"{VARIABLE}={one.name} asks for it", advice=advice)


def kernels(module: ModuleType) -> list[Native]:
    """The kernels of an extension that this processor can run, fastest first."""
    module.set_tables(packed_table(_table32, "f"), packed_table(_table64, "d"))
    return [Native(module, index, name) for index, name in enumerate(module.instruction_sets())]


KNOWN_ANSWER = "54c876fc4048198585f65fa34c91f0db"
"""Digest of :func:`known_answer`'s values by torch operations, which a test recomputes."""

_TRIED = (
    Uniform(-0.3, 0.7),
    Normal(0.5, 2.0),
    TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    TruncatedNormal(0.0, 0.02, -2.0, 2.0),
    TruncatedNormal(0.0, 1.0, 5.0, 6.0),
)


def known_answer(kernel: Native | None) -> str:
    """Digest of 515 values of five laws in four dtypes, drawn by a kernel, or by torch operations.

    A fused multiply-add, or numbers flushed to zero, would change several of them.
    """
    from ._bits import bits_of_box
    from ._key import Key

    digest, key, count = hashlib.blake2b(digest_size=16), Key(1, 2), 515
    for law in _TRIED:
        for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
            sampler = make_sampler(law, _COMPUTE.get(dtype, torch.float32), dtype)
            out = torch.empty(count, dtype=dtype, device="cpu")
            if kernel is None:
                bits = bits_of_box(0, (count,), (1,), key, out.device, wide=sampler.wide)
                out.copy_(sampler.values(bits))
            else:
                kernel.module.fill(kernel.index, packed_law(kernel, sampler, dtype), key.digest, out.data_ptr(), count)
            digest.update(bytes(out.view(torch.uint8).tolist()))
    return digest.hexdigest()


@functools.lru_cache(maxsize=1024)
def packed_law(native: Native, sampler: Sampler, dtype: torch.dtype) -> bytes:
    """``sampler`` as the kernel reads it, for memory of ``dtype``."""
    whole = sampler.kind == "truncated" and sampler.width == 1 << (64 if sampler.wide else 32)
    return native.module.law(
        _WHOLE if whole else _KINDS[sampler.kind],
        _DTYPES[dtype],
        sampler.wide,
        sampler.wide and sampler.compute == torch.float32,
        sampler.shift,
        sampler.scale,
        sampler.bottom,
        sampler.top,
        sampler.first % 2**64,
        0 if whole else sampler.width,
    )


def has_dtype(dtype: torch.dtype) -> bool:
    """Whether a kernel can write memory of ``dtype``."""
    return dtype in _DTYPES


def is_plain(out: Tensor) -> bool:
    """Whether a kernel can write ``out``: plain memory of this process, of a dtype that it knows.

    Subclasses, and tensors whose operations are transformed, are left to torch.
    """
    return (
        (type(out) is Parameter or type(out) is Tensor)
        and out.is_cpu
        and out.dtype in _DTYPES
        and out.layout is strided
        and not out.is_neg()
        and not is_functorch_wrapped_tensor(out)
    )


def packed_box(native: Native, out: Tensor, law: bytes, digest: bytes, box: Box, strides: Sequence[int]) -> bytes:
    """A job: the elements of ``box``, element (i_0, i_1, ...) at ``sum_d i_d strides[d]`` in ``out``."""
    place = tuple(box.sizes), tuple(box.steps), tuple(strides)
    return native.module.box(law, digest, out.data_ptr(), box.start, *place)


def packed_dense(native: Native, out: Tensor, law: bytes, digest: bytes, tasks: int, backup: int = 0) -> bytes:
    """A job: all of ``out``, which is one run of memory, in that order; its backup ``backup`` bytes into the arena."""
    return native.module.dense(law, digest, out.data_ptr(), out.numel(), tasks, backup)


def packed_table(table: ModuleType, typecode: str) -> bytes:
    """The rows of a table, one after the other."""
    rows = parse_table(table.ROWS, table.DEGREE)
    return array(typecode, [number for row in rows for number in row]).tobytes()
