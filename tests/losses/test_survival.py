"""Cox's partial likelihood beside loops over risk sets, and the worked example of Therneau and Grambsch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep import LossError, losses
from firststep.testing import check_loss

Array = NDArray[np.float64]
F = losses.functional


def cox(log_hazard: Array, time: Array, event: Array, ties: str = "efron") -> tuple[Array, NDArray[np.bool_]]:
    """Event by event. Of tied events each gets the mean of the group's denominators (Efron 1977; Breslow 1974)."""
    values, shift = np.zeros(len(time)), log_hazard.max()
    hazard = np.exp(log_hazard - shift)
    for i in range(len(time)):
        if not event[i]:
            continue
        at_risk = sum(hazard[j] for j in range(len(time)) if time[j] >= time[i])
        tied = [hazard[j] for j in range(len(time)) if event[j] and time[j] == time[i]]
        d = len(tied)
        shares = [rank / d if ties == "efron" else 0.0 for rank in range(d)]
        values[i] = np.mean([np.log(at_risk - share * sum(tied)) for share in shares]) + shift - log_hazard[i]
    return values, event != 0


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_values_and_gradients_are_those_of_loops_over_risk_sets(ties: str, seed: int) -> None:
    report = check_loss("cox_loss", options={"ties": ties}, reference=cox, laws=["reference"], seed=seed)
    report.raise_if_failed()


# Therneau & Grambsch 2000, "Modeling Survival Data", appendix E.1: times 1, 1, 6, 6, 8, 9, one tie of two events.
TIME = torch.tensor([9, 1, 1, 6, 6, 8])
EVENT = torch.tensor([1, 1, 0, 1, 1, 0])
COVARIATE = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
BRESLOW = (3 + math.sqrt(33)) / 2
EFRON = max(np.roots([-1, 0, 23, 30]).real)  # 5.3487


def log_likelihood(r: float, ties: str) -> float:
    second = math.log(r + 3) if ties == "breslow" else math.log((r + 5) / 2)
    return 2 * math.log(r) - math.log(3 * r + 3) - math.log(r + 3) - second


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("r", [1.0, 2.5, BRESLOW, EFRON])
def test_the_worked_example_has_its_log_likelihood(ties: str, r: float) -> None:
    value = F.cox_loss(math.log(r) * COVARIATE, TIME, EVENT, ties=ties, reduction="sum")

    assert float(value) == pytest.approx(-log_likelihood(r, ties), rel=1e-12)


@pytest.mark.parametrize(("ties", "r", "beta"), [("breslow", BRESLOW, 1.475285), ("efron", EFRON, 1.676857)])
def test_the_worked_example_has_its_best_coefficient(ties: str, r: float, beta: float) -> None:
    """The numbers that R's coxph prints."""
    coefficient = torch.tensor(math.log(r), dtype=torch.float64, requires_grad=True)

    (slope,) = torch.autograd.grad(F.cox_loss(coefficient * COVARIATE, TIME, EVENT, ties=ties), coefficient)

    assert math.log(r) == pytest.approx(beta, abs=1e-6)
    assert float(slope) == pytest.approx(0, abs=1e-12)


def test_equal_hazards_give_the_logarithms_of_the_numbers_at_risk() -> None:
    zeros = torch.zeros(6, dtype=torch.float64)

    assert float(F.cox_loss(zeros, TIME, EVENT, ties="breslow", reduction="sum")) == pytest.approx(math.log(6 * 4 * 4))
    assert float(F.cox_loss(zeros, TIME, EVENT, reduction="sum")) == pytest.approx(math.log(6 * 4 * 3))


