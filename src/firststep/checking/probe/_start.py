"""What a loss should be before the first step, by its declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...losses import LossSpec, Text
from ._calls import LossCall


@dataclass(frozen=True, slots=True)
class Start:
    """The value at the start and the least value.

    Args:
        expected: of an untrained model, on this batch; None where it has no closed form.
        text: the formula, such as "ln C".
        floor: the least value on this batch; None likewise.
        floor_text: its formula.
        note: what real models add to the expected value.
        measured: the loss.
    """

    expected: float | None
    text: str
    floor: float | None
    floor_text: str
    note: str
    measured: float


def start(call: LossCall) -> Start | None:
    """For one call; None where the catalogue knows neither value, or the call failed."""
    spec = call.spec
    if call.value is None or (spec.start is None and spec.minimum is None):
        return None
    expected = floor = None
    if not _weighted(call):
        expected = _number(spec.start.value, call) if spec.start else None
        floor = _number(spec.minimum.value, call) if spec.minimum else None
    nothing = Text("", "")
    return Start(
        expected,
        (spec.start.text if spec.start else nothing).en,
        floor,
        (spec.minimum.text if spec.minimum else nothing).en,
        (spec.start.note if spec.start else nothing).en,
        call.value,
    )


def _weighted(call: LossCall) -> bool:
    """Whether samples or elements count differently, so that plain means over the tensors do not apply."""
    return _uneven(call.spec) and any(call.options.get(name) is not None for name in ("weight", "mask"))


def _uneven(spec: LossSpec) -> bool:
    return spec.family not in ("classification", "imbalance", "noise", "language")


def _number(value: Callable[..., Any], call: LossCall) -> float | None:
    known = inspect.signature(value).parameters.values()
    asked_for = {one.name for one in known if one.kind is not one.VAR_KEYWORD}
    options = {name: one for name, one in call.options.items() if name not in _ASKED or name in asked_for}
    if not any(one.kind is one.VAR_KEYWORD for one in known):
        options = {one.name: options[one.name] for one in known if one.name in options}
    tensors = [one.double() if one.is_floating_point() else one for one in call.tensors]
    try:
        with torch.no_grad():
            found = float(torch.as_tensor(value(*tensors, **options)).double().mean())
    except Exception:  # options or shapes that the declaration's formula does not cover
        return None
    return found if abs(found) < float("inf") else None


# fmt: off
_ASKED = frozenset({
    "reduction", "weight", "mask", "denominator", "empty", "ignore_index", "class_weight", "size_average",
    "reduce", "_stacklevel",
})
# fmt: on
