"""A loss, or the list of them, as text for a terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping

from rich.cells import cell_len

from ._facts import Language, Part, facts, heading, say
from ._families import FAMILIES
from ._latex import plain
from ._spec import LossSpec


def text(spec: LossSpec, language: Language = "en") -> str:
    """Everything that is told of a loss."""
    width = _width()
    lines = [heading(spec, language), "", *wrapped(say(spec.purpose, language), width)]
    for part in facts(spec, language):
        lines += ["", part.heading, *_part(part, width)]
    return "\n".join(lines)


def _part(part: Part, width: int) -> Iterator[str]:
    if part.formula:
        yield from (f"    {line}" for line in plain(part.formula).splitlines())
    if part.code:
        yield from (f"    {line}" for line in part.code.splitlines())
    yield from table(tuple(tuple(_bare(cell) for cell in row) for row in part.rows), width)
    if part.prose:
        yield from wrapped(_bare(part.prose), width, "    ")
    for item in part.items:
        yield from wrapped(_bare(item), width, "  - ", "    ")


def _bare(markdown: str) -> str:
    return markdown.replace("`", "")


def listing(specs: Mapping[str, LossSpec] | Iterable[LossSpec], language: Language = "en") -> str:
    """One line for each loss, under its family."""
    every = list(specs.values() if isinstance(specs, Mapping) else specs)
    name_width = max((cell_len(spec.name) for spec in every if spec.kernel), default=0)
    lines: list[str] = []
    for key, title in FAMILIES.items():
        members = [spec for spec in every if spec.family == key]
        if members:
            lines += ["", say(title, language)]
            for spec in members:
                lines += wrapped(
                    say(spec.purpose, language),
                    _width(),
                    f"  {_padded(spec.name, name_width)}  ",
                    " " * (name_width + 4),
                )
    return "\n".join(lines[1:])


def table(rows: tuple[tuple[str, ...], ...], width: int) -> Iterator[str]:
    """Cells in columns; the last is wrapped to what is left of the width."""
    if not rows:
        return
    count = len(rows[0])
    widths = [min(max(cell_len(row[i]) for row in rows), 48) for i in range(count - 1)]
    for row in rows:
        head = "    " + "".join(f"{_padded(cell, size)}  " for cell, size in zip(row, widths, strict=False))
        yield from wrapped(row[-1], width, head, " " * (sum(widths) + 2 * len(widths) + 4))


def _padded(cell: str, size: int) -> str:
    return cell + " " * max(size - cell_len(cell), 0)


_PIECE = re.compile(
    r"\s+|[\u3000-\u303f\uff00-\uffef]|[\u4e00-\u9fff][，。；：、）]?|[^\s\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+"
)


def wrapped(prose: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Prose in lines of at most ``width`` cells; Chinese breaks between any two characters, as it does in print.

    >>> wrapped("one two three", 9, "- ", "  ")
    ['- one two', '  three']
    """
    rest = first if rest is None else rest
    lines, line = [], first
    for piece in _PIECE.findall(prose):
        if line.strip() and cell_len(line + piece.rstrip()) > width and line not in (first, rest):
            lines.append(line.rstrip())
            line = rest
        line += "" if piece.isspace() and line == rest and lines else piece
    return [*lines, line.rstrip()]


def _width() -> int:
    return min(shutil.get_terminal_size((100, 24)).columns, 110)
