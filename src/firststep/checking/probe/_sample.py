"""Cheap numbers of large tensors: what costs one pass over all, or looks at a sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LARGEST = 2**20
"""Elements of a sample."""


def real(tensor: Tensor) -> Tensor:
    """As real numbers of a type that torch counts in: complex ones as pairs, floats of one byte as float32.

    >>> real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    tensor = tensor.detach()
    if tensor.is_complex():
        return torch.view_as_real(tensor.resolve_conj())
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor


def stored(tensor: Tensor) -> Tensor:
    """The numbers that a tensor stores: of a sparse one those that are not left out."""
    return tensor if tensor.layout == torch.strided else tensor.detach().to_sparse_coo().coalesce().values()


def sample(tensor: Tensor, largest: int = LARGEST) -> Tensor:
    """At most ``largest`` elements, evenly spaced over the flat tensor; all of a smaller one. Half becomes float32.

    >>> sample(torch.arange(10), 5)
    tensor([0, 2, 4, 6, 8])
    """
    flat = stored(tensor).detach().reshape(-1)
    if flat.numel() > largest:
        flat = flat[:: -(-flat.numel() // largest)]
    return flat.float() if flat.dtype in (torch.bfloat16, torch.float16) else flat


def rms(tensor: Tensor | None) -> float:
    """The root of the mean square, over all elements; NaN for nothing.

    >>> rms(torch.tensor([3.0, -3.0]))
    3.0
    """
    if tensor is None or tensor.numel() == 0:
        return math.nan
    count, flat = real(tensor).numel(), real(stored(tensor)).reshape(-1)
    flat = flat.float() if flat.dtype in (torch.bfloat16, torch.float16) or not flat.is_floating_point() else flat
    square = float(torch.dot(flat, flat)) / count
    if math.isfinite(square) and square > 1e-30:
        return math.sqrt(square)
    return math.sqrt(float(flat.double().square().sum()) / count)  # beyond what a sum of float32 squares holds


def directions(count: int, device: torch.device) -> Tensor:
    """Fixed numbers between -1 and 1 that follow no pattern a tensor could have."""
    return torch.cos(torch.arange(1.0, count + 1, dtype=torch.double, device=device) ** 1.5)


def bad(tensor: Tensor) -> int:
    """How many elements are NaN or infinite; one pass where there are none."""
    if tensor.numel() == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return 0
    tensor = real(stored(tensor))
    if tensor.numel() == 0:
        return 0
    low, high = tensor.aminmax()
    if bool(low.isfinite() & high.isfinite()):
        return 0
    return int(tensor.numel() - tensor.isfinite().sum())
