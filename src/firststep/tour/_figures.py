"""The tour's four figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..reporting import Line, Svg, chart
from ._data import CLASSES
from ._starts import OURS
from ._summary import EXPECTED_LOSS, Spread
from ._train import Result, Run

_LOSS_LIMITS = (0.001, 20.0)
_SMALLEST = 1e-12


def convergence(result: Result) -> tuple[Svg, Svg]:
    """Test accuracy and training loss by epoch."""
    epochs = range(result.settings.epochs + 1)
    accuracy = chart(
        "accuracy",
        _lines(result, epochs, lambda run, i: run.accuracies[i]),
        x=epochs,
        y_label="test accuracy",
        x_label="epoch",
        limits=(0.0, 1.02),
        reference=(1 / CLASSES, "guessing"),
        alt="Test accuracy by epoch for each start: median and range over the seeds.",
    )
    loss = chart(
        "loss",
        _lines(result, epochs, lambda run, i: run.losses[i]),
        x=epochs,
        y_label="training loss",
        x_label="epoch",
        scale="log",
        limits=_LOSS_LIMITS,
        reference=(EXPECTED_LOSS, f"ln {CLASSES}"),
        alt="Training loss by epoch for each start: median and range over the seeds.",
    )
    return accuracy, loss


def signals(result: Result) -> tuple[Svg, Svg]:
    """The std of activations and of gradients by layer, before the first step."""
    layers = range(len(result.stages))
    forward = chart(
        "forward",
        _lines(result, layers, lambda run, i: run.signal.forward[i]),
        x=layers,
        x_ticks=result.stages,
        y_label="std of the activations, from the image to the logits",
        scale="log",
        alt="Std of the activations by layer before the first step, for each start.",
    )
    backward = chart(
        "backward",
        _lines(result, layers[::-1], lambda run, i: run.signal.backward[i]),
        x=layers,
        x_ticks=result.stages[::-1],
        y_label="std of the gradients, from the logits back to the image",
        scale="log",
        alt="Std of the loss's gradient by layer before the first step, for each start, last layer first.",
    )
    return forward, backward


def _lines(result: Result, points: Sequence[int], read: Callable[[Run, int], float]) -> list[Line]:
    lines = []
    for start in result.starts:
        spreads = [Spread.of([read(run, i) for run in result.of(start.key)]) for i in points]
        low, middle, high = (
            [_drawable(getattr(spread, part)) for spread in spreads] for part in ("low", "median", "high")
        )
        label = start.label if math.isfinite(middle[-1]) else f"{start.label} (NaN)"
        lines.append(Line(label, middle, low, high, start.slot, bold=start.key == OURS))
    return lines


def _drawable(value: float) -> float:
    """A gap for what is not finite; a floor for 0, which a logarithmic axis cannot show."""
    return max(value, _SMALLEST) if math.isfinite(value) else math.nan
