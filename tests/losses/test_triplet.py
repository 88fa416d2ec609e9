"""Triplet losses against loops written from the papers, worked examples, ties, and anchors that lack a side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from firststep import LossError, losses
from firststep.losses import functional
from firststep.testing import check_loss


def distance(a: Any, b: Any, squared: bool) -> float:
    total = float(((a - b) ** 2).sum())
    return total if squared else math.sqrt(total)


def hinge(gap: float, margin: float | None) -> float:
    return math.log1p(math.exp(gap)) if margin is None else max(0.0, gap + margin)


def triplet(
    anchor: Any, positive: Any, negative: Any, margin: float | None = 1.0, swap: bool = False, squared: bool = False
) -> list[float]:
    values = []
    for a, p, n in zip(anchor, positive, negative, strict=True):
        far = distance(a, n, squared)
        if swap:
            far = min(far, distance(p, n, squared))
        values.append(hinge(distance(a, p, squared) - far, margin))
    return values


Mined = tuple[list[float], list[bool]]


def per_anchor(labels: Any, value: Callable[[int, list[int], list[int]], float]) -> Mined:
    """Each anchor that has both a positive and a negative."""
    values, counts = [], []
    for i in range(len(labels)):
        positives = [j for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        negatives = [j for j in range(len(labels)) if labels[j] != labels[i]]
        counts.append(bool(positives and negatives))
        values.append(value(i, positives, negatives) if counts[-1] else 0.0)
    return values, counts


def batch_hard(embeddings: Any, labels: Any, margin: float | None = 0.2, squared: bool = False) -> Mined:
    def value(i: int, positives: list[int], negatives: list[int]) -> float:
        farthest = max(distance(embeddings[i], embeddings[p], squared) for p in positives)
        nearest = min(distance(embeddings[i], embeddings[n], squared) for n in negatives)
        return hinge(farthest - nearest, margin)

    return per_anchor(labels, value)


def semi_hard(embeddings: Any, labels: Any, margin: float | None = 0.2, squared: bool = False) -> Mined:
    def value(i: int, positives: list[int], negatives: list[int]) -> float:
        total = 0.0
        for p in positives:
            pair = distance(embeddings[i], embeddings[p], squared)
            all_far = [distance(embeddings[i], embeddings[n], squared) for n in negatives]
            farther = [far for far in all_far if far > pair]
            total += hinge(pair - (min(farther) if farther else max(all_far)), margin)
        return total / len(positives)

    return per_anchor(labels, value)


MINING: list[dict[str, Any]] = [{}, {"margin": 1.0}, {"margin": None}, {"squared": True}]
REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    *(("triplet_margin_loss", triplet, options) for options in (*MINING, {"swap": True}, {"margin": 0.0})),
    *(("batch_hard_triplet_loss", batch_hard, options) for options in MINING),
    *(("semi_hard_triplet_loss", semi_hard, options) for options in MINING),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    for seed in range(3):
        check_loss(name, options=options, reference=reference, laws=["reference"], seed=seed).raise_if_failed()


@pytest.mark.parametrize("name", ["batch_hard_triplet_loss", "semi_hard_triplet_loss"])
def test_a_large_batch_of_uneven_labels(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(12, (40,), generator=generator)
    labels[0] = 99  # alone

    values = getattr(functional, name)(embeddings, labels, margin=0.7, reduction="none")

    reference = batch_hard if name.startswith("batch") else semi_hard
    expected, counts = reference(embeddings.numpy(), labels.numpy(), margin=0.7)
    assert values.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    total = getattr(functional, name)(embeddings, labels, reduction="total")
    assert float(total.count) == sum(counts) < 40


def test_torchs_differs_by_its_millionth() -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(5, 4, generator=generator, dtype=torch.float64) for _ in range(3)]

    ours = functional.triplet_margin_loss(*tensors)

    torchs = F.triplet_margin_loss(*tensors)
    assert 0 < float((ours - torchs).abs()) < 3e-6


def line(*places: float) -> torch.Tensor:
    """Embeddings on a line."""
    return torch.tensor(places, dtype=torch.float32).unsqueeze(1)


def test_a_semi_hard_negative_is_the_nearest_beyond_the_positive() -> None:
    # Anchor 0 with its positive at 2: of the negatives at 1, 2, 2.5 and 9 the one at 2.5, as 2 itself is not beyond.
    embeddings = line(0, 2, 1, -2, -2.5, 9)
    labels = torch.tensor([0, 0, 1, 2, 3, 4])

    each = functional.semi_hard_triplet_loss(embeddings, labels, margin=1.0, reduction="none")

    # From 2, the positive is 2 away; the negatives are 1, 4, 4.5 and 7 away: 4.
    assert each.tolist() == [pytest.approx(2 - 2.5 + 1), 0, 0, 0, 0, 0]


def test_where_no_negative_is_beyond_the_farthest_stands_in() -> None:
    each = functional.semi_hard_triplet_loss(line(0, 5, 1, 3), torch.tensor([0, 0, 1, 2]), margin=0.5, reduction="none")

    assert each.tolist() == [pytest.approx(5 - 3 + 0.5), pytest.approx(5 - 4 + 0.5), 0, 0]


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative() -> None:
    each = functional.batch_hard_triplet_loss(
        line(0, 1, 3, -2, 7), torch.tensor([0, 0, 0, 1, 2]), margin=0.5, reduction="none"
    )

    # 0: 3 against 2; 1: 2 against 3; 3: 3 against 4; the last two are alone with their labels.
    assert each.tolist() == [1.5, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["batch_hard_triplet_loss", "semi_hard_triplet_loss"])
@pytest.mark.parametrize("labels", [[0, 1, 2], [5, 5, 5]], ids=["no positive", "no negative"])
def test_without_a_positive_or_a_negative_nothing_counts(name: str, labels: list[int]) -> None:
    embeddings = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = getattr(functional, name)

    value = loss(embeddings, torch.tensor(labels))

    assert float(value.detach()) == 0
    assert float(loss(embeddings, torch.tensor(labels), reduction="total").count) == 0
    assert not torch.autograd.grad(value, embeddings)[0].any()


@pytest.mark.parametrize("name", ["batch_hard_triplet_loss", "semi_hard_triplet_loss"])
@pytest.mark.parametrize("place", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("squared", [False, True])
def test_a_collapse_costs_the_margin_with_a_finite_gradient(name: str, place: float, squared: bool) -> None:
    embeddings = torch.full((6, 4), place).requires_grad_()

    value = getattr(functional, name)(embeddings, torch.tensor([0, 0, 1, 1, 2, 2]), margin=0.3, squared=squared)

    assert float(value.detach()) == pytest.approx(0.3)
    assert torch.isfinite(torch.autograd.grad(value, embeddings)[0]).all()


def test_coinciding_points_of_a_triplet_have_a_finite_gradient() -> None:
    same = torch.ones(2, 3, requires_grad=True)
    for options in ({}, {"squared": True}, {"margin": None}, {"swap": True}):
        (slope,) = torch.autograd.grad(functional.triplet_margin_loss(same, same, same, **options), same)
        assert not slope.any()


def test_far_from_the_origin_the_choice_and_the_distances_are_exact() -> None:
    # Squares of rows are near 5e7, where float32 has steps of 4; the distances are eighths up to 1.4, exact in float32.
    generator = torch.Generator().manual_seed(0)
    near = torch.randint(9, (24, 3), generator=generator) / 8
    labels = torch.arange(24) % 4

    each = functional.batch_hard_triplet_loss(4096 + near, labels, margin=0.5, reduction="none")

    expected, _ = batch_hard(near.double().numpy(), labels.numpy(), margin=0.5)
    assert each.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_masked_samples_are_neither_positives_nor_negatives() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2])
    mask = torch.tensor([True, True, False, False, True])

    each = functional.batch_hard_triplet_loss(line(0, 1, 3, -2, 1.5), labels, margin=1.0, mask=mask, reduction="none")

    # 0: 1 against 1.5; 1: 1 against 0.5.
    assert each.tolist() == [pytest.approx(0.5), pytest.approx(1.5), 0, 0, 0]


@pytest.mark.parametrize("name", ["triplet_margin_loss", "batch_hard_triplet_loss", "semi_hard_triplet_loss"])
def test_a_margin_must_not_be_negative(name: str) -> None:
    spec = losses.catalog[name]
    assert spec.draw is not None
    with pytest.raises(LossError) as error:
        getattr(functional, name)(*spec.draw(torch.Generator(), 4), margin=-0.1)
    assert str(error.value) == f"{name}(margin=-0.1): expected a number >= 0"
