"""The report: how strong the signal and the gradient are at every layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LayerSignal:
    """What is predicted of one layer's output.

    Args:
        name, kind: canonical name and type of the module.
        mean, std: of all elements of its output.
        gradient: std of the gradient with respect to it, when that of the model's output is 1.
        chi: how much an activation and the weights that make up for it change the gradient's second moment; 1 keeps it.
        growth: how a relative deviation of the second moment is passed on by the activation; above 1 it grows.
        xi: depth scale, the number of such layers over which the gradient changes by the factor e; infinite at chi = 1.
        known: whether every operation up to here has a rule; otherwise the numbers rest on an assumption.
    """

    name: str
    kind: str
    mean: float
    std: float
    gradient: float
    chi: float | None = None
    growth: float | None = None
    xi: float | None = None
    known: bool = True


@dataclass(frozen=True, repr=False)
class Signal:
    """The signal through a model; ``print`` it to see. Made by :func:`firststep.solving.predict`.

    Args:
        layers: in the order they ran; a module that ran twice stands twice.
        notes: what is assumed, and what no choice of scales can do.
    """

    layers: tuple[LayerSignal, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> LayerSignal:
        """The first run of a layer, by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def __iter__(self) -> Iterator[LayerSignal]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The signal as plain data, fit for JSON: an infinite depth scale is ``None``."""
        rows = [asdict(layer) for layer in self.layers]
        for row in rows:
            row["xi"] = row["xi"] if row["xi"] is not None and math.isfinite(row["xi"]) else None
        return {"layers": rows, "notes": list(self.notes)}

    def __str__(self) -> str:
        header = ("layer", "kind", "mean", "std", "gradient", "chi", "depth scale")
        rows = [header, *(_cells(layer) for layer in self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        notes = ["", "notes", *(f"  {note}" for note in self.notes)] if self.notes else []
        return "\n".join(line.rstrip() for line in [*lines, *notes])

    def __repr__(self) -> str:
        return f"<Signal: {len(self.layers)} layers; print it to see>"


def _cells(layer: LayerSignal) -> tuple[str, ...]:
    xi = "" if layer.xi is None else "inf" if math.isinf(layer.xi) else f"{layer.xi:.3g}"
    chi = "" if layer.chi is None else f"{layer.chi:.3f}"
    name = layer.name or "(model)"
    std = f"{layer.std:.3g}" + ("" if layer.known else "?")
    mean = "0" if abs(layer.mean) < 5e-4 * layer.std else f"{layer.mean:.3g}"
    return name, layer.kind, mean, std, f"{layer.gradient:.3g}", chi, xi
