"""The small pictures: the loss beside what it should be, weights, and which example depends on which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ...reporting import Canvas, Scale, Shape, Svg, room, spread
from .._finding import Severity
from ..probe._dependency import Dependency
from ..probe._parameter import Parameter
from ._words import Beginning, number

MARKS: dict[Severity, Shape] = {"error": "diamond", "warning": "triangle", "info": "ring"}
"""How a finding looks in a figure: as on its badge."""

_WIDE, _EDGE = 760, 56


def cut(name: str, letters: int) -> str:
    """A long name without its middle.

    >>> cut("encoder.layers.11.linear1", 12)
    'enco…linear1'
    """
    return name if len(name) <= letters else f"{name[: letters // 3]}…{name[letters // 3 + 1 - letters :]}"


def beginning(one: Beginning) -> Svg:
    """One axis: the loss, what it should be, the least it can be, and where virtual steps take it."""
    points = _points(one)
    values = [value for _, value, *_ in points] + list(one.after)
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    axis, y = Scale(low - pad, high + pad, _EDGE, _WIDE - _EDGE), 74.0
    sheet = Canvas(_WIDE, 142)
    sheet.line([(_EDGE - 16, y), (_WIDE - _EDGE + 16, y)], stroke="muted")
    for tick in axis.ticks(8):
        sheet.line([(axis(tick), y), (axis(tick), y + 5)], stroke="muted")
        sheet.text(axis(tick), y + 19, f"{tick:g}", anchor="middle", fill="muted")
    path = [axis(value) for value in (one.measured or 0.0, *one.after)]
    for i, (a, b) in enumerate(pairwise(path), 1):
        sheet.line([(a, y - 13), (b, y - 13)], stroke="series-2", dash="2 3")
        sheet.mark((b, y - 13), "dot", colour="series-2", size=3, title=f"after {i}: {number(one.after[i - 1])}")
    _labels(sheet, axis, y, points)
    if one.after:
        word = "after a virtual step" if len(one.after) == 1 else "after virtual steps"
        said = f"{word}: {', '.join(map(number, one.after))}"
        sheet.mark((_EDGE - 13, 124), "dot", colour="series-2", size=3)
        sheet.text(_EDGE, 128, said, fill="muted")
    told = "; ".join(f"{word} {number(value)}" for word, value, *_ in points)
    return sheet.svg(f"{one.name} before the first step: {told}.")


def _points(one: Beginning) -> list[tuple[str, float, Shape, str]]:
    assert one.measured is not None
    found: list[tuple[str, float, Shape, str]] = []
    if one.start is not None and one.start.expected is not None:
        found.append(("expected", one.start.expected, "ring", "series-1"))
    if one.start is not None and one.start.floor is not None:
        found.append(("least", one.start.floor, "bar", "ink"))
    return [*found, ("measured", one.measured, "dot", "series-2")]


def _labels(sheet: Canvas, axis: Scale, y: float, points: Sequence[tuple[str, float, Shape, str]]) -> None:
    """Above the axis, moved apart where they would meet, each tied to its mark."""
    words = [f"{word} {number(value)}" for word, value, *_ in points]
    places = [axis(value) for _, value, *_ in points]
    gap = max(room(word, 12.5) for word in words) + 18
    at = spread([place - gap / 2 for place in places], gap, _WIDE - gap)
    for (_, value, shape, colour), word, place, left in zip(points, words, places, at, strict=True):
        middle = max(left, 0.0) + gap / 2
        sheet.line([(middle, 27), (middle, 33), (place, y - 20), (place, y - 8)], stroke="grid")
        sheet.text(middle, 21, word, anchor="middle", size=12.5, fill=colour, bold=True)
        size = {"ring": 8.5, "bar": 6.0}.get(shape, 4.5)
        sheet.mark((place, y), shape, colour=colour, size=size, title=f"{word} ({value:.6g})")


def weights(one: Parameter, severity: Severity | None) -> Svg:
    """The values of one parameter as bars, with the mark of the worst finding about it."""
    assert one.histogram is not None
    counts, low, high = one.histogram.counts, one.histogram.low, one.histogram.high
    sheet, left, right, top, bottom = Canvas(208, 118), 8.0, 200.0, 42.0, 96.0
    sheet.text(left, 15, cut(one.name, 26 if severity else 29), size=11, bold=True)
    sheet.text(left, 30, f"std {number(one.std)}, mean {number(one.mean)}", size=10.5, fill="muted")
    if severity is not None:
        sheet.mark((right - 6, 11), MARKS[severity], colour=severity, size=5)
    if len(counts) == 1:
        sheet.rect((102, top), (4, bottom - top), fill="series-1")
        sheet.text(104, bottom + 15, number(low), anchor="middle", size=10.5, fill="muted")
    else:
        each = (right - left) / len(counts)
        for i, count in enumerate(counts):
            height = (bottom - top) * count / max(counts)
            sheet.rect((left + i * each + 0.5, bottom - height), (each - 1, height), fill="series-1")
        sheet.text(left, bottom + 15, number(low), size=10.5, fill="muted")
        sheet.text(right, bottom + 15, number(high), anchor="end", size=10.5, fill="muted")
        zero = Scale(low, high, left, right)(0.0)
        if left + 45 < zero < right - 45:
            sheet.text(zero, bottom + 15, "0", anchor="middle", size=10.5, fill="muted")
    sheet.line([(left, bottom), (right, bottom)], stroke="muted")
    return sheet.svg(f"Values of {one.name}: from {number(low)} to {number(high)}, std {number(one.std)}.")


def matrix(values: Dependency) -> Svg:
    """A row per output, a column per input; the darker, the more it depends."""
    k, cell, left, top = len(values), 44.0, 52.0, 44.0
    sheet = Canvas(left + k * cell + 12, top + k * cell + 12)
    sheet.text(left + k * cell / 2, 14, "input of example", anchor="middle", fill="muted")
    sheet.text(14, top + k * cell / 2, "output of example", anchor="middle", fill="muted", turn=90)
    for i, row in enumerate(values):
        sheet.text(left + (i + 0.5) * cell, 34, str(i + 1), anchor="middle", bold=True)
        sheet.text(left - 10, top + (i + 0.5) * cell + 4, str(i + 1), anchor="end", bold=True)
        for j, value in enumerate(row):
            corner = (left + j * cell + 1.5, top + i * cell + 1.5)
            told = f"output {i + 1} by input {j + 1}: {value:.3g}"
            sheet.rect(corner, (cell - 3, cell - 3), fill="card", stroke="grid", radius=4)
            if value:
                shade = 0.1 + 0.38 * math.sqrt(value)
                sheet.rect(corner, (cell - 3, cell - 3), fill="series-1", opacity=shade, radius=4, title=told)
            middle = (corner[0] + cell / 2 - 1.5, corner[1] + cell / 2 + 2.5)
            word = "<0.01" if 0 < value < 0.01 else f"{value:.2g}"
            sheet.text(*middle, word, anchor="middle", fill="ink" if value else "muted")
    off = max((value for i, row in enumerate(values) for j, value in enumerate(row) if i != j), default=0.0)
    return sheet.svg(f"How far the output of each of {k} examples depends on the input of each: {off:.2g} on others.")
