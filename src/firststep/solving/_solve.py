"""Choosing the scale of every parameter, on a walk through the record: each weight sees the signal it will see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from torch import nn

from .. import graph, init
from ..graph import Flow
from ..init import Scheme, Site, site_of
from ._critical import Entry, entry
from ._measured import Measured, planned
from ._record import Record
from ._structure import Residual, Structure, is_bias
from ._tables import amplified, is_head, lookups, partner, ties
from ._value import RELU, TANH
from ._walk import Spread, Use, Walk

HEAD = 0.25
"""Second moment of the model's outputs: logits of std 0.5, which add HEAD / 2 to the first cross-entropy."""

CHAIN = 6
"""Plain chains of at least this many layers, with a straight odd part, start looking linear."""

_PLAIN_CELLS = {"rnn_tanh": TANH, "rnn_relu": RELU}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a parameter, and why.

    Args:
        scheme: how it is filled.
        why: in a word or two, the name of its rule.
        spread: the moments this gives.
    """

    scheme: Scheme
    why: str
    spread: Spread


class Solver:
    """A source that chooses a parameter's moments when a walk first asks for them.

    Args:
        model: the model, to be read.
        run: its record.
        shape: the structure of it.
        measured: for parameters that are not trained: they stay.
    """

    def __init__(self, model: nn.Module, run: Record, shape: Structure, measured: Measured) -> None:
        self.walk: Walk | None = None
        self.choices: dict[str, Choice] = {}
        self.hard: dict[str, tuple[Entry, int, list[str]]] = {}
        self._model, self._run, self._shape, self._measured = model, run, shape, measured
        self._frozen = {name for name, one in model.named_parameters(remove_duplicate=False) if not one.requires_grad}
        self._norms = self._branch_norms()
        self._starts: dict[int, float] = {}
        self._looked_up = lookups(shape)
        self._tied = ties(shape, self._looked_up)
        self._links: dict[Site, Choice] = {}

    def spread(self, name: str, use: Use) -> Spread:
        """See :class:`Source`."""
        known = self.choices.get(name)
        if known is not None:
            return known.spread
        if name in self._frozen:
            return self._measured.spread(name, use)
        chosen = self._choose(name, use)
        self.choices[name] = chosen
        return chosen.spread

    def _choose(self, name: str, use: Use) -> Choice:
        if use.kind == "sum":
            return self._weight(name, use)
        if use.kind == "table":
            return self._table(name)
        if use.kind == "scale":
            count = self._norms.get(name)
            if count and count > 1:
                return self.fixed(name, init.constant(_short(count**-0.5)), f"norm at the end of {count} branches")
            return self.fixed(name, init.ones(), "scale")
        if use.kind == "offset":
            return self.fixed(name, init.zeros(), "scale around a number")
        if use.kind == "slope":
            return self.fixed(name, init.constant(0.25), "slope")
        if use.kind in ("gates", "state", "gate bias"):
            return self._recurrent(name, use)
        if use.kind == "add" and is_bias(self._run, name):
            return self.fixed(name, init.zeros(), "bias")
        if use.kind == "add" and self._feeds_attention(use.call):
            return self.fixed(name, init.zeros(), "bias of logits")
        return self.fixed(name, init.normal(std=_short(math.sqrt(use.second))), "added to the signal")

    def fixed(self, name: str, scheme: Scheme, why: str) -> Choice:
        """A choice of a scheme, with the moments it gives."""
        site = self._site(name)
        return Choice(scheme, why, planned(scheme, site, scheme.expected(site)))

    def _site(self, name: str) -> Site:
        owner, _, local = name.rpartition(".")
        return site_of(self._model.get_submodule(owner), local, name=name, shape=self._run.shapes[name])

    def _weight(self, name: str, use: Use) -> Choice:
        """A weight that sums over ``use.fan`` inputs of second moment ``use.second``."""
        target, why = self._target(use)
        linear = self._looks_linear(name) if why != "head" and self._shape.length[use.call] >= CHAIN else None
        if linear is not None:
            return linear
        variance = target / (use.fan * use.second) if use.second > 0 else 1 / use.fan
        if why == "before an activation" and self._shape.length[use.call] >= CHAIN and self._is_matrix(name):
            gain = _short(math.sqrt(variance * max(self._run.shapes[name])))
            return self.fixed(name, init.orthogonal(gain=gain), "long plain chain")
        return self._of_variance(name, variance, why)

    def _is_matrix(self, name: str) -> bool:
        return len(self._run.shapes[name]) == 2 and len(self._site(name).parts) == 1

    def _of_variance(self, name: str, variance: float, why: str) -> Choice:
        site = self._site(name)
        fans = {part.fans.fan_in if part.fans else None for part in site.parts}
        fan = fans.pop() if len(fans) == 1 else None
        if fan is None or site.role != "weight":
            return self.fixed(name, init.normal(std=_short(math.sqrt(variance))), why)
        scale = _short(variance * fan)
        return self.fixed(name, init.variance_scaling(scale, "fan_in", "normal"), why)

    def _target(self, use: Use) -> tuple[float, str]:
        """The second moment that a weight's output should have, and the reason."""
        output = self._run.calls[use.call].outputs[0]
        ends = list(self._shape.ends(output))
        kinds = {kind for kind, _ in ends}
        branch = next((self._shape.residuals[at] for kind, at in ends if kind == "residual"), None)
        if branch is not None and branch in self._shape.ending.get(use.call, ()):
            return self._share(branch), "residual branch"
        if "activation" in kinds:
            return self._activated(use)
        if branch is not None and "norm" not in kinds:
            return use.second, "shortcut"
        if is_head(self._shape, output):
            return HEAD, "head"
        for kind, why in (("norm", "before a norm"), ("attention", "attention"), ("gate", "gate")):
            if kind in kinds:
                return 1.0, why
        return self._joined(output)

    def _joined(self, output: int) -> tuple[float, str]:
        """Before a concatenation: as strong as the other parts that are known by now."""
        assert self.walk is not None
        parts = [self.walk.values[one].moments.second for one in self._shape.joined(output) if one in self.walk.values]
        return (sum(parts) / len(parts), "before a concatenation") if parts else (1.0, "linear")

    def _share(self, residual: Residual) -> float:
        """What one of the n branches on a trunk may add: the trunk's second moment where they start, over n."""
        group = residual.group
        start = self._starts.get(id(group))
        if start is None:
            assert self.walk is not None
            trunk = self.walk.values.get(self._shape.residuals[group[0]].trunk)
            start = trunk.moments.second if trunk is not None and not trunk.fixed else 1.0
            self._starts[id(group)] = start
        return start / len(group)

    def _activated(self, use: Use) -> tuple[float, str]:
        """Before an activation: the scale of :func:`entry`, divided where the activation ends a branch."""
        functions = self._shape.functions(use.call)
        length = self._shape.length[use.call]
        found = [entry(function, length) for function in functions]
        if not found:
            return 1.0, "before an activation"
        chosen = min(found, key=lambda one: one.second)
        if not chosen.sane and length > 1:
            name = self._shape.weights[use.call]
            key = f"{chosen.chi:.3g}"
            self.hard.setdefault(key, (chosen, length, []))[2].append(name)
        ending = self._shape.ending.get(use.call)
        if ending:
            return chosen.second * self._share(ending[0]), "residual branch"
        return chosen.second, "before an activation"

    @cached_property
    def _flows(self) -> Mapping[str, Flow]:
        return graph.trace(self._model)

    def _looks_linear(self, name: str) -> Choice | None:
        """A link of a long plain chain."""
        if not name.endswith("weight"):
            return None
        flow = self._flows.get(name.removesuffix(".weight") if name != "weight" else "")
        if flow is None or flow.chain < CHAIN:
            return None
        site = replace(
            self._site(name),
            nonlinearity=flow.nonlinearity, mirrored_in=flow.mirrored_in, mirrored_out=flow.mirrored_out,
        )  # fmt: skip
        like = replace(site, name="")
        known = self._links.get(like)
        if known is None:
            scheme = init.looks_linear()
            known = self._links[like] = Choice(scheme, "long plain chain", planned(scheme, site, scheme.expected(site)))
        return known

    def _table(self, name: str) -> Choice:
        """An embedding: second moment 1 where it meets another value; the logits' scale if it, or what it is added to,
        is a head as well."""
        if name in self._tied:
            return self._of_variance(name, HEAD / self._tied[name], "embedding tied to the head")
        tied = partner(self._shape, name, self._tied)
        if tied is not None:
            std = _short(math.sqrt(HEAD / self._tied[tied]))
            return self.fixed(name, init.normal(std=std), "added to a tied embedding")
        std = amplified(self._shape, self._looked_up[name]) ** -0.5
        return self.fixed(name, init.normal(std=_short(std)), "embedding")

    def _recurrent(self, name: str, use: Use) -> Choice:
        """Input weights, recurrent ones, and biases."""
        owner = self._model.get_submodule(name.rpartition(".")[0])
        if use.kind == "gate bias":
            gated = isinstance(owner, (nn.LSTM, nn.LSTMCell))
            scheme = init.gate_bias(forget=1.0) if gated else init.zeros()
            return self.fixed(name, scheme, "gates")
        if use.kind == "state":
            return self.fixed(name, init.orthogonal(), "state to state")
        cell = _PLAIN_CELLS.get(self._run.calls[use.call].op.removesuffix("_cell"))
        target = 1.0
        if cell is not None:  # the state gives E[f^2] of the settled input, the example the rest
            settled = entry(cell, use.steps)
            target = max(settled.second - settled.output, settled.second / 10)
        return self._of_variance(name, target / (use.fan * use.second) if use.second else 1 / use.fan, "input to state")

    def _branch_norms(self) -> dict[str, int]:
        """Norms that end a residual branch, with the number of branches on the trunk."""
        found: dict[str, int] = {}
        for residual in self._shape.residuals.values():
            ends = (one for one in self._shape.back(residual.branch) if self._shape.kind(one) in ("norm", "weight"))
            last = next(ends, None)
            if last is None or self._shape.kind(last) != "norm":
                continue
            names = (self._run.items[one].parameter for one in self._run.calls[last].inputs)
            weight = next((one for one in names if one is not None), None)
            if weight is not None:
                found[weight] = len(residual.group)
        return found

    def _feeds_attention(self, call: int) -> bool:
        ends = self._shape.ends(self._run.calls[call].outputs[0])
        return any(kind == "attention" for kind, _ in ends)


def _short(number: float) -> float:
    """Three digits, and 1 for what is nearly 1, so that like layers have like rules; the prediction uses the result."""
    return 1.0 if abs(number - 1) < 0.005 else float(f"{number:.3g}")
