"""One run: one start, one seed, one learning rate, a number of steps."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..errors import CompareError
from ..losses import Total
from ._data import Batch, Source, moved
from ._random import seed_everything
from ._starts import Start

Loss: TypeAlias = Callable[..., Any]
Forward: TypeAlias = Callable[[Any, Any], Any]
"""``forward(model, inputs)``: how an odd model is run."""

Maker: TypeAlias = Callable[..., torch.optim.Optimizer]
"""``optimizer(parameters)``, or ``optimizer(parameters, lr=rate)`` where rates are given."""


@dataclass(frozen=True, eq=False, slots=True)
class Recipe:
    """What all runs have in common.

    Args:
        build: makes a new model.
        loss: of ``(output, targets)``.
        source: of the batches.
        steps: of each run.
        optimizer: makes the optimizer.
        forward: how the model is run, or None.
    """

    build: Callable[[], nn.Module]
    loss: Loss
    source: Source
    steps: int
    optimizer: Maker
    forward: Forward | None

    def begin(self, start: Start, seed: int, example: Any) -> nn.Module:
        """A new model at a start; what its factory draws at random depends on the seed alone."""
        seed_everything(seed)
        model = self.build()
        start.write(model, seed, example)
        return model.train()

    def run(
        self,
        start: Start,
        seed: int,
        rate: float | None,
        batches: Iterator[Batch],
        example: Any,
        tell: Callable[[int], object],
    ) -> tuple[float, ...]:
        """The loss before each step; infinite from where it was NaN or infinite, which ends the run."""
        model = self.begin(start, seed, example)
        loss = copy.deepcopy(self.loss) if isinstance(self.loss, nn.Module) else self.loss
        owners = [model, loss] if isinstance(loss, nn.Module) else [model]
        parameters = [one for owner in owners for one in owner.parameters() if one.requires_grad]
        optimizer = self._optimizer(parameters, rate)
        device = parameters[0].device
        seed_everything(seed, "training")
        losses: list[float] = []
        for _ in range(self.steps):
            inputs, targets = (moved(part, device) for part in next(batches))
            optimizer.zero_grad()
            value = scalar(loss(self._output(model, inputs), targets))
            number = value.item()
            if not math.isfinite(number):
                break
            losses.append(number)
            value.backward()
            optimizer.step()
            tell(1)
        left = self.steps - len(losses)
        if left:
            tell(left)
        return (*losses, *[math.inf] * left)

    def _output(self, model: nn.Module, inputs: Any) -> Any:
        if self.forward is not None:
            return self.forward(model, inputs)
        if isinstance(inputs, Mapping):
            return model(**inputs)
        return model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)

    def _optimizer(self, parameters: list[nn.Parameter], rate: float | None) -> torch.optim.Optimizer:
        made = self.optimizer(parameters) if rate is None else self.optimizer(parameters, lr=rate)
        if not isinstance(made, torch.optim.Optimizer):
            raise CompareError(
                f"compare(optimizer=...): returned {type(made).__name__}, expected an optimizer. "
                "Type optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
            )
        return made


def scalar(value: Any) -> Tensor:
    """What a loss returned, as one number that can be differentiated.

    Raises:
        CompareError: when it is something else.
    """
    value = value.mean() if isinstance(value, Total) else value
    if not isinstance(value, Tensor):
        raise CompareError(
            f"compare(loss=...): the loss returned {type(value).__name__}; expected a tensor of one number"
        )
    if value.numel() != 1:
        raise CompareError(
            f"compare(loss=...): the loss returned a tensor of shape {tuple(value.shape)}; expected one number. Type "
            "loss=lambda output, targets: your_loss(output, targets).mean()"
        )
    if not value.requires_grad:
        raise CompareError(
            "compare(loss=...): the loss does not depend on the model's parameters: somewhere between them and the "
            "loss the graph is cut, by detach(), item(), argmax() or torch.no_grad()"
        )
    return value.reshape(())


def checked_optimizer(optimizer: Maker, rates: tuple[float, ...]) -> Maker:
    """``optimizer``, when it can make one per model.

    Raises:
        CompareError: for an optimizer that is made already, and for one that takes no learning rate where some are
            given.
    """
    if isinstance(optimizer, torch.optim.Optimizer) or not callable(optimizer):
        raise CompareError(
            f"compare(optimizer=...): expected a function of the parameters, was given {type(optimizer).__name__}. "
            "Every model needs its own: type optimizer=torch.optim.SGD, or lambda parameters: "
            "torch.optim.SGD(parameters, lr=0.1)"
        )
    if rates and not _takes_rate(optimizer):
        raise CompareError(
            "compare(optimizer=..., lrs=...): the optimizer's function has no argument lr. Type "
            "optimizer=lambda parameters, lr: torch.optim.SGD(parameters, lr=lr)"
        )
    return optimizer


def _takes_rate(optimizer: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(optimizer).parameters
    except (TypeError, ValueError):
        return True
    return "lr" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
