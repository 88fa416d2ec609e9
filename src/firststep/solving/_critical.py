"""What depth does to signal and gradient, and the scale of an activation's input at which that is little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from ._gaussian import Response, responses
from ._value import Function

FACTOR = 2.0
"""Over a whole plain chain, gradients may change by this factor, and deviations of the signal grow by it."""

_SCALES = tuple(10 ** (-step / 20) for step in range(61))
"""Second moments that are tried, from 1 down to 1e-3."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How an activation is entered.

    Args:
        second: second moment of its input.
        output: second moment of its output then.
        chi, growth: see :class:`LayerSignal`, there.
        sane: whether the chain's gradients and deviations stay within :data:`FACTOR`.
    """

    second: float
    output: float
    chi: float
    growth: float
    sane: bool


def critical(second: float, found: Response) -> tuple[float, float]:
    """(chi, growth) where a value of second moment ``second`` meets a function that makes ``found`` of it."""
    return second * found.slope / found.second, found.stretch / found.second


def depth_scale(chi: float) -> float:
    """The number of layers over which the gradient's second moment changes by the factor e."""
    return math.inf if abs(chi - 1) < 1e-9 or chi <= 0 else 1 / abs(math.log(chi))


@lru_cache(maxsize=512)
def entry(function: Function, length: int) -> Entry:
    """The largest scale up to 1 at which ``length`` layers keep the gradient and do not magnify deviations.

        |log chi| length <= log FACTOR   and   log(growth) length <= log FACTOR

    ReLU and its like pass at every scale; tanh, GELU and SiLU pass where they are nearly straight, at a scale that
    falls as 1 / length. Where no scale passes, the one at which the worse of the two is smallest.

    >>> import torch
    >>> entry(Function("relu", torch.relu), 30).second
    1.0
    >>> 0.02 < entry(Function("silu", torch.nn.functional.silu), 30).second < 0.05
    True
    """
    best: tuple[float, Entry] | None = None
    for second, found in zip(_SCALES, _at_scales(function), strict=True):
        if found.second <= 0 or found.slope <= 0:
            continue
        chi, growth = critical(second, found)
        excess = max(abs(math.log(chi)), math.log(growth) if growth > 1 else 0.0) * max(length, 1)
        made = Entry(second, found.second, chi, growth, excess <= math.log(FACTOR) + 1e-9)
        if made.sane or length <= 1:
            return made
        if best is None or excess < best[0]:
            best = excess, made
    return best[1] if best else Entry(1.0, 0.0, 0.0, 0.0, False)


@lru_cache(maxsize=512)
def _at_scales(function: Function) -> list[Response]:
    return responses(function.of, _SCALES)
