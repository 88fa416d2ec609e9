"""The four starts that the tour compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from .. import init
from ..planning import Rule, rule


@dataclass(frozen=True, slots=True)
class Start:
    """One way to begin.

    Args:
        key: short name, as in the JSON output.
        label: as tables and figures write it.
        what: what is done to the weights.
        why: what it is here for.
        rules: a recipe's name, a list of rules, or ``None`` to leave the model as torch constructed it.
        slot: its colour on the page.
    """

    key: str
    label: str
    what: str
    why: str
    rules: str | Sequence[Rule] | None
    slot: int


OURS = "firststep"
"""The key of the start that the others are compared with."""


def starts() -> tuple[Start, ...]:
    """The four starts, ours first.

    >>> [start.key for start in starts()]
    ['firststep', 'tutorial', 'torch', 'slip']
    """
    slip = [
        rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3)),
        rule(nn.Linear, weight=init.normal(mean=0.1, std=1.0), bias=init.zeros()),
        rule(nn.BatchNorm2d, weight=init.ones(), bias=init.zeros()),
    ]
    return (
        Start(
            OURS,
            "firststep",
            'the "default" recipe',
            "scales weights so that the signal keeps its size; the long plain chain of Linear layers starts out linear",
            "default",
            1,
        ),
        Start(
            "tutorial",
            "tutorial",
            "Conv2d xavier_normal, bias 0.3; Linear normal(std=0.1), bias 0",
            "what the tutorial means; one std for every Linear, whatever its width",
            "tutorial",
            2,
        ),
        Start(
            "torch",
            "torch default",
            "the model as torch constructs it: kaiming_uniform(a=√5)",
            "what a model gets when nobody decides; its std is 1/√(3 fan_in), too small to hold a signal up under ReLU",
            None,
            3,
        ),
        Start(
            "slip",
            "as printed",
            "the tutorial with its line taken at its word: normal_(weight, 0.1)",
            "the bad one: the second argument is the mean, so the std stays 1 and each Linear multiplies the signal",
            slip,
            4,
        ),
    )
