"""The asymmetric loss against mpmath, and where p is shifted to 0."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def asymmetric(
    z: Array, t: Array, gamma_negative: float = 4.0, gamma_positive: float = 1.0, shift: float = 0.05
) -> Array:
    values = np.empty(z.shape)
    with mpmath.workdps(30):
        for index in np.ndindex(*z.shape):
            score = mpmath.mpf(float(z[index]))
            p, q = 1 / (1 + mpmath.exp(-score)), 1 / (1 + mpmath.exp(score))
            moved, rest = max(p - mpmath.mpf(shift), mpmath.mpf(0)), min(q + mpmath.mpf(shift), mpmath.mpf(1))
            if t[index] == 1:
                values[index] = float(-(q ** mpmath.mpf(gamma_positive)) * mpmath.log(p))
            else:
                values[index] = float(-(moved ** mpmath.mpf(gamma_negative)) * mpmath.log(rest))
    return values


OPTIONS: list[dict[str, Any]] = [
    {},
    {"shift": 0.0},
    {"gamma_negative": 0.0, "gamma_positive": 0.0},
    {"gamma_negative": 2.0, "gamma_positive": 0.0, "shift": 0.2},
    {"gamma_negative": 1.5, "gamma_positive": 0.5, "shift": 0.1},
    {"gamma_negative": 3.0, "gamma_positive": 4.0, "shift": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_those_of_the_formula(options: dict[str, Any]) -> None:
    check_loss("asymmetric_loss", options=options, reference=asymmetric, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_other_options_are_lawful(options: dict[str, Any]) -> None:
    laws = ["gradcheck", "gradgradcheck", "half", "start", "minimum", "vmap", "no_sync"]
    check_loss("asymmetric_loss", options=options, laws=laws).raise_if_failed()


@pytest.mark.parametrize("size", [-1e4, -90.0, -20.0, -3.0, 0.0, 20.0, 90.0, 1e4])
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("options", OPTIONS)
def test_float32_at_any_logit(size: float, label: float, options: dict[str, Any]) -> None:
    z = torch.tensor([size], requires_grad=True)
    value = L.asymmetric_loss(z, torch.tensor([label]), **options)
    exact = asymmetric(np.array([size]), np.array([label]), **options)[0]
    assert value.item() == pytest.approx(exact, rel=1e-4, abs=1e-37)
    assert math.isfinite(torch.autograd.grad(value, z)[0].item())


def test_easy_negatives_are_dropped() -> None:
    z = torch.logit(torch.tensor([0.01, 0.049, 0.051])).requires_grad_()
    values = L.asymmetric_loss(z, torch.zeros(3), gamma_negative=1.0, reduction="none")
    (gradient,) = torch.autograd.grad(values.sum(), z)
    assert values[:2].tolist() == [0.0, 0.0]
    assert gradient[:2].tolist() == [0.0, 0.0]
    assert values[2] > 0
    assert gradient[2] > 0


def test_the_worst_negative_costs_what_the_shift_allows() -> None:
    value = L.asymmetric_loss(torch.tensor([1e4]), torch.zeros(1), shift=0.05)
    assert value.item() == pytest.approx(-(0.95**4) * math.log(0.05), rel=1e-5)


def test_labels_may_be_bool_or_integer() -> None:
    z, label = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0])
    for target in (label.bool(), label.long()):
        assert torch.equal(L.asymmetric_loss(z, target), L.asymmetric_loss(z, label))


@pytest.mark.parametrize("shift", [-0.1, 1.0])
def test_shift_out_of_range(shift: float) -> None:
    with pytest.raises(LossError, match=r"expected 0 <= shift < 1"):
        L.asymmetric_loss(torch.zeros(1), torch.zeros(1), shift=shift)


def hinge(z: Array, y: Array, margin: float = 1.0) -> Array:
    return np.array(
        [
            [max(0.0, margin - label * score) for score, label in zip(*rows, strict=True)]
            for rows in zip(z, y, strict=True)
        ]
    )


@pytest.mark.parametrize("options", [{}, {"margin": 0.5}, {"margin": 0.0}])
def test_hinge_is_its_formula(options: dict[str, Any]) -> None:
    check_loss("hinge_loss", options=options, reference=hinge, laws=["reference"]).raise_if_failed()


def test_hinge_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import hinge_loss

    z, y = torch.tensor([-2.2, 0.3, 1.7, 0.0]), torch.tensor([-1.0, 1.0, -1.0, 1.0])

    assert float(L.hinge_loss(z, y)) == pytest.approx(hinge_loss(y.numpy(), z.numpy()), rel=1e-6)
