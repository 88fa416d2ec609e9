"""The one picture: how large activations and gradients are from layer to layer, with the findings at their places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...reporting import Canvas, Scale, Svg, power, room
from .._finding import SEVERITIES, Finding
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ._figures import MARKS, cut
from ._rows import BEFORE, codes
from ._words import number

_WIDTH, _LEFT, _RIGHT = 960, 74, 30
_TOP, _MARKED, _PANEL, _BETWEEN = 32, 46, 150, 50
"""Above the upper panel without and with findings, a panel's height, and between the panels."""
_MOST_NAMES, _LETTERS = 26, 18
_DECADE = 10.0
_PREDICTED = "按权重预测"


def depth(evidence: Evidence, found: Mapping[int, Sequence[Finding]]) -> Svg:
    """Two panels over the layers in the order in which they ran, the batch before them and the loss after them.

    Args:
        evidence: what was seen; at least one layer.
        found: the findings by position, see :func:`located`.
    """
    layers, n = evidence.layers, len(evidence.layers)
    top = _TOP + (_MARKED if found else 0)
    tops = (top, top + _PANEL + _BETWEEN)
    names = _named(layers)
    sheet = Canvas(_WIDTH, tops[1] + _PANEL + 26 + 0.64 * max(room(name, 11) for name in names.values()))
    x = Scale(BEFORE, n, _LEFT + 14, _WIDTH - _RIGHT - 14)
    before = next((one.facts.rms for one in evidence.inputs if one.facts.floating), math.nan)
    sizes = [before, *(layer.rms for layer in layers), math.nan]
    expected = [math.nan, *(layer.predicted for layer in layers), math.nan]
    slopes = [math.nan, *(layer.gradient for layer in layers), math.nan]
    last = next((value for value in reversed(slopes) if value > 0), math.nan)
    first = next((value for value in sizes[1:] if value > 0), math.nan)
    panels = (
        _Panel(sheet, x, tops[0], sizes, first, "activations, rms", "series-1", expected),
        _Panel(sheet, x, tops[1], slopes, last, "gradients of the loss by them, rms", "series-2"),
    )
    _findings(sheet, x, found, tops[1] + _PANEL)
    for one in panels:
        one.ticks()
        one.curve(layers)
    _bad(sheet, x, top, layers)
    for i, name in names.items():
        sheet.line([(x(i), tops[1] + _PANEL), (x(i), tops[1] + _PANEL + 4)], stroke="muted")
        ends = i in (BEFORE, n)
        sheet.text(x(i) + 4, tops[1] + _PANEL + 16, name, anchor="end", fill="ink" if ends else "muted", turn=40)
    marked = "".join(f" {codes(ones)} at {_name(layers, i)}." for i, ones in sorted(found.items()))
    return sheet.svg(f"Rms of activations and of gradients over {n} layers, on logarithmic axes.{marked}")


