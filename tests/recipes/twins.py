"""Models put together for a test, and what a plan expects of their parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import firststep as fs
from firststep.init import Moments
from firststep.planning import Plan


def expected(model: nn.Module, recipe: str, **options: Any) -> dict[str, Moments]:
    """What a recipe expects of every parameter that it sets."""
    rows = fs.plan(model, fs.recipes.get(recipe, **options)).rows
    return {row.name: row.expected for row in rows if row.expected is not None}


def stds(plan: Plan) -> dict[str, float]:
    """The expected standard deviation of every parameter that is random."""
    return {row.name: row.expected.std for row in plan.rows if row.expected and row.expected.variance}


def constants(plan: Plan) -> dict[str, float]:
    """The value of every parameter that is the same number everywhere."""
    return {row.name: row.expected.mean for row in plan.rows if row.expected and not row.expected.variance}


def raw(kind: str, **shapes: tuple[int, ...]) -> nn.Module:
    """A layer of a class of its own, with parameters of these shapes."""
    module = type(kind, (nn.Module,), {})()
    for name, shape in shapes.items():
        module.register_parameter(name, nn.Parameter(torch.empty(shape)))
    return module


def tree(**children: nn.Module) -> nn.Module:
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module
