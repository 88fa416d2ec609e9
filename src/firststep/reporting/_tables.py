"""Plans and reports as tables of a page."""

from __future__ import annotations

from typing import Protocol

from ..planning import Plan, Report
from ._page import Table


class _Moments(Protocol):
    @property
    def mean(self) -> float: ...
    @property
    def std(self) -> float: ...


def plan_table(plan: Plan) -> Table:
    """One row per parameter: what it is, which rule won it, and what its values will look like."""
    rows = [
        (
            ", ".join(row.names),
            _shape(row.shape),
            row.layer,
            row.rule or "",
            row.does,
            row.fans,
            *_mean_and_std(row.expected),
        )
        for row in plan.rows
    ]
    columns = ("parameter", "shape", "layer", "rule", "scheme", "fan in / out", "mean", "std")
    return Table(columns, rows, numeric=(1, 5, 6, 7), code=(0, 4), caption="; ".join(plan.notes))


def report_table(report: Report) -> Table:
    """One row per parameter: before, after and expected, and the deviation in standard errors."""
    rows = [
        (
            ", ".join(one.row.names),
            *_mean_and_std(one.before),
            *_mean_and_std(one.after),
            *_mean_and_std(one.row.expected),
            f"{one.deviation.worst:.1f}" if one.deviation else f"kept: {one.row.kept}",
        )
        for one in report.rows
    ]
    columns = (
        "parameter",
        "mean before",
        "std",
        "mean after",
        "std",
        "mean expected",
        "std",
        "off by (standard errors)",
    )
    off = [i for i, one in enumerate(report.rows) if one.is_off]
    caption = f"Seed {report.seed}. " + (f"{len(off)} marked as off." if off else "Every parameter is as expected.")
    return Table(columns, rows, numeric=range(1, 8), code=(0,), marked=off, caption=caption)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def _mean_and_std(values: _Moments | None) -> tuple[str, str]:
    return ("", "") if values is None else (f"{values.mean:.3g}", f"{values.std:.3g}")
