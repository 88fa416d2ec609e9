"""Losses made of losses: sums, learned weights, mixed targets."""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from firststep import LossError, losses
from firststep.losses import functional


def batch(n: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of four classes, and two rows of targets, float64."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    a, b = (torch.randint(4, (n,), generator=generator) for _ in range(2))
    return logits, a, b


def test_a_weighted_sum_of_the_same_tensors_and_its_parts() -> None:
    logits, target, _ = batch()
    logits.requires_grad_()
    loss = losses.WeightedSum({"ce": losses.CrossEntropyLoss(), "focal": functional.focal_loss}, weights={"focal": 3.0})

    total, parts = loss(logits, target)

    ce, focal = functional.cross_entropy(logits, target), functional.focal_loss(logits, target)
    torch.testing.assert_close(total, ce + 3 * focal)
    assert list(parts) == ["ce", "focal"]
    assert [float(one) for one in parts.values()] == pytest.approx([float(ce.detach()), float(focal.detach())])
    assert total.requires_grad
    assert not any(one.requires_grad for one in parts.values())
    torch.testing.assert_close(torch.autograd.grad(total, logits)[0], torch.autograd.grad(ce + 3 * focal, logits)[0])


def test_weights_may_change_between_steps() -> None:
    loss = losses.WeightedSum({"l1": nn.L1Loss(), "mse": nn.MSELoss()})
    tensors = torch.tensor([3.0]), torch.tensor([1.0])

    before = float(loss(*tensors).loss)
    loss.weights["mse"] = 0.25

    assert (before, float(loss(*tensors).loss)) == (6.0, 3.0)
    assert loss.extra_repr() == "weights={'l1': 1.0, 'mse': 0.25}"


def test_keywords_go_to_each_loss_beside_the_tensors() -> None:
    logits, target, _ = batch()
    mask = torch.tensor([True, True, False, True, False, False])
    loss = losses.WeightedSum({"ce": losses.CrossEntropyLoss(), "focal": losses.FocalLoss()})

    total = loss(logits, target, mask=mask).loss

    torch.testing.assert_close(total, loss(logits[mask], target[mask]).loss)


def test_each_loss_may_have_tensors_of_its_own() -> None:
    logits, target, _ = batch()
    loss = losses.WeightedSum({"ce": losses.CrossEntropyLoss(), "penalty": torch.linalg.vector_norm})

    total, parts = loss(penalty=torch.tensor([3.0, 4.0]), ce=(logits, target))

    assert float(parts["penalty"]) == 5
    assert float(total) == pytest.approx(5 + float(functional.cross_entropy(logits, target)))


def test_parameters_of_the_losses_are_parameters_of_the_combination() -> None:
    parts = {"arc": losses.ArcFaceLoss(num_classes=4, embedding_dim=3), "l1": nn.L1Loss()}

    summed, weighted = losses.WeightedSum(parts), losses.UncertaintyWeighting(parts)

    assert [name for name, _ in summed.named_parameters()] == ["losses.arc.centers"]
    assert sorted(name for name, _ in weighted.named_parameters()) == ["log_variance", "losses.arc.centers"]


def test_uncertainty_weighting_is_kendalls_sum() -> None:
    loss = losses.UncertaintyWeighting(
        {"depth": nn.MSELoss(), "parts": nn.CrossEntropyLoss(), "flow": nn.L1Loss()}, regression=["depth", "flow"]
    )
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor([math.log(4.0), math.log(0.25), 0.0]))
    depth = torch.tensor([3.0]), torch.tensor([1.0])
    parts = torch.zeros(1, 8), torch.tensor([0])
    flow = torch.tensor([1.0]), torch.tensor([4.0])

    total = loss(depth=depth, parts=parts, flow=flow).loss
    total.backward()

    # L/(2 sigma^2) + log sigma for depth (sigma 2, L 4) and flow (1, 3), L/sigma^2 + log sigma for parts (1/2, ln 8).
    by_hand = 4 / 8 + math.log(2) + 4 * math.log(8) - math.log(2) + 3 / 2
    assert float(total.detach()) == pytest.approx(by_hand)
    assert loss.log_variance.grad is not None
    slopes = [-4 / 8 + 0.5, -4 * math.log(8) + 0.5, -3 / 2 + 0.5]
    assert loss.log_variance.grad.tolist() == pytest.approx(slopes, rel=1e-6)


