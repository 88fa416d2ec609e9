"""What was asked: the model, the loss, the batch, and how one is called with the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...errors import CheckError
from ...losses import Total

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
        if isinstance(inputs, Mapping):
            return self.model(**inputs)
        return self.model(*inputs) if isinstance(inputs, (tuple, list)) else self.model(inputs)

    def cost(self, output: Any, targets: Any) -> Any:
        """What the loss returns, its first part where it returns several."""
        if self.loss is None:
            return _own_loss(output)
        value = self.loss(*_arguments(self.loss, output, targets))
        if isinstance(value, Total):
            return value.mean()
        if isinstance(value, Mapping):
            return value["loss"]
        return value[0] if isinstance(value, (tuple, list)) else value


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
    owners = [one for one in (model, loss) if isinstance(one, nn.Module)]
    if not any(True for one in owners for _ in one.parameters()):
        raise CheckError(f"check(model, ...): {type(model).__name__} has no parameters: there is no start to check")
    meta = [name for name, tensor in model.named_parameters() if tensor.device.type == "meta"]
    if meta:
        raise CheckError(
            f"check(model, ...): {len(meta)} parameters are on the meta device, {meta[0]} for one: they have no "
            "values yet. Type model.to_empty(device='cpu') and fs.initialize(model, seed=0) first"
        )
    return Asked(_unwrapped(model), _unwrapped(loss), batch[0], batch[1], optimizer, forward, task, seed)


def _unwrapped(module: Any) -> Any:
    """Without torch.compile, inside of which hooks see nothing, and without data parallelism."""
    while isinstance(module, nn.Module):
        if hasattr(module, "_orig_mod"):
            module = module._orig_mod
        elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        else:
            break
    return module


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


def _arguments(loss: Callable[..., Any], output: Any, targets: Any) -> Sequence[Any]:
    """Output and targets, each as it is or spread out where the loss takes more arguments."""
    output = getattr(output, "logits", output)
    ways: list[tuple[Any, ...]] = [(output,)]
    if isinstance(output, (tuple, list)):
        ways.append(tuple(output))
    ends: list[tuple[Any, ...]] = [()] if targets is None else [(targets,)]
    if isinstance(targets, (tuple, list)):
        ends.append(tuple(targets))
    candidates = [(*way, *end) for way in ways for end in ends]
    try:
        signature = inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except (TypeError, ValueError):
        return candidates[0]
    if any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()):
        return _by_names(loss, candidates)
    return next((one for one in candidates if _binds(signature, one)), candidates[0])


def _by_names(loss: Any, candidates: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """A module of ours takes as many tensors as its declaration has, less those it owns."""
    spec = getattr(loss, "spec", None)
    if spec is None:
        return candidates[0]
    wanted = len(spec.arguments) - len(spec.learned)
    return next((one for one in candidates if len(one) == wanted), candidates[0])


def _binds(signature: inspect.Signature, arguments: Sequence[Any]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
