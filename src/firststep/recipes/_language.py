"""Language models: tables of rules, each equal to its source."""

from __future__ import annotations

from .. import init
from ..planning import Rule, role, rule
from ._entry import recipe
from ._types import EMBEDDING, LINEAR, NORM


@recipe(
    "gpt2",
    family="language",
    summary=(
        "N(0, 0.02^2), residual projections divided by sqrt(2 L), biases zero",
        "N(0, 0.02^2)，残差投影再除以 sqrt(2 L)，偏置为零",
    ),
    source="Radford et al. 2019, section 2.3; transformers, models/gpt2/modeling_gpt2.py",
    checked=("transformers.GPT2LMHeadModel",),
    differs=(
        "The code that OpenAI released sets positions to N(0, 0.01^2) and divides nothing: gpt2.openai.",
        "OpenAI 公布的代码把位置嵌入设为 N(0, 0.01^2)，且不做除法：见 gpt2.openai。",
    ),
)
def gpt2(*, std: float = 0.02) -> tuple[Rule, ...]:
    """GPT-2 as transformers builds it; L, the number of blocks, is counted."""
    normal = init.normal(std=std)
    return (
        rule(
            role("residual_out"),
            name="residual projection",
            weight=init.scaled(normal, by="1/sqrt(2*L)"),
            bias=init.zeros(),
        ),
        rule(NORM, name="norm", weight=init.ones(), bias=init.zeros()),
        rule(LINEAR, name="linear", weight=normal, bias=init.zeros()),
        rule(EMBEDDING, name="embedding", weight=normal),
    )


RECIPES = (gpt2,)
