"""Telling how far the training is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

Progress: TypeAlias = bool | Callable[[int, int, str], object] | None
"""Whether to show a bar, or a function ``(done, total, what)``; ``None`` shows one where somebody watches."""

Tell: TypeAlias = Callable[[int, str], object]
"""To be called after each step: how many were done, and what is being trained."""


@contextmanager
def telling(progress: Progress, total: int) -> Iterator[Tell]:
    """A function ``(steps, what)`` to call after each step, or after the last of a run that ends early."""
    if callable(progress):
        yield _counting(progress, total)
    elif progress or (progress is None and sys.stderr.isatty()):
        columns = (
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda steps, what: bar.update(task, advance=steps, description=what)
    else:
        yield lambda steps, what: None


def _counting(told: Callable[[int, int, str], object], total: int) -> Tell:
    done = 0

    def tell(steps: int, what: str) -> None:
        nonlocal done
        done += steps
        told(done, total, what)

    return tell
