"""What a check says: a finding, the clues it rests on, and how severe that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Most severe first."""

Channel = Literal["run", "graph", "signals", "values", "metamorphic", "expected value", "virtual steps", "settings"]
"""Where a clue is from.

run: what the program itself said: an exception, a NaN; proof without a second clue.
graph: what consumed and produced a tensor, from the autograd graph and the functions called.
signals: what passes through the layers, forward and backward.
values: the numbers in the batch, the output and the parameters.
metamorphic: the same thing done to a changed batch.
expected value: the closed form of the loss at the start.
virtual steps: two steps of gradient descent on a copy.
settings: attributes that somebody set: an option, a mode, an optimizer's groups.
"""


class Clue(NamedTuple):
    """One thing seen.

    Args:
        channel: how it was seen.
        text: what was seen, with its number.
    """

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule returns.

    Args:
        place: the qualified name of the module or parameter, or a part of the call such as "targets".
        measured: what is, with its number.
        expected: what should be.
        fix: code to type, or what to do.
        clues: what it rests on; the channels among them decide the severity.
        sure: False where it may well be meant.
    """

    place: str
    measured: str
    expected: str
    fix: str
    clues: Sequence[Clue]
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or may be, with the start of a model.

    Args:
        code: such as "FS101"; each has a page in the documentation.
        severity: "error" where two independent channels agree or the program itself failed, "warning" where one
            channel speaks, "info" where it may be meant.
        place: the qualified name of the module or parameter, or a part of the call such as "targets".
        title: in one line.
        measured: what is, with its number.
        expected: what should be.
        why: what it does to the training.
        fix: code to type, or what to do.
        evidence: what it rests on.
    """

    code: str
    severity: Severity
    place: str
    title: str
    measured: str
    expected: str
    why: str
    fix: str
    evidence: tuple[Clue, ...]


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c", "d"]), listed(["a"])
    ('a, b, c and 1 more', 'a')
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def severity(found: Found, at_most: Severity) -> Severity:
    """How severe: by the number of channels that agree, whether it may be meant, and the most the check may say.

    >>> graph, values = Clue("graph", "softmax"), Clue("values", "rows sum to 1")
    >>> about = dict(place="", measured="", expected="", fix="")
    >>> severity(Found(**about, clues=[graph, values]), "error"), severity(Found(**about, clues=[graph]), "error")
    ('error', 'warning')
    >>> severity(Found(**about, clues=[graph, values], sure=False), "error")
    'info'
    """
    channels = {clue.channel for clue in found.clues}
    earned: Severity = "error" if "run" in channels or len(channels) > 1 else "warning"
    if not found.sure:
        earned = "info"
    return SEVERITIES[max(SEVERITIES.index(earned), SEVERITIES.index(at_most))]
