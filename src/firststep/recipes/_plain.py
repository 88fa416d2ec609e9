"""The table that most transformers share: one scheme for every matrix, norms the identity, biases zero."""

from __future__ import annotations

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, type_named
from ._shared import FROM_ZERO, IDENTITY, attention, globs
from ._types import CONVOLUTION, EMBEDDING, LINEAR, TRANSPOSED


def plain(scheme: Scheme, *, fans: bool = False) -> tuple[Rule, ...]:
    """Every matrix by one scheme, as ``PreTrainedModel._init_weights`` of transformers has it.

    Args:
        scheme: for linear layers, convolutions, attention, experts, routers, and tables of tokens or positions.
        fans: whether the scheme asks for fans. Experts that are stacked into one parameter are then left out, and a
            model that has them cannot be planned: which of its dimensions are the inputs, none of them tells.

    Returns:
        Rules to be put behind those of a recipe.
    """
    zeros = init.zeros()
    return (
        FROM_ZERO,
        IDENTITY,
        rule(LINEAR, name="linear", weight=scheme, bias=zeros),
        rule((*CONVOLUTION, *TRANSPOSED), name="convolution", weight=scheme, bias=zeros),
        attention(scheme, scheme),
        rule(EMBEDDING, name="embedding", weight=scheme),
        *(() if fans else (rule(role("experts"), name="experts", **globs({"*bias*": zeros, "*": scheme})),)),
        rule(type_named("*Router"), name="router", weight=scheme, bias=zeros),
        rule(
            "*",
            name="parameters of its own",
            **globs({"bias": zeros, "*pos*": scheme, **({} if fans else {"sinks": scheme})}),
        ),
    )
