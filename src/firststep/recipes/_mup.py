"""Maximal update parametrization: a start whose best learning rate does not move with the width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from torch import nn

from ..mup import Base, rescaled
from ..planning import Recipe, Rule
from ._entry import recipe
from ._torch import torch_defaults


def _narrow() -> nn.Module:
    """The model that the table is shown for: three layers of width 64."""
    return _layers(64)


def _wider() -> nn.Module:
    return _layers(128)


def _layers(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(32, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


@recipe(
    "mup",
    family="general",
    summary=(
        "what a narrow base starts from, carried to any width: hidden weights / sqrt(m), output weights / m",
        "把窄基准模型的初值推广到任意宽度：隐藏层权重除以 sqrt(m)，输出层权重除以 m",
    ),
    source="Yang et al. 2021 (arXiv 2203.03466), tables 3 and 8",
    example={"base": _narrow, "delta": _wider},
    call='fs.recipes.get("mup", base=lambda: Net(64), delta=lambda: Net(128))',
    differs=(
        "The package mup keeps the output's scale and divides its input by m in MuReadout (table 8): "
        'output="multiplied". No rule can change a forward: attention logits q k / d are yours to write.',
        'mup 包保持输出层的尺度，而在 MuReadout 里把其输入除以 m（表 8）：output="multiplied"。'
        "规则不能改变 forward：注意力 logits 用 q k / d 要自己写。",
    ),
)
def mup(
    *,
    base: Base,
    delta: Base,
    rules: Recipe | Rule | Iterable[Rule | Recipe] | None = None,
    output: Literal["scaled", "multiplied"] = "scaled",
    zero_output: bool = False,
    axes: Mapping[str, str] | None = None,
) -> tuple[Rule, ...]:
    """What ``rules``, by default torch's own start, give at the base, scaled to any width; see :func:`mup.rescaled`.

    Train with the groups of :func:`firststep.mup.groups`: the start alone is half of it.
    """
    start = torch_defaults.recipe(None, None, {}) if rules is None else rules
    return rescaled(start, base=base, delta=delta, output=output, zero_output=zero_output, axes=axes)


RECIPES = (mup,)
