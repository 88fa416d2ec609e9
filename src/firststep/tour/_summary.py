"""What the runs say: medians and ranges over the seeds, and sentences that follow from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ._data import CLASSES
from ._starts import OURS, Start
from ._train import Result, Run

EXPECTED_LOSS = math.log(CLASSES)
"""Cross entropy of ten equal guesses, ln 10."""

GOAL = 0.9
"""The test accuracy whose first epoch is reported."""

_NEAR = 0.05
_FADED = 0.01


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of one number over the seeds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of ``values``; a NaN counts as infinitely large, which is what a diverged loss is.

        >>> Spread.of([3.0, 1.0, math.nan])
        Spread(median=3.0, low=1.0, high=inf)
        """
        known = [math.inf if math.isnan(v) else v for v in values]
        return cls(statistics.median(known), min(known), max(known))

    def text(self, form: Callable[[float], str]) -> str:
        """``median (low to high)``, or the one value when all are alike."""
        if form(self.low) == form(self.high):
            return form(self.median)
        return f"{form(self.median)} ({form(self.low)} to {form(self.high)})"


def number(value: float) -> str:
    """Three digits or so, at any size.

    >>> number(2.3026), number(0.0012345), number(3960000.0), number(0.0), number(math.inf)
    ('2.30', '0.0012', '4.0e+06', '0', 'not finite')
    """
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    if 0.1 <= abs(value) < 100:
        return f"{value:.2f}"
    return f"{value:.2g}" if 1e-4 <= abs(value) < 100 else f"{value:.1e}"


def percent(share: float) -> str:
    """A share as a percentage.

    >>> percent(0.9583)
    '95.8 %'
    """
    return f"{100 * share:.1f} %"


def counted(n: int, word: str) -> str:
    """``n`` things, in grammatical English.

    >>> counted(1, "seed"), counted(5, "seed")
    ('1 seed', '5 seeds')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def epochs_to(goal: float, run: Run) -> float:
    """The first epoch after which ``run`` reads at least ``goal`` of the test images; infinite when it never does."""
    return next((epoch for epoch, share in enumerate(run.accuracies) if epoch and share >= goal), math.inf)


COLUMNS = ("start", "loss at step 0", "accuracy after 1 epoch", "at the end", f"epochs to {100 * GOAL:.0f} %")


def table(result: Result) -> list[tuple[str, ...]]:
    """One row per start under :data:`COLUMNS`: median and range over the seeds."""
    return [
        (
            start.label,
            Spread.of([run.signal.loss for run in result.of(start.key)]).text(number),
            Spread.of([run.accuracies[1] for run in result.of(start.key)]).text(percent),
            Spread.of([run.accuracies[-1] for run in result.of(start.key)]).text(percent),
            _epochs(result, start),
        )
        for start in result.starts
    ]


def _epochs(result: Result, start: Start) -> str:
    spread = Spread.of([epochs_to(GOAL, run) for run in result.of(start.key)])
    return spread.text(lambda epoch: "never" if math.isinf(epoch) else f"{epoch:g}")


DUEL_COLUMNS = ("firststep ahead of", "after 1 epoch", "at the end", "ranges at the end")


def duels(result: Result) -> list[tuple[str, ...]]:
    """One row per other start under :data:`DUEL_COLUMNS`: in how many seeds ours reads more test images right.

    Paired by seed: for one seed all starts see the same batches in the same order.
    """
    ours, *others = sorted(result.starts, key=lambda start: start.key != OURS)
    rows = []
    for other in others:
        early, late = (f"{_ahead(result, ours, other, epoch)} of {result.settings.seeds}" for epoch in (1, -1))
        a, b = (Spread.of([run.accuracies[-1] for run in result.of(start.key)]) for start in (ours, other))
        ranges = "apart" if a.low > b.high or b.low > a.high else "overlap"
        rows.append((other.label, early, late, ranges if result.settings.seeds > 1 else "one seed has none"))
    return rows


def headline(result: Result) -> str:
    """The one sentence to take away, whoever comes out ahead."""
    after = {start.key: _median(result, start, lambda run: run.accuracies[1]) for start in result.starts}
    ours = after.pop(OURS)
    best = max(after, key=lambda key: after[key])
    label = next(start.label for start in result.starts if start.key == best)
    read = f"firststep's default start reads {percent(ours)} of the test digits right"
    if ours > after[best]:
        return f"After one epoch {read}; the next best, {label}, reads {percent(after[best])}. Guessing reads 10 %."
    if ours == after[best]:
        return f"After one epoch {read}, and {label} just as many: this run does not tell them apart."
    return f"After one epoch {read}; {label} does better with {percent(after[best])}."


def statements(result: Result) -> list[str]:
    """What the numbers say, in sentences that hold for these numbers only."""
    return [_on_the_loss(result), *_on_fading(result), _limits(result)]


def _on_the_loss(result: Result) -> str:
    parts = []
    for start in result.starts:
        loss = _median(result, start, lambda run: run.signal.loss)
        spread = _median(result, start, lambda run: run.signal.output_std)
        parts.append(f"{start.label} at {number(loss)} (logits of std {number(spread)})")
    return (
        f"Ten equal guesses cost ln {CLASSES} = {EXPECTED_LOSS:.3f}; logits that differ at random cost more. "
        f"Measured: {'; '.join(parts)}."
    )


def _on_fading(result: Result) -> list[str]:
    """A loss of ln 10 can also mean that nothing of the image reaches the logits."""
    found = []
    for start in result.starts:
        loss = _median(result, start, lambda run: run.signal.loss)
        first, last = (_median(result, start, lambda run, i=i: run.signal.forward[i]) for i in (0, -2))
        if abs(loss - EXPECTED_LOSS) < _NEAR and last < _FADED * first:
            found.append(
                f"The loss of {start.label} looks right and is not: of activations of std {number(first)} at "
                f"{result.stages[0]}, {number(last)} is left at {result.stages[-2]}. To its head, all images look "
                "nearly alike."
            )
    return found


def _ahead(result: Result, ours: Start, other: Start, epoch: int) -> int:
    pairs = zip(result.of(ours.key), result.of(other.key), strict=True)
    return sum(a.accuracies[epoch] > b.accuracies[epoch] for a, b in pairs)


def _limits(result: Result) -> str:
    s = result.settings
    return (
        f"One net, one data set, one optimizer (SGD, learning rate {s.learning_rate:g}, momentum {s.momentum:g}), "
        f"{counted(s.seeds, 'seed')}: a demonstration, not a benchmark. The net is one whose start matters: with batch "
        "norm after every layer, the tutorial's and torch's starts do as well or better "
        "(benchmarks/starts_elsewhere.py)."
    )


def _median(result: Result, start: Start, read: Callable[[Run], float]) -> float:
    return Spread.of([read(run) for run in result.of(start.key)]).median
