"""What was asked: the model, the batch, the loss, and how one is called with the other."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import CalibrationError
from ..running import called, leaves, mapped, unwrapped

Forward: TypeAlias = Callable[[Any, Any], Any]
"""``forward(model, inputs)``: how an odd model is run."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """The arguments of :func:`calibrate`, looked over.

    Args:
        model: without the wrappers of torch.compile and data parallelism.
        loss: or None.
        inputs, targets: the batch.
        forward: how the model is run, or None.
        seed: of whatever the model draws while it is measured.
    """

    model: nn.Module
    loss: Callable[..., Any] | None
    inputs: Any
    targets: Any
    forward: Forward | None
    seed: int

    def run(self) -> Any:
        """The model's output for a copy of the inputs in single precision, with the noise of the seed."""
        _seeded(self.seed)
        inputs = mapped(_measurable, self.inputs)
        if self.forward is not None:
            return self.forward(self.model, inputs)
        return called(self.model, inputs)

    def cost(self, output: Any) -> Tensor:
        """The loss of an output, a mean where it is many numbers."""
        value = self._own_loss(output) if self.loss is None else self.loss(*self._arguments(self.loss, output))
        if isinstance(value, Mapping):
            value = value["loss"]
        elif isinstance(value, (tuple, list)):
            value = value[0]
        if not isinstance(value, Tensor):
            raise CalibrationError(
                f"calibrate(loss=...): expected the loss to return a tensor, it returned {type(value).__name__}. "
                "Type loss=lambda output, targets: ..., which returns one number"
            )
        return value.mean() if value.ndim else value

    def _arguments(self, loss: Callable[..., Any], output: Any) -> tuple[Any, ...]:
        """Output and targets; of an output with logits, such as those of transformers, the logits."""
        home = type(loss).__module__ if isinstance(loss, nn.Module) else getattr(loss, "__module__", None) or ""
        if not isinstance(output, Tensor) and home.startswith(("torch.", "firststep.")):
            output = scores(output)
        targets = mapped(_measurable, self.targets)
        if targets is None:
            return (output,)
        return (output, *targets) if isinstance(targets, (tuple, list)) else (output, targets)

    def _own_loss(self, output: Any) -> Any:
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if loss is None:
            raise CalibrationError(
                f"calibrate(loss=None): the model returned {type(output).__name__} without a loss, and this target "
                "needs one. Type fs.calibrate(model, (inputs, targets), target, loss=nn.CrossEntropyLoss())"
            )
        return loss


def asked(model: Any, batch: Any, loss: Any, forward: Forward | None, seed: int) -> Asked:
    """The arguments of :func:`calibrate`, or an error that says what to type.

    Raises:
        CalibrationError: when an argument is not what it should be.
    """
    if not isinstance(model, nn.Module):
        raise CalibrationError(
            f"calibrate(model, ...): expected a torch.nn.Module, was given {type(model).__name__}. "
            "Type fs.calibrate(model, (inputs, targets))"
        )
    if isinstance(loss, type) or (loss is not None and not callable(loss)):
        given = f"the class {loss.__name__}" if isinstance(loss, type) else type(loss).__name__
        raise CalibrationError(
            f"calibrate(loss=...): expected a loss module or a function, was given {given}. "
            "Type loss=nn.CrossEntropyLoss(), or loss=lambda output, targets: ..."
        )
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise CalibrationError(f"calibrate(seed={seed!r}): expected a whole number, such as seed=0")
    _with_numbers(model)
    pair = isinstance(batch, (tuple, list)) and len(batch) == 2
    inputs, targets = batch if pair else (batch, None)
    found = Asked(unwrapped(model), unwrapped(loss), inputs, targets, forward, seed)
    for path, tensor in leaves(inputs):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CalibrationError(
                f"calibrate(batch=...): inputs{path} holds values that are not finite; "
                "a calibration from them would spread them to the weights. Clean the batch first"
            )
    return found


def scores(output: Any) -> Tensor:
    """The tensor that a loss is taken of: the output itself, its logits, or its first tensor.

    Raises:
        CalibrationError: when there is none.
    """
    if isinstance(output, Tensor):
        return output
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    found = logits if isinstance(logits, Tensor) else first_tensor(output)
    if found is None:
        raise CalibrationError(
            f"calibrate: the model returned {type(output).__name__}, in which there is no tensor of floating-point "
            "numbers. Type forward=lambda model, inputs: model(inputs).scores"
        )
    return found


def first_tensor(tree: Any) -> Tensor | None:
    """The first tensor of floating-point numbers in an output of any form."""
    return next((tensor for _, tensor in leaves(tree) if tensor.is_floating_point()), None)


def _measurable(tensor: Tensor) -> Tensor:
    """A copy, so that what a model writes into its input is not seen outside; half precision as single."""
    copy = tensor.detach().clone()
    return copy.float() if copy.is_floating_point() and copy.element_size() < 4 else copy


def _seeded(seed: int) -> None:
    """Every generator that a model may draw from; torch.manual_seed would also reach devices that are not in use."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)
    random.seed(seed)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def _with_numbers(model: nn.Module) -> None:
    """Raise CalibrationError for parameters that have no values yet, or none at all."""
    parameters = list(model.named_parameters())
    if not parameters:
        raise CalibrationError(f"calibrate(model, ...): {type(model).__name__} has no parameters to calibrate")
    lazy = [name for name, tensor in parameters if is_lazy(tensor)]
    if lazy:
        raise CalibrationError(
            f"calibrate(model, ...): {lazy[0]!r} is lazy: its shape is not known yet. "
            "Run the model once on a batch, then initialize and calibrate"
        )
    meta = [name for name, tensor in parameters if tensor.is_meta]
    if meta:
        raise CalibrationError(
            f"calibrate(model, ...): {meta[0]!r} is on the meta device: it has no values yet. "
            "Type model.to_empty(device='cpu') and fs.initialize(model, seed=0) first"
        )
