"""The errors firststep raises. Each says what was asked, what was given, what was expected and what to type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class FirststepError(ValueError):
    """Base of every error of the library, so that one ``except`` catches them all."""


class SchemeError(FirststepError):
    """A scheme was given an impossible number, or cannot fill the parameter it was given."""


class RuleError(FirststepError):
    """A rule cannot be read: an unknown name, a wrong selector, a broken file."""


class PlanError(FirststepError):
    """The rules and the model do not fit. ``problems`` holds one message per finding."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__(_numbered(self.problems))


class CheckpointError(PlanError):
    """A checkpoint cannot be read, or does not fit the model. ``problems`` holds one message per finding."""


class LossError(FirststepError):
    """A loss was given an impossible option, or tensors whose shapes or dtypes do not fit."""


class CheckError(FirststepError):
    """A check was asked of something that is no model, loss or batch, or a report was asked to raise."""


class CompareError(FirststepError):
    """Starts cannot be compared: something given is no model, start, data or loss, or does not fit the others."""


class CalibrationError(FirststepError):
    """A calibration was asked of something that cannot be measured. The model is as it was before the call."""


class SolveError(FirststepError):
    """Scales cannot be solved: the model does not run on the example inputs, or there is nothing to solve from."""


class ApplyError(FirststepError):
    """A plan could not be applied. The model is as it was before the call."""


def _numbered(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    listed = "\n".join(f"  {i}. {problem}" for i, problem in enumerate(problems, start=1))
    return f"{len(problems)} problems:\n{listed}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` for the nearest of ``known``, or an empty string when none is near.

    >>> did_you_mean("xavier_norml", ["xavier_normal", "zeros"])
    " Did you mean 'xavier_normal'?"
    >>> did_you_mean("qqq", ["xavier_normal", "zeros"])
    ''
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
