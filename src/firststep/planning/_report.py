"""The report: what was done to every parameter, and whether it came out as expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._diff import Difference, difference
from ._measure import Deviation, Measured
from ._report_view import report_html, report_text
from ._row import Row, finite_or_none
from ._rules import Numbered

THRESHOLD = 5.0
"""Standard errors beyond which a row is marked. A sound parameter exceeds it by chance once in about 900,000: two
moments, each beyond 5 on either side with probability 5.7e-7."""


@dataclass(frozen=True)
class ReportRow:
    """What was done to one parameter.

    Args:
        row: the plan's row.
        before, after: its measured moments; ``None`` when it was kept. Where the layer sees the stored values times a
            factor, as under spectral_norm, these are the stored ones.
        deviation: of ``after`` from ``row.expected``; ``None`` when it was kept.
        note: how what the layer sees differs from the values asked for; empty when it does not.
    """

    row: Row
    before: Measured | None = None
    after: Measured | None = None
    deviation: Deviation | None = None
    note: str = ""

    @property
    def is_off(self) -> bool:
        """Whether the values lie outside their support, or a moment lies beyond the threshold."""
        return self.deviation is not None and self.deviation.worst > THRESHOLD

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, fit for JSON; an infinite deviation is ``None``, and ``off`` says so."""
        found = self.deviation
        return {
            **self.row.to_dict(),
            "before": _measured_dict(self.before),
            "after": _measured_dict(self.after),
            "deviation": found
            and {"mean": finite_or_none(found.mean), "second": finite_or_none(found.second), "inside": found.inside},
            "off": self.is_off,
            "note": self.note,
        }


@dataclass(frozen=True, repr=False)
class Report:
    """What was done to a model, made by :meth:`Plan.apply`. ``print`` it to see.

    Args:
        rows: one per parameter, in the plan's order.
        seed: the seed that was used; ``plan.apply(seed=report.seed)`` gives the same values again.
        rules: every rule with where it stands.
    """

    rows: tuple[ReportRow, ...]
    seed: int
    rules: tuple[Numbered, ...]

    @property
    def off(self) -> tuple[ReportRow, ...]:
        """Rows whose values are not as expected."""
        return tuple(row for row in self.rows if row.is_off)

    @property
    def ok(self) -> bool:
        """Whether every row is as expected."""
        return not self.off

    def diff(self, other: Report) -> Difference:
        """What ``other`` did differently, row by row."""
        return difference(_facts(self), _facts(other))

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, fit for JSON."""
        return {"seed": self.seed, "ok": self.ok, "rows": [row.to_dict() for row in self.rows]}

    def table(self, width: int | None = None) -> str:
        """The report as text, ``width`` columns wide (default: the terminal's)."""
        return report_text(self.rows, self.seed, width)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Report: {len(self.rows)} parameters, {len(self.off)} off, seed {self.seed}; print it to see>"

    def _repr_html_(self) -> str:
        return report_html(self.rows, self.seed)


def _measured_dict(measured: Measured | None) -> dict[str, float | int | None] | None:
    if measured is None:
        return None
    values = {"mean": measured.mean, "std": measured.std, "low": measured.low, "high": measured.high}
    return {"n": measured.n, **{key: finite_or_none(value) for key, value in values.items()}}


def _facts(report: Report) -> dict[str, dict[str, str]]:
    """What :meth:`Report.diff` compares, by parameter."""
    return {
        one.row.name: {
            "shape": str(one.row.shape),
            "scheme": one.row.does,
            "mean": f"{one.after.mean:.4g}" if one.after else "unchanged",
            "std": f"{one.after.std:.4g}" if one.after else "unchanged",
        }
        for one in report.rows
    }
