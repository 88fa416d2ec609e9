"""What a coordinate check found."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..planning import counted
from ..reporting import save, text_table

GROWS = 0.25
"""The slope beyond which a size is said to grow. Wrong scales are wrong by powers of 1/2: this is half of the least."""


@dataclass(frozen=True)
class LayerSizes:
    """The size of one layer's output.

    Args:
        name: qualified name of the layer.
        sizes: mean absolute value, by step (the first is the start) and by width.
        widths: the widths.
    """

    name: str
    sizes: tuple[tuple[float, ...], ...]
    widths: tuple[int, ...]

    @property
    def slopes(self) -> tuple[float, ...]:
        """By step, the power of the width that the size grows with; NaN when it is zero, infinite when not finite."""
        return tuple(_slope(self.widths, sizes) for sizes in self.sizes)

    @property
    def grows(self) -> bool:
        """Whether it grows with the width at any step."""
        return any(slope > GROWS for slope in self.slopes)


@dataclass(frozen=True, repr=False)
class CoordCheck:
    """The sizes of all layers' outputs by width and step; ``print`` it to see.

    Args:
        widths: in rising order.
        layers: in order of registration.
        seeds: runs that each size is the mean of.
    """

    widths: tuple[int, ...]
    layers: tuple[LayerSizes, ...]
    seeds: int

    @property
    def growing(self) -> tuple[str, ...]:
        """The layers whose outputs grow with the width at some step."""
        return tuple(layer.name for layer in self.layers if layer.grows)

    @property
    def ok(self) -> bool:
        """Whether none grows."""
        return not self.growing

    @property
    def steps(self) -> int:
        """Steps of each run."""
        return len(self.layers[0].sizes) - 1 if self.layers else 0

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        if self.ok:
            return f"no layer's output grows with the width: every slope is {GROWS} or less"
        return f"outputs grow with the width in {', '.join(map(repr, self.growing))}: slope above {GROWS}"

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """A table: headings, and a row of cells per layer."""
        columns = ["layer", *(f"size at {width}" for width in self.widths), "slope at start", "largest slope", ""]
        body = []
        for layer in self.layers:
            slopes = [slope for slope in layer.slopes if not math.isnan(slope)]
            cells = [_number(size) for size in layer.sizes[-1]]
            told = [f"{layer.slopes[0]:+.2f}", f"{max(slopes):+.2f}"] if slopes else ["", ""]
            if slopes and math.isnan(layer.slopes[0]):
                told[0] = "zero"
            body.append([layer.name or "the model", *cells, *told, "GROWS" if layer.grows else ""])
        return columns, body

    def table(self, width: int | None = None) -> str:
        """The check as text."""
        columns, rows = self.rows()
        told = text_table(columns, rows, numeric=range(1, len(columns) - 1), width=width)
        counts = counted(len(self.widths), "width"), counted(self.steps, "step"), counted(self.seeds, "seed")
        head = "Coordinate check: {}, {}, mean of {}".format(*counts)
        note = f"size: mean |output| after step {self.steps}; slope: the power of the width that it grows with"
        return "\n".join([head, "", told, "", note, self.verdict])

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data, fit for JSON; what is not finite is ``None``."""
        layers = [
            {
                "name": layer.name,
                "sizes": [list(map(_finite, sizes)) for sizes in layer.sizes],
                "slopes": list(map(_finite, layer.slopes)),
                "grows": layer.grows,
            }
            for layer in self.layers
        ]
        return {"ok": self.ok, "widths": list(self.widths), "seeds": self.seeds, "layers": layers}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the check as one self-contained HTML page, a picture per layer; needs ``firststep[tour]``.

        Raises:
            OSError: when the folder cannot be written.
        """
        from ._page import page

        save(page(self), path)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<CoordCheck: {len(self.layers)} layers at {len(self.widths)} widths, {len(self.growing)} growing>"


def _slope(widths: Sequence[int], sizes: Sequence[float]) -> float:
    """Least squares of log size on log width."""
    if any(math.isinf(size) for size in sizes):
        return math.inf
    if not all(sizes):
        return math.nan
    x, y = [math.log(width) for width in widths], [math.log(size) for size in sizes]
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    return sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)) / sum((a - x_mean) ** 2 for a in x)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
