"""A report for the eye: text and HTML."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from ._measure import Measured
from ._report_row import THRESHOLD, ReportRow
from ._tables import Column, counted, group_name, grouped, html_table, listed, number, text_table, text_width

_COLUMNS = (
    Column("parameter"),
    Column("before\nmean / std", numeric=True, optional=True),
    Column("after\nmean / std", numeric=True),
    Column("expected\nmean / std", numeric=True),
    Column("deviation\nmean / 2nd", numeric=True),
)

_LEGEND = (
    "deviation: of the measured mean and second moment from the expected, in standard errors, the largest of a group; "
    f"OFF beyond {THRESHOLD:g}, or outside the support (by chance once in 900,000 rows)"
)


def report_text(rows: Sequence[ReportRow], seed: int, width: int | None) -> str:
    """The report as text; the last line sums it up."""
    width = text_width(width)
    lines = [_headline(rows, seed), "", text_table(_COLUMNS, _cells(rows), width)]
    lines += listed("kept as they are", _kept(rows), width)
    lines += listed("notes", [*_notes(rows), _LEGEND], width)
    return "\n".join([*lines, "", _summary(rows, seed)])


def report_html(rows: Sequence[ReportRow], seed: int) -> str:
    """The report as an HTML table."""
    below = [*(f"kept: {line}" for line in _kept(rows)), *_notes(rows), _LEGEND, _summary(rows, seed)]
    return html_table(_headline(rows, seed), _COLUMNS, _cells(rows), below)


def _headline(rows: Sequence[ReportRow], seed: int) -> str:
    done = [row for row in rows if row.after]
    return f"Report: {counted(len(done), 'parameter')} set with seed {seed}, {len(rows) - len(done)} kept"


def _summary(rows: Sequence[ReportRow], seed: int) -> str:
    done, off = [row for row in rows if row.after], [row for row in rows if row.is_off]
    elements = counted(sum(row.row.numel for row in done), "element")
    verdict = f"{len(off)} off: {', '.join(row.row.name for row in off)}" if off else "all as expected"
    return f"{counted(len(done), 'parameter')} ({elements}) set with seed {seed}: {verdict}"


def _cells(rows: Sequence[ReportRow]) -> list[list[str]]:
    done = [row for row in rows if row.after]
    return [_cell(group) for group in grouped(done, lambda row: row.row.names, _alike)]


def _alike(one: ReportRow) -> Hashable:
    """Rows that are off stand alone."""
    return one.row.shape, one.row.layer, one.row.where, one.row.does, one.row.expected, one.is_off and one.row.name


def _cell(group: Sequence[ReportRow]) -> list[str]:
    expected = group[0].row.expected
    return [
        group_name([one.row.names for one in group]),
        _pooled([one.before for one in group if one.before]),
        _pooled([one.after for one in group if one.after]),
        f"{number(expected.mean)} / {number(expected.std)}" if expected else "",
        _worst(group) + (" OFF" if group[0].is_off else ""),
    ]


def _pooled(measured: Sequence[Measured]) -> str:
    """Mean and std of all elements of a group."""
    n = sum(one.n for one in measured)
    if n == 0:
        return "no elements"
    mean = sum(one.n * one.mean for one in measured) / n
    square = sum(one.n * (one.std**2 + (one.mean - mean) ** 2) for one in measured) / n
    return f"{number(mean)} / {number(math.sqrt(square))}"


def _worst(group: Sequence[ReportRow]) -> str:
    found = [one.deviation for one in group if one.deviation]
    if not all(one.inside for one in found):
        return "outside support"
    mean = max((one.mean for one in found), key=abs)
    second = max((one.second for one in found), key=abs)
    return f"{mean + 0.0:.1f} / {second + 0.0:.1f}"


def _kept(rows: Sequence[ReportRow]) -> list[str]:
    groups = grouped([row for row in rows if not row.after], lambda row: row.row.names, lambda row: row.row.kept)
    return [f"{group_name([one.row.names for one in group])}: {group[0].row.kept}" for group in groups]


def _notes(rows: Sequence[ReportRow]) -> list[str]:
    return [f"{row.row.name}: {row.note}" for row in rows if row.note]
