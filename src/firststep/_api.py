"""Planning and initializing a model, with rules given in any form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from . import planning, recipes
from .errors import RuleError
from .planning import Checkpoint, Loaded, Only, Plan, Progress, Recipe, Rename, Report, Rule, load_rules
from .solving import AUTO, Inputs, plan_auto

One: TypeAlias = str | Path | Rule | Recipe
Rules: TypeAlias = One | Iterable[One]
"""A recipe or its name, a rule, the path of a rules file (.yaml, .yml or .json), or several of these in order."""


def plan(
    model: nn.Module,
    rules: Rules = "default",
    *,
    example_inputs: Inputs | None = None,
    strict: bool = True,
    only: Only | None = None,
) -> Plan:
    """Decide what happens to every parameter of ``model``, and touch nothing. ``print`` the plan to see it.

    Args:
        model: on any device; on meta too, where nothing is allocated yet.
        rules: tried in order, the first that names a parameter wins it: rules, recipes by name, rules files. ``"auto"``
            stands for scales that are solved for this model, see :func:`firststep.solving.plan_auto`.
        example_inputs: for ``"auto"``: what the model takes, a tensor, a tuple of arguments or a dict by name.
        strict: raise when a parameter is not covered or a rule does nothing; otherwise keep it and note it.
        only: the parameters that may be set, by default all: names or globs of parameters or modules (``"head"``),
            :func:`top_layers`, :func:`missing_from`, or several of these. The others are kept.

    Returns:
        A plan; ``plan.apply(seed=0)`` carries it out.

    Raises:
        PlanError: with every problem found, each with the line to type.
        RuleError: when ``rules`` cannot be read.
        SolveError: when the model does not run on the example inputs.

    >>> from firststep import init, rule
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> plan(net, rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros()))
    <Plan: 4 parameters, 4 set, 0 kept; print it to see>
    """
    items = _listed(rules)
    before = _before_auto(items, example_inputs)
    if before is not None and example_inputs is not None:
        return plan_auto(model, example_inputs, rules=resolved(before), strict=strict, only=only)
    return planning.plan(model, resolved(items), strict=strict, only=only)


def initialize(
    model: nn.Module,
    rules: Rules = "default",
    seed: int | None = None,
    *,
    example_inputs: Inputs | None = None,
    generator: torch.Generator | None = None,
    progress: Progress = None,
    strict: bool = True,
    only: Only | None = None,
) -> Report:
    """Initialize ``model`` in place: :func:`plan`, then :meth:`Plan.apply`. All or nothing.

    The values of a parameter follow from the seed, its canonical name, its shape and its scheme, and from nothing else.

    Args:
        model, rules, example_inputs, strict, only: as for :func:`plan`.
        seed, generator, progress: as for :meth:`Plan.apply`.

    Returns:
        A report; ``print`` it to see what was expected and what was measured.

    Raises:
        PlanError, RuleError: as for :func:`plan`.
        ApplyError: as for :meth:`Plan.apply`; the model is as it was.

    >>> from firststep import init, rule
    >>> net = nn.Linear(4, 8)
    >>> initialize(net, rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros()), seed=0).ok
    True
    """
    items = _listed(rules)
    if _before_auto(items, example_inputs) is not None:
        made = plan(model, items, example_inputs=example_inputs, strict=strict, only=only)
        return made.apply(seed, generator=generator, progress=progress)
    return planning.initialize(
        model, resolved(items), seed, generator=generator, progress=progress, strict=strict, only=only
    )


def load(
    model: nn.Module,
    checkpoint: Checkpoint,
    rules: Rules = "default",
    seed: int | None = None,
    *,
    rename: Rename = None,
    ignore: str | Iterable[str] = (),
    generator: torch.Generator | None = None,
    progress: Progress = None,
    strict: bool = True,
) -> Loaded:
    """Load a checkpoint into ``model``, and initialize the parameters it lacks, and only those. All or nothing.

    A parameter that is drawn gets the values that :func:`initialize` would give it. A tied one counts as loaded when
    the checkpoint has it under any of its names. Persistent buffers are loaded too; those that are lacking stay.

    Args:
        model: with memory of its own, not on meta; its modules' own hooks for loading are not run.
        checkpoint: a state dict, or the path of one: .safetensors, .pt, .pth, .bin, .ckpt, or the .json index of
            several such files. Copied, and cast to the model's dtypes.
        rules, strict: what the missing parameters start from, as for :func:`plan`.
        seed, generator, progress: as for :meth:`Plan.apply`.
        rename: what leading parts of the checkpoint's names become, ``{"model.": ""}``, or a function of a whole name.
        ignore: globs of the checkpoint's own names that shall not be loaded, such as those of a head that is replaced.

    Returns:
        What was loaded and what was drawn; ``print`` it to see.

    Raises:
        CheckpointError: when the checkpoint cannot be read or does not fit, with every problem found.
        PlanError, RuleError: as for :func:`plan`; nothing is loaded.
        ApplyError: as for :meth:`Plan.apply`; the model is as it was.

    >>> old = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 100))
    >>> new = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> load(new, old.state_dict(), ignore="2.*", seed=0)
    <Loaded: 2 tensors loaded, 2 parameters drawn; print it to see>
    """
    return planning.load(
        model,
        checkpoint,
        resolved(rules),
        seed,
        rename=rename,
        ignore=ignore,
        generator=generator,
        progress=progress,
        strict=strict,
    )


def _listed(rules: Rules) -> list[One]:
    return list(rules) if isinstance(rules, Iterable) and not isinstance(rules, str) else [rules]


def _before_auto(items: list[One], example_inputs: Inputs | None) -> list[One] | None:
    """The rules before ``"auto"``; ``None`` where it is not among them.

    Raises:
        RuleError: for ``"auto"`` without inputs, for inputs without it, and for rules after it.
    """
    if AUTO not in items:
        if example_inputs is not None:
            raise RuleError('example_inputs go with "auto": fs.plan(model, "auto", example_inputs=x)')
        return None
    if example_inputs is None:
        raise RuleError(
            'the recipe "auto" is solved for a model from a run on inputs, and there are none: '
            'fs.plan(model, "auto", example_inputs=x), with x what model(x) takes; on meta it needs no memory'
        )
    place = items.index(AUTO)
    if place + 1 < len(items):
        raise RuleError(
            f'"auto" has a rule for every parameter, so that {items[place + 1]!r} never applies: move it up'
        )
    return items[:place]


def resolved(rules: Rules) -> Sequence[Rule | Recipe]:
    """Names of recipes and paths of files replaced by the rules they stand for.

    Raises:
        RuleError: for an unknown recipe, with the nearest name, and for a file that cannot be read.
    """
    found: list[Rule | Recipe] = []
    for item in _listed(rules):
        if isinstance(item, Path) or (isinstance(item, str) and Path(item).suffix in {".yaml", ".yml", ".json"}):
            found += load_rules(item)
        else:
            found.append(recipes.get(item) if isinstance(item, str) else item)
    return found
