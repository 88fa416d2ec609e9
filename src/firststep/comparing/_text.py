"""The comparison as text that fits a terminal."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from ..reporting import text_table
from ._words import headline, notes, table, verdict

if TYPE_CHECKING:
    from ._comparison import Comparison

_DEFAULT, _LEAST, _WIDEST_PROSE = 100, 50, 100
_OPTIONAL = ("p", "better in", "mean loss", "first loss")
"""Columns that may be left out where there is no room, the last one first; with a target, the loss at the end too."""


def text(result: Comparison, width: int | None) -> str:
    """What was done, the verdict, the table, and how to read it.

    Args:
        result: the comparison.
        width: columns; the terminal's by default.
    """
    width = max(shutil.get_terminal_size((_DEFAULT, 24)).columns if width is None else width, _LEAST)
    columns, rows = table(result)
    names = _OPTIONAL if result.target is None else ("p", "loss at the end", *_OPTIONAL[1:])
    shown = text_table(
        columns,
        rows,
        numeric=range(1, len(columns)),
        width=width,
        optional=[columns.index(name) for name in names if name in columns],
    )
    remarks = [line for one in notes(result) for line in _filled(one, width, "  ", "    ")]
    said = [line for one in verdict(result) for line in _filled(one, width, "", "  ")]
    return "\n\n".join(
        ["\n".join(_filled(headline(result), width, "", "  ")), "\n".join(said), shown, "\n".join(["notes", *remarks])]
    )


def _filled(text: str, width: int, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text, min(width, _WIDEST_PROSE), initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )
