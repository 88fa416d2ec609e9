"""What was asked: the model, the loss, the batch, and how one is called with the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckError
from ...losses import LossSpec, Total
from ...running import called, takes, unwrapped
from ._tree import fresh

Forward = Callable[[Any, Any], Any]
"""``forward(model, inputs)``: how an odd model is run."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """The arguments of :func:`check`, looked over.

    Args:
        model: without the wrappers of torch.compile and data parallelism.
        loss: None where the model returns its own loss.
        inputs, targets: the batch.
        optimizer: or None.
        forward: how the model is run, or None.
        task: or None.
        seed: of dropout and other noise while looking.
    """

    model: nn.Module
    loss: Callable[..., Any] | None
    inputs: Any
    targets: Any
    optimizer: Any
    forward: Forward | None
    task: str | None
    seed: int

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The model, and the loss where it is one."""
        return (self.model, self.loss) if isinstance(self.loss, nn.Module) else (self.model,)

    def run(self, inputs: Any) -> Any:
        """The model's output."""
        if self.forward is not None:
            return self.forward(self.model, inputs)
        return called(self.model, inputs)

    def cost(self, output: Any, targets: Any) -> Any:
        """What the loss returns, its first part where it returns several."""
        if self.loss is None:
            return _own_loss(output)
        value = _first_that_fits(self.loss, _arguments(self.loss, output, targets))
        if isinstance(value, Total):
            return value.mean()
        if isinstance(value, Mapping):
            return value["loss"]
        return value[0] if isinstance(value, (tuple, list)) else value

    def whole(self) -> Tensor:
        """The loss of copies of the batch, with the noise of the seed; a mean where it is many numbers."""
        torch.manual_seed(self.seed)
        cost = self.cost(self.run(fresh(self.inputs)), fresh(self.targets))
        return cost.mean() if cost.ndim else cost


def asked(
    model: Any, loss: Any, batch: Any, optimizer: Any, forward: Forward | None, task: str | None, seed: int
) -> Asked:
    """The arguments of :func:`check`, or an error that says what to type.

    Raises:
        CheckError: when an argument is not what it should be.
    """
    if not isinstance(model, nn.Module):
        raise CheckError(
            f"check(model, ...): expected a torch.nn.Module, was given {type(model).__name__}. "
            "Type fs.check(model, loss, (inputs, targets))"
        )
    if loss is not None and not callable(loss):
        raise CheckError(
            f"check(..., loss, ...): expected a loss module or a function, was given {type(loss).__name__}. "
            "Type nn.CrossEntropyLoss(), or lambda output, targets: ..., or None for a model that returns its loss"
        )
    if isinstance(loss, type):
        raise CheckError(f"check(..., loss, ...): was given the class {loss.__name__}. Type {loss.__name__}()")
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        what = f"{len(batch)} values" if isinstance(batch, (tuple, list)) else type(batch).__name__
        raise CheckError(
            f"check(..., batch): expected a pair (inputs, targets), was given {what}. "
            "Several inputs go in a tuple or dict: (inputs, targets) = ((a, b), y). Without targets: (inputs, None)"
        )
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        raise CheckError(
            f"check(optimizer=...): expected an optimizer of this model, was given {_shown(optimizer)}. "
            "Type torch.optim.AdamW(model.parameters())"
        )
    owners = [one for one in (model, loss) if isinstance(one, nn.Module)]
    if not any(True for one in owners for _ in one.parameters()):
        raise CheckError(f"check(model, ...): {type(model).__name__} has no parameters: there is no start to check")
    meta = [name for name, tensor in model.named_parameters() if tensor.device.type == "meta"]
    if meta:
        raise CheckError(
            f"check(model, ...): {len(meta)} parameters are on the meta device, {meta[0]} for one: they have no "
            "values yet. Type model.to_empty(device='cpu') and fs.initialize(model, seed=0) first"
        )
    return Asked(unwrapped(model), unwrapped(loss), batch[0], batch[1], optimizer, forward, task, seed)


def _own_loss(output: Any) -> Any:
    loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if loss is None and isinstance(output, Tensor):
        return output
    if loss is None:
        raise CheckError(
            f"check(model, None, ...): the model returned {type(output).__name__} without a loss. Give the loss: "
            "fs.check(model, loss, (inputs, targets))"
        )
    return loss


def _shown(given: Any) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def _first_that_fits(loss: Callable[..., Any], ways: Sequence[tuple[Any, ...]]) -> Any:
    """The loss, called in the first way that it takes; its own error where it takes none."""
    first: Exception | None = None
    for way in ways:
        try:
            return loss(*way)
        except (AttributeError, TypeError) as error:
            first = first or error
    raise first or TypeError("no way to call the loss")


def _arguments(loss: Callable[..., Any], output: Any, targets: Any) -> Sequence[tuple[Any, ...]]:
    """Output and targets in every way that the loss may take: as they are, or spread out over more arguments.

    Of an output with logits, such as those of transformers, losses of torch and ours take the logits.
    """
    outputs = [output]
    if not isinstance(output, Tensor) and isinstance(getattr(output, "logits", None), Tensor):
        outputs = [output.logits] if _of_tensors(loss) else [output, output.logits]
    ways: list[tuple[Any, ...]] = [(one,) for one in outputs]
    if isinstance(output, (tuple, list)) and type(output) in (tuple, list):  # no named tuple
        ways.append(tuple(output))
    ends: list[tuple[Any, ...]] = [(), (None,)] if targets is None else [(targets,)]
    if isinstance(targets, (tuple, list)):
        ends.append(tuple(targets))
    candidates = [(*way, *end) for way in ways for end in ends]
    spec = getattr(loss, "spec", None)
    if isinstance(spec, LossSpec):  # ours takes as many tensors as its declaration has, less those it owns
        wanted = len(spec.arguments) - (len(spec.learned) if isinstance(loss, nn.Module) else 0)
        whole = [one for one in candidates if len(one) == wanted]
        return [one for one in whole if all(isinstance(part, Tensor) for part in one)] or whole or candidates[:1]
    return [one for one in candidates if takes(loss, one)] or candidates[:1]


def _of_tensors(loss: Callable[..., Any]) -> bool:
    home = type(loss).__module__ if isinstance(loss, nn.Module) else getattr(loss, "__module__", None) or ""
    return home.startswith(("torch.", "firststep."))
