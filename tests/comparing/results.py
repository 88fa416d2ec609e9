"""Comparisons made of numbers, without training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from firststep.comparing import Comparison
from firststep.comparing._outcome import Measures, outcomes, window_of

STEPS = 40


def falling(rate: float, *, start: float = 2.0, ends: int = STEPS) -> tuple[float, ...]:
    """A loss that falls by a rate, and is infinite from a step on."""
    return tuple(start * math.exp(-rate * step) if step < ends else math.inf for step in range(STEPS))


def made(
    rows: Mapping[tuple[str, float | None], Sequence[tuple[float, ...]]], target: float | None = None
) -> Comparison:
    """A comparison of these curves by label and learning rate."""
    labels = list(dict.fromkeys(label for label, _ in rows))
    found = {key: Measures.of(tuple(curves), target) for key, curves in rows.items()}
    seeds = tuple(range(len(next(iter(rows.values())))))
    return Comparison(
        outcomes([(label, f"rules of {label}") for label in labels], found),
        STEPS,
        seeds,
        window_of(STEPS),
        target,
        "Net",
        "MSELoss",
        "Adam",
        "1,000 examples, 32 a batch",
        tuple(f"{seed:016x}" for seed in seeds),
    )


def plain() -> Comparison:
    """Ten seeds of three starts: sound, about as good, and worse."""
    return made(
        {
            ("ours", None): [falling(0.08 + 0.002 * i) for i in range(10)],
            ("the same", None): [falling(0.08 + 0.002 * i + (-1) ** i * 0.001) for i in range(10)],
            ("torch", None): [falling(0.04 + 0.003 * i, start=2.5) for i in range(10)],
        }
    )


def rated() -> Comparison:
    """Two rates, a target, and runs that diverge or never arrive."""
    return made(
        {
            ("ours", 0.001): [falling(0.02)] * 6,
            ("ours", 0.01): [falling(0.1 + 0.01 * i) for i in range(6)],
            ("a start <with> a long & odd label", 0.001): [falling(0.03 + 0.001 * i) for i in range(6)],
            ("a start <with> a long & odd label", 0.01): [falling(0.1, ends=5 * i) for i in range(6)],
        },
        target=0.6,
    )


def few() -> Comparison:
    """Three seeds, all of which agree."""
    return made({("ours", None): [falling(0.1 + i / 100) for i in range(3)], ("torch", None): [falling(0.01)] * 3})


def alone() -> Comparison:
    """One start, one seed."""
    return made({("ours", None): [falling(0.1)]})


def many() -> Comparison:
    """Nine starts, one of which diverges at once in every seed, and losses below zero."""
    rows = {
        (f"start {i}", None): [tuple(x - 1 for x in falling(0.01 * i + 0.01 * j)) for j in range(7)] for i in range(8)
    }
    return made({**rows, ("lost", None): [falling(0.1, ends=0)] * 7})
