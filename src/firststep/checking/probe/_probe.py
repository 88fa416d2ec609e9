"""From (model, loss, batch) to evidence: one training step, trials on a few examples, two virtual steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ._asked import Asked
from ._backward import gradients
from ._broadcast import address
from ._calls import LossCall, weighed
from ._clones import clones, still
from ._dependency import dependency
from ._evidence import Crash, Evidence, Seen
from ._facts import facts
from ._guard import untouched
from ._hidden import ends, hidden
from ._listen import Listener, listening
from ._matter import mattering
from ._noise import Drawn
from ._origin import named as name_of
from ._origin import origin, through
from ._parameter import looked_at, named, optimized
from ._start import start
from ._steps import stepped
from ._stray import strays
from ._tree import detached, examples, fresh, leaves
from ._trials import Trials, tried

Progress = Callable[[str], None]
"""Told what is being done."""


def probe(asked: Asked, progress: Progress = lambda _: None) -> Evidence:
    """Run the model and look. Everything is as before afterwards, whatever happens."""
    with warnings.catch_warnings(record=True) as told, untouched(asked.modules):
        warnings.simplefilter("always")
        torch.manual_seed(asked.seed)
        found = _looked(asked, progress)
    texts = dict.fromkeys(f"{one.category.__name__}: {one.message}" for one in told)
    return replace(found, warnings=tuple(texts))


def _looked(asked: Asked, progress: Progress) -> Evidence:
    n = examples(asked.inputs, asked.targets)
    progress("one training step")
    step = _Step(asked, n)
    found = Evidence(
        asked=asked,
        modules=dict(asked.model.named_modules()),
        n=n,
        inputs=_seen("inputs", asked.inputs),
        targets=_seen("targets", asked.targets),
        outputs=_seen("output", step.output),
        calls=tuple(step.calls),
        applied=tuple(step.listener.applied),
        broadcasts=tuple(step.listener.broadcasts),
        loss=step.value,
        loss_shape=step.shape,
        loss_graph=step.graph,
        loss_dtype=step.dtype,
        start=tuple(start(call) for call in step.calls),
        layers=tuple(signal.layer() for signal in step.listener.signals),
        parameters=tuple(looked_at(asked.model, asked.loss, step.gradients, optimized(asked.optimizer))),
        trials=Trials(),
        crash=step.crash,
        entered=frozenset(step.listener.entered),
        hidden=step.hidden,
        drawn=tuple(step.listener.drawn),
        dropped=step.dropped,
        lookups=tuple(step.listener.lookups),
    )
    if step.crash is not None:
        return found
    found = replace(found, strays=strays(asked, step.output, optimized(asked.optimizer)))
    progress("changed batches")
    trials = tried(asked, n, detached(step.output))
    found = replace(found, trials=trials, dependency=dependency(asked, n, trials.leak))
    step.output = step.loss = None  # the graph and its memory go
    if not step.gradients:
        return found
    found = replace(found, matters=mattering(asked, found.parameters))
    progress("two virtual steps")
    equal = clones(asked.model, step.gradients)
    parameters, losses = stepped(asked, found.parameters, step.gradients, step.value)
    return replace(found, parameters=parameters, loss_after=losses, clones=still(asked.model, equal))


class _Step:
    """A forward and a backward pass, as far as they go."""

    def __init__(self, asked: Asked, n: int | None) -> None:
        self.asked = asked
        self.listener = Listener(asked.model, n)
        self.output: Any = None
        self.loss: Tensor | None = None
        self.value: float | None = None
        self.shape: tuple[int, ...] = ()
        self.graph = False
        self.dtype = torch.float32
        self.gradients: dict[str, Tensor | None] = {}
        self.hidden: frozenset[str] = frozenset()
        self.dropped: dict[str, Drawn] = {}
        self.calls: list[LossCall] = []
        self.crash: Crash | None = None
        where = "forward"
        try:
            with torch.enable_grad(), listening(self.listener):
                self.output = asked.run(fresh(asked.inputs))
                self._dropped()
                where = "loss"
                self.listener.outputs = {address(one): tuple(one.shape) for _, one in leaves(self.output)}
                self._cost(asked.cost(self.output, fresh(asked.targets)))
            self.calls = self.listener.calls
            where = "backward"
            self._backward()
        except Exception as error:
            self.crash = Crash(where, f"{type(error).__name__}: {error}")
        calls = self.calls or self.listener.calls
        self.calls = [one if one.result is None else weighed(one, None) for one in calls]

    def _cost(self, cost: Any) -> None:
        if not isinstance(cost, Tensor):
            cost = torch.as_tensor(cost, dtype=torch.float32)
        self.shape, self.graph, self.dtype = tuple(cost.shape), cost.requires_grad, cost.dtype
        self.loss = loss = cost.mean() if cost.ndim else cost
        self.value = float(loss.detach())

    def _dropped(self) -> None:
        """Which outputs a dropout made; the nodes of the graph, that hold its memory, are let go."""
        for path, one in leaves(self.output):
            node = one.grad_fn
            while node is not None and (through(node) or name_of(node) in _LAST) and node not in self.listener.dropouts:
                node = node.next_functions[0][0] if node.next_functions else None
            if node in self.listener.dropouts:
                self.dropped[f"output{path}"] = self.listener.dropouts[node]
        self.listener.dropouts.clear()

    def _backward(self) -> None:
        if self.loss is None or not self.graph:
            return
        held = hidden(self.asked.model)
        if held:
            reached = ends(self.loss)
            self.hidden = frozenset(one.place for one in held if any(id(t) in reached for t in one.tensors))
        wanted = {name: one for name, one in named(self.asked.model, self.asked.loss).items() if one.requires_grad}
        if wanted and math.isfinite(self.value or 0.0):
            results = [one.result for one in self.calls]
            made = {i: one for i, one in enumerate(results) if one is not None and one.requires_grad}
            found = gradients(self.loss, [*wanted.values(), *made.values()])
            self.gradients = dict(zip(wanted, found[: len(wanted)], strict=True))
            weights = dict(zip(made, found[len(wanted) :], strict=True))
            self.calls = [weighed(one, weights.get(i)) for i, one in enumerate(self.calls)]


def _seen(place: str, tree: Any) -> tuple[Seen, ...]:
    return tuple(
        Seen(f"{place}{path}", _first_rows(one), facts(one), origin(one), one.requires_grad)
        for path, one in leaves(tree)
    )


def _first_rows(tensor: Tensor) -> Tensor:
    """Without graph; of a very large one the first rows, so that the whole is not kept."""
    if tensor.numel() <= _LARGEST or tensor.shape[0] < 2:
        return tensor.detach()
    return tensor.detach()[: max(2, _LARGEST * tensor.shape[0] // tensor.numel())].clone()


_LARGEST = 2**22
_LAST = ("softmax", "log_softmax", "sigmoid", "logsigmoid")
"""What a model may do to its logits before it returns them."""
