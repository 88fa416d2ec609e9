"""What several rules ask of a loss's targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .._finding import Clue
from ._calls import LossCall
from ._evidence import Evidence
from ._tree import attempt


def place(call: LossCall) -> str:
    """Where targets stand: a part of the call, or the module that made its own loss."""
    return "targets" if call.inside == "loss" else call.inside


def raised(call: LossCall) -> list[Clue]:
    """What the loss said itself, where it failed."""
    return [Clue("run", f"{call.name} raised {call.error.splitlines()[0]}")] if call.error else []


def untrained(evidence: Evidence) -> list[Clue]:
    """That nothing has a gradient, though the loss reaches it."""
    reached = [one.gradient for one in evidence.trained if one.reached and one.gradient == one.gradient]
    zero = bool(reached) and not any(reached)
    return [Clue("signals", f"the gradients of all {len(reached)} parameters are 0")] if zero else []


def shown(shape: Sequence[int]) -> str:
    """A shape as people write it.

    >>> shown((16, 1)), shown((16,))
    ('(16, 1)', '(16,)')
    """
    return str(tuple(shape))


def binary(call: LossCall) -> bool:
    """Whether the loss takes a yes or no, or a probability of yes, for every number of the output."""
    first, second = call.spec.arguments[0], call.spec.arguments[1:2]
    return (
        first.shape in ("*", "N *")
        and first.kind in ("logits", "probabilities")
        and bool(second)
        and second[0].kind in ("probabilities", "flags")
    )


def counted(call: LossCall, target: Tensor) -> Tensor:
    """The elements that neither a weight of 0 nor a mask leaves out, as one row."""
    keep = torch.ones_like(target, dtype=torch.bool)
    for name in ("weight", "mask"):
        given = call.options.get(name)
        if isinstance(given, Tensor):
            fitting = attempt(lambda given=given: (given != 0).expand(target.shape))
            if fitting is None and given.shape == target.shape[: given.ndim]:
                fitting = (given != 0).reshape(given.shape + (1,) * (target.ndim - given.ndim)).expand_as(keep)
            if fitting is not None:
                keep = keep & fitting
    return target[keep]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Classes:
    """A call of a loss of exclusive classes.

    Args:
        call: it.
        input, target: what it was given.
        axis: of the classes in the input.
        count: the number of classes.
        ignored: the target that does not count, or None.
        wanted: the shape that class indices must have.
    """

    call: LossCall
    input: Tensor
    target: Tensor
    axis: int
    count: int
    ignored: int | None
    wanted: tuple[int, ...]

    @property
    def indices(self) -> Tensor | None:
        """The targets, where they are whole numbers in an integer tensor of the right shape."""
        target = self.target
        if target.dtype.is_floating_point or target.dtype == torch.bool or tuple(target.shape) != self.wanted:
            return None
        return target

    @property
    def valid(self) -> Tensor | None:
        """The indices that count, as one row; None where there are no indices."""
        indices = self.indices
        if indices is None:
            return None
        mask = self.call.options.get("mask")
        if isinstance(mask, Tensor) and mask.shape == indices.shape:
            indices = indices[mask != 0]
        indices = indices.flatten().long()
        return indices if self.ignored is None else indices[indices != self.ignored]


def classes(call: LossCall) -> Classes | None:
    """None for a loss that does not choose among classes, by one index for each choice."""
    spec = call.spec
    position = spec.class_target
    if position is None or spec.name.endswith(("MultiLabelMarginLoss", "CTCLoss")) or len(call.tensors) <= position:
        return None
    input, target, pattern = call.tensors[0], call.tensors[position], spec.arguments[0].shape.split()
    axis = next((i for i, letter in enumerate(pattern) if letter in ("C", "R", "V", "K", "D")), None)
    if axis is None or input.ndim == 0:
        return None
    axis = input.ndim - 1 if pattern[-1] in ("V", "K") else min(axis, input.ndim - 1)
    count = input.shape[axis] + (pattern[axis] == "R" if axis < len(pattern) else 0)
    if "D" in pattern:  # embeddings beside the centers of the classes
        count = len(call.tensors[-1]) if call.tensors[-1].ndim else 0
    shape = tuple(input.shape)
    return Classes(
        call=call,
        input=input,
        target=target,
        axis=axis,
        count=count,
        ignored=_ignored(call),
        wanted=shape[:axis] + shape[axis + 1 :],
    )


def _ignored(call: LossCall) -> int | None:
    known = call.spec.ours or call.spec.name.endswith(("CrossEntropyLoss", "NLLLoss"))
    given = call.options.get("ignore_index", -100 if known else None)
    return given if isinstance(given, int) else None
