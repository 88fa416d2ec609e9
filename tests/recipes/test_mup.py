"""The recipe "mup": by default, what the authors' package does of torch's own start."""

from __future__ import annotations

import math

import pytest
from torch import nn

from firststep import init
from firststep.errors import RuleError
from firststep.planning import plan, rule
from firststep.recipes import _mup


def net(width: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "embed": nn.Embedding(11, width),
            "norm": nn.LayerNorm(width),
            "fc": nn.Linear(width, width),
            "out": nn.Linear(width, 3),
        }
    )


def stds(**options: object) -> dict[str, float]:
    recipe = _mup.mup.recipe(None, None, {"base": lambda: net(16), "delta": lambda: net(32), **options})
    return {row.name: row.expected.std for row in plan(net(256), recipe).rows if row.expected}


@pytest.mark.parametrize(("output", "out"), [("scaled", 1 / math.sqrt(48) / 16), ("multiplied", 1 / math.sqrt(48))])
def test_torchs_own_start_at_sixteen_times_the_width(output: str, out: float) -> None:
    """Base: U(±1/sqrt(16)), std 1/sqrt(48). mup.MuReadout keeps that of the output and divides in forward."""
    assert stds(output=output) == pytest.approx(
        {
            "embed.weight": 1.0,
            "norm.weight": 0.0,
            "norm.bias": 0.0,
            "fc.weight": 1 / math.sqrt(48) / 4,
            "fc.bias": 1 / math.sqrt(48),
            "out.weight": out,
            "out.bias": 1 / math.sqrt(48),
        },
        rel=1e-12,
    )


def test_other_rules_at_the_base() -> None:
    start = [
        rule(nn.Linear, weight=init.normal(std=0.02), bias=init.zeros()),
        rule(nn.Embedding, weight=init.normal(std=0.01)),
        rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
    ]
    found = stds(rules=start, zero_output=True)
    assert found == pytest.approx(
        {
            "embed.weight": 0.01,
            "norm.weight": 0,
            "norm.bias": 0,
            "fc.weight": 0.005,
            "fc.bias": 0,
            "out.weight": 0,
            "out.bias": 0,
        },
        rel=1e-12,
    )


def test_a_base_must_be_given() -> None:
    with pytest.raises(RuleError, match=r"the recipe 'mup' needs base, delta"):
        _mup.mup.recipe(None, None, {})
