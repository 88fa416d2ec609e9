"""Scales solved from the graph, as a recipe and as a plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from .. import init, planning
from ..errors import PlanError
from ..planning import Only, Plan, Recipe, Rule, rule
from ._critical import depth_scale
from ._measured import Measured, moments_of
from ._predict import report, walked
from ._record import Record
from ._run import Inputs, record
from ._signal import Signal
from ._solve import Choice, Solver
from ._structure import Structure, Unit

AUTO = "auto"
"""What the recipe is called."""


@dataclass(frozen=True)
class Solution:
    """What :func:`auto` found.

    Args:
        recipe: a rule for every parameter; to be planned, changed, or prepended to.
        signal: the signal that is predicted under it.
    """

    recipe: Recipe
    signal: Signal

    def __str__(self) -> str:
        return str(self.signal)


@dataclass(frozen=True, eq=False, repr=False)
class AutoPlan(Plan):
    """A plan with the signal that it is predicted to give.

    Args:
        signal: layer by layer.
    """

    signal: Signal

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data, the signal under ``"signal"``."""
        return {**super().to_dict(), "signal": self.signal.to_dict()}


@torch.inference_mode(False)
def auto(model: nn.Module, example_inputs: Inputs, *, strict: bool = True) -> Solution:
    """Solve for the scale of every parameter, so that signal and gradient keep their strength through the model.

    The model is run once without storage (:func:`record`), then its operations are walked through with the moments of
    the signal; each weight is given the variance that brings its output where what reads it wants it:

        before an activation f      E[z^2] = the largest q <= 1 at which a plain chain of n layers changes gradients by
                                    at most a factor 2, |log chi(q)| n <= log 2, and magnifies no deviation by more:
                                    chi = q E[f'^2] / E[f^2], growth = d log E[f^2] / d log q
        in a plain chain of 6 or more:   orthogonal matrices, mirrored (``init.looks_linear``) if f(u) - f(-u) = c u
        at the end of one of n residual branches:   1 / n of the trunk's second moment where the branches start
        before a norm, attention's q, k and v, gates:   1
        before a concatenation:   the second moment of the parts it is joined with
        at the model's output:      0.25, logits of std 0.5

    Norms start as the identity (the last of a branch at 1 / sqrt(n)), biases at 0, an LSTM's forget gate open,
    embeddings at second moment 1 after what they are multiplied with. An embedding tied to the head has the head's
    scale, since its logits decide the first loss; what is added to it has that scale too, and the branches follow the
    trunk. A weight that is used in several places is scaled for the first.

    Args:
        model: on any device, meta included; it is not touched. It is read as in training.
        example_inputs: a tensor, a tuple of positional arguments or a dict of keyword arguments; see :func:`predict`.
        strict: raise for a parameter that the run never reaches; otherwise give it the scheme of its kind and note it.

    Raises:
        SolveError: when the model does not run on the inputs.
        PlanError: for parameters that the run does not reach, by name.

    >>> net = nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 10))
    >>> import torch
    >>> solution = auto(net, torch.empty(8, 64, device="meta"))
    >>> round(solution.signal["2"].std, 2)
    0.5

    Source: He et al. 2015 (arXiv 1502.01852); Schoenholz et al. 2017 (arXiv 1611.01232) for chi and the depth scale;
    Saxe et al. 2014 (arXiv 1312.6120) for orthogonal chains, which keep lengths in every draw;
    Balduzzi et al. 2017 (arXiv 1702.08591); Zhang et al. 2019, Fixup (arXiv 1901.09321), for branches scaled by depth.
    """
    return _solved(model, record(model, example_inputs, train=True), example_inputs, strict=strict)


def _solved(model: nn.Module, run: Record, example_inputs: Inputs, *, strict: bool) -> Solution:
    unit = Unit(run)
    shape = Structure(run, walked(run, example_inputs, unit, sketch=True), unit.uses)
    solver = Solver(model, run, shape, Measured(model, run, {}))
    walk = walked(run, example_inputs, solver, solver)
    missed = _missed(model, run, solver)
    if missed and strict:
        raise PlanError([_unreached(name) for name in missed])
    choices = {**solver.choices, **{name: _by_kind(name, run, solver) for name in missed}}
    notes = [
        *_hard(solver),
        *(f"{name!r} is not reached by the example run: it gets the scheme of its kind" for name in missed),
    ]
    recipe = Recipe(
        AUTO,
        _rules(model, run, choices),
        "solved from the graph of a run on example inputs",
        "scales solved for this model",
    )
    return Solution(recipe, report(walk, run, notes))


