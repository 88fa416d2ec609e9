"""Losses for noisy labels: the formulas, their bounds, and the symmetry that makes them robust."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def generalized(z: Array, y: Array, q: float = 0.7) -> Array:
    """By the integral: (1 - p^q) / q is that of u^(q - 1) from p to 1."""
    values = []
    for row, label in zip(z, y, strict=True):
        p = special.softmax(row)[label]
        values.append(float(mpmath.quad(lambda u: u ** (mpmath.mpf(q) - 1), [p, 1])))
    return np.array(values)


def symmetric(z: Array, y: Array, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0) -> Array:
    values = []
    for row, label in zip(z, y, strict=True):
        p = special.softmax(row)
        log_label = [0.0 if k == label else log_zero for k in range(len(p))]
        reverse = -sum(a * b for a, b in zip(p, log_label, strict=True))
        values.append(-alpha * math.log(p[label]) + beta * reverse)
    return np.array(values)


def active_passive(
    z: Array,
    y: Array,
    alpha: float = 1.0,
    beta: float = 1.0,
    active: str = "nce",
    passive: str = "rce",
    gamma: float = 0.5,
    log_zero: float = -4.0,
) -> Array:
    values = []
    for row, label in zip(z, y, strict=True):
        p = special.softmax(row)
        focus = gamma if active == "nfl" else 0.0
        costs = [-((1 - x) ** focus) * math.log(x) for x in p]
        hot = np.eye(len(p))[label]
        reverse = -(p * np.where(hot == 1, 0.0, log_zero)).sum()
        bounded = np.abs(p - hot).sum() if passive == "mae" else reverse
        values.append(alpha * costs[label] / sum(costs) + beta * bounded)
    return np.array(values)


REFERENCES: list[tuple[str, Any, dict[str, Any]]] = [
    *(("generalized_cross_entropy", generalized, {"q": q}) for q in (0.0, 1e-6, 0.3, 0.7, 1.0)),
    ("symmetric_cross_entropy", symmetric, {}),
    ("symmetric_cross_entropy", symmetric, {"alpha": 6.0, "beta": 0.1, "log_zero": -6.0}),
    ("active_passive_loss", active_passive, {}),
    ("active_passive_loss", active_passive, {"alpha": 10.0, "beta": 0.1, "passive": "mae"}),
    ("active_passive_loss", active_passive, {"active": "nfl"}),
    ("active_passive_loss", active_passive, {"active": "nfl", "passive": "mae", "gamma": 2.0}),
    ("active_passive_loss", active_passive, {"log_zero": -9.2, "beta": 0.5}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(name: str, reference: Any, options: dict[str, Any]) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("generalized_cross_entropy", {"q": 1e-3}),
        ("generalized_cross_entropy", {"q": 1.0}),
        ("active_passive_loss", {"active": "nfl"}),
        ("active_passive_loss", {"active": "nfl", "gamma": 2.0, "passive": "mae"}),
    ],
)
def test_other_options_are_lawful(name: str, options: dict[str, Any]) -> None:
    laws = ["gradcheck", "gradgradcheck", "half", "start", "minimum", "compile", "vmap", "no_sync"]
    check_loss(name, options=options, laws=laws).raise_if_failed()


@pytest.mark.parametrize(
    ("name", "options", "total"),
    [
        ("generalized_cross_entropy", {"q": 1.0}, 6.0),  # C - 1
        ("symmetric_cross_entropy", {"alpha": 0.0}, 24.0),  # -A (C - 1)
        ("active_passive_loss", {}, 1 + 24.0),
        ("active_passive_loss", {"active": "nfl", "passive": "mae"}, 1 + 12.0),
    ],
)
def test_summed_over_all_labels_it_is_a_constant(name: str, options: dict[str, Any], total: float) -> None:
    """What makes a loss robust to labels that are wrong evenly (Ghosh et al. 2017)."""
    z = 3 * torch.randn(10, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    costs = [getattr(L, name)(z, torch.full((10,), k), reduction="none", **options) for k in range(7)]
    torch.testing.assert_close(sum(costs), torch.full((10,), total, dtype=torch.float64))


def test_published_bounds() -> None:
    """Zhang and Sabuncu 2018: over all labels the sum lies between (C - C^(1 - q)) / q and (C - 1) / q."""
    z = 5 * torch.randn(200, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for q in (0.1, 0.7, 1.0):
        costs = [L.generalized_cross_entropy(z, torch.full((200,), k), q=q, reduction="none") for k in range(10)]
        total = torch.stack(costs).sum(0)
        assert total.min() >= (10 - 10 ** (1 - q)) / q - 1e-12
        assert total.max() <= 9 / q + 1e-12


def test_a_label_that_is_surely_wrong_costs_the_bound() -> None:
    z, y = torch.tensor([[1e4, 0.0, 0.0]], requires_grad=True), torch.tensor([1])
    for value, bound in (
        (L.generalized_cross_entropy(z, y, q=0.5), 2.0),
        (L.generalized_cross_entropy(z, y, q=1e-3), 1000 * (1 - math.exp(-10))),
        (L.symmetric_cross_entropy(z, y), 1000 + 4.0),
        (L.active_passive_loss(z, y), 0.5 + 4.0),
        (L.active_passive_loss(z, y, active="nfl", passive="mae"), 0.5 + 2.0),
    ):
        assert value.item() == pytest.approx(bound, rel=1e-5)
        assert torch.autograd.grad(value, z)[0].isfinite().all()


def test_a_sure_model_keeps_its_accuracy() -> None:
    z, y = torch.tensor([[0.0, -20.0]], dtype=torch.float64), torch.tensor([0])
    miss = 1 / (1 + math.exp(20))
    assert L.generalized_cross_entropy(z, y).item() == pytest.approx(miss, rel=1e-6)
    assert L.symmetric_cross_entropy(z, y, alpha=0.0).item() == pytest.approx(4 * miss, rel=1e-6)


def test_code_elsewhere_by_its_own_constant() -> None:
    """The authors clamp the label at 1e-4 (and p at 1e-7, which does not show here)."""
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3, 0])
    label = torch.nn.functional.one_hot(y, 4).double().clamp(min=1e-4)
    reverse = -(z.softmax(1) * label.log()).sum(1)
    ours = L.symmetric_cross_entropy(z, y, alpha=0.0, log_zero=math.log(1e-4), reduction="none")
    torch.testing.assert_close(ours, reverse)


def test_one_class_only() -> None:
    z, y = torch.zeros(2, 1, requires_grad=True), torch.zeros(2, dtype=torch.long)
    value = L.active_passive_loss(z, y)
    assert value.item() == 0.0
    assert torch.autograd.grad(value, z)[0].tolist() == [[0.0], [0.0]]


def test_a_class_that_cannot_be_silences_the_active_term() -> None:
    z = torch.tensor([[1.0, 0.0, -math.inf]], requires_grad=True)
    value = L.active_passive_loss(z, torch.tensor([1]), passive="mae")
    assert value.item() == pytest.approx(2 * special.expit(1.0))
    assert torch.autograd.grad(value, z)[0].isfinite().all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("generalized_cross_entropy", {"q": 1.5}, r"q=1.5\): expected 0 <= q <= 1"),
        ("symmetric_cross_entropy", {"log_zero": 0.0}, r"log_zero=0.0\): expected a number < 0"),
        ("active_passive_loss", {"active": "ce"}, r"active='ce'\): expected one of 'nce', 'nfl'"),
        ("active_passive_loss", {"passive": "ce"}, r"passive='ce'\): expected one of 'rce', 'mae'"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LossError, match=message):
        getattr(L, name)(torch.zeros(1, 2), torch.tensor([0]), **options)
