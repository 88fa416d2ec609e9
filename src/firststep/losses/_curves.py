"""The numbers of a loss's picture: value and gradient along one number."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value

from ..errors import LossError
from ._call import Asked, evaluate
from ._spec import Curve, LossSpec


class Drawn(NamedTuple):
    """One line: its label, x, the loss there and its derivative."""

    label: str
    x: list[float]
    value: list[float]
    gradient: list[float]


def curves(spec: LossSpec, points: int = 121) -> list[Drawn]:
    """The lines of the picture.

    Raises:
        LossError: for a loss that declares none.

    >>> from firststep import losses
    >>> [line.label for line in losses.curves(losses.catalog["cross_entropy"], points=3)]
    ['ε = 0', 'ε = 0.1', 'ε = 0.3']
    """
    if spec.plot is None:
        raise LossError(f"{spec.name} has no picture")
    x = torch.linspace(spec.plot.low, spec.plot.high, points)
    return [_drawn(spec, curve, x) for curve in spec.plot.curves]


def _drawn(spec: LossSpec, curve: Curve, x: Tensor) -> Drawn:
    assert spec.plot is not None
    at = curve.at or spec.plot.at

    def loss(step: Tensor) -> Tensor:
        return mean(spec, at(step), {**spec.required, **curve.options})

    if spec.kernel is not None:
        gradient, value = torch.vmap(grad_and_value(loss))(x)  # pyright: ignore[reportGeneralTypeIssues]
    else:  # somebody else's need not know vmap
        pairs = [grad_and_value(loss)(step) for step in x]
        gradient, value = (torch.stack(column) for column in zip(*pairs, strict=True))
    return Drawn(curve.label, x.tolist(), value.tolist(), gradient.tolist())


def mean(spec: LossSpec, tensors: tuple[Tensor, ...], options: dict[str, Any]) -> Tensor:
    """The mean loss, whosever it is."""
    if spec.kernel is not None:
        return evaluate(spec, tensors, options, Asked())
    where, _, name = spec.path.rpartition(".")
    value = getattr(importlib.import_module(where), name)(**options)(*tensors)
    return value.loss if hasattr(value, "loss") else value
