"""The numbers of a loss's picture: value and gradient along one number."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import LossError
from ._call import Asked, evaluate
from ._spec import Curve, LossSpec


class Drawn(NamedTuple):
    """One line: its label, x, the loss there and its derivative."""

    label: str
    x: list[float]
    value: list[float]
    gradient: list[float]


def curves(spec: LossSpec, points: int = 201) -> list[Drawn]:
    """The lines of the picture.

    Raises:
        LossError: for a loss that declares none.

    >>> from firststep import losses
    >>> [line.label for line in losses.curves(losses.catalog["cross_entropy"], points=3)]
    ['ε = 0', 'ε = 0.1', 'ε = 0.3']
    """
    if spec.plot is None:
        raise LossError(f"{spec.name} has no picture")
    steps = torch.linspace(spec.plot.low, spec.plot.high, points).tolist()
    return [_drawn(spec, curve, steps) for curve in spec.plot.curves]


def _drawn(spec: LossSpec, curve: Curve, steps: list[float]) -> Drawn:
    assert spec.plot is not None
    at, values, slopes = curve.at or spec.plot.at, [], []
    for step in steps:
        x = torch.tensor(step, requires_grad=True)
        value = mean(spec, at(x), {**spec.required, **curve.options})
        (slope,) = torch.autograd.grad(value, x, allow_unused=True) if value.requires_grad else (None,)
        values.append(float(value.detach()))
        slopes.append(0.0 if slope is None else float(slope))
    return Drawn(curve.label, steps, values, slopes)


def mean(spec: LossSpec, tensors: tuple[Tensor, ...], options: dict[str, Any]) -> Tensor:
    """The mean loss, whosever it is."""
    if spec.kernel is not None:
        return evaluate(spec, tensors, options, Asked())
    where, _, name = spec.path.rpartition(".")
    value = getattr(importlib.import_module(where), name)(**options)(*tensors)
    return value.loss if hasattr(value, "loss") else value
