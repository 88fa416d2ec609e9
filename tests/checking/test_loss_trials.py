"""Trials of the loss, against sums done by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.checking import check
from firststep.checking.probe._evidence import Evidence


def _evidence(loss: object, targets: object, width: int = 3, n: int = 6) -> Evidence:
    torch.manual_seed(0)
    return check(nn.Linear(4, width), loss, (torch.randn(n, 4), targets)).evidence


def test_copies_of_a_batch() -> None:
    targets = torch.randn(6, 3)
    mean = _evidence(lambda o, y: ((o - y) ** 2).mean(), targets).trials
    assert (mean.doubled, mean.tripled) == (pytest.approx(1), pytest.approx(1))
    pairs = _evidence(lambda o, y: torch.cdist(o, y).sum(), targets).trials
    assert (pairs.doubled, pairs.tripled) == (pytest.approx(4), pytest.approx(9))


def test_targets_handed_on() -> None:
    targets = torch.tensor([0, 1, 2, 0, 1, 2])
    ignoring = _evidence(lambda o, y: o.square().mean() + 0 * y.sum(), targets).trials
    assert (ignoring.shuffled, ignoring.pairing, ignoring.replaced) == (0, 0, 0)
    # the value of a sum of products with equal factors stays, its gradient does not
    policy = _evidence(lambda o, y: (o[:, 0] - o[:, 0].detach() + 1).mul(y.float()).mean(), targets).trials
    assert policy.shuffled == pytest.approx(0)
    assert policy.pairing > 0.5
    one = _evidence(F.cross_entropy, torch.zeros(6, dtype=torch.long)).trials
    assert one.pairing is None  # targets that are all the same say nothing


def test_outputs_that_are_right() -> None:
    targets = torch.tensor([0, 1, 2, 0, 1, 2])
    agree, contradict = _evidence(F.cross_entropy, targets).trials.right
    assert agree < contradict
    real = torch.randn(6, 3)
    agree, contradict = _evidence(F.mse_loss, real).trials.right
    assert agree < contradict
    torch.manual_seed(0)
    output = nn.Linear(4, 3)(torch.randn(6, 4)).detach()
    best = ((output.flatten().sort().values - real.flatten().sort().values) ** 2).mean()  # the rearrangement inequality
    assert agree == pytest.approx(float(best), rel=1e-5)
    assert _evidence(lambda o, y: o.sum(), targets[:, None].float()).trials.right is None


@pytest.mark.parametrize(
    ("loss", "mark"),
    [
        (lambda o, y, m: ((o - y).abs() * m).mean(), ("targets[1]", 0.0)),
        (lambda o, y, m: ((o - y).abs() * m).sum() / 18, ("targets[1]", 0.0)),
        (lambda o, y, m: ((o - y).abs() * m).sum() / m.sum(), None),
        (lambda o, y, m: (((o - y).abs() * m).sum(1) / m.sum(1).clamp(min=1)).mean(), None),
        (lambda o, y, m: F.binary_cross_entropy_with_logits(o, m) + 0 * y.sum(), None),
    ],
    ids=["mean", "constant denominator", "mean of what counts", "mean of each row", "labels"],
)
def test_denominators(loss: object, mark: tuple[str, float] | None) -> None:
    mask = (torch.arange(3) < torch.tensor([1, 2, 3, 3, 2, 2])[:, None]).float()
    assert _evidence(loss, (torch.randn(6, 3), mask)).trials.uncounted == mark


def test_a_loss_that_draws_is_not_tried() -> None:
    trials = _evidence(lambda o, y: F.mse_loss(o + torch.randn_like(o), y), torch.randn(6, 3)).trials
    assert trials.doubled is None
    assert trials.precise is None


def test_a_loss_of_zeros_and_in_float64() -> None:
    trials = _evidence(F.cross_entropy, torch.tensor([0, 1, 2, 0, 1, 2])).trials
    assert trials.zeros[0] == pytest.approx(math.log(3))
    assert trials.precise[0] == pytest.approx(trials.precise[1], rel=1e-6)


def test_the_part_of_each_call() -> None:
    """By the chain rule: a loss that is linear in its calls is the sum of their parts."""

    def loss(output: Tensor, targets: Tensor) -> Tensor:
        each = F.cross_entropy(output, targets, reduction="none")
        return (
            3 * each.mean()
            - 2 * F.multi_margin_loss(output, targets)
            + F.cross_entropy(output, targets, reduction="sum")
        )

    found = _evidence(loss, torch.tensor([0, 1, 2, 0, 1, 2]))
    parts = [call.part for call in found.calls]
    values = [call.value for call in found.calls]
    assert parts == pytest.approx([3 * values[0], -2 * values[1], 6 * values[2]])
    assert sum(parts) == pytest.approx(found.loss)
    assert all(call.result is None for call in found.calls)  # nothing keeps the graph
    assert found.calls[0].weight.tolist() == pytest.approx([0.5] * 6)
