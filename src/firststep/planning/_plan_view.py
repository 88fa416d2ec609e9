"""A plan for the eye: text and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from ._row import Row
from ._rules import Numbered
from ._tables import Column, counted, group_name, grouped, html_table, listed, number, text_table, text_width

_COLUMNS = (
    Column("parameter"),
    Column("shape"),
    Column("layer"),
    Column("rule"),
    Column("scheme"),
    Column("fan\nin / out"),
    Column("mean", numeric=True),
    Column("std", numeric=True),
)


def plan_text(rows: Sequence[Row], rules: Sequence[Numbered], notes: Sequence[str], width: int | None) -> str:
    """The plan as text."""
    width = text_width(width)
    lines = [_headline(rows), "", text_table(_COLUMNS, _cells(rows), width)]
    lines += listed("rules", _used(rows, rules), width)
    lines += listed("notes", notes, width)
    return "\n".join(lines)


def plan_html(rows: Sequence[Row], rules: Sequence[Numbered], notes: Sequence[str]) -> str:
    """The plan as an HTML table."""
    return html_table(_headline(rows), _COLUMNS, _cells(rows), [*_used(rows, rules), *notes])


def _headline(rows: Sequence[Row]) -> str:
    kept = sum(row.scheme is None for row in rows)
    elements = counted(sum(row.numel for row in rows), "element")
    return f"Plan: {counted(len(rows), 'parameter')}, {elements}; {len(rows) - kept} set, {kept} kept"


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    return [_cell(group) for group in grouped(rows, lambda row: row.names, _alike)]


def _alike(row: Row) -> Hashable:
    return row.shape, row.dtype, row.layer, row.where, row.does, row.fans, row.expected


def _cell(group: Sequence[Row]) -> list[str]:
    row = group[0]
    dtype = str(row.dtype).removeprefix("torch.")
    expected = [number(row.expected.mean), number(row.expected.std)] if row.expected else ["", ""]
    shape = str(row.shape) if dtype == "float32" else f"{row.shape} {dtype}"
    return [group_name([one.names for one in group]), shape, row.layer, row.where, row.does, row.fans, *expected]


def _used(rows: Sequence[Row], rules: Sequence[Numbered]) -> list[str]:
    """The rules that won a parameter, each with what it says and how many parameters it won."""
    won = Counter(row.where for row in rows if row.where)
    return [f"{rule.tag}  {rule.rule} ({counted(won[rule.tag], 'parameter')})" for rule in rules if won[rule.tag]]
