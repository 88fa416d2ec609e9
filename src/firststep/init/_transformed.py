"""Schemes that draw a number and map it: log-uniform, and the inverse softplus of a time step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._moments import Moments, constant_moments
from ._quadrature import integrate
from ._scheme import Transformed, at_least, finite, spelled
from ._site import Part, Site

_PANELS = 64


def widened(values: Tensor) -> Tensor:
    """``values`` in float64, where the device has it: the map is then exact to the last bit of float32."""
    return values if values.device.type == "mps" else values.double()


def mapped_moments(
    value: Callable[[Tensor], Tensor], low: float, high: float, *, density: Callable[[Tensor], Tensor] = torch.ones_like
) -> Moments:
    """Moments of ``value(t)``, increasing in t, with t on [low, high] and ``density(t)`` up to a factor.

    Central moments are integrated about the mean, so that a narrow interval loses no digits.
    """
    if low == high:
        return constant_moments(value(torch.tensor(low, dtype=torch.float64, device="cpu")).item())
    edges = [low + (high - low) * i / _PANELS for i in range(_PANELS)] + [high]

    def mean_of(f: Callable[[Tensor], Tensor]) -> float:
        return integrate(lambda t: f(value(t)) * density(t), edges)[0] / mass

    mass = integrate(density, edges)[0]
    ends = value(torch.tensor([low, high], dtype=torch.float64, device="cpu")).tolist()
    mean = mean_of(lambda x: x)
    variance = mean_of(lambda x: (x - mean) ** 2)
    fourth = mean_of(lambda x: (x - mean) ** 4)
    return Moments(mean, variance, ends[0], ends[1], fourth / variance**2)


@dataclass(frozen=True, repr=False)
class LogUniform(Transformed):
    """exp(U(log low, log high))."""

    formula: ClassVar[str] = "log w ~ U(log low, log high)"

    low: float
    high: float

    def law(self, part: Part, site: Site) -> rng.Law:
        return rng.Uniform(0.0, 1.0)

    def part_moments(self, part: Part, site: Site) -> Moments:
        return mapped_moments(lambda t: t.exp().clamp(self.low, self.high), math.log(self.low), math.log(self.high))

    def transform(self, values: Tensor) -> Tensor:
        low, high = math.log(self.low), math.log(self.high)
        return (widened(values) * (high - low) + low).exp().clamp(self.low, self.high).to(values.dtype)


@spelled
def log_uniform(low: float, high: float) -> LogUniform:
    """``log w ~ U(log low, log high)``: every factor of two between the bounds is as likely.

    Raises:
        SchemeError: unless ``0 < low <= high``, both finite.

    >>> round(log_uniform(1e-3, 1e-1).expected((64,)).mean, 6)
    0.021498
    """
    finite("log_uniform", low=low, high=high)
    if not 0 < low <= high:
        raise SchemeError(f"log_uniform(low={low!r}, high={high!r}): expected 0 < low <= high")
    return LogUniform(low, high)


@dataclass(frozen=True, repr=False)
class InverseSoftplus(Transformed):
    """The bias whose softplus is a log-uniform time step."""

    formula: ClassVar[str] = "softplus(b) = max(dt, floor), log dt ~ U(log dt_min, log dt_max)"

    dt_min: float
    dt_max: float
    floor: float

    def law(self, part: Part, site: Site) -> rng.Law:
        return rng.Uniform(0.0, 1.0)

    def part_moments(self, part: Part, site: Site) -> Moments:
        return mapped_moments(self._bias, math.log(self.dt_min), math.log(self.dt_max))

    def transform(self, values: Tensor) -> Tensor:
        low, high = math.log(self.dt_min), math.log(self.dt_max)
        return self._bias(widened(values) * (high - low) + low).to(values.dtype)

    def _bias(self, log_dt: Tensor) -> Tensor:
        """``b = dt + log(1 - exp(-dt))``, the x with softplus(x) = dt."""
        dt = log_dt.exp().clamp(min=self.floor)
        return dt + torch.log(-torch.expm1(-dt))


@spelled
def inverse_softplus(*, dt_min: float = 1e-3, dt_max: float = 0.1, floor: float = 1e-4) -> InverseSoftplus:
    """``b = dt + log(1 - exp(-dt))``, ``dt = max(exp(U(log dt_min, log dt_max)), floor)``: the time-step bias of Mamba.

    ``softplus(b) = dt``, so that time steps start spread evenly over the orders of magnitude between the two.

    Raises:
        SchemeError: unless ``0 < dt_min <= dt_max`` and ``floor >= 0``, all finite.

    Source: Gu and Dao 2023, Mamba (arXiv 2312.00752, section 3.6), the authors' ``mamba_simple.py``.

    >>> b = inverse_softplus().sample((1000,), seed=0)
    >>> dt = torch.nn.functional.softplus(b)
    >>> bool(dt.min() > 0.000999 and dt.max() < 0.1001)
    True
    """
    finite("inverse_softplus", dt_min=dt_min, dt_max=dt_max)
    at_least("inverse_softplus", 0.0, floor=floor)
    if not 0 < dt_min <= dt_max:
        raise SchemeError(f"inverse_softplus(dt_min={dt_min!r}, dt_max={dt_max!r}): expected 0 < dt_min <= dt_max")
    return InverseSoftplus(dt_min, dt_max, floor)