def test_uncertainty_weighting_starts_with_the_plain_sum_and_settles_where_theory_says() -> None:
    loss = losses.UncertaintyWeighting({"a": nn.Identity(), "b": nn.Identity()}, regression=["b"])
    values = {"a": torch.tensor(3.0), "b": torch.tensor(0.5)}
    assert float(loss(**values).loss.detach()) == 3.25

    # d/ds (c e^-s L + s/2) = 0 at e^s = 2 c L: variances 6 and 0.5.
    optimizer = torch.optim.LBFGS(loss.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        total = loss(**values).loss
        total.backward()
        return float(total.detach())

    optimizer.step(closure)

    assert loss.log_variance.detach().exp().tolist() == pytest.approx([6, 0.5], rel=1e-3)


@pytest.mark.parametrize("make", [losses.WeightedSum, losses.UncertaintyWeighting])
def test_combinations_are_copied_pickled_and_saved(make: Any) -> None:
    logits, target, _ = batch()
    loss = make({"ce": losses.CrossEntropyLoss(), "torch": nn.CrossEntropyLoss()})

    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(other(logits, target).loss, loss(logits, target).loss)
        other.load_state_dict(loss.state_dict())


@pytest.mark.parametrize("make", [losses.WeightedSum, losses.UncertaintyWeighting])
def test_combinations_compile_without_a_break(make: Any) -> None:
    logits, target, _ = batch()
    loss = make({"ce": losses.CrossEntropyLoss(), "focal": functional.focal_loss}).double()

    torch.compiler.reset()
    value = torch.compile(loss, fullgraph=True, backend="eager")(logits, target).loss
    torch.compiler.reset()

    torch.testing.assert_close(value, loss(logits, target).loss)


def said(call: Any, message: str) -> None:
    with pytest.raises(LossError, match=f"^{re.escape(message)}$"):
        call()


def test_messages_of_combinations() -> None:
    logits, target, _ = batch()
    parts = {"ce": losses.CrossEntropyLoss(), "dice": nn.CrossEntropyLoss(reduction="none")}
    summed = losses.WeightedSum(parts)

    said(lambda: losses.WeightedSum({}), "WeightedSum: no loss was given. Type WeightedSum({'name': loss})")
    said(
        lambda: losses.WeightedSum(parts, weights={"dise": 1.0}),
        "WeightedSum has no loss 'dise'. Did you mean 'dice'? It has 'ce', 'dice'",
    )
    said(
        lambda: losses.UncertaintyWeighting(parts, regression=["x"]),
        "UncertaintyWeighting has no loss 'x'. It has 'ce', 'dice'",
    )
    said(lambda: summed(xy=(logits, target)), "WeightedSum has no loss 'xy'. It has 'ce', 'dice'")
    said(lambda: summed(ce=(logits, target)), "WeightedSum needs the tensors of 'dice'. Type dice=(input, target)")
    said(
        lambda: summed(logits, target),
        "WeightedSum: 'dice' gave values of shape (6,), expected one number. Give it reduction='mean'",
    )
    total = losses.WeightedSum({"ce": losses.CrossEntropyLoss(reduction="total")})
    said(lambda: total(logits, target), "WeightedSum: 'ce' gave Total, expected one number. Give it reduction='mean'")


def by_hand(logits: Tensor, a: Tensor, b: Tensor, lam: Tensor) -> Tensor:
    """Each sample's mixed cross-entropy, from the mixed distribution: for cross-entropy the two are the same."""
    mixed = lam.unsqueeze(1) * nn.functional.one_hot(a, 4) + (1 - lam).unsqueeze(1) * nn.functional.one_hot(b, 4)
    return -(mixed * logits.log_softmax(1)).sum(1)


SHARES = torch.tensor([0.0, 0.3, 0.5, 0.7, 0.9, 1.0], dtype=torch.float64)
CE: list[Any] = [functional.cross_entropy, losses.CrossEntropyLoss()]


@pytest.mark.parametrize("loss", CE)
@pytest.mark.parametrize("lam", [0.3, torch.tensor(0.3, dtype=torch.float64), SHARES], ids=["number", "scalar", "each"])
def test_mixup_of_cross_entropy_is_that_of_the_mixed_distribution(loss: Any, lam: Any) -> None:
    logits, a, b = batch()

    value = losses.mixup_loss(loss, logits, a, b, lam)

    torch.testing.assert_close(value, by_hand(logits, a, b, torch.as_tensor(lam).double().expand(6)).mean())


@pytest.mark.parametrize("reduction", ["none", "sum", "total", "mean"])
@pytest.mark.parametrize("lam", [0.3, SHARES], ids=["number", "each"])
def test_mixup_takes_any_reduction(reduction: Any, lam: Any) -> None:
    logits, a, b = batch()
    each = by_hand(logits, a, b, torch.as_tensor(lam).double().expand(6))
    expected = {
        "none": each,
        "sum": each.sum(),
        "total": losses.Total(each.sum(), torch.tensor(6.0)),
        "mean": each.mean(),
    }

    as_module = losses.mixup_loss(losses.CrossEntropyLoss(reduction=reduction), logits, a, b, lam)
    as_function = losses.mixup_loss(functional.cross_entropy, logits, a, b, lam, reduction=reduction)

    for value in (as_module, as_function):
        torch.testing.assert_close(value, expected[reduction], check_dtype=False)


@pytest.mark.parametrize("denominator", ["weight", "valid", "elements", "batch", 5.0, torch.tensor(7.0)])
def test_one_share_for_all_is_that_share_for_each(denominator: Any) -> None:
    logits, a, b = batch()
    a[1], b[4] = -100, -100
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0, 0.5, 1.0]).double()

    for given in ({}, {"weight": weight}):
        one = losses.mixup_loss(functional.cross_entropy, logits, a, b, 0.3, denominator=denominator, **given)
        each = losses.mixup_loss(
            losses.CrossEntropyLoss(denominator=denominator), logits, a, b, torch.full((6,), 0.3).double(), **given
        )
        torch.testing.assert_close(one, each, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("denominator", "count"),
    [("weight", 6), ("valid", 6), ("elements", 6), ("batch", 6), (5.0, 5), (torch.tensor(7.0), 7)],
)
@pytest.mark.parametrize("lam", [0.3, SHARES], ids=["number", "each"])
def test_mixup_divides_by_what_is_asked(denominator: Any, count: int, lam: Any) -> None:
    logits, a, b = batch()

    value = losses.mixup_loss(losses.CrossEntropyLoss(denominator=denominator), logits, a, b, lam)

    torch.testing.assert_close(value, by_hand(logits, a, b, torch.as_tensor(lam).double().expand(6)).sum() / count)


