"""The coordinate check as one page."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from ..planning import counted
from ..reporting import Badge, Figures, Line, Page, Section, Svg, Table, chart

if TYPE_CHECKING:
    from ._result import CoordCheck, LayerSizes

_MOST_LINES = 5


def page(check: CoordCheck) -> Page:
    """Pictures of the sizes over the width, and the table."""
    columns, rows = check.rows()
    columns[-1] = "verdict"
    marked = [i for i, layer in enumerate(check.layers) if layer.grows]
    table = Table(
        columns,
        rows,
        numeric=range(1, len(columns) - 1),
        code=(0,),
        marked=marked,
        caption=f"Mean absolute value of the output after step {check.steps}, mean of {counted(check.seeds, 'seed')}.",
    )
    limits = _limits(check)
    figures = Figures(
        [_figure(i, layer, check.steps, limits) for i, layer in enumerate(check.layers)],
        "Size of a layer's output over the width, one line per step. Level lines are what muP promises; lines that "
        "rise say that a learning rate tuned at one width is too large at the next. Logarithmic axes.",
    )
    return Page(
        title="Coordinate check",
        title_zh="坐标检查",
        lead=f"{check.verdict[0].upper()}{check.verdict[1:]}.",
        badges=(Badge("level", "good") if check.ok else Badge(f"{len(marked)} growing", "warning"),),
        sections=(
            Section("pictures", "Size over width", (figures,), "输出大小随宽度的变化"),
            Section("table", "Layer by layer", (table,), "逐层数据"),
        ),
        footer=f"Made by firststep {version('firststep')} with torch {torch.__version__}.",
    )


def _limits(check: CoordCheck) -> tuple[float, float]:
    """One axis for all layers, in whole decades and at least two of them, so that level lines look level."""
    sizes = [size for layer in check.layers for step in layer.sizes for size in step if 0 < size < math.inf] or [1.0]
    low, high = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    return 10.0 ** min(low, high - 2), 10.0**high


def _figure(index: int, layer: LayerSizes, steps: int, limits: tuple[float, float]) -> Svg:
    name = layer.name or "the model"
    shown = sorted({round(steps * i / (_MOST_LINES - 1)) for i in range(_MOST_LINES)})
    lines = [
        Line(
            f"step {step}" if step else "start",
            [size if 0 < size < math.inf else math.nan for size in layer.sizes[step]],
            slot=slot,
            bold=step == steps,
        )
        for slot, step in enumerate(shown, start=1)
        if any(0 < size < math.inf for size in layer.sizes[step])
    ]
    return chart(
        f"layer-{index}",
        lines,
        x=range(len(layer.widths)),
        x_ticks=[str(width) for width in layer.widths],
        x_label="width",
        y_label=f"mean |output| of {name}" + (", grows" if layer.grows else ""),
        scale="log",
        limits=limits,
        alt=f"Mean absolute value of the output of {name} over the width, one line per step.",
    )
