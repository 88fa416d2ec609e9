"""A drawing made by hand: lines, marks and words as inline SVG, in the page's own colours and fonts."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from ._svg import Svg

Point = tuple[float, float]
Shape = Literal["dot", "ring", "diamond", "triangle", "bar", "cross"]
"""What a mark looks like; each is told from the others without its colour."""

_OUTLINES: dict[Shape, tuple[Point, ...]] = {
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "triangle": ((0, -1.2), (1.2, 0.95), (-1.2, 0.95)),
    "bar": ((-0.22, -1.6), (0.22, -1.6), (0.22, 1.6), (-0.22, 1.6)),
}


class Canvas:
    """A sheet to draw on; (0, 0) is its upper left corner, and colours are the page's: "ink", "series-1", "error".

    Args:
        width, height: in the units of everything drawn; the page scales the whole.

    >>> sheet = Canvas(20, 10)
    >>> sheet.text(2, 8, "a < b")
    >>> sheet.svg("a word").markup.partition(">")[2]
    '<text x="2" y="8" font-size="11" fill="var(--ink)">a &lt; b</text></svg>'
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._pieces: list[str] = []

    def line(self, points: Sequence[Point], *, stroke: str = "ink", width: float = 1.0, dash: str = "") -> None:
        """Straight from point to point."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._pieces.append(
            f'<polyline points="{path}" fill="none" stroke="var(--{stroke})" stroke-width="{_n(width)}"{dashed} '
            'stroke-linecap="round"/>'
        )

    def rect(
        self,
        corner: Point,
        size: Point,
        *,
        fill: str = "grid",
        opacity: float = 1.0,
        stroke: str = "",
        radius: float = 0.0,
        title: str = "",
    ) -> None:
        """From its upper left corner, with what a pointer resting on it is told."""
        (x, y), (width, height) = corner, size
        extra = f' fill-opacity="{_n(opacity)}"' if opacity < 1 else ""
        extra += f' stroke="var(--{stroke})"' if stroke else ""
        extra += f' rx="{_n(radius)}"' if radius else ""
        self._pieces.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="var(--{fill})"{extra}'
            + _closed("rect", title)
        )

    def mark(
        self, at: Point, shape: Shape, *, colour: str = "ink", size: float = 4.0, paper: str = "", title: str = ""
    ) -> None:
        """A mark with its centre at a point.

        Args:
            at: its centre.
            shape: how it looks.
            colour: of its ink.
            size: half its width, about.
            paper: the colour of a rim that sets it off from what it stands on; none by default.
            title: what a pointer resting on it is told.
        """
        x, y = at
        ink = f'fill="var(--{colour})"' + (f' stroke="var(--{paper})" stroke-width="1.2"' if paper else "")
        if shape == "ring":
            ink = f'fill="var(--{paper or "card"})" stroke="var(--{colour})" stroke-width="1.8"'
        if shape in ("dot", "ring"):
            self._pieces.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(size)}" {ink}' + _closed("circle", title))
        elif shape == "cross":
            arms = f"M{_n(x - size)},{_n(y - size)} l{_n(2 * size)},{_n(2 * size)} m0,{_n(-2 * size)} "
            arms += f"l{_n(-2 * size)},{_n(2 * size)}"
            self._pieces.append(
                f'<path d="{arms}" fill="none" stroke="var(--{colour})" stroke-width="2"' + _closed("path", title)
            )
        else:
            corners = " ".join(f"{_n(x + size * a)},{_n(y + size * b)}" for a, b in _OUTLINES[shape])
            self._pieces.append(f'<polygon points="{corners}" {ink}' + _closed("polygon", title))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Literal["start", "middle", "end"] = "start",
        size: float = 11,
        fill: str = "ink",
        bold: bool = False,
        turn: float = 0.0,
    ) -> None:
        """Words on a baseline, turned counter-clockwise by degrees."""
        extra = f' text-anchor="{anchor}"' if anchor != "start" else ""
        extra += ' font-weight="600"' if bold else ""
        extra += f' transform="rotate({_n(-turn)} {_n(x)} {_n(y)})"' if turn else ""
        self._pieces.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="var(--{fill})"{extra}>{escape(text)}</text>'
        )

    def svg(self, alt: str) -> Svg:
        """The drawing; ``alt`` says what it shows to readers who do not see it."""
        box = f"0 0 {_n(self.width)} {_n(self.height)}"
        return Svg(f'<svg viewBox="{box}" aria-hidden="true">{"".join(self._pieces)}</svg>', alt)


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to places on a canvas.

    Args:
        low, high: the least and the greatest number; above 0 on a logarithmic scale.
        start, end: their places.
        log: whether equal ratios are equal distances.

    >>> Scale(0.01, 100.0, 0.0, 400.0, log=True)(1.0)
    200.0
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a number."""
        low, high, value = (math.log10(one) if self.log else one for one in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers within, at most so many.

        >>> Scale(0.02, 300.0, 0, 1, log=True).ticks(), Scale(0.0, 2.4, 0, 1).ticks()
        ([0.1, 1.0, 10.0, 100.0], [0.0, 0.5, 1.0, 1.5, 2.0])
        """
        if self.log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            step = max(1, -(-len(powers) // most))
            return [10.0**power for power in powers if power % step == 0]
        if self.high <= self.low:
            return [self.low]
        raw = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= raw)
        first = math.ceil(self.low / step - 1e-9)
        return [float(f"{i * step:.12g}") + 0.0 for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def room(text: str, size: float = 11) -> float:
    """About how wide a text is in the page's font, on the safe side.

    >>> round(room("abc", 10)), round(room("损失", 10))
    (18, 20)
    """
    return size * sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.6 for letter in text)


def _closed(tag: str, title: str) -> str:
    return f"><title>{escape(title)}</title></{tag}>" if title else "/>"


def _n(value: float) -> str:
    """A place to a tenth, which no eye tells from more."""
    return f"{round(value, 2) + 0.0:g}" if abs(value) < 10 else f"{round(value, 1):g}"
