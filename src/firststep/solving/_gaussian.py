"""Expectations of functions of normal numbers: their moments, their slope, and how alike they are at two places."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]

_REACH = 8.0
"""Points beyond 8 std weigh less than 1e-15."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a function makes of a normal number x.

    Args:
        mean, second: E[f(x)] and E[f(x)^2].
        slope: E[f'(x)^2].
    """

    mean: float
    second: float
    slope: float


@functools.cache
def grid(points: int) -> tuple[Tensor, Tensor]:
    """Equally spaced points and their normal weights: the trapezoidal rule, which for a normal density converges fast.

    Its error is below 1e-15 for smooth functions and about ``step^2 / 12`` times the jump of f' for kinked ones.
    """
    z = torch.linspace(-_REACH, _REACH, points, dtype=torch.float64, device="cpu")
    weights = (-z * z / 2).exp()
    return z, weights / weights.sum()


def response(f: Function, mean: float, variance: float) -> Response:
    """Moments and slope of f(x) for x ~ N(mean, variance).

    >>> found = response(torch.relu, 0.0, 1.0)
    >>> round(found.mean, 4), round(found.second, 4), round(found.slope, 4)
    (0.3989, 0.5, 0.5)
    """
    z, weights = grid(1024) if variance > 0 else (torch.zeros(1, dtype=torch.float64), torch.ones(1))
    with torch.enable_grad():
        x = (mean + math.sqrt(max(variance, 0.0)) * z).requires_grad_()
        y = f(x.clone())  # f may work in place
        slope = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    y = y.detach()
    return Response((weights * y).sum().item(), (weights * y * y).sum().item(), (weights * slope * slope).sum().item())


def response_at(f: Function, points: Tensor) -> Response:
    """:func:`response` for numbers that are not normal: ``points`` are their values at the grid's normal quantiles."""
    _, weights = grid(len(points))
    with torch.enable_grad():
        x = points.clone().requires_grad_()
        y = f(x.clone())
        slope = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    y = y.detach()
    return Response((weights * y).sum().item(), (weights * y * y).sum().item(), (weights * slope * slope).sum().item())


def sum_points(a: Tensor, b: Tensor, mean: float, variance: float) -> Tensor:
    """Quantiles of the sum of two independent numbers, shifted and scaled to this mean and variance.

    Args:
        a, b: their values at the quantiles of ``grid(len(a))``.
    """
    count = len(a)
    _, weights = grid(count)
    values, order = (a[:, None] + b).flatten().sort()
    share = (weights[:, None] * weights).flatten()[order].cumsum(0)
    z, fine = grid(1025)
    found = values[torch.searchsorted(share, torch.special.ndtr(z)).clamp(max=len(values) - 1)]
    centre = (fine * found).sum()
    spread = (fine * (found - centre).square()).sum().sqrt()
    return mean + (found - centre) * (math.sqrt(max(variance, 0.0)) / spread if spread > 0 else 0.0)


def overlap(f: Function, mean: float, variance: float, covariance: float) -> float:
    """E[f(x) f(y)] for jointly normal x, y of the same mean and variance.

    With c the covariance, ``x = mean + sqrt(c) u + sqrt(variance - c) e`` and ``E[f(x) f(y)] = E_u[E_e[f]^2]``. A
    negative covariance is taken as 0.

    >>> round(overlap(torch.relu, 0.0, 1.0, 0.5), 4)
    0.3044
    """
    shared, own = max(min(covariance, variance), 0.0), max(variance - max(covariance, 0.0), 0.0)
    u, outer = grid(161)
    e, inner = grid(161)
    with torch.no_grad():
        x = mean + math.sqrt(shared) * u[:, None] + math.sqrt(own) * e
        given = (f(x.flatten()).reshape(x.shape) * inner).sum(1)
    return (outer * given * given).sum().item()


def largest(count: int, f: Function, mean: float, variance: float, covariance: float) -> tuple[float, float]:
    """First and second moment of ``f(max of count)`` for equally correlated normal numbers; f increasing.

    The largest of ``count`` independent e has the density ``count phi(e) Phi(e)^(count - 1)``.
    """
    shared, own = max(min(covariance, variance), 0.0), max(variance - max(covariance, 0.0), 0.0)
    u, outer = grid(161)
    e, inner = grid(641)
    inner = inner * count * torch.special.ndtr(e) ** (count - 1)
    inner = inner / inner.sum()
    with torch.no_grad():
        x = mean + math.sqrt(shared) * u[:, None] + math.sqrt(own) * e
        y = f(x.flatten()).reshape(x.shape)
    return (outer * (y * inner).sum(1)).sum().item(), (outer * (y * y * inner).sum(1)).sum().item()


def softmax_overlap(count: int, variance: float) -> float:
    """``E[sum_j w_j^2]`` for ``w = softmax(l)``, l being ``count`` independent normal numbers of this variance.

        sum_j w_j^2 = integral over t > 0 of  t sum_j e^(2 l_j) exp(-t sum_k e^(l_k))
        E[...]      = count * integral of  t A(t) B(t)^(count - 1) dt,
        A(t) = E[e^(2 l) exp(-t e^l)],   B(t) = E[exp(-t e^l)]

    From 1 / count for equal logits, as ``e^variance / count`` while that is small, up to 1.

    >>> round(softmax_overlap(1000, 0.5) * 1000, 2), softmax_overlap(4, 0.0)
    (1.65, 0.25)
    """
    if count <= 1 or variance <= 0:
        return 1.0 / max(count, 1)
    return _overlaps(float(f"{variance:.4g}"), 1 << (count - 1).bit_length())(count)


@functools.lru_cache(maxsize=1024)
def _overlaps(variance: float, most: int) -> Callable[[int], float]:
    """:func:`softmax_overlap` of one variance, for counts in (most / 2, most]."""
    std = math.sqrt(variance)
    z, weights = grid(121)
    low, high = -math.log(most) - variance - 10 - 8 * std, -math.log(most / 2) + 5 + 4 * std
    log_t = torch.linspace(low, high, 301, dtype=torch.float64, device="cpu")
    decay = (-(log_t[:, None] + std * z).exp()).exp() @ weights
    # A(t) with the factor e^(2 l) taken into the density: a normal shifted by 2 variance.
    shifted = (-(log_t[:, None] + 2 * variance + std * z).exp()).exp() @ weights
    known = (2 * log_t + 2 * variance).exp() * shifted

    @functools.cache
    def of(count: int) -> float:
        return min(1.0, count * torch.trapezoid(known * decay.pow(count - 1), log_t).item())

    return of
