"""A plan for the eye: text and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from ._row import Row
from ._rules import Numbered
from ._tables import Column, counted, group_name, grouped, html_table, listed, number, text_table, text_width

_COLUMNS = (
    Column("parameter"),
    Column("shape", optional=True),
    Column("layer", optional=True),
    Column("rule"),
    Column("scheme"),
    Column("fan\nin / out", optional=True),
    Column("mean", numeric=True),
    Column("std", numeric=True),
)


def plan_text(rows: Sequence[Row], rules: Sequence[Numbered], notes: Sequence[str], width: int | None) -> str:
    """The plan as text."""
    width = text_width(width)
    lines = [_headline(rows), "", text_table(_COLUMNS, _cells(rows, rules), width)]
    recipe = _only_recipe(rules)
    lines += listed(f"rules of the recipe {recipe!r}" if recipe else "rules", _used(rows, rules), width)
    lines += listed("notes", notes, width)
    return "\n".join(lines)


def plan_html(rows: Sequence[Row], rules: Sequence[Numbered], notes: Sequence[str]) -> str:
    """The plan as an HTML table."""
    return html_table(_headline(rows), _COLUMNS, _cells(rows, rules), [*_used(rows, rules), *notes])


def _headline(rows: Sequence[Row]) -> str:
    kept = sum(row.scheme is None for row in rows)
    elements = counted(sum(row.numel for row in rows), "element")
    return f"Plan: {counted(len(rows), 'parameter')}, {elements}; {len(rows) - kept} set, {kept} kept"


def _only_recipe(rules: Sequence[Numbered]) -> str | None:
    """The recipe that all rules come from: then their numbers alone tell them apart."""
    recipes = {rule.recipe for rule in rules}
    return recipes.pop() if len(recipes) == 1 else None


def _short(tag: str, rules: Sequence[Numbered]) -> str:
    recipe = _only_recipe(rules)
    return tag.removeprefix(f"{recipe}.") if recipe else tag


def _cells(rows: Sequence[Row], rules: Sequence[Numbered]) -> list[list[str]]:
    return [_cell(group, rules) for group in grouped(rows, lambda row: row.names, _alike)]


def _alike(row: Row) -> Hashable:
    return row.shape, row.dtype, row.layer, row.where, row.does, row.fans, row.expected


def _cell(group: Sequence[Row], rules: Sequence[Numbered]) -> list[str]:
    row = group[0]
    dtype = str(row.dtype).removeprefix("torch.")
    expected = [number(row.expected.mean), number(row.expected.std)] if row.expected else ["", ""]
    shape = str(row.shape) if dtype == "float32" else f"{row.shape} {dtype}"
    where = _short(row.where, rules)
    return [group_name([one.names for one in group]), shape, row.layer, where, row.does, row.fans, *expected]


def _used(rows: Sequence[Row], rules: Sequence[Numbered]) -> list[str]:
    """The rules that won a parameter, each with what it says and how many parameters it won."""
    won = Counter(row.where for row in rows if row.where)
    return [
        f"{_short(rule.tag, rules)}  {rule.rule} ({counted(won[rule.tag], 'parameter')})"
        for rule in rules
        if won[rule.tag]
    ]
