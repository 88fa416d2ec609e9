"""Jobs done by several threads: shared out in groups of chunks, and stopped between two groups when interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

import torch

from ._native import SUMS, Native

Summary: TypeAlias = tuple[float, float, float, float]
"""Mean, std (over n), least and greatest element."""

GROUP = 2**20
"""Elements of a group, about a millisecond's work: how soon an interruption is noticed, and progress told."""

ALONE = 2**19
"""Elements that are worth a thread of their own."""


class Work:
    """Jobs of a kernel, to be done once.

    The threads start with the work and end with it: nothing is left over for a fork to break, and calls from several
    threads share nothing. Each takes the next group when it has done one, so none waits for a slower one.

    Args:
        native: the kernel.
        jobs: packed jobs.
        elements: of all jobs together.
        arena: address of the memory for old elements, if they are to be kept.
        measured: whether any of the jobs measures.
    """

    def __init__(
        self, native: Native, jobs: list[bytes], elements: int, *, arena: int = 0, measured: bool = False
    ) -> None:
        self._native = native
        self._jobs, self.chunks = native.module.join(jobs, arena)
        self._sums = torch.empty(SUMS * self.chunks if measured else 0, dtype=torch.float64, device="cpu")
        self._saved = torch.zeros(self.chunks if arena else 0, dtype=torch.uint8, device="cpu")
        self._threads = max(1, min(torch.get_num_threads(), self.chunks, -(-elements // ALONE)))
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
            with self._lock:
                self._next = self.chunks  # nothing more to take
            _join([other for other in others if other.ident is not None])
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
            module.run(index, self._jobs, begin, end, self._sums.data_ptr(), self._saved.data_ptr())
            with self._lock:
                self._done += end - begin
            if tell is not None:
                tell(self._done)

    def restore(self) -> None:
        """Put back what was overwritten, as far as the work has come."""
        self._native.module.restore(self._jobs, self.chunks, self._sums.data_ptr(), self._saved.data_ptr())

    def summaries(self) -> list[tuple[Summary | None, Summary | None]]:
        """What each job measured: before and after, ``None`` where it did not."""
        return self._native.module.summaries(self._jobs, self._sums.data_ptr())


def _join(threads: list[threading.Thread]) -> None:
    """Wait for threads that are about to end; a second Ctrl-C must not let them write on behind the caller's back."""
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # the first one is on its way up
            continue
