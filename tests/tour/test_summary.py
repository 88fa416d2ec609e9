"""What the tour says about its numbers: true for whoever wins."""

from __future__ import annotations

import math

import pytest

from firststep.reporting import text_table
from firststep.tour._signal import Signal
from firststep.tour._starts import Start
from firststep.tour._summary import COLUMNS, DUEL_COLUMNS, Spread, duels, headline, number, statements, table
from firststep.tour._train import Result, Run, Settings

STAGES = ("conv1", "linear1", "head")


def _result(**accuracies: list[list[float]]) -> Result:
    """Runs with the given accuracies by epoch, one list per seed; the start ``other`` has a faded signal."""
    forward = {"firststep": (0.5, 0.5, 0.6), "other": (0.5, 0.001, 0.0005), "wild": (0.5, 50.0, 500.0)}
    loss = {"firststep": 2.5, "other": 2.304, "wild": 4.0e6}
    starts = tuple(Start(key, key, "", "", None, 1) for key in accuracies)
    runs = tuple(
        Run(key, seed, Signal(loss[key], forward[key][-1], forward[key], (1e-4, 1e-4, 1e-4)), (), tuple(curve))
        for key, curves in accuracies.items()
        for seed, curve in enumerate(curves)
    )
    n = len(next(iter(accuracies.values())))
    return Result(Settings(seeds=n, epochs=2), starts, STAGES, runs)


AHEAD = _result(
    firststep=[[0.1, 0.7, 0.95], [0.1, 0.6, 0.92], [0.1, 0.92, 0.93]],
    other=[[0.1, 0.3, 0.96], [0.1, 0.65, 0.9], [0.1, 0.2, 0.8]],
    wild=[[0.1, 0.1, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]],
)


def test_the_tables():
    assert text_table(COLUMNS, table(AHEAD)) == (
        "start      loss at step 0  accuracy after 1 epoch     at the end                 epochs to 90 %\n"
        "---------  --------------  -------------------------  -------------------------  --------------\n"
        "firststep  2.50            70.0 % (60.0 % to 92.0 %)  93.0 % (92.0 % to 95.0 %)  2 (1 to 2)\n"
        "other      2.30            30.0 % (20.0 % to 65.0 %)  90.0 % (80.0 % to 96.0 %)  2 (2 to never)\n"
        "wild       4.0e+06         10.0 %                     10.0 %                     never"
    )
    assert text_table(DUEL_COLUMNS, duels(AHEAD)) == (
        "firststep ahead of  after 1 epoch  at the end  ranges at the end\n"
        "------------------  -------------  ----------  -----------------\n"
        "other               2 of 3         2 of 3      overlap\n"
        "wild                3 of 3         3 of 3      apart"
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (
            0.7,
            0.3,
            "After one epoch firststep's default start reads 70.0 % of the test digits right; the next best, other, "
            "reads 30.0 %. Guessing reads 10 %.",
        ),
        (
            0.5,
            0.5,
            "After one epoch firststep's default start reads 50.0 % of the test digits right, and other just as many: "
            "this run does not tell them apart.",
        ),
        (
            0.3,
            0.7,
            "After one epoch firststep's default start reads 30.0 % of the test digits right; other does better with "
            "70.0 %.",
        ),
    ],
    ids=["ahead", "level", "behind"],
)
def test_the_headline_names_the_winner_whoever_it_is(ours, theirs, said):
    assert headline(_result(firststep=[[0.1, ours, 0.9]], other=[[0.1, theirs, 0.9]])) == said


def test_the_statements_word_for_word():
    assert statements(AHEAD) == [
        "Ten equal guesses cost ln 10 = 2.303; logits that differ at random cost more. Measured: firststep at 2.50 "
        "(logits of std 0.60); other at 2.30 (logits of std 0.0005); wild at 4.0e+06 (logits of std 5.0e+02).",
        "The loss of other looks right and is not: of activations of std 0.50 at conv1, 0.001 is left at linear1. To "
        "its head, all images look nearly alike.",
        "One net, one data set, one optimizer (SGD, learning rate 0.02, momentum 0.9), 3 seeds: a demonstration, not "
        "a benchmark. The net is one whose start matters: with batch norm after every layer, the tutorial's and "
        "torch's starts do as well or better (benchmarks/starts_elsewhere.py).",
    ]


def test_a_diverged_loss_counts_as_the_worst():
    assert Spread.of([math.nan, 2.0, 1.0]) == Spread(2.0, 1.0, math.inf)
    assert Spread.of([math.nan, math.nan, 1.0]).median == math.inf
    assert Spread.of([math.nan]).text(number) == "not finite"
