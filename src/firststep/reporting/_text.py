"""A table as plain text."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_GAP, _INDENT, _LEAST = "  ", "  ", 12

_JOINT = re.compile(r"[\s_,(/]+|(?<!\d)\.|\.(?!\d)|[a-z](?=[A-Z])")
"""After which a name may be broken; the point of a number is none."""


def text_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Collection[int] = (),
    width: int | None = None,
    optional: Sequence[int] = (),
) -> str:
    """Cells in columns as wide as they need, two spaces apart.

    Args:
        columns: the headings.
        rows: one sequence of cells per row, as long as ``columns``.
        numeric: columns (from 0) to align right, and never to break.
        width: what the table should fit; where it does not, ``optional`` columns go, then long cells go on in the next
            line. Nothing is cut off.
        optional: columns (from 0) that may be left out, the last one first.

    >>> print(text_table(["start", "loss"], [["ours", "2.30"], ["as printed", "12.5"]], numeric=[1]))
    start       loss
    ----------  ----
    ours        2.30
    as printed  12.5
    >>> print(text_table(["layer", "rms"], [["encoder.blocks.norm", "2.30"]], numeric=[1], width=19))
    layer           rms
    -------------  ----
    encoder.       2.30
      blocks.norm
    """
    kept = list(range(len(columns)))
    spare = list(optional)
    widths = _widths(columns, rows, kept)
    while width is not None and spare and _total(widths) > width:
        kept.remove(spare.pop())
        widths = _widths(columns, rows, kept)
    if width is not None:
        _narrow(widths, [i for i in kept if i not in numeric], width)
    lines: list[str] = []
    for row in (columns, {i: "-" * widths[i] for i in kept}, *rows):
        cells = {i: _wrapped(row[i], widths[i]) for i in kept}
        for j in range(max(map(len, cells.values()))):
            pieces = {i: cell[j] if j < len(cell) else "" for i, cell in cells.items()}
            aligned = [text.rjust(widths[i]) if i in numeric else text.ljust(widths[i]) for i, text in pieces.items()]
            lines.append(_GAP.join(aligned).rstrip())
    return "\n".join(lines)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> dict[int, int]:
    return {i: max(len(row[i]) for row in (columns, *rows)) for i in kept}


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _narrow(widths: dict[int, int], textual: Sequence[int], width: int) -> None:
    """The widest columns of words give way."""
    while textual and _total(widths) > width:
        widest = max(textual, key=lambda i: widths[i])
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _wrapped(text: str, room: int) -> list[str]:
    """``text`` in pieces of at most ``room``, broken where a name has a joint; later pieces are indented."""
    pieces = []
    while len(text) > room:
        ends = [found.end() for found in _JOINT.finditer(text, len(_INDENT) + 1, room + 1) if found.end() <= room]
        cut = ends[-1] if ends else room
        pieces.append(text[:cut].rstrip())
        text = _INDENT + text[cut:].lstrip()
    return [*pieces, text]
