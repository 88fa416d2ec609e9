"""The one chart the reports need: a few labelled lines with their ranges, over epochs or over layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ._svg import SERIES, Svg, colour, inline, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT = 460, 320
_LEFT, _RIGHT, _BOTTOM, _TOP = 48, 118, 46, 26
_LABEL_GAP = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Args:
        label: written at the right end of the line.
        middle: the y values, for instance a median; a non-finite value breaks the line.
        low, high: the range around ``middle``, drawn as a band; empty for none.
        slot: which of the page's series colours, from 1.
        bold: whether the line is the one the figure is about.
    """

    label: str
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    slot: int = 1
    bold: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.slot <= SERIES:
            raise ValueError(f"Line(slot={self.slot!r}): expected 1 to {SERIES}, the page's series colours")


def chart(
    name: str,
    lines: Sequence[Line],
    *,
    x: Sequence[float],
    y_label: str,
    alt: str,
    x_label: str = "",
    x_ticks: Sequence[str] = (),
    scale: Literal["linear", "log"] = "linear",
    limits: tuple[float, float] | None = None,
    reference: tuple[float, str] | None = None,
) -> Svg:
    """Lines with direct labels, bands for their ranges, and one reference level.

    Args:
        name: unique on the page, letters and dashes.
        lines: one to six series, each as long as ``x``.
        x: positions on the horizontal axis.
        y_label: what is measured, with its unit.
        alt: what the figure shows, in a sentence.
        x_label: what the horizontal axis counts.
        x_ticks: a word for each position of ``x``, written slanted; numbers when empty.
        scale: of the vertical axis.
        limits: of the vertical axis; values outside are cut off. Default: what the values need.
        reference: a level worth comparing with, and its name.

    Returns:
        The figure as inline SVG.
    """
    from matplotlib.figure import Figure

    with style(name):
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
        figure.patch.set_visible(False)
        bottom = _BOTTOM + 14 if x_ticks else _BOTTOM
        box = (_LEFT, bottom, _WIDTH - _LEFT - _RIGHT, _HEIGHT - bottom - _TOP)
        axes = figure.add_axes((box[0] / _WIDTH, box[1] / _HEIGHT, box[2] / _WIDTH, box[3] / _HEIGHT))
        _frame(axes, x, x_label, x_ticks)
        axes.set_yscale(scale)
        for line in lines:
            draw(axes, x, line)
        if limits is not None:
            axes.set_ylim(limits)
        axes.set_ylim(axes.get_ylim())
        if scale == "log":
            _log_ticks(axes)
        axes.text(0, _HEIGHT - 11, y_label, transform=None, fontsize=12, va="center_baseline")
        _label_ends(axes, lines, reference, box[3])
        return inline(figure, name, alt)


def _frame(axes: Axes, x: Sequence[float], x_label: str, x_ticks: Sequence[str]) -> None:
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    axes.set_xlim(min(x), max(x) if max(x) > min(x) else min(x) + 1)
    axes.set_xlabel(x_label)
    if x_ticks:
        axes.set_xticks(x, x_ticks, rotation=40, ha="right", rotation_mode="anchor")
    else:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw(axes: Axes, x: Sequence[float], line: Line) -> None:
    paint = colour(f"series-{line.slot}")
    if line.low:
        axes.fill_between(x, line.low, line.high, color=paint, alpha=0.16, linewidth=0)
    axes.plot(x, line.middle, color=paint, linewidth=2.6 if line.bold else 1.8, solid_capstyle="round")


def _log_ticks(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.yaxis.set_major_locator(LogLocator(base=10, numticks=8))
    axes.yaxis.set_major_formatter(lambda value, _: power(value))
    axes.yaxis.set_minor_locator(NullLocator())


def power(value: float) -> str:
    """A power of ten as the axis writes it: plain near 1, with an exponent elsewhere.

    >>> power(0.001), power(100.0), power(1e-7)
    ('0.001', '100', '10⁻⁷')
    """
    if 0.0009 < value < 1001:
        return f"{value:g}"
    return "10" + str(round(math.log10(value))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _label_ends(axes: Axes, lines: Sequence[Line], reference: tuple[float, str] | None, height: float) -> None:
    """Names at the right end of each line and of the reference level, moved apart where ends lie close."""
    names = [(line.label, colour(f"series-{line.slot}"), line.bold, line.middle) for line in lines]
    if reference is not None:
        axes.axhline(reference[0], color=colour("ink"), linewidth=1, linestyle=(0, (3, 3)))
        names.append((reference[1], colour("ink"), False, [reference[0]]))
    ends = [_end(axes, values) * height for *_, values in names]
    for (label, paint, bold, _), end, y in zip(names, ends, spread(ends, _LABEL_GAP, height), strict=True):
        axes.annotate(
            label,
            (1, end / height),
            xycoords="axes fraction",
            xytext=(16, y - end),
            textcoords="offset points",
            va="center_baseline",
            color=paint,
            fontweight="bold" if bold else "normal",
            arrowprops={"arrowstyle": "-", "color": paint, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 2},
            annotation_clip=False,
        )


def _end(axes: Axes, values: Sequence[float]) -> float:
    """Where a line ends, as a fraction of the axes' height; the top when its last value is not finite."""
    low, high = axes.get_ylim()
    if not math.isfinite(values[-1]):
        return 1.0
    end = min(max(values[-1], low), high)
    if axes.get_yscale() == "log":
        return (math.log(end) - math.log(low)) / (math.log(high) - math.log(low))
    return (end - low) / (high - low)


def spread(wanted: Sequence[float], gap: float, height: float) -> list[float]:
    """Positions in ``[0, height]`` near ``wanted``, in the same order, at least ``gap`` apart where there is room.

    >>> spread([10.0, 12.0, 90.0], 15.0, 100.0)
    [10.0, 25.0, 90.0]
    >>> spread([95.0, 99.0], 15.0, 100.0)
    [85.0, 100.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    floor = -math.inf
    for i in order:
        placed[i] = max(wanted[i], floor)
        floor = placed[i] + gap
    ceiling = height
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    return placed
