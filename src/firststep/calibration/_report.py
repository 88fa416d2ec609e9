"""The report: what was changed in every layer, and what was measured before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from ._report_view import report_html, report_text
from ._target import Target


class Level(NamedTuple):
    """Mean and standard deviation of a layer's signal, or of a parameter."""

    mean: float
    std: float


class Range(NamedTuple):
    """The least and the greatest of several numbers; equal where it is one."""

    low: float
    high: float


class Figure(NamedTuple):
    """A number of the whole model before and after, such as its loss."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class CalibrationRow:
    """What was done to one layer.

    Args:
        layer: its canonical name, with the part where it has several (``attn.q``, ``rnn.l0``).
        kind: its type.
        parameters: the names of the parameters that were changed; empty when it was left.
        factor: what its weight was multiplied by: the range over channels, or ``None`` when it was not.
        shift: what was added to its bias, likewise.
        before, after: of its output, or of the parameter itself, as ``CalibrationReport.of`` says; ``None`` when there
            was nothing to measure.
        tries: how often it was written.
        note: why it was left as it was, or what is not as asked though it was changed; empty when all is well.
    """

    layer: str
    kind: str
    parameters: tuple[str, ...] = ()
    factor: Range | None = None
    shift: Range | None = None
    before: Level | None = None
    after: Level | None = None
    tries: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, fit for JSON."""
        pairs = {name: getattr(self, name) for name in ("factor", "shift", "before", "after")}
        return {
            "layer": self.layer,
            "kind": self.kind,
            "parameters": list(self.parameters),
            **{name: None if value is None else value._asdict() for name, value in pairs.items()},
            "tries": self.tries,
            "note": self.note,
        }


@dataclass(frozen=True, repr=False)
class CalibrationReport:
    """What was done to a model, made by :func:`firststep.calibrate`. ``print`` it to see.

    Args:
        target: what was asked for.
        rows: one per layer, in the order in which they ran.
        figures: numbers of the whole model, before and after.
        of: what the rows' levels are of: ``"output"``, ``"bias"`` or ``"parameter"``.
        seed: the seed that was used.
    """

    target: Target
    rows: tuple[CalibrationRow, ...]
    figures: tuple[Figure, ...]
    of: str
    seed: int

    @property
    def changed(self) -> tuple[CalibrationRow, ...]:
        """The rows of layers that were changed."""
        return tuple(row for row in self.rows if row.parameters)

    @property
    def left(self) -> tuple[CalibrationRow, ...]:
        """The rows of layers that were left as they were for a reason, which the row's note tells."""
        return tuple(row for row in self.rows if row.note and not row.parameters)

    @property
    def off(self) -> tuple[CalibrationRow, ...]:
        """The rows of layers that were changed and are not wholly as asked, as the row's note tells."""
        return tuple(row for row in self.rows if row.note and row.parameters)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, fit for JSON."""
        return {
            "target": self.target.to_dict(),
            "of": self.of,
            "seed": self.seed,
            "figures": [figure._asdict() for figure in self.figures],
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def table(self, width: int | None = None) -> str:
        """The report as text, ``width`` columns wide (default: the terminal's)."""
        return report_text(self, width)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return (
            f"<CalibrationReport: {self.target.name}, {len(self.changed)} layers changed, {len(self.left)} left; "
            "print it to see>"
        )

    def _repr_html_(self) -> str:
        return report_html(self)
