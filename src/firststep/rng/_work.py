"""Jobs done by several threads: shared out in groups of chunks, and stopped between two groups when interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch

from ._native import Native

GROUP = 2**20
"""Elements of a group, about a millisecond's work: how soon an interruption is noticed, and progress told."""

ALONE = 2**19
"""Elements that are not worth starting another thread for."""


class Work:
    """Jobs of a kernel, to be done once.

    The threads start with the work and end with it: nothing is left over for a fork to break, and calls from several
    threads share nothing. Each takes the next group when it has done one, so none waits for a slower one.

    Args:
        native: the kernel.
        jobs: packed jobs.
        elements: of all jobs together.
        sums, saved: addresses for the kernel, or 0: its statistics, and which old elements are safe.
    """

    def __init__(self, native: Native, jobs: list[bytes], elements: int, *, sums: int = 0, saved: int = 0) -> None:
        self._native, self._sums, self._saved = native, sums, saved
        self._jobs, self.chunks = native.module.join(jobs)
        self._threads = min(torch.get_num_threads(), self.chunks) if elements > ALONE else 1
        wanted = self.chunks * GROUP // max(elements, 1)
        self._group = max(1, min(wanted, -(-self.chunks // (4 * self._threads)))) if self._threads > 1 else wanted or 1
        self._next, self._done, self._lock = 0, 0, threading.Lock()

    def run(self, tell: Callable[[int], object] | None = None) -> None:
        """Do all of it; ``tell`` hears, in the calling thread, how many chunks are done.

        Whatever ``tell`` raises, or an interruption, ends the work once the groups at hand are done, and passes on.
        """
        others = [threading.Thread(target=self._take_groups, daemon=True) for _ in range(self._threads - 1)]
        try:
            for other in others:
                other.start()
            self._take_groups(tell)
        finally:
            self._next = self.chunks  # nothing more to take
            for other in others:
                if other.ident is not None:
                    other.join()
        if tell is not None:
            tell(self._done)

    def _take_groups(self, tell: Callable[[int], object] | None = None) -> None:
        module, index = self._native.module, self._native.index
        while True:
            with self._lock:
                begin = self._next
                self._next = end = min(begin + self._group, self.chunks)
            if begin == end:
                return
            module.run(index, self._jobs, begin, end, self._sums, self._saved)
            with self._lock:
                self._done += end - begin
            if tell is not None:
                tell(self._done)
