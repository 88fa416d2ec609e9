"""Expectations of functions of normal numbers: their moments, their slope, and how alike they are at two places."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]

_REACH = 8.0
"""Points beyond 8 std weigh less than 1e-15."""


_TERMS = 64
"""Terms of a Hermite series."""

_TAIL = 2e-3
"""Part of the second moment that a series may leave out; a kink of f leaves about 1e-4, a jump or a fast wave more."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a function makes of a normal number x.

    Args:
        mean, second: E[f(x)] and E[f(x)^2].
        slope: E[f'(x)^2].
        stretch: E[x f(x) f'(x)], the rate at which E[f(x)^2] grows with the log of E[x^2].
        powers: squared Hermite coefficients of f, ``E[f(x) h_k(z)]^2``.
    """

    mean: float
    second: float
    slope: float
    stretch: float
    powers: tuple[float, ...] = ()

    @property
    def tail(self) -> float:
        """What the series leaves out of the second moment."""
        return max(self.second - sum(self.powers), 0.0)

    def alike(self, correlation: float) -> float:
        """E[f(x) f(y)] for x and y of this correlation, ``sum over k of E[f h_k]^2 correlation^k``."""
        total = self.tail
        for power in reversed(self.powers):
            total = total * correlation + power
        return total


@functools.cache
def grid(points: int) -> tuple[Tensor, Tensor]:
    """Equally spaced points and their normal weights: the trapezoidal rule, which for a normal density converges fast.

    Its error is below 1e-15 for smooth functions and about ``step^2 / 12`` times the jump of f' for kinked ones.
    """
    z = torch.linspace(-_REACH, _REACH, points, dtype=torch.float64, device="cpu")
    weights = (-z * z / 2).exp()
    return z, weights / weights.sum()


@functools.cache
def _hermite() -> Tensor:
    """Rows ``weights h_k(z)`` on ``grid(1024)``, h_k being the normalized Hermite polynomials of a normal z."""
    z, weights = grid(1024)
    rows = [torch.ones_like(z), z]
    for k in range(1, _TERMS):
        rows.append((z * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    return torch.stack(rows) * weights


def response(f: Function, mean: float, variance: float) -> Response:
    """Moments, slope and Hermite series of f(x) for x ~ N(mean, variance).

    >>> found = response(torch.relu, 0.0, 1.0)
    >>> round(found.mean, 4), round(found.second, 4), round(found.slope, 4), round(found.alike(0.5), 4)
    (0.3989, 0.5, 0.5, 0.3045)
    """
    if variance <= 0:
        return response_at(f, torch.full((1,), mean, dtype=torch.float64, device="cpu"))
    z, weights = grid(1024)
    x, y, slope = _evaluated(f, mean + math.sqrt(variance) * z)
    powers = (_hermite() @ y).square().tolist()
    return _summed(weights, x, y, slope, tuple(powers))


def response_at(f: Function, points: Tensor) -> Response:
    """:func:`response` for numbers that are not normal: ``points`` are their values at the grid's normal quantiles."""
    weights = grid(len(points))[1] if len(points) > 1 else torch.ones_like(points)
    return _summed(weights, *_evaluated(f, points))


def responses(f: Function, variances: Sequence[float]) -> list[Response]:
    """:func:`response` at mean 0 for many variances at once, without the series."""
    z, weights = grid(1024)
    stds = torch.tensor(variances, dtype=torch.float64, device="cpu").sqrt()
    x, y, slope = (one.reshape(len(stds), -1) for one in _evaluated(f, (stds[:, None] * z).flatten()))
    return [_summed(weights, *rows) for rows in zip(x, y, slope, strict=True)]


def _evaluated(f: Function, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x, f(x) and f'(x) at many points."""
    with torch.enable_grad():
        points = x.detach().requires_grad_()
        y = f(points.clone())  # f may work in place
        slope = torch.autograd.grad(y.sum(), points)[0] if y.requires_grad else torch.zeros_like(x)
    return x, y.detach(), slope


def _summed(weights: Tensor, x: Tensor, y: Tensor, slope: Tensor, powers: tuple[float, ...] = ()) -> Response:
    """The response from its values at the points."""
    y_weighted, slope_weighted = weights * y, weights * slope
    sums = torch.stack([y_weighted.sum(), y_weighted @ y, slope_weighted @ slope, (slope_weighted * y) @ x])
    mean, second, squared, stretch = sums.tolist()
    return Response(mean, second, squared, stretch, powers)


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


def overlaps(f: Function, mean: float, variance: float, covariances: Sequence[float]) -> tuple[Response, list[float]]:
    """:func:`response`, and E[f(x) f(y)] for jointly normal x, y of these covariances; a negative one is taken as 0.

    >>> [round(one, 4) for one in overlaps(torch.relu, 0.0, 1.0, [0.0, 0.5, 1.0])[1]]
    [0.1592, 0.3045, 0.5]
    """
    found = response(f, mean, variance)
    parts = [min(max(one / variance, 0.0), 1.0) if variance > 0 else 1.0 for one in covariances]
    if found.tail <= _TAIL * found.second:
        return found, [found.alike(part) for part in parts]
    return found, [found.second if part == 1.0 else overlap(f, mean, variance, part * variance) for part in parts]


def overlap(f: Function, mean: float, variance: float, covariance: float) -> float:
    """E[f(x) f(y)] for jointly normal x, y of the same mean and variance, by quadrature in two dimensions.

    For functions whose Hermite series is long. With c the covariance, ``x = mean + sqrt(c) u + sqrt(variance - c) e``
    and ``E[f(x) f(y)] = E_u[E_e[f]^2]``. A negative covariance is taken as 0.

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


def largest(count: int, f: Function, mean: float, variance: float, covariance: float) -> tuple[float, float, float]:
    """E[y], E[y^2] and E[y y'] of ``y = f(max of count)`` for equally correlated normal numbers; f increasing.

    y' is that of other numbers, correlated with the first as these are among themselves. The largest of ``count``
    independent e has the density ``count phi(e) Phi(e)^(count - 1)``.
    """
    shared, own = max(min(covariance, variance), 0.0), max(variance - max(covariance, 0.0), 0.0)
    u, outer = grid(161)
    e, inner = grid(641)
    inner = inner * count * torch.special.ndtr(e) ** (count - 1)
    inner = inner / inner.sum()
    with torch.no_grad():
        x = mean + math.sqrt(shared) * u[:, None] + math.sqrt(own) * e
        y = f(x.flatten()).reshape(x.shape)
    given = (y * inner).sum(1)
    return (outer @ given).item(), (outer @ (y * y * inner).sum(1)).item(), (outer @ given.square()).item()


def rearranged(f: Function, mean: float, variance: float) -> Function:
    """The increasing function whose value of x ~ N(mean, variance) is distributed as that of f; f, if it increases.

    >>> folded = rearranged(torch.abs, 0.0, 1.0)
    >>> round(folded(torch.zeros(1)).item(), 1)  # the median of |x|, 0.674
    0.7
    """
    z, weights = grid(1024)
    std = math.sqrt(max(variance, 0.0))
    with torch.no_grad():
        values = f(mean + std * z)
    if std == 0.0 or not (values.diff()[z[1:].abs() < 5] < 0).any():
        return f
    values, order = values.sort()
    share = weights[order].cumsum(0) - weights[order] / 2

    def increasing(x: Tensor) -> Tensor:
        part = torch.special.ndtr((x.double() - mean) / std)
        at = torch.searchsorted(share, part).clamp(1, len(share) - 1)
        low, high = share[at - 1], share[at]
        return torch.lerp(values[at - 1], values[at], ((part - low) / (high - low)).clamp(0, 1))

    return increasing


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
    return _overlaps(float(f"{variance:.4g}"), max(1024, 1 << (count - 1).bit_length()))(count)


@functools.lru_cache(maxsize=1024)
def _overlaps(variance: float, most: int) -> Callable[[int], float]:
    """:func:`softmax_overlap` of one variance, for counts up to ``most``.

    Both integrands are analytic in a strip of half width pi / 2 in log t and in std z, where the trapezoidal rule of
    step h errs by about ``exp(-pi^2 / h)``.
    """
    std = math.sqrt(variance)
    z, weights = grid(61 if std < 2 else 121 if std < 4 else 481)
    low, high = -math.log(most) - 15 - 8 * std, 5 + 8 * std
    log_t = torch.linspace(low, high, round((high - low) / 0.2), dtype=torch.float64, device="cpu")
    inner = log_t[:, None] + std * z
    powers = inner.exp()
    decay = (-powers).exp()
    known = (powers.square() * decay) @ weights  # t^2 A(t): dt is t times the step of log t
    decay = decay @ weights

    @functools.cache
    def of(count: int) -> float:
        return min(1.0, count * torch.trapezoid(known * decay.pow(count - 1), log_t).item())

    return of