class _Panel:
    """A line through the values above 0; zeros stand on a floor of their own below the axis.

    Args:
        sheet, x, top: where it is drawn.
        values: the batch's, each layer's, the loss's.
        reference: what the grey band lies around.
        title, colour: of the line.
        expected: what the values should be, as short lines; none where nothing is known.
    """

    def __init__(
        self,
        sheet: Canvas,
        x: Scale,
        top: float,
        values: Sequence[float],
        reference: float,
        title: str,
        colour: str,
        expected: Sequence[float] = (),
    ) -> None:
        self.sheet, self.x, self.values, self.colour, self.title = sheet, x, values, colour, title
        self.top, self.floor = top, top + _PANEL
        self.expected = {i: value for i, value in enumerate(expected) if value > 0}
        shown = [*values, *self.expected.values()]
        positive = [value for value in shown if value > 0 and math.isfinite(value)] or [1.0]
        around = [reference / _DECADE, reference * _DECADE] if reference > 0 else []
        zeros = any(value == 0 for value in values)
        low, high = max(min(positive + around) / 1.5, 1e-300), max(positive + around) * 1.5
        self.y = Scale(low, high, self.floor - 22 * zeros, top, log=True)
        left, right = _LEFT, _WIDTH - _RIGHT
        if around:
            band = self.y(around[0]) - self.y(around[1])
            sheet.rect((left, self.y(around[1])), (right - left, band), opacity=0.45)
        for tick in self.y.ticks(5):
            sheet.line([(left, self.y(tick)), (right, self.y(tick))], stroke="grid")
            sheet.text(left - 10, self.y(tick) + 4, power(tick), anchor="end", fill="muted")
        if zeros:
            sheet.text(left - 10, self.floor + 4, "0", anchor="end", fill="muted")
            sheet.line([(left, self.floor), (right, self.floor)], stroke="muted", dash="2 4")

    def curve(self, layers: Sequence[Layer]) -> None:
        """The title, the line and its dots, over whatever was drawn since."""
        self.sheet.rect((8, self.top - 26), (room(self.title, 12.5) + 8, 19), fill="card")
        self.sheet.text(12, self.top - 12, self.title, size=12.5, fill=self.colour, bold=True)
        places = [
            (self.x(i - 1), self.y(value) if value > 0 else self.floor) if math.isfinite(value) else None
            for i, value in enumerate(self.values)
        ]
        for stretch in _stretches(places):
            self.sheet.line(stretch, stroke=self.colour, width=1.8)
        many = len(self.values) > 90
        for i, place in enumerate(places):
            if place is None:
                continue
            layer = layers[i - 1] if i else None
            large = layer is not None and not layer.function
            size = (2.4 if large else 1.6) if many else (4.2 if large else 2.6)
            told = f"{layer.name if layer else 'inputs'}: {number(self.values[i])}"
            told += f", predicted {number(self.expected[i])}" if i in self.expected else ""
            self.sheet.mark(
                place, "dot", colour=self.colour, size=size, paper="" if many or not large else "card", title=told
            )

    def ticks(self) -> None:
        """What was expected, and what its short lines are."""
        half = min(9.0, 0.45 * (self.x(1) - self.x(0)))
        for i, value in self.expected.items():
            at, y = self.x(i - 1), self.y(value)
            self.sheet.line([(at - half, y), (at + half, y)], width=1.5)
        if self.expected:
            start = 12 + room(self.title, 12.5) + 22
            words = f"predicted from the weights {_PREDICTED}"
            self.sheet.rect((start - 4, self.top - 26), (room(words, 11) + 32, 19), fill="card")
            self.sheet.line([(start, self.top - 16), (start + 18, self.top - 16)], width=1.5)
            self.sheet.text(start + 24, self.top - 12, words)


def _bad(sheet: Canvas, x: Scale, top: float, layers: Sequence[Layer]) -> None:
    """A cross where outputs are NaN or infinite."""
    for i, layer in enumerate(layers):
        if layer.bad:
            sheet.mark((x(i), top + 8), "cross", colour="error", title=f"{layer.name}: {layer.bad:,} not finite")


def _stretches(places: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The parts of a line between its gaps."""
    found: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            found.append([])
        else:
            found[-1].append(place)
    return [stretch for stretch in found if len(stretch) > 1]


def _findings(sheet: Canvas, x: Scale, found: Mapping[int, Sequence[Finding]], bottom: float) -> None:
    """Above the panels, each on a line through both; its code beside it where there is room."""
    free = [-math.inf, -math.inf]
    for i, ones in sorted(found.items()):
        at, worst = x(i), ones[0].severity
        sheet.line([(at, 42), (at, bottom)], stroke=worst, width=1.1, dash="" if worst == "error" else "5 4")
        told = "\n".join(f"{one.code} {one.title}: {one.measured}" for one in ones)
        sheet.mark((at, 36), MARKS[worst], colour=worst, size=5.5, paper="card", title=told)
        label = ones[0].code + (f" +{len(ones) - 1}" if len(ones) > 1 else "")
        width = room(label, 11)
        start = min(max(at - width / 2, 0.0), _WIDTH - width)
        row = next((row for row in (0, 1) if free[row] < start), None)
        if row is not None:
            sheet.text(start + width / 2, (24, 11)[row], label, anchor="middle", fill=worst, bold=True)
            free[row] = start + width + 4


def _named(layers: Sequence[Layer]) -> dict[int, str]:
    """What stands under the axis: every layer's name, or of many every so many's."""
    n = len(layers)
    step = max(1, -(-(n + 2) // _MOST_NAMES))
    some = [i for i in range(step > 1, n, step) if step == 1 or n - i >= step]
    return {i: cut(_name(layers, i), _LETTERS) for i in (BEFORE, *some, n)}


def _name(layers: Sequence[Layer], position: int) -> str:
    if position == BEFORE:
        return "inputs"
    if position >= len(layers):
        return "loss"
    layer = layers[position]
    return layer.kind if layer.function else layer.place or layer.kind


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The most severe."""
    return min(findings, key=lambda one: SEVERITIES.index(one.severity), default=None)
