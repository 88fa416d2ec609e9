"""Planning and initializing a model, with rules given in any form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from . import planning, recipes
from .planning import Plan, Progress, Recipe, Report, Rule, load_rules

One: TypeAlias = str | Path | Rule | Recipe
Rules: TypeAlias = One | Iterable[One]
"""A recipe or its name, a rule, the path of a rules file (.yaml, .yml or .json), or several of these in order."""


def plan(model: nn.Module, rules: Rules = "default", *, strict: bool = True) -> Plan:
    """Decide what happens to every parameter of ``model``, and touch nothing. ``print`` the plan to see it.

    Args:
        model: on any device; on meta too, where nothing is allocated yet.
        rules: tried in order, the first that names a parameter wins it: rules, recipes by name, rules files.
        strict: raise when a parameter is not covered or a rule does nothing; otherwise keep it and note it.

    Returns:
        A plan; ``plan.apply(seed=0)`` carries it out.

    Raises:
        PlanError: with every problem found, each with the line to type.
        RuleError: when ``rules`` cannot be read.

    >>> from firststep import init, rule
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> plan(net, rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros()))
    <Plan: 4 parameters, 4 set, 0 kept; print it to see>
    """
    return planning.plan(model, resolved(rules), strict=strict)


def initialize(
    model: nn.Module,
    rules: Rules = "default",
    seed: int | None = None,
    *,
    generator: torch.Generator | None = None,
    progress: Progress = None,
    strict: bool = True,
) -> Report:
    """Initialize ``model`` in place: :func:`plan`, then :meth:`Plan.apply`. All or nothing.

    The values of a parameter follow from the seed, its canonical name, its shape and its scheme, and from nothing else.

    Args:
        model, rules, strict: as for :func:`plan`.
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
    return planning.initialize(model, resolved(rules), seed, generator=generator, progress=progress, strict=strict)


def resolved(rules: Rules) -> Sequence[Rule | Recipe]:
    """Names of recipes and paths of files replaced by the rules they stand for.

    Raises:
        RuleError: for an unknown recipe, with the nearest name, and for a file that cannot be read.
    """
    items = rules if isinstance(rules, Iterable) and not isinstance(rules, str) else [rules]
    found: list[Rule | Recipe] = []
    for item in items:
        if isinstance(item, Path) or (isinstance(item, str) and Path(item).suffix in {".yaml", ".yml", ".json"}):
            found += load_rules(item)
        else:
            found.append(recipes.get(item) if isinstance(item, str) else item)
    return found
