"""Two virtual steps of gradient descent: what is asleep at first, and wakes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ._asked import Asked
from ._backward import gradients as gradients_of
from ._parameter import Parameter, alike_units, named
from ._sample import bad, rms

_GAIN, _LONGEST = 0.1, 0.1
"""A step promises to take off this share of the loss, and moves the weights by at most this share of their size."""


def stepped(
    asked: Asked, parameters: Sequence[Parameter], gradients: dict[str, Tensor | None], loss: float | None
) -> tuple[tuple[Parameter, ...], tuple[float, ...]]:
    """Walk, on the copies that the parameters stand on.

    Where every parameter is awake, the loss after one step is all there is to see, and no gradient is taken. A second
    step is made where a gradient that was zero at first is zero still, or rows that were equal are.

    Args:
        asked: what to run.
        parameters: as they were seen.
        gradients: the first ones, by name; used up.
        loss: the first value.

    Returns:
        The parameters with ``woken`` and ``alike_after``, and the loss after each step.
    """
    tensors = named(asked.model, asked.loss)
    losses: list[float] = []
    for step in range(2):
        waking = any(_sleeps(one, one.woken if step else one.gradient) for one in parameters)
        if step and not waking:
            break
        _move(tensors, gradients, loss or 1.0)
        gradients.clear()  # the memory of the old before that of the new
        loss, gradients = _again(asked, tensors, waking)
        losses.append(loss)
        parameters = tuple(_after(one, tensors[one.name], gradients) for one in parameters)
        if not math.isfinite(loss):
            break
    return tuple(parameters), tuple(losses)


def _move(tensors: Mapping[str, Tensor], gradients: Mapping[str, Tensor | None], loss: float) -> None:
    known = {name: one for name, one in gradients.items() if one is not None and not bad(one)}
    square = sum(_square(one) for one in known.values())
    if not square:
        return
    size = sum(_square(tensors[name]) for name in known)
    rate = min(_GAIN * abs(loss) / square, _LONGEST * max(size, 1e-6) ** 0.5 / square**0.5)
    with torch.no_grad():
        for name, gradient in known.items():
            tensors[name].data.sub_(gradient.to(tensors[name].dtype), alpha=rate)


def _square(tensor: Tensor) -> float:
    return rms(tensor) ** 2 * tensor.numel() if tensor.numel() else 0.0


def _again(asked: Asked, tensors: Mapping[str, Tensor], waking: bool) -> tuple[float, dict[str, Tensor | None]]:
    wanted = {name: one for name, one in tensors.items() if one.requires_grad and waking}
    try:
        with torch.enable_grad():  # a loss may take gradients of its own
            cost = asked.whole()
            found = gradients_of(cost, list(wanted.values())) if wanted else []
    except Exception:  # what ran once and does not run again, as with a graph that keeps state: nothing is known
        return math.nan, {}
    return float(cost.detach()), dict(zip(wanted, found, strict=True))


def _after(one: Parameter, tensor: Tensor, gradients: Mapping[str, Tensor | None]) -> Parameter:
    seen = rms(gradients.get(one.name))
    woken = seen if math.isnan(one.woken) else max(one.woken, seen)
    return replace(one, woken=woken, alike_after=alike_units(tensor, one.owner))


def _sleeps(one: Parameter, gradient: float) -> bool:
    """Whether a parameter has no gradient, or equal rows that stay equal as far as is known."""
    return one.trains and one.reached and (gradient == 0 or (one.alike > 0 and one.alike_after != 0))
