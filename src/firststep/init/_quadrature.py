"""Integrals of functions of one number: Gauss-Legendre panels, halved wherever the integrand is not smooth."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_NODES = 16
"""Nodes per panel: exact for polynomials of degree 31."""

_LEVELS = 50
"""A panel of width 1 that is halved this often is as narrow as float64 can tell."""

Function = Callable[[Tensor], Tensor]


def integrate(f: Function, edges: Sequence[float], *, rtol: float = 1e-14) -> tuple[float, float]:
    """The integral of ``f`` over the panels between ``edges``, and an estimate of its error.

    A panel counts as done when its integral and that of its two halves differ by less than ``rtol`` times the integral
    of ``|f|``; otherwise its halves are looked at. Kinks and jumps of ``f`` are closed in on, wherever they are.

    Args:
        f: maps float64 points, 1-d, to values of the same shape.
        edges: increasing, at least two.

    Returns:
        (integral, error estimate); both are NaN or infinite where ``f`` is.
    """
    bounds = torch.tensor(edges, dtype=torch.float64, device="cpu")
    low, high = bounds[:-1], bounds[1:]
    done: list[Tensor] = []
    error, scale = 0.0, 0.0
    for level in range(_LEVELS):
        middle = (low + high) / 2
        whole = _panels(f, low, high)[0]
        (left, left_size), (right, right_size) = _panels(f, low, middle), _panels(f, middle, high)
        if level == 0:
            scale = (left_size + right_size).sum().item()
        difference = (left + right - whole).abs()
        rough = difference > rtol * scale
        last = level == _LEVELS - 1
        keep = torch.ones_like(rough) if last else ~rough
        done.append((left + right)[keep])
        error += difference[keep].sum().item()
        if last or not rough.any():
            break
        low, high = torch.cat([low[rough], middle[rough]]), torch.cat([middle[rough], high[rough]])
    return math.fsum(torch.cat(done).tolist()), error


def _panels(f: Function, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Integrals of ``f`` and of ``|f|`` over each panel."""
    nodes, weights = _gauss_legendre()
    half = (high - low)[:, None] / 2
    points = (low + high)[:, None] / 2 + half * nodes
    terms = f(points.flatten()).reshape(points.shape) * weights * half
    return terms.sum(1), terms.abs().sum(1)


@functools.cache
def _gauss_legendre() -> tuple[Tensor, Tensor]:
    """Nodes and weights on [-1, 1], from the eigenvalues of the Jacobi matrix of the Legendre polynomials.

    Source: Golub and Welsch 1969, Calculation of Gauss quadrature rules.
    """
    k = torch.arange(1, _NODES, dtype=torch.float64, device="cpu")
    beside = k / (4 * k * k - 1).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    return nodes, 2 * vectors[0].square()
