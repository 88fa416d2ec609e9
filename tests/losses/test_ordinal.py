"""Losses of ordered classes against the papers' sums over thresholds and coral-pytorch's documented numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from firststep import losses
from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.testing import check_loss

Array = NDArray[np.float64]


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def coral(input: Array, target: Any, importance_weights: Any = None) -> Array:
    values = np.zeros(len(input))
    for i, (row, y) in enumerate(zip(input, target, strict=True)):
        for k, z in enumerate(row):
            weight = 1.0 if importance_weights is None else importance_weights[k]
            values[i] -= weight * math.log(sigmoid(z) if y > k else 1 - sigmoid(z))
    return values


def corn(input: Array, target: Any) -> tuple[Array, NDArray[np.bool_]]:
    """Task by task: the subset of the samples above the threshold before, and whether they are above this one."""
    values, counts = np.zeros(input.shape), np.zeros(input.shape, dtype=bool)
    for k in range(input.shape[1]):
        for i in [i for i, y in enumerate(target) if y > k - 1]:
            f = sigmoid(input[i, k])
            values[i, k] = -math.log(f) if target[i] > k else -math.log(1 - f)
            counts[i, k] = True
    return values, counts


WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.0], dtype=torch.float64)
REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("coral_loss", coral, {}),
    ("coral_loss", coral, {"importance_weights": WEIGHTS}),
    ("corn_loss", corn, {}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


def test_the_laws_hold_with_importance_weights() -> None:
    laws = ["gradcheck", "gradgradcheck", "start", "minimum", "half", "compile", "vmap", "masking", "all_masked"]
    check_loss("coral_loss", options={"importance_weights": WEIGHTS}, laws=laws).raise_if_failed()


def test_the_example_of_coral_pytorch() -> None:
    """levels 1100, 1000 and 1111 are classes 2, 1 and 4."""
    input = torch.tensor([[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]])

    assert float(LF.coral_loss(input, torch.tensor([2, 1, 4]))) == pytest.approx(0.6920, abs=5e-5)


def test_the_example_of_coral_pytorch_for_corn() -> None:
    """Version 1.4.0; it divides by the number of questions asked."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        features = torch.rand(8, 99)
        net = torch.nn.Linear(99, 4)
    loss = LF.corn_loss(net(features), torch.tensor([0, 1, 2, 2, 2, 3, 4, 4]))

    assert float(loss.detach()) == pytest.approx(0.7127, abs=5e-5)


def test_the_mean_is_over_the_questions_asked_or_over_samples() -> None:
    input, target = torch.zeros(3, 3), torch.tensor([0, 1, 3])  # 1, 2 and 3 questions

    total = LF.corn_loss(input, target, reduction="total")
    assert float(total.count) == 6
    assert float(total.sum) == pytest.approx(6 * math.log(2))
    assert float(LF.corn_loss(input, target, denominator="batch")) == pytest.approx(2 * math.log(2))
    ignored = LF.corn_loss(input, torch.tensor([0, -100, 3]), reduction="total")
    assert float(ignored.count) == 4


def test_a_question_that_is_not_asked_has_no_gradient() -> None:
    input = torch.full((1, 4), 2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(LF.corn_loss(input, torch.tensor([1]), reduction="sum"), input)

    wrong, right = sigmoid(2.0), sigmoid(2.0) - 1
    torch.testing.assert_close(slope, torch.tensor([[right, wrong, 0.0, 0.0]]))


def test_class_weights_weigh_samples() -> None:
    input, target = torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 1, 0])
    weight = torch.tensor([1.0, 2.0, 5.0])
    for name in ("coral_loss", "corn_loss"):
        function = getattr(LF, name)
        torch.testing.assert_close(
            function(input, target, class_weight=weight), function(input, target, weight=weight[target])
        )


def test_decoding_gives_the_examples_of_coral_pytorch() -> None:
    probabilities = torch.tensor(
        [[0.934, 0.861, 0.323, 0.492, 0.295], [0.496, 0.485, 0.267, 0.124, 0.058], [0.985, 0.967, 0.920, 0.819, 0.506]]
    )
    assert losses.coral_decode(probabilities.logit()).tolist() == [2, 0, 5]

    logits = torch.tensor([[14.152, -6.1942, 0.47710, 0.96850], [65.667, 0.303, 11.500, -4.524]])
    assert losses.corn_decode(logits).tolist() == [1, 3]


def test_a_perfect_model_is_decoded_to_its_targets() -> None:
    target = torch.arange(5)
    input = torch.where(target.unsqueeze(1) > torch.arange(4), 9.0, -9.0)

    assert losses.coral_decode(input).tolist() == losses.corn_decode(input).tolist() == [0, 1, 2, 3, 4]


def test_pixels_are_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    input = torch.randn(2, 3, 4, 5, generator=generator)
    target = torch.randint(0, 4, (2, 4, 5), generator=generator)
    rows = input.movedim(1, -1).reshape(-1, 3)
    for name in ("coral_loss", "corn_loss"):
        function = getattr(LF, name)
        torch.testing.assert_close(function(input, target), function(rows, target.flatten()))
    for decode in (losses.coral_decode, losses.corn_decode):
        assert decode(input).shape == (2, 4, 5)
        assert torch.equal(decode(input).flatten(), decode(rows))


@pytest.mark.parametrize("far", [-1e4, 1e4])
def test_logits_of_ten_thousand(far: float) -> None:
    for name in ("coral_loss", "corn_loss"):
        input = torch.full((1, 2), far, requires_grad=True)
        loss = getattr(LF, name)(input, torch.tensor([0]), reduction="sum")
        (slope,) = torch.autograd.grad(loss, input)
        asked = 2 if name == "coral_loss" else 1

        assert float(loss.detach()) == max(far, 0.0) * asked
        assert slope[0, :asked].tolist() == [float(far > 0)] * asked


def test_weights_of_another_length_are_told() -> None:
    with pytest.raises(LossError) as error:
        LF.coral_loss(torch.zeros(2, 4), torch.zeros(2, dtype=torch.long), importance_weights=torch.ones(5))
    assert str(error.value) == (
        "coral_loss: importance_weights has shape (5,), expected one number for each of the 4 thresholds of input"
    )


def test_a_mask_of_thresholds_goes_with_ignored_targets() -> None:
    """Targets have fewer axes than the values, and so has what is ignored of them."""
    generator = torch.Generator().manual_seed(0)
    input, target = torch.randn(4, 3, generator=generator), torch.tensor([0, 1, 3, -100])
    mask = torch.tensor([[True, False, True], [True, True, False], [False, True, True], [True, True, True]])
    rows = LF.corn_loss(input[:3], target[:3], mask=mask[:3], ignore_index=None)
    assert torch.equal(LF.corn_loss(input, target, mask=mask), rows)
    with pytest.raises(LossError, match=r"^corn_loss: mask has shape \(4, 2\) for values of shape \(4, 3\)"):
        LF.corn_loss(input, target, mask=mask[:, :2])
