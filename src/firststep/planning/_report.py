"""The report: what was done to every parameter, and whether it came out as expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._diff import Difference, difference
from ._report_row import ReportRow
from ._report_view import report_html, report_text
from ._rules import Numbered


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
