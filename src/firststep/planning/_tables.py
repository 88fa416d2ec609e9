"""Tables as text that fits a terminal, and as HTML; plain ASCII, so that any terminal and any log can show them."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeVar

from ._names import pattern, template

T = TypeVar("T")

DEFAULT_WIDTH, LEAST_WIDTH = 100, 50

_GAP, _INDENT, _LEAST_COLUMN, _LEAST_PIECE, _NAME_COMES_FIRST = "  ", "  ", 14, 3, 10

_JOINT = re.compile(r"[\s_,(/]+|(?<!\d)\.|\.(?!\d)|[a-z](?=[A-Z])")
"""After which a name or a call may be broken; the point of a number is none."""


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        title: its header; may have several lines.
        numeric: whether it is aligned to the right, and never broken.
        optional: whether it is left out where the table would not fit, the last one first.
    """

    title: str
    numeric: bool = False
    optional: bool = False


def text_width(width: int | None) -> int:
    """``width``, or the terminal's (the ``COLUMNS`` variable's) when it is not given."""
    return max(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if width is None else width, LEAST_WIDTH)


def text_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int) -> str:
    """The table as text; a cell too long for its column goes on in the next line, nothing is cut off."""
    cells = [[column.title.split("\n") for column in columns], *([[cell] for cell in row] for row in rows)]
    columns, cells = _fitting(columns, cells, width)
    widths = _widths(columns, cells, width)
    wrapped = [
        [[piece for text in cell for piece in _wrapped(text, room)] for cell, room in zip(row, widths, strict=True)]
        for row in cells
    ]
    head = _lines(columns, widths, [[""] * (max(map(len, wrapped[0])) - len(cell)) + cell for cell in wrapped[0]])
    body = [line for row in wrapped[1:] for line in _lines(columns, widths, row)]
    return "\n".join([*head, "-" * len(max(head, key=len)), *body])


def _lines(columns: Sequence[Column], widths: Sequence[int], row: Sequence[Sequence[str]]) -> list[str]:
    """A row of wrapped cells as lines of text, cells aligned at the top."""
    height = max(map(len, row))
    full = [[*cell, *[""] * (height - len(cell))] for cell in row]
    return [
        _GAP.join(
            piece.rjust(room) if column.numeric else piece.ljust(room)
            for column, room, piece in zip(columns, widths, pieces, strict=True)
        ).rstrip()
        for pieces in zip(*full, strict=True)
    ]


def _fitting(
    columns: Sequence[Column], cells: Sequence[Sequence[Sequence[str]]], width: int
) -> tuple[Sequence[Column], Sequence[Sequence[Sequence[str]]]]:
    """The table without the optional columns there is no room for."""
    spare = [i for i, column in enumerate(columns) if column.optional]
    if not spare or sum(_widths(columns, cells, width)) + len(_GAP) * (len(columns) - 1) <= width:
        return columns, cells
    kept = [i for i in range(len(columns)) if i != spare[-1]]
    return _fitting([columns[i] for i in kept], [[row[i] for i in kept] for row in cells], width)


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[Sequence[str]]], width: int) -> list[int]:
    """Every column as wide as its longest text; when that is too much, the widest of words give way."""
    widths = [max(len(text) for row in cells for text in row[i]) for i in range(len(columns))]
    excess = sum(widths) + len(_GAP) * (len(columns) - 1) - width
    for _ in range(excess):
        textual = [i for i, column in enumerate(columns) if not column.numeric]
        widest = max(textual, key=lambda i: widths[i] - (_NAME_COMES_FIRST if i == 0 else 0))
        if widths[widest] <= _LEAST_COLUMN:
            break
        widths[widest] -= 1
    return widths


def _wrapped(text: str, room: int) -> list[str]:
    """``text`` in pieces of at most ``room``, broken where a name or a call has a joint; later pieces are indented."""
    pieces = []
    while len(text) > room:
        ends = (found.end() for found in _JOINT.finditer(text, len(_INDENT) + 1, room + 1))
        cuts = [end for end in ends if end <= room and len(text) - end >= _LEAST_PIECE]
        cut = cuts[-1] if cuts else room
        pieces.append(text[:cut].rstrip())
        text = _INDENT + text[cut:].lstrip()
    return [*pieces, text]


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
