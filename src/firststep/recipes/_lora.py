"""Low-rank adapters: A random and B zero, so that the adapted model starts as the model it adapts."""

from __future__ import annotations

import math
import re

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, keep, rule, select
from ._entry import recipe
from ._shared import alike, globs

_DOWN = select(re.compile(r"(.*\.)?(lora_(A|a|down)(\..+)?|[^.]*lora[^.]*\.(.*\.)?down)"))
_UP = select(re.compile(r"(.*\.)?(lora_(B|b|up)(\..+)?|[^.]*lora[^.]*\.(.*\.)?up)"))
_DOWN_NAMES, _UP_NAMES = ("lora_A", "lora_a", "lora_down"), ("lora_B", "lora_b", "lora_up")
_CONVOLUTIONS: dict[type[nn.Module], str] = {
    nn.Conv1d: "out in in", nn.Conv2d: "out in in in", nn.Conv3d: "out in in in in",
}  # fmt: skip


def _rules(down: Scheme, *before: Rule) -> tuple[Rule, ...]:
    """A by ``down``, B and its bias zero, whatever way they are registered, and everything else kept."""
    zeros = init.zeros()
    return (
        rule(re.compile(r"(.*\.)?lora_embedding_A"), name="embedding A", **globs({"*": zeros})),
        rule(re.compile(r"(.*\.)?lora_embedding_B"), name="embedding B", **globs({"*": init.normal()})),
        *before,
        rule(_DOWN, name="A", **globs({"bias": zeros, "*": down})),
        rule(_UP, name="B", **globs({"*": zeros})),
        rule("*", name="A and B", **alike(_DOWN_NAMES, down), **alike(_UP_NAMES, zeros)),
        rule("*", name="everything else", **globs({"*": keep})),
    )


@recipe(
    "lora",
    family="general",
    summary=(
        "low-rank adapters: A kaiming uniform (a = sqrt 5), B zero; everything else kept",
        "低秩适配器：A 用 kaiming uniform（a = sqrt 5），B 为零；其余保持不变",
    ),
    source="Hu et al. 2021 (arXiv 2106.09685); peft, tuners/lora/layer.py, init_lora_weights=True",
    checked=("peft.LoraConfig",),
    differs=(
        "The paper draws A from a Gaussian; its code, and peft, do as here. diffusers: lora.gaussian.",
        "论文对 A 用高斯分布；其代码与 peft 同此处。diffusers 见 lora.gaussian。",
    ),
)
def lora() -> tuple[Rule, ...]:
    """``A ~ U(±1/sqrt(fan_in))``, B = 0; of an embedding's adapter A = 0 and B ~ N(0, 1), as in peft."""
    return _rules(init.kaiming_uniform(a=math.sqrt(5), fans="tensor"))


@recipe(
    "lora.gaussian",
    family="general",
    summary=(
        "low-rank adapters: A ~ N(0, 1/r^2), B zero; everything else kept",
        "低秩适配器：A ~ N(0, 1/r^2)，B 为零；其余保持不变",
    ),
    source='diffusers, models/lora.py; peft, tuners/lora/layer.py, init_lora_weights="gaussian"',
    checked=("peft.LoraConfig",),
    differs=("std is 1/r in both libraries, not 1/sqrt(r).", "两个库里 std 都是 1/r，而不是 1/sqrt(r)。"),
)
def lora_gaussian() -> tuple[Rule, ...]:
    """``A ~ N(0, (1/r)^2)`` with r the rank, which is A's number of outputs; B = 0."""
    down = init.scaled(init.normal(), by="1/fan_out")
    # The rank alone, without the kernel that a convolution's fan_out counts.
    kernels = [
        rule(_DOWN & kind, name=f"A, {kind.__name__}", weight=down.layout(axes)) for kind, axes in _CONVOLUTIONS.items()
    ]
    return _rules(down, *kernels)


RECIPES = (lora, lora_gaussian)
