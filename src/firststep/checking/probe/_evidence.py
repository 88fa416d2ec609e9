"""All that was seen: what the rules judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ._asked import Asked
from ._broadcast import Broadcast
from ._calls import Applied, LossCall
from ._clones import Clones
from ._dependency import Dependency
from ._facts import Facts
from ._layer import Layer
from ._noise import Drawn
from ._parameter import Parameter
from ._start import Start
from ._stray import Stray
from ._trials import Trials


@dataclass(frozen=True, slots=True)
class Crash:
    """Where running failed, and what was raised.

    Args:
        where: "forward", "loss" or "backward".
        error: the exception's type and text.
    """

    where: str
    error: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A tensor of the batch or of the output.

    Args:
        place: "inputs", "targets['mask']", "output[0]".
        tensor: itself, without graph; of a very large one the first rows.
        facts: its numbers.
        origin: the functions that made it, for an output.
        graph: whether it has a graph, for an output.
    """

    place: str
    tensor: Tensor
    facts: Facts
    origin: tuple[str, ...] = ()
    graph: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Everything the rules may use. Rules read; they run nothing but :meth:`LossCall.again`.

    Args:
        asked: the model, the loss and the batch.
        modules: by qualified name.
        n: the number of examples; None where the batch's tensors do not agree on it.
        inputs, targets, outputs: their tensors.
        calls: the known losses that were called, in order; one for each term of a sum.
        applied: the softmaxes and sigmoids that the loss made by itself.
        broadcasts: outputs of shape (N, 1) that the loss made (N, N) by a tensor of shape (N,).
        loss: the value that would be minimized; None where running failed before it, or it is no number.
        loss_shape: its shape.
        loss_graph: whether it has a gradient.
        loss_dtype: its type.
        start: what it should be at the start, by the catalogue; one per call, in the same order, None where unknown.
        layers: what passed through, in order.
        parameters: of the model, then of the loss.
        trials: what came of changed batches.
        dependency: a row per output, a column per input, see :func:`dependency`; None where it could not be taken.
        loss_after: the loss after each virtual step.
        crash: where running failed, if it did.
        warnings: what torch and the model warned of, each text once.
        entered: the names of the modules that ran.
        hidden: the places of trained layers and tensors that the model has not registered and the loss reaches.
        matters: for modules with trained parameters that get no gradient: whether the loss depends on them.
        drawn: the functions that drew random numbers in the training step, as dropout.
        dropped: the outputs that a dropout made, or the logits of which it did.
        strays: the trained tensors that made the output and that nobody knows.
        clones: modules beside each other that are equal, get equal gradients, and are equal after the virtual steps.
        lookups: where an index was computed from activations (argmin, argmax): how many of ``layers`` came before.
    """

    asked: Asked
    modules: Mapping[str, nn.Module]
    n: int | None
    inputs: Sequence[Seen] = ()
    targets: Sequence[Seen] = ()
    outputs: Sequence[Seen] = ()
    calls: Sequence[LossCall] = ()
    applied: Sequence[Applied] = ()
    broadcasts: Sequence[Broadcast] = ()
    loss: float | None = None
    loss_shape: tuple[int, ...] = ()
    loss_graph: bool = False
    loss_dtype: torch.dtype = torch.float32
    start: Sequence[Start | None] = ()
    layers: Sequence[Layer] = ()
    parameters: Sequence[Parameter] = ()
    trials: Trials
    dependency: Dependency | None = None
    loss_after: Sequence[float] = ()
    crash: Crash | None = None
    warnings: Sequence[str] = ()
    entered: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    matters: Mapping[str, bool] = field(default_factory=dict)
    drawn: Sequence[Drawn] = ()
    dropped: Mapping[str, Drawn] = field(default_factory=dict)
    strays: Sequence[Stray] = ()
    clones: Sequence[Clones] = ()
    lookups: Sequence[int] = ()

    @property
    def trained(self) -> Sequence[Parameter]:
        """The parameters that ask for a gradient."""
        return [one for one in self.parameters if one.trains]

    @property
    def targets_differ(self) -> bool:
        """Whether any two examples have different targets."""
        return any(seen.tensor.ndim and bool((seen.tensor != seen.tensor[:1]).any()) for seen in self.targets)

    def called(self, *names: str) -> Sequence[LossCall]:
        """The calls of losses of these names: torch's class names, or ours."""
        return [call for call in self.calls if call.spec.name in names or call.name in names]


def first(value: Any) -> Any:
    """The first of several; None of none."""
    return next(iter(value), None)
