"""A table as plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Collection[int] = ()) -> str:
    """Cells in columns as wide as they need, two spaces apart.

    Args:
        columns: the headings.
        rows: one sequence of cells per row, as long as ``columns``.
        numeric: columns (from 0) to align right.

    >>> print(text_table(["start", "loss"], [["ours", "2.30"], ["as printed", "12.5"]], numeric=[1]))
    start       loss
    ----------  ----
    ours        2.30
    as printed  12.5
    """
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    lines = []
    for row in (columns, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
