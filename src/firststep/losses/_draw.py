"""Tensors to try a loss on: float64, from a generator, in the interior of what is allowed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def logits(generator: Generator, *shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


values = logits
"""Standard normal numbers."""


def uniform(generator: Generator, *shape: int, low: float = 0.05, high: float = 0.95) -> Tensor:
    """Numbers between two bounds."""
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def probabilities(generator: Generator, *shape: int) -> Tensor:
    """Distributions over axis 1."""
    return logits(generator, *shape).softmax(1)


def classes(generator: Generator, n: int, count: int, *shape: int) -> Tensor:
    """Class indices (n, *shape), each class present where there is room."""
    total = n
    for size in shape:
        total *= size
    cycle = torch.arange(total) % count
    return cycle[torch.randperm(total, generator=generator)].reshape(n, *shape)


def flags(generator: Generator, *shape: int) -> Tensor:
    """0 or 1, as float64."""
    return (torch.rand(shape, generator=generator, dtype=torch.float64) < 0.5).double()


def directions(generator: Generator, n: int, dim: int) -> Tensor:
    """Unit vectors, one per row."""
    return F.normalize(logits(generator, n, dim), dim=1)


def boxes(generator: Generator, n: int) -> Tensor:
    """Boxes (x1, y1, x2, y2) within the unit square, none without area."""
    corner = uniform(generator, n, 2, low=0.0, high=0.5)
    return torch.cat((corner, corner + uniform(generator, n, 2, low=0.1, high=0.5)), dim=1)
