"""Two calls timed in turn, so that both see the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The best time of each side, in seconds."""

    ours: float
    torch: float

    @property
    def times(self) -> float:
        """How many times as fast as torch we are."""
        return self.torch / self.ours


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], *, turns: int) -> Timing:
    """Call both once to warm up, then ``turns`` times in turn, each as often first as second; the least time of each.

    The least is taken because everything that disturbs a measurement makes it longer.
    """
    ours()
    theirs()
    mine, other = [], []
    for turn in range(turns):
        for call, times in ((ours, mine), (theirs, other))[:: 1 if turn % 2 else -1]:
            times.append(_seconds(call))
    return Timing(min(mine), min(other))


def best_of(call: Callable[[], object], *, turns: int) -> float:
    """The least time of several calls, in seconds."""
    return min(_seconds(call) for _ in range(turns))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
