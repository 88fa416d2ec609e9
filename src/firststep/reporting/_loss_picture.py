"""The picture of a loss: its value and its gradient, side by side over the same number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import losses
from ..losses import Language, LossSpec
from ._chart import Line, draw
from ._svg import Svg, colour, inline, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 760, 300
_LEFT, _GAP, _BOTTOM, _TOP = 44, 58, 50, 30
_MARK, _LETTER = 36, 7.2
"""Of the legend: the room for a line and its margins, and for a letter."""
_WORDS = {"value": losses.Text("loss", "损失"), "gradient": losses.Text("its derivative", "导数")}


def loss_picture(spec: LossSpec, language: Language = "en") -> Svg:
    """Value and derivative of a loss, one line for each of the options it is drawn with.

    Raises:
        LossError: for a loss that declares no picture.
    """
    import matplotlib.figure

    drawn = losses.curves(spec)
    assert spec.plot is not None
    name = f"loss-{spec.name.replace('.', '-').replace('_', '-')}"
    x_label, title = losses.say(spec.plot.x, language), losses.say(spec.title, language)
    labels = [one.label for one in drawn] if len(drawn) > 1 else []
    right = max([24.0, *(_MARK + _LETTER * len(label) for label in labels)])
    panel = (_WIDTH - _LEFT - _GAP - right) / 2
    with style(name):
        figure = matplotlib.figure.Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
        figure.patch.set_visible(False)
        for i, what in enumerate(("value", "gradient")):
            left = _LEFT + i * (panel + _GAP)
            height = _HEIGHT - _BOTTOM - _TOP
            axes = figure.add_axes((left / _WIDTH, _BOTTOM / _HEIGHT, panel / _WIDTH, height / _HEIGHT))
            lines = [Line(one.label, getattr(one, what), slot=slot) for slot, one in enumerate(drawn, 1)]
            _panel(axes, drawn[0].x, lines, losses.say(_WORDS[what], language))
        _legend(figure, labels, _WIDTH - right + 12)
        figure.text((_LEFT + panel + _GAP / 2) / _WIDTH, 12 / _HEIGHT, x_label, ha="center", fontsize=11)
        return inline(figure, name, f"{title}: {losses.say(_WORDS['value'], language)}, {x_label}")


def _panel(axes: Axes, x: list[float], lines: list[Line], what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    axes.set_xlim(x[0], x[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6))
    for line in lines:
        draw(axes, x, line)
    every = [y for line in lines for y in line.middle if math.isfinite(y)]
    if every and max(every) - min(every) < 1e-9:
        axes.set_ylim(min(every) - 1, max(every) + 1)
    axes.set_ylim(axes.get_ylim())
    axes.set_title(what, loc="left", fontsize=12, color=colour("ink"), pad=10)


def _legend(figure: Figure, labels: list[str], left: float) -> None:
    """One below the other, right of both panels: the lines often end at one point."""
    from matplotlib.lines import Line2D

    top = _HEIGHT - _TOP - 6
    for slot, label in enumerate(labels, 1):
        y, paint = (top - 20 * (slot - 1)) / _HEIGHT, colour(f"series-{slot}")
        ends = [left / _WIDTH, (left + 14) / _WIDTH]
        figure.add_artist(Line2D(ends, [y, y], color=paint, linewidth=2.2))
        figure.text((left + 19) / _WIDTH, y, label, va="center_baseline", color=paint, fontsize=11)
