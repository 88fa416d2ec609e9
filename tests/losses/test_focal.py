"""Focal losses against mpmath, and at logits where the usual formula has no gradient."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def softmax_focal(z: Array, y: Array, gamma: float = 2.0) -> Array:
    values = []
    with mpmath.workdps(30):
        for row, label in zip(z, y, strict=True):
            exps = [mpmath.exp(mpmath.mpf(float(score))) for score in row]
            p = exps[label] / sum(exps)
            rest = sum(e for k, e in enumerate(exps) if k != label) / sum(exps)
            values.append(float(-(rest ** mpmath.mpf(gamma)) * mpmath.log(p)))
    return np.array(values)


def sigmoid_focal(z: Array, t: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    values = np.empty(z.shape)
    with mpmath.workdps(30):
        for index in np.ndindex(*z.shape):
            score = mpmath.mpf(float(z[index]))
            p, q = 1 / (1 + mpmath.exp(-score)), 1 / (1 + mpmath.exp(score))
            right, wrong = (p, q) if t[index] == 1 else (q, p)
            weight = 1 if alpha is None else alpha if t[index] == 1 else 1 - alpha
            values[index] = float(-weight * wrong ** mpmath.mpf(gamma) * mpmath.log(right))
    return values


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 1.5, 2.0, 5.0])
def test_softmax_values_and_gradients_are_those_of_the_formula(gamma: float) -> None:
    check_loss("focal_loss", options={"gamma": gamma}, reference=softmax_focal, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 5.0])
def test_sigmoid_values_and_gradients_are_those_of_the_formula(gamma: float, alpha: float | None) -> None:
    check_loss(
        "sigmoid_focal_loss", options={"gamma": gamma, "alpha": alpha}, reference=sigmoid_focal, laws=["reference"]
    ).raise_if_failed()


@pytest.mark.parametrize("gamma", [0.25, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("name", ["focal_loss", "sigmoid_focal_loss"])
def test_every_gamma_is_lawful(name: str, gamma: float) -> None:
    laws = ["gradcheck", "gradgradcheck", "half", "minimum", "start", "vmap"]
    check_loss(name, options={"gamma": gamma}, laws=laws).raise_if_failed()


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [10.0, 20.0, 40.0, 90.0, 200.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_of_sure_models_are_finite(gamma: float, size: float, sign: int) -> None:
    x = torch.tensor([sign * size], requires_grad=True)
    value = L.sigmoid_focal_loss(x, torch.ones(1), gamma=gamma)
    (slope,) = torch.autograd.grad(value, x)
    exact = sigmoid_focal(np.array([sign * size]), np.ones(1), gamma)
    assert value.item() == pytest.approx(exact[0], rel=2e-4, abs=1e-37)
    assert math.isfinite(slope.item())
    z = torch.tensor([[sign * size, 0.0]], requires_grad=True)
    value = L.focal_loss(z, torch.zeros(1, dtype=torch.long), gamma=gamma)
    assert value.isfinite()
    assert torch.autograd.grad(value, z)[0].isfinite().all()


def test_where_the_usual_formula_has_no_gradient() -> None:
    """At a logit of 20 p rounds to 1 in float32, and the power below 1 of 1 - p has an infinite slope."""

    def usual(x: Tensor) -> Tensor:
        p = torch.sigmoid(x)
        return (1 - p) ** 0.5 * F.binary_cross_entropy_with_logits(x, torch.ones_like(x), reduction="none")

    x = torch.tensor([20.0], requires_grad=True)
    assert torch.autograd.grad(usual(x).sum(), x)[0].isnan()
    (slope,) = torch.autograd.grad(L.sigmoid_focal_loss(x, torch.ones(1), gamma=0.5), x)
    # (q^1.5)' for q = e^-20, to first order: -log p = q
    assert slope.item() == pytest.approx(-1.5 * math.exp(-30), rel=1e-5)


def test_labels_may_be_bool_or_integer() -> None:
    input = torch.tensor([0.3, -2.0, 5.0])
    expected = L.sigmoid_focal_loss(input, torch.tensor([1.0, 0.0, 1.0]))
    for target in (torch.tensor([True, False, True]), torch.tensor([1, 0, 1])):
        assert torch.equal(L.sigmoid_focal_loss(input, target), expected)


def test_published_values_at_the_start() -> None:
    zero = torch.zeros(4, 1)
    for label, cost in ((1.0, 0.0433217), (0.0, 0.1299651)):  # alpha = 0.25, gamma = 2: RetinaNet's
        value = L.sigmoid_focal_loss(zero, torch.full((4, 1), label), alpha=0.25, gamma=2.0)
        assert value.item() == pytest.approx(cost, abs=1e-6)


def test_detectors_divide_by_the_positives() -> None:
    input, target = torch.tensor([-4.0, -5.0, 0.5]), torch.tensor([0.0, 0.0, 1.0])
    total = L.sigmoid_focal_loss(input, target, alpha=0.25, reduction="sum")
    assert torch.equal(L.sigmoid_focal_loss(input, target, alpha=0.25, denominator=target.sum()), total)


def test_options_out_of_range() -> None:
    with pytest.raises(LossError, match=r"focal_loss\(gamma=-1\): expected a number >= 0"):
        L.focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma=-1)
    with pytest.raises(LossError, match=r"sigmoid_focal_loss\(alpha=1.5\): expected 0 <= alpha <= 1"):
        L.sigmoid_focal_loss(torch.zeros(1), torch.ones(1), alpha=1.5)


def as_kornia(z: Tensor, y: Tensor, gamma: float) -> Any:
    log_p = F.log_softmax(z, 1)
    return (-((1 - log_p.exp()) ** gamma) * log_p * F.one_hot(y, z.shape[1])).sum(1)


def test_dense_form_is_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    y = torch.randint(6, (20,), generator=generator)
    torch.testing.assert_close(L.focal_loss(z, y, gamma=3.0, reduction="none"), as_kornia(z, y, 3.0))
