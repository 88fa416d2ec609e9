"""What the runs of a start say, alone and beside the first start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ._statistics import LEVEL, Spread, holm, seeds_needed, signed_rank, signed_ranks, smoothed, steps_to

Curves: TypeAlias = tuple[tuple[float, ...], ...]
"""One row per seed: the loss before each step, infinite from where it was NaN or infinite."""

Finding: TypeAlias = Literal["better", "worse", "within noise", "too few seeds"]


@dataclass(frozen=True, slots=True)
class Duel:
    """A start beside the first one, paired by seed.

    Args:
        better, worse, equal: in how many seeds it is so.
        difference: what this start has less what the first has, over the seeds.
        p: of the exact signed-rank test.
        adjusted: the same by Holm's method, as there are several starts.
        finding: "better" or "worse" where ``adjusted`` is at most 5%; "too few seeds" where all seeds agree and are too
            few to show it; else "within noise".
    """

    better: int
    worse: int
    equal: int
    difference: Spread
    p: float
    adjusted: float
    finding: Finding


@dataclass(frozen=True, slots=True)
class Outcome:
    """The runs of one start, with the learning rate that suits it best.

    Args:
        label: of the start.
        what: is done to the model, in words.
        lr: the learning rate; None where the optimizer's own was used.
        tried: every rate with the median of the loss at the end.
        curves: (seeds, steps): the loss of the batch before each step.
        first: the loss before the first step.
        final: the loss at the end: the mean of the last ``window`` losses.
        area: the mean loss over all steps.
        to_target: steps until the mean of the last ``window`` losses is at the target; infinite for a run that was not
            there in time. None without a target.
        arrivals: these steps, seed by seed; empty without a target.
        diverged: in how many seeds the loss became NaN or infinite.
        duel: beside the first start; None for the first itself.
    """

    label: str
    what: str
    lr: float | None
    tried: tuple[tuple[float | None, float], ...]
    curves: Curves = field(repr=False)
    first: Spread
    final: Spread
    area: Spread
    to_target: Spread | None
    arrivals: tuple[float, ...]
    diverged: int
    duel: Duel | None

    @property
    def edge(self) -> str:
        """ "highest" or "lowest" where the best learning rate is at an end of those tried, else nothing."""
        rates = [rate for rate, _ in self.tried if rate is not None]
        if len(rates) < 2 or self.lr not in (min(rates), max(rates)):
            return ""
        return "highest" if self.lr == max(rates) else "lowest"


@dataclass(frozen=True, slots=True)
class Measures:
    """The numbers of one start at one learning rate, one per seed."""

    curves: Curves
    first: tuple[float, ...]
    final: tuple[float, ...]
    area: tuple[float, ...]
    to_target: tuple[float, ...] | None

    @classmethod
    def of(cls, curves: Curves, target: float | None) -> Measures:
        """Read from the curves."""
        window = window_of(len(curves[0]))
        smooth = [smoothed(curve, window) for curve in curves]
        return cls(
            curves,
            tuple(curve[0] for curve in curves),
            tuple(one[-1] for one in smooth),
            tuple(math.fsum(curve) / len(curve) for curve in curves),
            None if target is None else tuple(steps_to(target, one) for one in smooth),
        )

    @property
    def judged(self) -> tuple[float, ...]:
        """What starts are compared by: steps to the target where there is one, else the loss at the end."""
        return self.final if self.to_target is None else self.to_target

    @property
    def merit(self) -> tuple[float, float, float]:
        """What learning rates are chosen by; the least is the best."""
        medians = [Spread.of(values).median for values in (self.judged, self.final, self.area)]
        return medians[0], medians[1], medians[2]


def window_of(steps: int) -> int:
    """Over how many losses a mean is taken, since one batch's loss is noisy: a twentieth of the steps."""
    return max(1, steps // 20)


def outcomes(
    starts: Sequence[tuple[str, str]], found: Mapping[tuple[str, float | None], Measures]
) -> tuple[Outcome, ...]:
    """One outcome per start.

    Args:
        starts: label and words of each; the first is what the others are compared with.
        found: the numbers by label and learning rate.
    """
    best = {label: min(_rates(label, found), key=lambda rate: found[label, rate].merit) for label, _ in starts}
    measures = {label: found[label, best[label]] for label, _ in starts}
    first, *others = (label for label, _ in starts)
    duels = dict(zip(others, _duels(measures[first], [measures[label] for label in others]), strict=True))
    return tuple(
        Outcome(
            label=label,
            what=what,
            lr=best[label],
            tried=tuple((rate, Spread.of(found[label, rate].final).median) for rate in _rates(label, found)),
            curves=(one := measures[label]).curves,
            first=Spread.of(one.first),
            final=Spread.of(one.final),
            area=Spread.of(one.area),
            to_target=None if one.to_target is None else Spread.of(one.to_target),
            arrivals=one.to_target or (),
            diverged=sum(math.isinf(curve[-1]) for curve in one.curves),
            duel=duels.get(label),
        )
        for label, what in starts
    )


def _rates(label: str, found: Mapping[tuple[str, float | None], Measures]) -> list[float | None]:
    return [rate for name, rate in found if name == label]


def _duels(first: Measures, others: Sequence[Measures]) -> list[Duel]:
    differences = [[less(a, b) for a, b in zip(one.judged, first.judged, strict=True)] for one in others]
    p_values = [signed_rank(one) for one in differences]
    return [
        _duel(one, p, adjusted, len(others))
        for one, p, adjusted in zip(differences, p_values, holm(p_values), strict=True)
    ]


def _duel(differences: Sequence[float], p: float, adjusted: float, comparisons: int) -> Duel:
    better, worse = sum(one < 0 for one in differences), sum(one > 0 for one in differences)
    finding: Finding = "within noise"
    if adjusted <= LEVEL:
        finding = "better" if sum(signed_ranks(differences)) < 0 else "worse"
    elif len(differences) in (better, worse) and len(differences) < seeds_needed(comparisons):
        finding = "too few seeds"
    equal = len(differences) - better - worse
    return Duel(better, worse, equal, Spread.of(differences), p, adjusted, finding)


def less(a: float, b: float) -> float:
    """``a - b``, where two that never arrived are equal."""
    return 0.0 if a == b else a - b
