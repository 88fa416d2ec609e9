"""The recipe of the PyTorch tutorial that this library began with: one scheme by layer type."""

from __future__ import annotations

from torch import nn

from .. import init
from ..planning import Rule, rule
from ._entry import recipe


@recipe(
    "tutorial",
    family="general",
    summary=(
        "Conv2d xavier normal with biases 0.3, Linear N(0, 0.1^2), BatchNorm2d the identity",
        "Conv2d 用 xavier 正态、偏置 0.3；Linear 用 N(0, 0.1^2)；BatchNorm2d 为恒等",
    ),
    source="a PyTorch tutorial's initialize_weights, with normal_(w, 0.1) read as std=0.1",
)
def tutorial() -> tuple[Rule, ...]:
    """Convolutions xavier normal with biases 0.3, Linear N(0, 0.1^2) with biases 0, BatchNorm the identity.

    The tutorial's own line for Linear was ``torch.nn.init.normal_(m.weight.data, 0.1)``. There 0.1 is the *mean*, and
    the std stays 1; the std of 0.1 that was meant is written here.
    """
    return (
        rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3)),
        rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros()),
        rule(nn.BatchNorm2d, weight=init.ones(), bias=init.zeros()),
    )


RECIPES = (tutorial,)