@torch.inference_mode(False)
def plan_auto(
    model: nn.Module,
    example_inputs: Inputs,
    *,
    rules: Iterable[Rule | Recipe] = (),
    strict: bool = True,
    only: Only | None = None,
) -> AutoPlan:
    """:func:`auto`, planned: ``print`` the plan to see the rules, ``plan.signal`` to see the signal.

    Args:
        model, example_inputs, strict: as for :func:`auto`.
        rules: rules that go before the solved ones. The signal is predicted with what they give.
        only: the parameters that may be set; see :func:`firststep.plan`. The signal is predicted with the others as
            they are.

    Raises:
        SolveError, PlanError: as for :func:`auto`.

    >>> import torch
    >>> made = plan_auto(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.randn(16, 4))
    >>> made
    <Plan: 4 parameters, 4 set, 0 kept; print it to see>
    """
    own = list(rules)
    run = record(model, example_inputs, train=True)
    solution = _solved(model, run, example_inputs, strict=strict and not own)
    made = planning.plan(model, [*own, solution.recipe], strict=strict, only=only)
    signal = solution.signal
    if own or only is not None:
        source = Measured(model, run, moments_of(made.rows, run))
        signal = report(walked(run, example_inputs, source), run, signal.notes)
    kept = {field.name: getattr(made, field.name) for field in fields(made)}
    return AutoPlan(**{**kept, "notes": (*made.notes, *signal.notes)}, signal=signal)


def _missed(model: nn.Module, run: Record, solver: Solver) -> list[str]:
    """Trained parameters that got no scheme, by first name."""
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    behind = {name for name in trained if ".parametrizations." in f".{name}"}
    return [name for name in run.parameters if name in trained - behind and name not in solver.choices]


def _unreached(name: str) -> str:
    owner, _, local = name.rpartition(".")
    return (
        f"{name!r} was not used when the model ran on example_inputs, so nothing is known of its scale. Give inputs "
        f"that use it, give it a rule of its own: fs.rule({owner!r}, {local}=fs.keep), or plan with strict=False, "
        "which gives it the scheme of its kind"
    )


def _by_kind(name: str, run: Record, solver: Solver) -> Choice:
    """The scheme of a parameter of which only name and shape are known."""
    if len(run.shapes[name]) > 1:
        return solver.fixed(name, init.variance_scaling(1.0, "fan_in", "normal"), "not reached")
    ones = name.endswith(("weight", "scale"))
    return solver.fixed(name, init.ones() if ones else init.zeros(), "not reached")


def _hard(solver: Solver) -> list[str]:
    """What no choice of scales can do."""
    notes = []
    for found, length, names in solver.hard.values():
        layers = ", ".join(repr(name.removesuffix(".weight")) for name in dict.fromkeys(names[:3]))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        depth = depth_scale(found.chi)
        worse = (
            f"changes the gradient's second moment by {found.chi:.3g} per layer (depth scale {depth:.3g})"
            if abs(found.chi - 1) >= found.growth - 1
            else f"magnifies a deviation of the signal by {found.growth:.3g} per layer"
        )
        notes.append(
            f"no scale keeps the signal through the {length} plain layers at {layers}{more}: the activation after them "
            f"{worse} at best. A norm, residual sums or another activation would"
        )
    return notes


def _rules(model: nn.Module, run: Record, choices: dict[str, Choice]) -> tuple[Rule, ...]:
    """One rule for each group of modules of like names and like schemes; a glob only where it means just them."""
    by_module: dict[str, dict[str, Choice]] = {}
    for name, choice in choices.items():
        owner, _, local = name.rpartition(".")
        by_module.setdefault(owner, {})[local] = choice
    groups: dict[tuple[Any, ...], list[str]] = {}
    for owner, own in by_module.items():
        shape = re.sub(r"(?<![^.])\d+(?![^.])", "*", owner)
        key = (shape, tuple((local, one.scheme, one.why) for local, one in sorted(own.items())))
        groups.setdefault(key, []).append(owner)
    names = [name for name, one in model.named_modules(remove_duplicate=False) if one._parameters]
    rules = []
    for (pattern, _), owners in groups.items():
        own = by_module[owners[0]]
        whole = len(owners) > 1 and {name for name in names if fnmatchcase(name, pattern)} == set(owners)
        label = next(iter(dict.fromkeys(one.why for one in own.values())))
        for each in [pattern] if whole else owners:
            schemes = {local: one.scheme for local, one in own.items()}
            title = f"{label}: {each}" if each else label
            rules.append(rule(each, name=title, **schemes))  # pyright: ignore[reportArgumentType]
    return tuple(rules)
