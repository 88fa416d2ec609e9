"""A calibration's report for the eye: text and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..planning import Column, counted, group_name, grouped, html_table, listed, number, text_table, text_width

if TYPE_CHECKING:
    from ._report import CalibrationReport, CalibrationRow, Level, Range


def report_text(report: CalibrationReport, width: int | None) -> str:
    """The report as text; the last lines tell the figures of the whole model."""
    width = text_width(width)
    lines = [_headline(report)]
    if _shown(report):
        lines += ["", text_table(*_table(report), width)]
    lines += listed("left as they are", _notes(report.left), width)
    lines += listed("not wholly as asked", _notes(report.off), width)
    lines += listed("the whole model", _figures(report), width)
    return "\n".join(lines)


def report_html(report: CalibrationReport) -> str:
    """The report as an HTML table."""
    below = [*(f"left as they are: {line}" for line in _notes(report.left)), *_notes(report.off), *_figures(report)]
    return html_table(_headline(report), *_table(report), below)


def _headline(report: CalibrationReport) -> str:
    changed, left = counted(len(report.changed), "layer"), len(report.left)
    return f"Calibration to {report.target!r}: {changed} changed, {left} left"


def _table(report: CalibrationReport) -> tuple[Sequence[Column], Sequence[Sequence[str]]]:
    """The columns in which something stands, and the rows."""
    output = report.of == "output"
    columns = (
        Column("parameter" if report.of == "parameter" else "layer"),
        Column("type", optional=True),
        Column("weight\ntimes" if output else "times", numeric=True),
        Column("bias\nplus" if output else "plus", numeric=True),
        Column(f"{report.of} before\nmean / std", numeric=True),
        Column("after\nmean / std", numeric=True),
    )
    cells = [
        (
            row.layer or "(root)",
            row.kind,
            _range(row.factor),
            _range(row.shift),
            _level(row.before),
            _level(row.after),
        )
        for row in _shown(report)
    ]
    kept = [i for i in range(len(columns)) if any(cell[i] != "-" for cell in cells)]
    return [columns[i] for i in kept], [[cell[i] for i in kept] for cell in cells]


def _shown(report: CalibrationReport) -> Sequence[CalibrationRow]:
    """The rows of the table: layers that gave a signal, parameters that were changed."""
    return [row for row in report.rows if row.before is not None and (report.of == "output" or row.parameters)]


def _range(value: Range | None) -> str:
    if value is None:
        return "-"
    low, high = number(value.low), number(value.high)
    return low if low == high else f"{low} to {high}"


def _level(value: Level | None) -> str:
    if value is None:
        return "-"
    mean = 0.0 if abs(value.mean) < 5e-7 * max(value.std, 1.0) else value.mean  # rounding, not worth three digits
    return f"{number(mean)} / {number(value.std)}"


def _notes(rows: Sequence[CalibrationRow]) -> list[str]:
    """One line for each reason, with the layers that it is the reason for."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        reasons.setdefault((row.kind, row.note), []).append(row.layer or "(root)")
    return [f"{_names(names)} ({kind}): {why}" for (kind, why), names in reasons.items()]


def _names(names: Sequence[str]) -> str:
    groups = grouped(names, lambda name: (name,), lambda name: 0)
    return ", ".join(group_name([(name,) for name in group]) for group in groups)


def _figures(report: CalibrationReport) -> list[str]:
    return [f"{figure.name}: {figure.before:.6g} before, {figure.after:.6g} after" for figure in report.figures]
