"""Telling how far the work is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = bool | Callable[[int, int, str], object] | None
"""Whether to show a bar, or a function ``(done, total, name)``; ``None`` decides by terminal and length of the work."""

Tell: TypeAlias = Callable[[int, str], object]
"""To be called after each parameter: its elements, and its name."""

LONG = 20_000_000
"""Elements; less is done before a bar could be read."""


@contextmanager
def telling(progress: Progress, total: int, *, least: int = LONG) -> Iterator[Tell]:
    """A function ``(elements, name)`` to call after each parameter, or after any other step of so many units.

    Args:
        progress: as users give it.
        total: units in all.
        least: with fewer of them no bar is shown unless it is asked for.
    """
    if callable(progress):
        yield _counting(progress, total)
    elif progress or (progress is None and total >= least and sys.stderr.isatty()):
        # Here, not above: whoever plans a model does not wait for it.
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda elements, name: bar.update(task, advance=elements, description=name)
    else:
        yield silent


def silent(elements: int, name: str) -> None:
    """Tells nobody."""


def _counting(told: Callable[[int, int, str], object], total: int) -> Tell:
    done = 0

    def tell(elements: int, name: str) -> None:
        nonlocal done
        done += elements
        told(done, total, name)

    return tell
