"""Tversky losses against loops over pixels, and against the numbers that MONAI's tests hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def tversky(
    z: Array,
    y: Array,
    alpha: float = 0.3,
    beta: float = 0.7,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
) -> tuple[Array, Array]:
    """Salehi et al. 2017: p0, g0 of the class, p1, g1 of what is not the class."""
    exps = np.exp(z)
    p0 = exps / exps.sum(1, keepdims=True) if activation == "softmax" else 1 / (1 + np.exp(-z))
    g0 = np.stack([y == c for c in range(z.shape[1])], 1).astype(float)
    p1, g1 = 1 - p0, 1 - g0
    axes = (0, *range(2, z.ndim)) if batch else tuple(range(2, z.ndim))
    tp, fp, fn, size = ((a * b).sum(axes) for a, b in ((p0, g0), (p0, g1), (p1, g0), (g0, g0)))
    values = 1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)
    counts = (size > 0) | (absent == "count")
    values, counts = np.atleast_2d(values), np.atleast_2d(counts).copy()
    counts[:, 0] &= include_background
    return values, counts


def focal(z: Array, y: Array, gamma: float = 4 / 3, **options: Any) -> tuple[Array, Array]:
    values, counts = tversky(z, y, **options)
    return values ** (1 / gamma), counts


OPTIONS: list[dict[str, Any]] = [
    {},
    {"alpha": 0.9, "beta": 0.05},
    {"alpha": 0.0, "beta": 2.0, "activation": "sigmoid"},
    {"batch": True, "smooth": 0.5},
    {"include_background": False, "absent": "count"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_those_of_the_formula(options: dict[str, Any]) -> None:
    check_loss("tversky_loss", options=options, reference=tversky, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 4 / 3, 3.0])
@pytest.mark.parametrize("options", OPTIONS[:4])
def test_so_are_the_focal_ones(options: dict[str, Any], gamma: float) -> None:
    given = {**options, "gamma": gamma}
    check_loss("focal_tversky_loss", options=given, reference=focal, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.5])
def test_every_gamma_is_lawful(gamma: float) -> None:
    laws = ["start", "minimum", "gradcheck", "gradgradcheck", "half", "compile", "vmap"]
    check_loss("focal_tversky_loss", options={"gamma": gamma}, laws=laws).raise_if_failed()


def test_monai_s_numbers() -> None:
    """Alpha is the price of false positives, as there."""
    input, target = torch.tensor([[[1.0, -1.0, -1.0, 1.0]]]), torch.tensor([[[1.0, 0.0, 1.0, 1.0]]])
    for alpha, beta, value in ((0.3, 0.7, 0.3589), (0.7, 0.3, 0.247366)):
        loss = L.tversky_loss(input, target, alpha=alpha, beta=beta, activation="sigmoid", smooth=1e-6)
        assert loss.item() == pytest.approx(value, abs=4e-5)


def test_false_positives_cost_alpha_and_misses_beta() -> None:
    """Four pixels, two of the object; sure predictions of three and of one."""
    target = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    more, less = torch.tensor([[[99.0, 99.0, 99.0, -99.0]]]), torch.tensor([[[99.0, -99.0, -99.0, -99.0]]])
    given = {"alpha": 0.2, "beta": 0.8, "activation": "sigmoid"}
    assert L.tversky_loss(more, target, **given).item() == pytest.approx(0.2 / 2.2)
    assert L.tversky_loss(less, target, **given).item() == pytest.approx(0.8 / 1.8)


def test_special_prices_are_dice_and_jaccard() -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = torch.randn(2, 3, 9, generator=generator), torch.randint(3, (2, 9), generator=generator)
    assert torch.equal(L.tversky_loss(input, target, alpha=0.5, beta=0.5), L.dice_loss(input, target))
    assert torch.equal(L.tversky_loss(input, target, alpha=1.0, beta=1.0), L.jaccard_loss(input, target))


def test_at_a_perfect_overlap_the_focal_gradient_is_zero() -> None:
    """The slope of x^(3/4) at 0 is infinite."""
    target = torch.tensor([[0, 1, 1, 0]])
    input = (torch.nn.functional.one_hot(target, 2).movedim(-1, 1) * 400.0 - 200).requires_grad_()
    value = L.focal_tversky_loss(input, target)
    assert value.item() == 0
    assert torch.equal(torch.autograd.grad(value, input)[0], torch.zeros_like(input))


def test_options_out_of_range() -> None:
    input, target = torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(LossError, match=r"^tversky_loss\(alpha=-0\.1\): expected a number >= 0$"):
        L.tversky_loss(input, target, alpha=-0.1)
    with pytest.raises(LossError, match=r"^focal_tversky_loss\(gamma=0\.0\): expected a number > 0$"):
        L.focal_tversky_loss(input, target, gamma=0.0)


@pytest.mark.parametrize("loss", [L.dice_loss, L.jaccard_loss, L.tversky_loss, L.focal_tversky_loss, L.dice_ce_loss])
@pytest.mark.parametrize("absent", ["skip", "count"])
@pytest.mark.parametrize("size", [45.0, 90.0, 100.0, 110.0])
def test_an_absent_class_that_a_sure_model_gives_almost_nothing_has_finite_derivatives(
    loss: Any, absent: str, size: float
) -> None:
    """Its soft count of pixels is so small that the reciprocal, or its square, is infinite in float32."""
    input = (torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1).expand(1, 3, 2) * size).requires_grad_()
    value = loss(input, torch.zeros(1, 2, dtype=torch.long), absent=absent)
    (gradient,) = torch.autograd.grad(value, input, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), input)
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max().item() < 1e-12
    assert second.isfinite().all()
