"""Two pictures: the curves of every start, and where each seed ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..reporting import Canvas, Line, Scale, Svg, chart
from ._outcome import Measures, Outcome, less
from ._statistics import Spread, smoothed
from ._words import number

if TYPE_CHECKING:
    from ._comparison import Comparison

_POINTS = 160
"""Steps drawn of a curve; no screen shows more."""

_LOG = 100.0
"""From which ratio of the greatest to the least on an axis is logarithmic."""

_LETTERS = 14
_ROW, _LEFT, _RIGHT, _WIDE = 34.0, 150.0, 80.0, 760.0


def slot(result: Comparison, one: Outcome) -> int:
    """The colour of a start: the first has one of its own, the others share five in turn."""
    place = result.outcomes.index(one)
    return 1 if place == 0 else 2 + (place - 1) % 5


def curves(result: Comparison) -> list[Svg]:
    """The loss by step, and how far the others are from the first start, pair by pair; five others in a figure."""
    first, *others = result.outcomes
    figures = []
    for i in range(0, max(len(others), 1), 5):
        group = others[i : i + 5]
        figures.append(_losses(result, [first, *group], f"curves-{i}"))
        if group:
            figures.append(_differences(result, group, f"differences-{i}"))
    return figures


def _losses(result: Comparison, group: Sequence[Outcome], name: str) -> Svg:
    steps = _drawn_steps(result)
    rows = {one.label: _over_seeds([smoothed(curve, result.window) for curve in one.curves], steps) for one in group}
    low, high, log = _limits([*_finite(rows.values()), *([] if result.target is None else [result.target])])
    return chart(
        name,
        [_line(result, one, rows[one.label], (low, high)) for one in group],
        x=steps,
        y_label="loss in training",
        x_label="step",
        scale="log" if log else "linear",
        limits=(low, high),
        reference=None if result.target is None else (result.target, "target"),
        alt="Loss by step: median and range over the seeds, for " + ", ".join(one.label for one in group) + ".",
    )


def _differences(result: Comparison, group: Sequence[Outcome], name: str) -> Svg:
    first, steps = result.outcomes[0], _drawn_steps(result)
    base = [smoothed(curve, result.window) for curve in first.curves]
    rows = {}
    for one in group:
        mine = [smoothed(curve, result.window) for curve in one.curves]
        apart = [[less(a, b) for a, b in zip(*pair, strict=True)] for pair in zip(mine, base, strict=True)]
        rows[one.label] = _over_seeds(apart, steps)
    known = sorted(_finite(rows.values()))
    # Losses of a bad start are huge at first: the middle nine tenths of all values set the axis.
    low, high, _ = _limits([0.0, *known[len(known) // 20 : max(1, len(known) - len(known) // 20)]], log=False)
    return chart(
        name,
        [_line(result, one, rows[one.label], (low, high)) for one in group],
        x=steps,
        y_label=f"loss less that of {_short(first.label, 24)}",
        x_label="step",
        limits=(low, high),
        reference=(0.0, _short(first.label)),
        alt=f"Loss by step less that of {first.label}: median and range over the seeds.",
    )


def _line(result: Comparison, one: Outcome, row: Sequence[Spread], limits: tuple[float, float]) -> Line:
    lost, (low, high) = math.isinf(row[-1].median), limits
    return Line(
        f"{_short(one.label, 10)} (∞)" if lost else _short(one.label),
        [s.median if math.isfinite(s.median) else math.nan for s in row],
        [min(max(s.low, low), high) for s in row],
        [min(max(s.high, low), high) for s in row],
        slot(result, one),
        bold=one.duel is None,
    )


def ends(result: Comparison) -> Svg:
    """One row per start: a dot per seed, the median as a bar, and its interval as a line."""
    target = result.target
    values = [Measures.of(one.curves, target).judged for one in result.outcomes]
    low, high, log = _limits([value for row in values for value in row if math.isfinite(value)])
    sheet = Canvas(_WIDE, _ROW * len(values) + 76)
    axis, bottom = Scale(low, high, _LEFT, _WIDE - _RIGHT, log=log), _ROW * len(values) + 34
    what = "mean of the last losses" if target is None else f"steps to a loss of {number(target)}"
    sheet.text(_LEFT, 16, f"{what}, one dot per seed", size=12)
    for tick in axis.ticks(7):
        sheet.line([(axis(tick), 28), (axis(tick), bottom)], stroke="grid")
        sheet.text(axis(tick), bottom + 18, f"{tick:g}", anchor="middle", fill="muted")
    sheet.line([(_LEFT, bottom), (_WIDE - _RIGHT, bottom)], stroke="muted")
    for i, (one, row) in enumerate(zip(result.outcomes, values, strict=True)):
        _row(sheet, axis, one, row, 34 + _ROW * (i + 0.5), f"series-{slot(result, one)}", target is not None)
    medians = ", ".join(
        f"{one.label} {number(Spread.of(row).median)}" for one, row in zip(result.outcomes, values, strict=True)
    )
    return sheet.svg(f"{what.capitalize()}, seed by seed; medians: {medians}.")


def _row(sheet: Canvas, axis: Scale, one: Outcome, values: Sequence[float], y: float, colour: str, steps: bool) -> None:
    beyond, spread = _WIDE - _RIGHT + 14, Spread.of(values)
    infinite = "never" if steps else "diverged"

    def place(value: float) -> float:
        return axis(value) if math.isfinite(value) else beyond

    sheet.text(_LEFT - 14, y + 4, _short(one.label, 18), anchor="end", size=12, fill=colour, bold=one.duel is None)
    sheet.line([(place(spread.interval[0]), y), (place(spread.interval[1]), y)], stroke=colour, width=2)
    for value in values:
        if math.isfinite(value):
            sheet.mark((axis(value), y), "dot", colour=colour, size=3.5, paper="card", title=f"{value:.4g}")
    lost = sum(math.isinf(value) for value in values)
    if lost:
        sheet.mark((beyond, y), "cross", colour=colour, size=4, title=infinite)
        sheet.text(beyond + 9, y + 4, f"{lost} {infinite}", size=10.5, fill="muted")
    if math.isfinite(spread.median):
        sheet.mark((axis(spread.median), y), "bar", colour=colour, size=6, title=f"median {spread.median:.4g}")


def _drawn_steps(result: Comparison) -> list[int]:
    return sorted({*range(0, result.steps, max(1, result.steps // _POINTS)), result.steps - 1})


def _over_seeds(rows: Sequence[Sequence[float]], steps: Sequence[int]) -> list[Spread]:
    return [Spread.of([row[step] for row in rows]) for step in steps]


def _finite(rows: Iterable[Sequence[Spread]]) -> list[float]:
    return [value for row in rows for s in row for value in (s.low, s.median, s.high) if math.isfinite(value)]


def _limits(values: Sequence[float], *, log: bool = True) -> tuple[float, float, bool]:
    """Ends of an axis with a little air, and whether it is logarithmic, if it may be."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if log and low > 0 and high > _LOG * low:
        return low / 1.15, high * 1.15, True
    air = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return low - air, high + air, False


def _short(label: str, letters: int = _LETTERS) -> str:
    return label if len(label) <= letters else f"{label[: letters - 1]}…"
