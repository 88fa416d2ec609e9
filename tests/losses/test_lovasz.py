"""Lovász losses against the set function: the integral, over all thresholds, of the Jaccard loss of what is above."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def jaccard(wrong: Array, label: Array) -> float:
    """Of a set of wrong pixels: 1 - |T without M| / |T with M|."""
    union = (label | wrong).sum()
    return 1 - (label & ~wrong).sum() / union if union else 0.0


def extension(errors: Array, label: Array) -> float:
    """Piece by piece: between two neighbouring errors the set of pixels above does not change."""
    levels = np.concatenate(([0.0], np.unique(errors[errors > 0])))
    return sum((high - low) * jaccard(errors >= high, label) for low, high in itertools.pairwise(levels))


def softmax(z: Array, y: Array, classes: str = "present", batch: bool = False) -> tuple[Array, Array]:
    exps = np.exp(z)
    p = (exps / exps.sum(1, keepdims=True)).reshape(*z.shape[:2], -1)
    y = y.reshape(len(y), -1)
    if batch:
        p, y = np.concatenate(list(p), 1)[None], y.reshape(1, -1)
    values = [
        [extension(abs((labels == c) - row), labels == c) for c, row in enumerate(one)]
        for one, labels in zip(p, y, strict=True)
    ]
    there = [[bool((labels == c).any()) or classes == "all" for c in range(z.shape[1])] for labels in y]
    return np.array(values), np.array(there)


def hinge(z: Array, t: Array, batch: bool = False) -> Array:
    shape = (1, -1) if batch else (len(z), -1)
    pairs = zip(z.reshape(shape), t.reshape(shape) > 0, strict=True)
    return np.array([extension(np.maximum(1 - row * np.where(label, 1, -1), 0), label) for row, label in pairs])


@pytest.mark.parametrize("options", [{}, {"classes": "all"}, {"batch": True}, {"batch": True, "classes": "all"}])
def test_softmax_values_and_gradients_are_those_of_the_set_function(options: dict[str, Any]) -> None:
    check_loss("lovasz_softmax_loss", options=options, reference=softmax, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("options", [{}, {"batch": True}])
def test_hinge_values_and_gradients_are_those_of_the_set_function(options: dict[str, Any]) -> None:
    check_loss("lovasz_hinge_loss", options=options, reference=hinge, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("options", [{"classes": "all"}, {"batch": True}])
def test_other_options_are_lawful(options: dict[str, Any]) -> None:
    laws = [
        "masking",
        "start",
        "minimum",
        "gradcheck",
        "gradgradcheck",
        "half",
        "compile",
        "vmap",
        "all_masked",
        "empty",
    ]
    check_loss("lovasz_softmax_loss", options=options, laws=laws).raise_if_failed()
    if "batch" in options:
        check_loss("lovasz_hinge_loss", options=options, laws=laws).raise_if_failed()


def test_sure_predictions_give_one_minus_iou() -> None:
    generator = torch.Generator().manual_seed(0)
    target, guess = torch.randint(3, (2, 30), generator=generator), torch.randint(3, (2, 30), generator=generator)
    input = 200 * torch.nn.functional.one_hot(guess, 3).movedim(-1, 1).double()
    torch.testing.assert_close(
        L.lovasz_softmax_loss(input, target, reduction="none"), L.jaccard_loss(input, target, reduction="none")
    )


def test_by_hand() -> None:
    """Two pixels of an object, one beside it; errors 1.5, 0.5 and 1.0."""
    input, target = torch.tensor([[-0.5, 0.5, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    # 1.5 (1 / 2) + 1.0 (2 / 3 - 1 / 2) + 0.5 (1 - 2 / 3)
    assert L.lovasz_hinge_loss(input, target).item() == pytest.approx(0.75 + 1 / 6 + 1 / 6)


def test_ties_have_one_value_whatever_their_order() -> None:
    input, target = torch.zeros(1, 3, 6), torch.tensor([[0, 1, 2, 0, 1, 2]])
    for order in (torch.arange(6), torch.tensor([3, 0, 5, 4, 1, 2])):
        value = L.lovasz_softmax_loss(input[..., order], target[..., order])
        assert value.item() == pytest.approx(2 / 3)
    assert (
        L.lovasz_hinge_loss(torch.zeros(2, 6), torch.tensor([[0, 1, 0, 1, 1, 0.0], [1, 1, 1, 1, 1, 1.0]])).item() == 1
    )


def test_an_absent_class_costs_its_largest_error() -> None:
    input, target = torch.tensor([[[0.0, 0.0, 0.0], [-1.0, 2.0, -3.0]]]), torch.zeros(1, 3, dtype=torch.long)
    each = L.lovasz_softmax_loss(input, target, classes="all", reduction="none")
    assert each[0, 1].item() == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item())
    assert L.lovasz_softmax_loss(input, target).item() == pytest.approx(each[0, 0].item())
    assert L.lovasz_hinge_loss(input[:, 1], torch.zeros(1, 3)).item() == 3


def test_a_batch_of_images_is_one_long_image() -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = torch.randn(3, 4, 5, generator=generator), torch.randint(4, (3, 5), generator=generator)
    whole = L.lovasz_softmax_loss(input, target, batch=True, reduction="none")
    long = input.movedim(0, 1).flatten(1).unsqueeze(0), target.reshape(1, -1)
    torch.testing.assert_close(whole, L.lovasz_softmax_loss(*long, reduction="none"))
    flags = (target > 1).float()
    torch.testing.assert_close(
        L.lovasz_hinge_loss(input[:, 0], flags, batch=True),
        L.lovasz_hinge_loss(input[:, 0].reshape(1, -1), flags.reshape(1, -1)),
    )


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("name", ["lovasz_softmax_loss", "lovasz_hinge_loss"])
def test_ignored_pixels_change_nothing(name: str, batch: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    input: Tensor = torch.randn(2, 3, 4, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (2, 4, 6), generator=generator)
    if name == "lovasz_hinge_loss":
        input, target = input[:, 0], (target > 1).double()
    mask = torch.zeros(2, 4, 6, dtype=torch.bool)
    mask[..., ::2] = True
    loss = getattr(L, name)
    leaf = input.clone().requires_grad_()
    values = loss(leaf, target, mask=mask, batch=batch, reduction="none")
    torch.testing.assert_close(values, loss(input[..., ::2], target[..., ::2], batch=batch, reduction="none"))
    (slope,) = torch.autograd.grad(values.sum(), leaf)
    assert torch.equal(slope[..., 1::2], torch.zeros_like(slope[..., 1::2]))
    assert slope.abs().sum() > 0
    mask[1] = False
    one = loss(input, target, mask=mask)
    torch.testing.assert_close(one, loss(input[:1, ..., ::2], target[:1, ..., ::2]))


@pytest.mark.parametrize("size", [1.0, 90.0, 1e4])
def test_float32_is_finite_however_sure_the_model(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = torch.randn(2, 3, 50, generator=generator), torch.randint(3, (2, 50), generator=generator)
    leaf = (size * input).requires_grad_()
    value = L.lovasz_softmax_loss(leaf, target)
    assert value.item() == pytest.approx(L.lovasz_softmax_loss((size * input).double(), target).item(), rel=1e-5)
    assert torch.autograd.grad(value, leaf)[0].isfinite().all()
    leaf = (size * input[:, 0]).requires_grad_()
    value = L.lovasz_hinge_loss(leaf, target > 1)
    assert value.item() == pytest.approx(
        L.lovasz_hinge_loss((size * input[:, 0]).double(), target > 1).item(), rel=1e-5
    )
    assert torch.autograd.grad(value, leaf)[0].isfinite().all()


def test_small_steps_of_a_large_image_do_not_cancel() -> None:
    """Each pixel's gradient is 1 / U or I / (U (U - 1)), of 1e-6 here, to the last bits of float32."""
    n = 10**6
    input, target = torch.linspace(-1, 1, n).unsqueeze(0).requires_grad_(), torch.ones(1, n)
    (slope,) = torch.autograd.grad(L.lovasz_hinge_loss(input, target), input)
    torch.testing.assert_close(slope[:, : n // 2], torch.full((1, n // 2), -1 / n), rtol=1e-6, atol=0)


def test_one_class_is_an_error() -> None:
    message = r"^lovasz_softmax_loss: a softmax over one class is 1 everywhere\. Type lovasz_hinge_loss\(\.\.\.\)$"
    with pytest.raises(LossError, match=message):
        L.lovasz_softmax_loss(torch.zeros(1, 1, 3), torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(LossError, match=r"^lovasz_softmax_loss\(classes='some'\): expected one of 'present', 'all'$"):
        L.lovasz_softmax_loss(torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.long), classes="some")
