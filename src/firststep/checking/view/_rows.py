"""Layers and parameters as rows of tables, and where among the layers a finding belongs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from .._finding import Finding
from ..probe._layer import Layer
from ..probe._parameter import Parameter
from ._words import known, number, percent, size

if TYPE_CHECKING:
    from .._report import CheckReport

BEFORE = -1
"""The position of the batch, before the first layer. That of the loss is the number of layers."""

LAYER_COLUMNS = (
    "layer", "kind", "output", "rms", "predicted", "spread", "gradient", "finding", "zero", "dead", "saturated",
)  # fmt: skip
PARAMETER_COLUMNS = (
    "parameter", "shape", "mean", "std", "std x sqrt(fan_in)", "gradient", "in optimizer", "finding",
)  # fmt: skip

_ASTRAY = 3.0
"""By what factor rms and prediction may differ; what the width of a batch or of a layer leaves to chance is less."""
_AFTER = ("loss", "targets", "output", "backward")
_MEANINGS = {
    "rms": "the size of the output",
    "predicted": "the rms that independent weights of this size would give",
    "spread": "how far it differs between examples, over rms",
    "gradient": "the rms of the loss's gradient by it",
    "zero": "outputs that are 0",
    "dead": "units that are 0 throughout",
    "saturated": "outputs where tanh or sigmoid is flat",
}


def legend(layers: Sequence[Layer], columns: Collection[str] = LAYER_COLUMNS) -> str:
    """What the columns of the layers' table are, and what a star is, where there is one."""
    said = [f"{name}: {meaning}" for name, meaning in _MEANINGS.items() if name in columns]
    if "predicted" in columns and any(map(astray, layers)):
        said.append(f"*: over {_ASTRAY:g} times off, as weights or inputs are correlated, or where most is padding")
    return "; ".join(said)


def astray(layer: Layer) -> bool:
    """Whether an output is far from its prediction in size."""
    if layer.bad or math.isnan(layer.predicted):
        return False
    low, high = sorted((layer.rms, layer.predicted))
    return high > _ASTRAY * low


def position(place: str, layers: Sequence[Layer]) -> int | None:
    """Where a finding belongs: a layer's number, :data:`BEFORE`, or the number of layers for the loss; None nowhere.

    A container's place is that of the last layer in it, a parameter's that of its layer.
    """
    names = [layer.name for layer in layers]
    if place in names:
        return names.index(place)
    if place.startswith("inputs"):
        return BEFORE
    if place.partition("[")[0].partition(".")[0] in _AFTER:
        return len(layers)
    for whole in (place, place.rpartition(".")[0]):
        inside = [i for i, layer in enumerate(layers) if whole and layer.place == whole and not layer.function]
        inside += [i for i, layer in enumerate(layers) if whole and f"{layer.place}.".startswith(f"{whole}.")][-1:]
        if inside:
            return inside[0]
    single = [i for i, layer in enumerate(layers) if layer.place == "" and not layer.function]
    return single[0] if "." not in place and single else None


def located(report: CheckReport) -> dict[int, list[Finding]]:
    """The findings by position, the most severe first."""
    found: dict[int, list[Finding]] = {}
    for one in report.findings:
        where = position(one.place, report.evidence.layers)
        if where is not None:
            found.setdefault(where, []).append(one)
    return found


def codes(findings: Sequence[Finding]) -> str:
    """Their codes, each once."""
    return ", ".join(dict.fromkeys(one.code for one in findings))


def layer_row(layer: Layer, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The cells under :data:`LAYER_COLUMNS`."""
    return (
        layer.place or "model",
        layer.kind,
        size(layer.shape),
        _size(layer),
        known(layer.predicted) + "*" * astray(layer),
        known(layer.spread),
        known(layer.gradient),
        codes(findings),
        percent(layer.zero),
        percent(layer.dead),
        percent(layer.saturated),
    )


def _size(layer: Layer) -> str:
    if not layer.bad:
        return number(layer.rms)
    return f"{layer.bad:,} not finite" + (f", else {number(layer.rms)}" if layer.rms else "")


def parameter_row(one: Parameter, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The cells under :data:`PARAMETER_COLUMNS`."""
    scaled = fan_in(one)
    return (
        " = ".join(one.names),
        size(one.shape),
        number(one.mean),
        number(one.std),
        number(one.std * math.sqrt(scaled)) if scaled else "",
        "frozen" if not one.trains else known(one.gradient) if one.reached else "none",
        "" if one.optimized is None else "yes" if one.optimized else "no",
        codes(findings),
    )


def fan_in(one: Parameter) -> int | None:
    """How many numbers one output is a sum of; None for what is no matrix, or one whose layout is another."""
    if len(one.shape) < 2 or one.owner in ("Embedding", "EmbeddingBag") or "Transpose" in one.owner:
        return None
    return one.numel // one.shape[0] if one.shape[0] else None


def about(one: Parameter, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that name a parameter."""
    return [found for found in findings if found.place in one.names]


def shown(total: int, wanted: Collection[int], most: int) -> Iterator[int | range]:
    """The rows to show of a long table, and in between the stretches that are left out.

    The first and the last rows, and those wanted as far as there is room.

    >>> list(shown(10, {4}, 6)), list(shown(3, (), 6))
    ([0, 1, range(2, 4), 4, range(5, 7), 7, 8, 9], [0, 1, 2])
    """
    if total <= most:
        yield from range(total)
        return
    some = sorted(i for i in wanted if 0 <= i < total)[: most // 3]
    head = (most - len(some)) // 2
    kept = {*some, *range(head), *range(total - (most - len(some) - head), total)}
    i = 0
    while i < total:
        if i in kept:
            yield i
            i += 1
            continue
        end = next(j for j in range(i, total) if j in kept)
        yield range(i, end)
        i = end
