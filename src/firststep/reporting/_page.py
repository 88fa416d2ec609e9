"""One self-contained HTML page: sections of text, tables and figures, with nothing to fetch and nothing to run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ._files import replacing
from ._svg import Svg


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of short statements."""

    kind: ClassVar[str] = "points"
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy, in a fixed-width font."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells.

    Args:
        columns: the headings.
        rows: one sequence of cells per row, as long as ``columns``.
        numeric: columns (from 0) to align right, in figures of equal width.
        code: columns (from 0) set in a fixed-width font.
        slots: per row, the series colour its first cell carries; 0 for none. Empty: no colours.
        marked: rows (from 0) that deserve a look.
        caption: what the table shows.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int] = ()
    code: Sequence[int] = ()
    slots: Sequence[int] = ()
    marked: Sequence[int] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"Table has {len(self.columns)} columns, and a row of {len(row)} cells: {list(row)}")


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures side by side (one above the other on a narrow screen) over one caption.

    Args:
        figures: in reading order.
        caption: what they show.
        size: "small" for many in a row; "narrow" for one that needs no more; "wide" for one that a narrow screen
            scrolls instead of shrinking it.
    """

    kind: ClassVar[str] = "figures"
    figures: Sequence[Svg]
    caption: str = ""
    size: Literal["", "small", "narrow", "wide"] = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms and what is to be said of each.

    Args:
        rows: the term, its Chinese companion (or nothing), and the text.
    """

    kind: ClassVar[str] = "facts"
    rows: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Tagged:
    """Short statements, each under a tag that says what sort it is."""

    kind: ClassVar[str] = "tagged"
    items: Sequence[tuple[str, str]]


Tone = Literal["error", "warning", "info", "good"]
"""How bad it is. Each tone has a shape and a colour of its own, and is told without the colour."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A word or two in a tone."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Card:
    """Something to deal with: a heading under a badge, and blocks.

    Args:
        key: its anchor on the page.
        badge: how bad it is, in a word.
        title, title_zh: what it is.
        blocks: what is to be said of it.
        label: its code or number, beside the badge.
        place: where it is, beside the label.
    """

    kind: ClassVar[str] = "card"
    key: str
    badge: Badge
    title: str
    blocks: Sequence[Block]
    title_zh: str = ""
    label: str = ""
    place: str = ""


Block = Text | Points | Code | Table | Figures | Facts | Tagged | Card


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its anchor (``key``), its Chinese companion, and what stands below it."""

    key: str
    heading: str
    blocks: Sequence[Block]
    heading_zh: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    Args:
        title, title_zh: the headline.
        lead: what the reader should take away, in one or two sentences.
        sections: in reading order.
        footer: how the page was made.
        badges: the same at a glance.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    title_zh: str = ""
    footer: str = ""
    badges: Sequence[Badge] = ()


def render(page: Page) -> str:
    """The page as HTML: style and figures inline, light and dark, no script, no request to anywhere.

    >>> html = render(Page("A <title>", "One sentence.", [Section("a", "First", [Text("Hello.")])]))
    >>> "A &lt;title&gt;" in html, '<section id="a">' in html
    (True, True)
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("firststep.reporting", "assets"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(page=page, Markup=Markup)


def save(page: Page, path: str | os.PathLike[str]) -> None:
    """Write ``render(page)`` to ``path``, whole or not at all.

    Raises:
        OSError: when the folder cannot be written.
    """
    with replacing(path) as scratch:
        scratch.write_text(render(page), encoding="utf-8")