def big(n: int, size: float) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(int(size))
    log_hazard = (2 * torch.rand(n, generator=generator) - 1) * size
    return log_hazard, torch.randint(1, n // 3, (n,), generator=generator), torch.rand(n, generator=generator) < 0.6


@pytest.mark.parametrize("size", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_large_log_hazards_neither_overflow_nor_vanish_in_float32(ties: str, size: float) -> None:
    log_hazard, time, event = big(60, size)
    leaf, exact = log_hazard.requires_grad_(), log_hazard.detach().double().requires_grad_()

    values, expected = (F.cox_loss(one, time, event, ties=ties, reduction="none") for one in (leaf, exact))
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    (slopes,) = torch.autograd.grad(expected.sum(), exact)

    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-5 * max(size / 10, 1))
    torch.testing.assert_close(gradient.double(), slopes, rtol=1e-3, atol=2e-3 if size > 1000 else 1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("offset", [-100.0, 100.0, 1e4])
def test_a_number_added_to_all_log_hazards_changes_nothing_in_float32(ties: str, offset: float) -> None:
    log_hazard, time, event = big(40, 1.0)
    log_hazard = (log_hazard * 1024).round() / 1024  # so that the sum is exact

    moved, value = (F.cox_loss(one, time, event, ties=ties) for one in (log_hazard + offset, log_hazard))

    assert torch.equal(moved, value)


def test_a_late_risk_set_far_below_the_greatest_hazard_is_not_lost() -> None:
    """exp(-200) is 0 in float32: a cumulative sum of exponentials would give infinity."""
    log_hazard = torch.tensor([0.0, -200.0, -201.0], requires_grad=True)
    time, event = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([False, True, False])

    value = F.cox_loss(log_hazard, time, event)
    (gradient,) = torch.autograd.grad(value, log_hazard)

    p = 1 / (1 + math.exp(-1))
    assert float(value.detach()) == pytest.approx(-math.log(p), rel=1e-4)
    assert gradient.tolist() == pytest.approx([0, p - 1, 1 - p], abs=1e-5)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_without_an_event_it_is_zero_and_connected(ties: str) -> None:
    log_hazard = torch.randn(5, generator=torch.Generator().manual_seed(0)).requires_grad_()

    value = F.cox_loss(log_hazard, torch.arange(5), torch.zeros(5), ties=ties)

    assert float(value.detach()) == 0
    assert torch.equal(torch.autograd.grad(value, log_hazard)[0], torch.zeros(5))
    one = F.cox_loss(log_hazard[:1], torch.ones(1), torch.ones(1), ties=ties)
    assert float(one.detach()) == 0
    assert torch.equal(torch.autograd.grad(one, log_hazard)[0], torch.zeros(5))


def test_events_may_be_of_any_dtype_and_times_whole_or_not() -> None:
    log_hazard, time, event = big(20, 1.0)
    value = F.cox_loss(log_hazard, time, event)

    for other in (event.int(), event.float(), event.long(), event.bfloat16()):
        assert torch.equal(F.cox_loss(log_hazard, time, other), value)
    assert torch.equal(F.cox_loss(log_hazard, time.double(), event), value)
    assert torch.equal(F.cox_loss(log_hazard, -1000 + time.int(), event), value)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("whole", [True, False])
def test_masked_samples_leave_the_risk_sets(ties: str, whole: bool) -> None:
    log_hazard, time, event = big(30, 1.0)
    keep = torch.arange(30) % 3 != 0
    time = time if whole else time.float()
    spoiled = torch.where(keep, log_hazard, 1e30).requires_grad_()

    value = F.cox_loss(spoiled, time, event, ties=ties, mask=keep)
    (gradient,) = torch.autograd.grad(value, spoiled)

    assert float(value.detach()) == pytest.approx(
        float(F.cox_loss(log_hazard[keep], time[keep], event[keep], ties=ties)), rel=1e-6
    )
    assert torch.equal(gradient[~keep], torch.zeros(10))


def test_strata_are_totals_that_add() -> None:
    log_hazard, time, event = big(40, 1.0)
    stratum = torch.arange(40) % 2

    parts = [
        F.cox_loss(log_hazard[stratum == s], time[stratum == s], event[stratum == s], reduction="total") for s in (0, 1)
    ]

    values = [
        cox(log_hazard[stratum == s].double().numpy(), time[stratum == s].numpy(), event[stratum == s].numpy())
        for s in (0, 1)
    ]
    expected = sum(v.sum() for v, _ in values) / sum(c.sum() for _, c in values)
    assert float(sum(parts).mean()) == pytest.approx(expected, rel=1e-5)  # pyright: ignore


@pytest.mark.parametrize(
    ("tensors", "options", "message"),
    [
        (
            (torch.zeros(4, 1), torch.zeros(4), torch.zeros(4)),
            {},
            r"^cox_loss: log_hazard has shape \(4, 1\), expected \(N,\)",
        ),
        (
            (torch.zeros(4), torch.zeros(4), torch.zeros(4)),
            {"ties": "exact"},
            r"^cox_loss\(ties='exact'\): expected one of 'efron', 'breslow'$",
        ),
        (
            (torch.zeros(4), torch.zeros(4), torch.zeros(4)),
            {"mask": torch.ones(4)},
            r"^cox_loss: mask is float32, expected bool, True where a value counts\. Type mask\.bool\(\)$",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(tensors: tuple[Tensor, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(LossError, match=message):
        F.cox_loss(*tensors, **options)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_masked_samples_do_not_cost_accuracy_where_all_log_hazards_are_far_from_zero(ties: str) -> None:
    log_hazard = torch.tensor([0.5, -0.25, 0.125, 1.0, 0.0]) - 1e4
    time, event = torch.tensor([3.0, 1.0, 2.0, 2.0, 9.0]), torch.tensor([1, 1, 1, 1, 1])
    mask = torch.tensor([True, True, True, True, False])
    exact = F.cox_loss(log_hazard[:4].double(), time[:4].double(), event[:4], ties=ties)

    masked = F.cox_loss(log_hazard, time, event, ties=ties, mask=mask)

    assert float(masked) == pytest.approx(float(exact), abs=1e-6)
    assert float(F.cox_loss(log_hazard, time, event, ties=ties, mask=~mask & False)) == 0.0


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_second_derivatives_beside_censored_samples(ties: str) -> None:
    """Of torch's logcumsumexp they are NaN wherever its gradient is 0."""
    log_hazard = torch.tensor([0.5, -0.25, 0.125, 1.0], dtype=torch.float64, requires_grad=True)
    time, event = torch.tensor([4, 1, 3, 2]), torch.tensor([0, 1, 0, 1])
    assert torch.autograd.gradgradcheck(lambda x: F.cox_loss(x, time, event, ties=ties), log_hazard)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64, torch.float32])
def test_a_masked_sample_is_in_no_risk_set_of_time_zero(dtype: torch.dtype) -> None:
    log_hazard, event = torch.tensor([0.1, 0.2, 5.0]), torch.ones(3)
    time, mask = torch.tensor([3, 0, 2], dtype=dtype), torch.tensor([True, True, False])
    expected = F.cox_loss(log_hazard[:2], time[:2], event[:2])
    assert float(F.cox_loss(log_hazard, time, event, mask=mask)) == pytest.approx(float(expected), rel=1e-6)
