"""Filling a region of a tensor, and drawing single elements."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..errors import SchemeError
from . import _triton
from ._bits import bits_at, bits_of_box
from ._box import Box, box_of
from ._eager import eager
from ._key import Key
from ._laws import Bits, Law, Normal
from ._native import MAX_RANK, SMALL, Native, is_plain, native, packed_box, packed_law, touched, watched
from ._region import Region
from ._sampler import Sampler, make_sampler
from ._work import Work

Transform = Callable[[Tensor], Tensor]


@eager
def fill_(
    out: Tensor, law: Law, key: Key, region: Region | None = None, *, transform: Transform | None = None
) -> Tensor:
    """Fill ``out`` in place with the values of ``region`` of the tensor that ``key`` names.

    The values are a pure function of (law, key, index in the global tensor, dtype): filling a region gives the same
    bits as the slice of the filled whole, on any device and with any memory layout of ``out``.

    Args:
        out: the tensor to fill, of the region's sizes, any strides. Floating point; or complex, for Normal only: real
            and imaginary part are independent with ``std / sqrt(2)`` each, as in torch, and complex element i takes
            them from elements 2i and 2i + 1 of the stream; or int64, for Bits.
        law: the distribution of an element.
        key: the stream, see :func:`derive_key`.
        region: which elements of the global tensor ``out`` holds; all of it by default.
        transform: maps values, a flat chunk in the compute dtype, to values of the same shape, before they are rounded
            to ``out``'s dtype. The compute dtype is float64 for float64 and complex128, int64 for Bits, else float32.

    Returns:
        ``out``. A meta tensor is returned as it is.

    Raises:
        SchemeError: when ``out``'s shape or dtype does not fit; ``out`` is untouched.

    >>> from firststep.rng import derive_key
    >>> key = derive_key(0, "fc.weight")
    >>> whole = fill_(torch.empty(4, 6), Normal(0.0, 1.0), key)
    >>> rows = fill_(torch.empty(2, 6), Normal(0.0, 1.0), key, Region.whole((4, 6)).narrow(0, 1, 2))
    >>> torch.equal(rows, whole[1:3])
    True
    """
    region = region_of(out, region)
    sampler = sampler_of(law, out.dtype, transform)
    if out.is_meta or out.numel() == 0:
        return out
    with torch.no_grad():
        if out.is_complex():
            region = Region((*region.shape, 2), (*region.offsets, 0), (*region.sizes, 2))
            _fill(torch.view_as_real(out), sampler, key, region, transform)
        else:
            _fill(out, sampler, key, region, transform)
    return out


@eager
def sample_at(index: Tensor, law: Law, key: Key, dtype: torch.dtype) -> Tensor:
    """The values at arbitrary places: the same bits that :func:`fill_` writes there.

    Args:
        index: global linear (row-major) indices, int64, any shape.
        law, key: as for :func:`fill_`.
        dtype: what :func:`fill_` was given in ``out``.

    Returns:
        Tensor of ``index``'s shape and device, of ``dtype``.

    Raises:
        SchemeError: when the law has no values in ``dtype``, or ``index`` is not int64.

    >>> from firststep.rng import derive_key
    >>> key = derive_key(0, "fc.weight")
    >>> whole = fill_(torch.empty(4, 6), Normal(0.0, 1.0), key)
    >>> bool(sample_at(torch.tensor(9), Normal(0.0, 1.0), key, torch.float32) == whole[1, 3])
    True
    """
    if index.dtype != torch.int64:
        raise SchemeError(f"sample_at was given indices of {index.dtype}; expected torch.int64")
    sampler = sampler_of(law, dtype)
    if dtype.is_complex:
        parts = torch.stack((2 * index, 2 * index + 1), dim=-1)
        return torch.view_as_complex(sampler.values(bits_at(parts, key, wide=sampler.wide)).to(dtype.to_real()))
    return sampler.values(bits_at(index, key, wide=sampler.wide)).to(dtype)


@functools.lru_cache(maxsize=1024)
def support(law: Law, dtype: torch.dtype) -> tuple[float, float]:
    """The least and the greatest value that ``law`` takes in ``dtype``, to rounding; both can come up.

    For a complex dtype, of the real and of the imaginary part.

    Raises:
        SchemeError: as :func:`fill_` would for a tensor of ``dtype``.

    >>> support(Normal(0.0, 1.0), torch.float32)
    (-6.337957382202148, 6.337957382202148)
    """
    sampler = sampler_of(law, dtype)
    extremes = torch.tensor(sampler.extremes, dtype=torch.int64, device="cpu")
    low, high = sampler.values(extremes).to(dtype.to_real()).double().tolist()
    return low, high


def region_of(out: Tensor, region: Region | None) -> Region:
    """The region that ``out`` holds: all of a tensor of its shape when none is given."""
    if region is None:
        return Region.whole(out.shape)
    if tuple(out.shape) != region.sizes:
        raise SchemeError(
            f"fill_ was asked for {region} in a tensor of shape {tuple(out.shape)}; expected shape {region.sizes}"
        )
    return region


def sampler_of(law: Law, dtype: torch.dtype, transform: Transform | None = None) -> Sampler:
    """What turns bits into values for a tensor of ``dtype``, or the error that says why there is none."""
    if isinstance(law, Bits):
        if dtype != torch.int64 and transform is None:
            raise SchemeError(f"{law} was asked to fill a tensor of {dtype}; expected torch.int64")
        return make_sampler(law, torch.int64, torch.int64)
    if dtype.is_complex and isinstance(law, Normal):
        law = Normal(law.mean, law.std / math.sqrt(2))
    elif not dtype.is_floating_point:
        raise SchemeError(f"{law} was asked to fill a tensor of {dtype}; expected a floating-point dtype")
    target = dtype.to_real()
    compute = torch.float64 if target == torch.float64 else torch.float32
    return make_sampler(law, compute, target if transform is None else compute)


def _fill(out: Tensor, sampler: Sampler, key: Key, region: Region, transform: Transform | None) -> None:
    if sampler.is_constant:  # no need to draw
        value = sampler.values(torch.zeros(1, dtype=torch.int64, device=out.device))
        out.copy_((value if transform is None else transform(value)).view(()))
        return
    box, strides = box_of(region, out)
    if transform is None and out.is_cuda and _triton.serves(out, sampler, box.sizes):
        _triton.fill(out, sampler, key, box.start, box.sizes, box.steps, strides)
        return
    kernel = native() if out.is_cpu and not watched() else None
    if kernel is not None and len(box.sizes) <= MAX_RANK:
        if transform is None and is_plain(out):
            _fill_natively(kernel, out, sampler, key, box, strides)
            return
    else:
        kernel = None
    out = out.view(box.sizes)
    for piece, inner in _pieces(out, box, _chunk(out.device, wide=sampler.wide)):
        values = _draw(kernel, sampler, key, inner, out.device)
        piece.copy_((values if transform is None else transform(values)).view(piece.shape))


def _fill_natively(kernel: Native, out: Tensor, sampler: Sampler, key: Key, box: Box, strides: Sequence[int]) -> None:
    law = packed_law(kernel, sampler, out.dtype)
    if out.numel() <= SMALL and strides == box.steps == [1] and box.start == 0:
        kernel.module.fill(kernel.index, law, key.digest, out.data_ptr(), out.numel())
    else:
        Work(kernel, [packed_box(kernel, out, law, key.digest, box, strides)], out.numel()).run()
    touched((out,))


def _draw(kernel: Native | None, sampler: Sampler, key: Key, box: Box, device: torch.device) -> Tensor:
    """The values of a box in the compute dtype, flat."""
    if kernel is None:
        bits = bits_of_box(box.start, box.sizes, box.steps, key, device, wide=sampler.wide)
        return sampler.values(bits)
    values = torch.empty(box.sizes, dtype=sampler.compute, device=device)
    _fill_natively(kernel, values, sampler, key, box, values.stride())
    return values.flatten()


def _pieces(out: Tensor, box: Box, most: int) -> Iterator[tuple[Tensor, Box]]:
    """Views of ``out`` of at most ``most`` elements each, with their boxes."""
    for slices in _boxes(box.sizes, most):
        piece = out[slices]
        first = box.start + sum(along.start * step for along, step in zip(slices, box.steps, strict=False))
        yield piece, Box(first, list(piece.shape), box.steps)


def _boxes(sizes: list[int], most: int) -> Iterator[tuple[slice, ...]]:
    """Boxes of at most ``most`` elements that tile ``sizes``, as slices of its leading dimensions."""
    if math.prod(sizes) <= most:
        yield ()
        return
    inner = math.prod(sizes[1:])
    rows = max(1, most // inner)
    for begin in range(0, sizes[0], rows):
        here = slice(begin, min(begin + rows, sizes[0]))
        for rest in _boxes(sizes[1:], most) if rows == 1 else [()]:
            yield (here, *rest)


def _chunk(device: torch.device, *, wide: bool) -> int:
    """Elements drawn at a time: few enough for a CPU's cache, enough to keep another device busy.

    Temporaries take about 80 bytes for each element, 300 for a wide one.
    """
    elements = 2**17 if device.type == "cpu" else 2**22
    return elements // 4 if wide else elements
