"""Planted differences, equal starts, rates and targets: what is found."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import firststep as fs
from firststep.comparing import compare

from .small import small, times


@pytest.mark.parametrize("factor", [100.0, 0.0], ids=["a hundred times too large", "zero"])
def test_a_planted_difference_is_found_from_either_side(factor: float) -> None:
    inits = {"sound": times(1.0), "planted": times(factor)}
    result = small(inits, steps=60, lrs=(1e-2,))
    turned = small(dict(reversed(inits.items())), steps=60, lrs=(1e-2,))
    duel, other = result["planted"].duel, turned["sound"].duel

    assert duel is not None
    assert other is not None
    assert (duel.finding, duel.worse, duel.p) == ("worse", 7, 2 / 2**7)
    assert (other.finding, other.better, other.p) == ("better", 7, 2 / 2**7)
    assert result["planted"].final.low > result["sound"].final.high
    assert result.verdict.startswith("planted is worse than sound: median loss at the end ")
    assert result.verdict.endswith(" in 7 of 7 seeds (p = 0.016).")


def test_the_same_start_twice_is_equal_in_every_seed() -> None:
    result = small({"one": "default", "other": "default"})
    duel = result["other"].duel

    assert result["one"].curves == result["other"].curves
    assert duel is not None
    assert (duel.equal, duel.p, duel.finding) == (7, 1.0, "within noise")
    assert result.verdict.startswith("other and one are equal in every seed: median loss at the end ")


def test_the_same_law_with_other_draws_is_within_noise() -> None:
    """Ten seeds, drawn once and for all: a start with other values of the same laws is not called different."""
    result = small({"one": times(1.0), "other": times(1.0, offset=1000)}, seeds=10)
    duel = result["other"].duel

    assert duel is not None
    assert duel.equal == 0
    assert duel.finding == "within noise"
    assert "Between other and one the difference is within noise: " in result.verdict


def test_five_seeds_are_too_few_and_it_is_said() -> None:
    result = small({"sound": "default", "huge": times(100.0)}, seeds=5)

    assert result["huge"].duel is not None
    assert result["huge"].duel.finding == "too few seeds"
    assert "in all 5 seeds, which is too few to tell it from chance (p = 0.062)" in result.verdict
    assert result.verdict.endswith("Type seeds=6.")


def test_a_run_that_diverges_ends_there_and_counts_as_worst() -> None:
    def explodes(model: nn.Module, seed: int) -> None:
        fs.initialize(model, "default", seed=seed)
        if seed % 2:
            with torch.no_grad():
                model[0].weight.fill_(math.nan)  # type: ignore[index]

    told: list[tuple[int, int, str]] = []
    result = small(
        {"sound": "default", "broken": explodes}, seeds=4, steps=10, progress=lambda *what: told.append(what)
    )
    broken = result["broken"]

    assert [curve[0] == math.inf for curve in broken.curves] == [False, True, False, True]
    assert broken.diverged == 2
    assert broken.final.high == math.inf
    assert "broken diverged in 2 of 4 seeds." in result.verdict
    assert told[-1][:2] == (80, 80)
    assert json.loads(result.to_json())["starts"][1]["final"]["high"] is None


def test_starts_are_judged_at_the_rate_that_suits_each() -> None:
    """A linear model whose loss falls the faster the larger the rate, up to where gradient descent diverges."""
    x = torch.eye(8).repeat(4, 1)
    y = x @ torch.ones(8, 1)
    result = compare(
        lambda: nn.Linear(8, 1, bias=False),
        {"as built": None, "zero": lambda model, seed: nn.init.zeros_(model.weight)},  # type: ignore[arg-type]
        (x, y),
        nn.MSELoss(),
        optimizer=torch.optim.SGD,
        lrs=(0.01, 1.0, 100.0),
        batch_size=32,
        steps=40,
        seeds=6,
    )
    for outcome in result.outcomes:
        assert outcome.lr == 1.0
        assert [rate for rate, _ in outcome.tried] == [0.01, 1.0, 100.0]
        assert outcome.tried[1][1] == outcome.final.median
        assert outcome.tried[1][1] < outcome.tried[0][1] < outcome.tried[2][1]
        # Each weight's error shrinks by 1 - 2 lr / 8 a step: its square by 0.5625.
        assert outcome.curves[0][1] / outcome.curves[0][0] == pytest.approx(0.5625, rel=1e-5)
    assert result["zero"].curves[0][0] == pytest.approx(1.0)
    assert "best learning rate" not in result.verdict


def test_a_rate_at_the_edge_is_said() -> None:
    result = small(["default", "torch"], lrs=(1e-5, 1e-3), seeds=6)

    assert result.verdict.endswith(
        "The best learning rate of default and torch, 0.001, is the highest that was tried: try higher ones."
    )


def test_steps_to_a_target_and_runs_that_never_arrive() -> None:
    result = small({"sound": "default", "zero": times(0.0)}, target=0.25, steps=60, lrs=(3e-3,))
    sound, zero = result["sound"].to_target, result["zero"].to_target
    smooth = [np.convolve(curve, np.ones(3) / 3, "valid") for curve in result["sound"].curves]

    assert result.window == 3
    assert sound is not None
    assert zero is not None
    expected = [int(np.argmax(one <= 0.25)) + 2 for one in smooth]
    assert (sound.low, sound.high) == (min(expected), max(expected))
    assert sound.median == float(np.median(expected))
    assert result["sound"].arrivals == tuple(map(float, expected))
    assert zero.median == math.inf
    assert result["zero"].duel is not None
    assert result["zero"].duel.finding == "worse"


def test_no_start_that_reaches_the_target_is_no_verdict() -> None:
    result = small(["default", "torch"], target=1e-9, seeds=2, steps=5)

    assert result.verdict == ("No start reaches a loss of 1e-09 within 5 steps: give more steps, or a higher target.")
