"""Filling regions, and sampling single elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..errors import SchemeError
from ._key import Key
from ._laws import Bits, Law, Normal
from ._philox import philox
from ._region import Region
from ._sampler import Sampler, make_sampler

_CHUNK = 2**18
"""Elements drawn at a time: temporaries take about 100 bytes for each."""

Transform = Callable[[Tensor], Tensor]


def fill_(
    out: Tensor, law: Law, key: Key, region: Region | None = None, *, transform: Transform | None = None
) -> Tensor:
    """Fill ``out`` in place with the values of ``region`` of the tensor that ``key`` names.

    The values are a pure function of (law, key, index in the global tensor, dtype): filling a region gives the same bits
    as the slice of the filled whole, on any device and with any memory layout of ``out``.

    Args:
        out: the tensor to fill, of the region's sizes; any strides; floating point, complex (Normal only: real and
            imaginary parts are independent with std / sqrt(2) each, as in torch) or, for Bits, int64.
        law: the distribution of an element.
        key: the stream, see :func:`derive_key`.
        region: which elements of the global tensor ``out`` holds; all of it by default.
        transform: maps values, a flat chunk in the compute dtype, to values of the same shape, before they are rounded
            to ``out``'s dtype. The compute dtype is float64 for float64 and complex128, int64 for Bits, else float32.

    Returns:
        ``out``. A meta tensor is returned as it is.

    Raises:
        SchemeError: when ``out``'s shape or dtype does not fit.

    >>> from firststep.rng import derive_key
    >>> key = derive_key(0, "fc.weight")
    >>> whole = fill_(torch.empty(4, 6), Normal(0.0, 1.0), key)
    >>> rows = fill_(torch.empty(2, 6), Normal(0.0, 1.0), key, Region.whole((4, 6)).narrow(0, 1, 2))
    >>> torch.equal(rows, whole[1:3])
    True
    """
    region = Region.whole(out.shape) if region is None else region
    if tuple(out.shape) != region.sizes:
        raise SchemeError(f"a region of sizes {region.sizes} was asked for in a tensor of shape {tuple(out.shape)}")
    if out.is_complex():
        law, out, region = _as_real(law, out, region)
    sampler = _sampler_for(law, out.dtype, transform)
    if out.is_meta or out.numel() == 0:
        return out
    with torch.no_grad():
        _fill(out, sampler, key, region, transform)
    return out


def _fill(out, sampler, key, region, transform):
    base, sizes, strides = _merged(region)
    n = out.numel()
    flat = out.reshape(-1) if not out.is_contiguous() else out.view(-1)
    for start in range(0, n, _CHUNK):
        local = torch.arange(start, min(n, start + _CHUNK), device=out.device)
        index = torch.full_like(local, base)
        for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
            index += local % size * stride
            local //= size
        values = sampler.values(_bits_at(index, sampler, key))
        flat[start : start + _CHUNK].copy_(values if transform is None else transform(values))
    if flat.data_ptr() != out.data_ptr():
        out.copy_(flat.view_as(out))


def _merged(region):
    strides = [math.prod(region.shape[d + 1 :]) for d in range(len(region.shape))]
    base = sum(o * s for o, s in zip(region.offsets, strides, strict=True))
    return base, region.sizes, strides


def _bits_at(index: Tensor, sampler: Sampler, key: Key) -> Tensor:
    if sampler.wide:
        words = philox(index >> 1, key).unflatten(-1, (2, 2))
        pair = words.gather(-2, (index & 1)[..., None, None].expand(*index.shape, 1, 2)).squeeze(-2)
        return (pair[..., 0] << 32) | pair[..., 1]
    return philox(index >> 2, key).gather(-1, (index & 3).unsqueeze(-1)).squeeze(-1)


def _sampler_for(law: Law, dtype: torch.dtype, transform) -> Sampler:
    if isinstance(law, Bits):
        if dtype != torch.int64 and transform is None:
            raise SchemeError(f"Bits() was asked to fill a {dtype} tensor; expected torch.int64")
        return make_sampler(law, torch.int64, dtype)
    if not dtype.is_floating_point:
        raise SchemeError(f"{law} was asked to fill a {dtype} tensor; expected a floating-point dtype")
    compute = torch.float64 if dtype == torch.float64 else torch.float32
    return make_sampler(law, compute, dtype if transform is None else compute)


def _as_real(law, out, region):
    if not isinstance(law, Normal):
        raise SchemeError(f"{law} was asked to fill a {out.dtype} tensor; only Normal has complex values")
    region = Region((*region.shape, 2), (*region.offsets, 0), (*region.sizes, 2))
    return Normal(law.mean, law.std / math.sqrt(2)), torch.view_as_real(out), region


def sample_at(index: Tensor, law: Law, key: Key, dtype: torch.dtype) -> Tensor:
    """The values at arbitrary global linear indices, the same bits that :func:`fill_` writes there."""
    sampler = _sampler_for(law, dtype, None)
    return sampler.values(_bits_at(index, sampler, key)).to(dtype)


def support(law: Law, dtype: torch.dtype) -> tuple[float, float]:
    """The least and the greatest value of ``law`` in ``dtype``."""
    sampler = _sampler_for(law, dtype, None)
    low, high = sampler.values(torch.tensor(sampler.extremes)).to(dtype).double().tolist()
    return low, high
