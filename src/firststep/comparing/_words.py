"""Words that the text and the page share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ._outcome import Duel, Outcome
from ._statistics import Spread, seeds_needed

if TYPE_CHECKING:
    from ._comparison import Comparison


def number(value: float, infinite: str = "diverged") -> str:
    """Three significant digits.

    >>> number(2.302585), number(1234567.0), number(float("inf")), number(float("inf"), "never")
    ('2.3', '1.23e+06', 'diverged', 'never')
    """
    if math.isnan(value):
        return ""
    return infinite if math.isinf(value) else f"{value + 0.0:.3g}"


def ranged(spread: Spread, infinite: str = "diverged") -> str:
    """``median (low to high)``, or the one value when all print alike.

    >>> ranged(Spread(2.0, 1.0, math.inf, (1.0, math.inf), 0.95), "never")
    '2 (1 to never)'
    """
    low, middle, high = (number(one, infinite) for one in (spread.low, spread.median, spread.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def between(spread: Spread, infinite: str = "diverged") -> str:
    """The interval of the median."""
    return " to ".join(dict.fromkeys(number(one, infinite) for one in spread.interval))


def counted(count: int, noun: str) -> str:
    """``1 seed``, ``7 seeds``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def headline(result: Comparison) -> str:
    """What was done, in a line."""
    each = " each" if len(result.outcomes) > 1 else ""
    return (
        f"{counted(len(result.outcomes), 'start')} of {result.model}: {counted(len(result.seeds), 'seed')}{each}, "
        f"{counted(result.steps, 'step')} of {result.optimizer}, {result.data}"
    )


def verdict(result: Comparison) -> Iterator[str]:
    """Sentences: each other start beside the first, then what stands in the way of a judgement."""
    first, *others = result.outcomes
    if not others:
        yield f"There is one start, {first.label}: nothing to compare it with."
    if result.target is not None and all(_arrived(one) == 0 for one in result.outcomes):
        yield (
            f"No start reaches a loss of {number(result.target)} within {counted(result.steps, 'step')}: give more "
            "steps, or a higher target."
        )
    else:
        for one in others:
            assert one.duel is not None
            yield _beside(result, first, one, one.duel)
    for one in result.outcomes:
        if one.diverged:
            yield f"{one.label} diverged in {one.diverged} of {counted(len(result.seeds), 'seed')}."
    for edge, side in (("highest", "higher"), ("lowest", "lower")):
        at = [one for one in result.outcomes if one.edge == edge]
        if at:
            labels = _listed([one.label for one in at])
            yield f"The best learning rate of {labels}, {at[0].lr:g}, is the {edge} that was tried: try {side} ones."


def _beside(result: Comparison, first: Outcome, one: Outcome, duel: Duel) -> str:
    n, what = len(result.seeds), _compared(result, first, one)
    ahead, behind = ("lower", "higher") if result.target is None else ("sooner", "later")
    if duel.finding in ("better", "worse"):
        word, count = (ahead, duel.better) if duel.finding == "better" else (behind, duel.worse)
        return (
            f"{one.label} is {duel.finding} than {first.label}: {what}, {word} in {count} of {counted(n, 'seed')} "
            f"(p = {duel.adjusted:.2g})."
        )
    if duel.finding == "too few seeds":
        verb, word = "is" if result.target is None else "arrives", ahead if duel.better else behind
        where = {1: "the only seed", 2: "both seeds"}.get(n, f"all {n} seeds")
        return (
            f"{one.label} {verb} {word} than {first.label} in {where}, which is "
            f"too few to tell it from chance (p = {duel.adjusted:.2g}): {what}. "
            f"Type seeds={seeds_needed(len(result.outcomes) - 1)}."
        )
    if duel.equal == n:
        return f"{one.label} and {first.label} are equal in every seed: {what}."
    return (
        f"Between {one.label} and {first.label} the difference is within noise: {what}, {ahead} in {duel.better} of "
        f"{counted(n, 'seed')} (p = {duel.adjusted:.2g})."
    )


def _compared(result: Comparison, first: Outcome, one: Outcome) -> str:
    if one.to_target is None or first.to_target is None:
        return (
            f"median loss at the end {' against '.join(number(each.final.median, 'infinite') for each in (one, first))}"
        )
    mine, other = (number(each.to_target.median, "never") for each in (one, first) if each.to_target is not None)
    return f"median steps to a loss of {number(result.target or 0.0)} {mine} against {other}"


def _arrived(one: Outcome) -> bool:
    return one.to_target is not None and math.isfinite(one.to_target.low)


def table(result: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings, and one row per start; columns that say nothing here are left out."""
    covered = result.outcomes[0].final.coverage
    target = "" if result.target is None else f"steps to {number(result.target)}"
    interval = f"{covered:.0%} interval" if not _is_range(result) else ""
    judged = target or "loss at the end"
    final = "loss at the end" if target else ""
    columns = ["start", "lr", judged, interval, "better in", "p", final, "mean loss", "first loss", "diverged"]
    rows = [_row(result, one) for one in result.outcomes]
    kept = [j for j, name in enumerate(columns) if name and any(row[j] for row in rows)]
    return [columns[j] for j in kept], [[row[j] for j in kept] for row in rows]


def _row(result: Comparison, one: Outcome) -> list[str]:
    n = len(result.seeds)
    judged, infinite = (one.final, "diverged") if one.to_target is None else (one.to_target, "never")
    return [
        one.label,
        "" if one.lr is None else f"{one.lr:g}",
        ranged(judged, infinite),
        between(judged, infinite),
        "" if one.duel is None else f"{one.duel.better} of {n}",
        "" if one.duel is None else f"{one.duel.adjusted:.2g}",
        ranged(one.final),
        ranged(one.area),
        ranged(one.first),
        f"{one.diverged} of {n}" if any(each.diverged for each in result.outcomes) else "",
    ]


def notes(result: Comparison) -> Iterator[str]:
    """How the numbers are to be read."""
    first, *others = result.outcomes
    judged = "loss at the end" if result.target is None else "steps to the target"
    window = "last loss" if result.window == 1 else f"mean of the last {result.window} losses"
    yield (
        f"median (range) over the seeds; loss at the end: the {window}"
        + ("" if result.target is None else f"; steps to the target: until the {window} is there")
    )
    if not _is_range(result):
        yield f"interval: of the median of the {judged}, by order statistics, at {first.final.coverage:.1%}"
    elif first.final.coverage > 0:
        yield f"the range is also the interval of the median, by order statistics, at {first.final.coverage:.1%}"
    if others:
        holm = ", adjusted for several starts by Holm" if len(others) > 1 else ""
        yield (
            f"better in: seeds in which the {judged} is less than for {first.label}; p: exact signed-rank test of "
            f"these differences{holm}"
        )
    if any(len(one.tried) > 1 for one in result.outcomes):
        rates = _listed([f"{rate:g}" for rate, _ in first.tried if rate is not None])
        yield f"learning rate: the best of {rates} for each start, chosen on the same runs"
    yield "It is the loss in training, of one model on these data: nothing is said of other data or of accuracy"


def _is_range(result: Comparison) -> bool:
    """Whether the interval of the median reaches from the least to the greatest value, as it does up to 8 seeds."""
    one = result.outcomes[0].final
    return len(result.seeds) < 9 and one.interval == (one.low, one.high)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