def test_where_a_target_of_one_side_is_ignored_only_its_share_is_left_out() -> None:
    logits, a, b = batch(2)
    a[0] = -100

    value = losses.mixup_loss(functional.cross_entropy, logits, a, b, torch.tensor([0.25, 0.5]).double())

    log_p = logits.log_softmax(1)
    terms = -(0.75 * log_p[0, b[0]] + 0.5 * log_p[1, a[1]] + 0.5 * log_p[1, b[1]])
    torch.testing.assert_close(value, terms / 1.75)


def test_mixup_of_pixels_takes_a_share_for_each_image() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 5, generator=generator)
    a, b = (torch.randint(4, (3, 5, 5), generator=generator) for _ in range(2))
    lam, weight = torch.tensor([0.2, 0.5, 1.0]), torch.rand(3, 5, 5, generator=generator)

    value = losses.mixup_loss(losses.CrossEntropyLoss(), logits, a, b, lam, weight=weight)

    share = lam.reshape(3, 1, 1)
    each = share * functional.cross_entropy(logits, a, reduction="none") + (1 - share) * functional.cross_entropy(
        logits, b, reduction="none"
    )
    torch.testing.assert_close(value, (weight * each).sum() / weight.sum())


def test_mixup_of_anybodys_loss() -> None:
    logits, a, b = batch()

    mean = losses.mixup_loss(nn.CrossEntropyLoss(), logits, a, b, 0.3)
    each = losses.mixup_loss(nn.CrossEntropyLoss(reduction="none"), logits, a, b, SHARES)

    torch.testing.assert_close(mean, by_hand(logits, a, b, torch.full((6,), 0.3).double()).mean())
    torch.testing.assert_close(each, by_hand(logits, a, b, SHARES))


def test_mixup_trains_the_parameters_of_the_loss() -> None:
    loss = losses.CosFaceLoss(num_classes=4, embedding_dim=4)
    embeddings, a, b = batch()

    losses.mixup_loss(loss, embeddings.float(), a, b, SHARES.float()).backward()

    assert loss.centers.grad is not None
    assert torch.isfinite(loss.centers.grad).all()
    assert loss.centers.grad.any()


def test_messages_of_mixup() -> None:
    logits, a, b = batch()

    said(
        lambda: losses.mixup_loss(functional.cross_entropy, logits, a, b, torch.ones(5)),
        "mixup_loss: lam has shape (5,) for 6 samples, expected a number or (6,)",
    )
    said(
        lambda: losses.mixup_loss(nn.CrossEntropyLoss(), logits, a, b, SHARES),
        "mixup_loss: lam has shape (6,), but the loss gives one number for the batch. "
        "Give it reduction='none', or one lam",
    )


def test_a_module_tells_its_total_whatever_its_reduction() -> None:
    logits, target, _ = batch()
    weight = torch.arange(6.0).double()

    total = losses.CrossEntropyLoss(label_smoothing=0.1, reduction="sum").total(logits, target, weight=weight)

    torch.testing.assert_close(
        total, functional.cross_entropy(logits, target, label_smoothing=0.1, reduction="total", weight=weight)
    )
