"""How strong the signal is at each layer before the first step, on the way forward and on the way back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Signal:
    """What one batch meets in an untrained model.

    Args:
        loss: the loss of the batch.
        output_std: std of the model's output over batch and units.
        forward: std of each point's activations over the batch (root mean square over units), first point first. What
            is the same for every example, such as a bias, does not count as signal.
        backward: std of the loss's gradient with respect to them, over batch and units.
    """

    loss: float
    output_std: float
    forward: tuple[float, ...]
    backward: tuple[float, ...]


def measure(
    model: nn.Module,
    points: Sequence[str],
    loss: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
) -> Signal:
    """Send one batch through a copy of ``model`` in training mode and read the std at every point.

    Args:
        model: left as it is; its copy's batch-norm statistics change, not its own.
        points: names of the modules whose outputs to look at, in the order in which they run.
        loss: of ``(output, targets)``, a scalar.
        inputs, targets: the batch.

    Returns:
        The measurement, one number per point and direction.
    """
    model = copy.deepcopy(model).train()
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output)

    for point in points:
        model.get_submodule(point).register_forward_hook(keep)
    output = model(inputs)
    value = loss(output, targets)
    gradients = torch.autograd.grad(value, seen)
    return Signal(value.item(), _std(output), tuple(map(_std_over_batch, seen)), tuple(map(_std, gradients)))


def _std_over_batch(values: Tensor) -> float:
    return values.detach().double().var(dim=0).mean().sqrt().item()


def _std(values: Tensor) -> float:
    # float64: the squares of activations of a bad start overflow float32.
    return values.detach().double().std().item()
