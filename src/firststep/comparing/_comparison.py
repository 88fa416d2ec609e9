"""The result of a comparison."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CompareError, did_you_mean
from ._outcome import Outcome


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """What :func:`compare` measured.

    Args:
        outcomes: one per start, in the order given; the others are compared with the first.
        steps: of each run.
        seeds: one run each per start.
        window: over how many losses a mean is taken.
        target: the loss to reach, or None.
        model: the type of the model.
        loss: the loss in a word.
        optimizer: the optimizer in a word.
        data: the data in words.
        batches: per seed, a digest of the batches that every start saw.

    ``print`` it to read it; in a notebook it shows itself.
    """

    outcomes: tuple[Outcome, ...] = field(repr=False)
    steps: int
    seeds: tuple[int, ...]
    window: int
    target: float | None
    model: str
    loss: str
    optimizer: str
    data: str
    batches: tuple[str, ...] = field(repr=False)

    def __getitem__(self, label: str) -> Outcome:
        """The outcome of one start.

        Raises:
            CompareError: when there is none, with the nearest label.
        """
        labels = [one.label for one in self.outcomes]
        if label not in labels:
            raise CompareError(f"no start is called {label!r}.{did_you_mean(str(label), labels)}")
        return self.outcomes[labels.index(label)]

    @property
    def verdict(self) -> str:
        """What can be said of the others beside the first start, and what cannot."""
        from ._words import verdict

        return " ".join(verdict(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything that can be written as JSON; what is infinite, as the loss of a run that diverged, is None."""
        return _plain(
            {
                "verdict": self.verdict,
                "steps": self.steps,
                "seeds": list(self.seeds),
                "window": self.window,
                "target": self.target,
                "model": self.model,
                "loss": self.loss,
                "optimizer": self.optimizer,
                "data": self.data,
                "batches": list(self.batches),
                "starts": [asdict(one) for one in self.outcomes],
            }
        )

    def to_json(self, indent: int | None = 2) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def text(self, width: int | None = None) -> str:
        """The comparison as text that fits ``width``, by default the terminal."""
        from ._text import text

        return text(self, width)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML page, or the picture of the curves, whole or not at all; neither fetches or runs anything.

        Args:
            path: ``compare.html`` for the page, ``compare.svg`` for the picture.

        Returns:
            The path.

        Raises:
            CompareError: for a name that ends in neither.
            OSError: when the folder cannot be written.
        """
        from .. import reporting
        from ._figures import curves
        from ._page import page

        path = Path(path)
        if path.suffix in (".html", ".htm"):
            reporting.save(page(self), path)
        elif path.suffix == ".svg":
            with reporting.replacing(path) as scratch:
                scratch.write_text(reporting.standalone(curves(self)[0]), encoding="utf-8")
        else:
            raise CompareError(f"save({str(path)!r}): expected a name that ends in .html or .svg")
        return path

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from ._page import embedded

        return embedded(self)

    def __repr__(self) -> str:
        labels = ", ".join(one.label for one in self.outcomes)
        return f"<Comparison of {labels}: {len(self.seeds)} seeds, {self.steps} steps; print it to see>"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
