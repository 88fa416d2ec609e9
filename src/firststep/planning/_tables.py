"""Tables as text that fits a terminal, and as HTML; plain ASCII, so that any terminal and any log can show them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TypeVar

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ._names import pattern, template

T = TypeVar("T")

DEFAULT_WIDTH, LEAST_WIDTH = 100, 40

_RULED = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Column:
    """A column's title (lines of a header are broken by newlines), and whether it holds numbers."""

    title: str
    numeric: bool = False


def text_width(width: int | None) -> int:
    """``width``, or the terminal's (the ``COLUMNS`` variable's) when it is not given."""
    return max(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if width is None else width, LEAST_WIDTH)


def text_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int) -> str:
    """The table as text; long cells go on in the next line, nothing is cut off."""
    table = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(column.title), justify="right" if column.numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out = StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def html_table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """The table as escaped HTML, with notes below."""
    head = "".join(f"<th>{escape(column.title)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
    )


def listed(title: str, lines: Iterable[str], width: int) -> list[str]:
    """An indented list under a title; nothing when it is empty."""
    wrapped = [
        textwrap.fill(line, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
        for line in lines
    ]
    return ["", title, *wrapped] if wrapped else []


def grouped(rows: Iterable[T], names: Callable[[T], Sequence[str]], alike: Callable[[T], Hashable]) -> list[list[T]]:
    """Rows that are alike and whose names differ only in whole-number segments, together; in order of appearance."""
    groups: dict[Hashable, list[T]] = {}
    for row in rows:
        groups.setdefault((tuple(map(template, names(row))), alike(row)), []).append(row)
    return list(groups.values())


def group_name(names: Sequence[Sequence[str]]) -> str:
    """What a group is called: ``blocks.{0..11}.fc.weight  x12``; further names of tied parameters after ``=``."""
    spelled = " = ".join(pattern(column) for column in zip(*names, strict=True))
    return f"{spelled}  x{len(names)}" if len(names) > 1 else spelled


def number(value: float) -> str:
    """Three significant digits; never a negative zero.

    >>> number(-0.0), number(0.0200004), number(1e-9)
    ('0', '0.02', '1e-09')
    """
    return f"{value + 0.0:.3g}"


def counted(count: int, noun: str) -> str:
    """``1 parameter``, ``1,200 parameters``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
