"""What an activation does to a signal that passes many layers: the gain it needs, and whether pairs straighten it."""

from __future__ import annotations

import functools

import torch

from ._activations import activation_function
from ._gain import gain

_LARGEST = 64.0
"""Scales beyond this are not looked at: an activation that has not reached E[f^2] = 1 by then is taken as bounded."""


@functools.cache
def unit_gain(activation: str) -> float:
    """The g for which a layer and its activation together keep the second moment of a signal at 1.

    ``E[f(g z)^2] = 1`` with z ~ N(0, 1). For relu it is sqrt(2) and for selu 1; for gelu and silu it is where the
    signal neither grows nor shrinks from layer to layer, which the moment gain ``1 / sqrt(E[f(z)^2])`` is only after a
    layer whose output has unit variance. A bounded activation such as tanh never reaches 1: there the moment gain is
    returned.

    Args:
        activation: a name that ``init.gain`` knows, a slope in brackets where it has one.

    >>> round(unit_gain("relu"), 6), round(unit_gain("gelu"), 4), round(unit_gain("tanh"), 4)
    (1.414214, 1.468, 1.5925)
    """
    f = activation_function(activation)

    def power(g: float) -> float:
        return gain(lambda z: f(g * z)) ** -2

    low, high = 0.0, 1.0
    while power(high) < 1:
        low, high = high, 2 * high
        if high > _LARGEST:
            return gain(activation)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle) < 1 else (low, middle)
    return float(f"{high:.10g}")  # as far as the quadrature holds on every machine


@functools.cache
def odd_slope(activation: str) -> float | None:
    """The c with ``f(u) - f(-u) = c u`` for all u, or ``None`` when the odd part of f is no straight line.

    1 for relu, gelu, silu, softplus and hardswish, 1 + slope for leaky_relu, 2 for the identity.

    >>> odd_slope("silu"), odd_slope("leaky_relu(0.2)"), odd_slope("tanh")
    (1.0, 1.2, None)
    """
    f = activation_function(activation)
    u = torch.linspace(0.25, 16.0, 64, dtype=torch.float64, device="cpu")
    slopes = (f(u) - f(-u)) / u
    slope = slopes.mean().item()
    return round(slope, 9) if slope > 0 and torch.allclose(slopes, slopes.mean(), rtol=1e-9, atol=0) else None
