"""The numbers a dtype holds: rounding to them, and those that lie between two bounds."""

from __future__ import annotations

import torch

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def rounded(value: float, dtype: torch.dtype) -> float:
    """``value`` rounded to nearest in ``dtype``."""
    return torch.tensor(value, dtype=torch.float64, device="cpu").to(dtype).double().item()


def inside(low: float, high: float, dtype: torch.dtype, *, half_open: bool) -> tuple[float, float]:
    """Least and greatest number of ``dtype`` in [low, high], or in [low, high) when ``half_open``.

    ``half_open`` keeps below ``high`` rounded to ``dtype`` as well, so that comparing in ``dtype`` agrees, unless that
    leaves nothing. The pair comes in the wrong order when there is no such number.

    >>> inside(0.0, 1.0, torch.bfloat16, half_open=True)
    (0.0, 0.99609375)
    """
    limit = torch.finfo(dtype).max
    bottom, top = (rounded(max(-limit, min(bound, limit)), dtype) for bound in (low, high))
    if bottom < low:
        bottom = _neighbour(bottom, dtype, +1)
    if top > high or (half_open and high <= limit):
        top = _neighbour(top, dtype, -1)
    if half_open and top < bottom < high:  # high rounds down onto bottom
        top = bottom
    return bottom, top


def _neighbour(value: float, dtype: torch.dtype, step: int) -> float:
    """The next number of ``dtype`` above (``step=1``) or below (``step=-1``) one of its finite numbers."""
    integer = _INTEGERS[dtype.itemsize]
    magnitude = torch.tensor(abs(value), dtype=torch.float64, device="cpu").to(dtype).view(integer).item()
    order = (magnitude if value >= 0 else -magnitude) + step
    nearby = torch.tensor(abs(order), dtype=integer, device="cpu").view(dtype).double().item()
    return nearby if order >= 0 else -nearby
