"""Filling a tensor under a freshly drawn seed, as torch's in-place functions do; small tensors with little ado."""

from __future__ import annotations

import functools
import threading

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.nn import Parameter

from ._fill import fill_, sampler_of
from ._key import VERSION, derive_key, draw_seed
from ._laws import Law
from ._native import SMALL, has_dtype, native, packed_law, touched, watched


class Fresh(threading.local):
    """Where a thread's seeds are drawn: two integers of 32 bits, each in 64, as :func:`draw_seed` draws them."""

    def __init__(self) -> None:
        with torch.inference_mode(False):  # a thread's first draw may be inside it, and the next one outside
            halves = torch.empty(2, dtype=torch.int64, device="cpu")
        self.both = halves.random_, halves.data_ptr()


@functools.cache
def _fresh() -> Fresh:
    """Made at the first draw, not at import."""
    return Fresh()


_BEGUN = VERSION.encode()


class Drawn:
    """A law made ready to fill tensors of one dtype, each call under a seed of its own.

    ``fill_(out, law, derive_key(draw_seed(generator), ""))``, to the bit, but ten times quicker for a small tensor.

    >>> from firststep.rng import Normal
    >>> _ = torch.manual_seed(0)
    >>> a = Drawn(Normal(0.0, 1.0), torch.float32).fill_(torch.empty(3), None)
    >>> _ = torch.manual_seed(0)
    >>> torch.equal(a, fill_(torch.empty(3), Normal(0.0, 1.0), derive_key(draw_seed(), "")))
    True
    """

    __slots__ = ("_fill", "_index", "_law", "_packed")

    def __init__(self, law: Law, dtype: torch.dtype) -> None:
        sampler = sampler_of(law, dtype)
        kernel = native() if has_dtype(dtype) else None
        self._law, self._packed = law, b""
        if kernel is not None:
            self._packed, self._fill, self._index = (
                packed_law(kernel, sampler, dtype),
                kernel.module.fill_fresh,
                kernel.index,
            )

    def fill_(self, out: Tensor, generator: torch.Generator | None) -> Tensor:
        """Fill ``out``, of the dtype this was made for, under a seed from ``generator``."""
        return out if self.quickly(out, generator) else fill_(out, self._law, derive_key(draw_seed(generator), ""))

    def quickly(self, out: Tensor, generator: torch.Generator | None) -> bool:
        """:meth:`fill_`, when ``out`` is small and plain; ``False``, and nothing done, otherwise."""
        count = out.numel()
        if not (
            0 < count <= SMALL
            and self._packed
            and (type(out) is Tensor or type(out) is Parameter)
            and out.is_cpu
            and out.is_contiguous()
            and not out.is_neg()
            and not watched()
            and not is_compiling()
            and (generator is None or generator.device.type == "cpu")
        ):
            return False
        try:
            address = out.data_ptr()
        except RuntimeError:  # inside a transformation such as vmap
            return False
        draw, halves = _fresh().both
        draw(0, 4294967296) if generator is None else draw(0, 4294967296, generator=generator)
        self._fill(self._index, self._packed, _BEGUN, halves, address, count)
        touched((out,))
        return True
