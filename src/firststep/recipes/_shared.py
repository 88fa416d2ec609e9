"""Rules, and parts of rules, that recipes of several families share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from .. import init
from ..errors import RuleError
from ..init import Scheme
from ..planning import Keep, Rule, rule
from ._types import ADDS_ONE, NORM

FROM_ZERO = rule(ADDS_ONE, name="norm that adds 1", weight=init.zeros())
"""The same of norms that multiply by 1 + weight; it stands before :data:`IDENTITY`."""
IDENTITY = rule(NORM, name="norm", weight=init.ones(), bias=init.zeros())
"""Norms start as the identity."""


def globs(schemes: Mapping[str, Scheme | Keep]) -> dict[str, Any]:
    """Schemes under globs, which are no identifiers, as arguments of ``rule``."""
    return dict(schemes)


def alike(names: Iterable[str], scheme: Scheme) -> dict[str, Any]:
    """One scheme under several names or globs, as arguments of ``rule``."""
    return dict.fromkeys(names, scheme)


def in_projections(scheme: Scheme) -> dict[str, Any]:
    """The queries, keys and values of ``nn.MultiheadAttention``, packed or not, as arguments of ``rule``."""
    return alike(("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"), scheme)


def attention(scheme: Scheme, rows: Scheme) -> Rule:
    """``nn.MultiheadAttention``: its projections by ``scheme``, the rows added to keys and values by ``rows``."""
    return rule(
        nn.MultiheadAttention,
        name="attention",
        **in_projections(scheme),
        in_proj_bias=init.zeros(),
        bias_k=rows,
        bias_v=rows,
    )


def need_positive(what: str, value: object, example: float) -> None:
    """Raise RuleError unless an option is a number that can be divided by.

    Args:
        what: the option, after the recipe's name where that helps.
        value: what was given.
        example: what to type.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e30:
        raise RuleError(f"{what}={value!r}: expected a number > 0, such as {example}")
