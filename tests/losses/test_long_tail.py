"""Long tails: priors, margins and weights, against SciPy, and the prediction that they lead to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special

from firststep import losses
from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.losses._long_tail import class_balanced_weight
from firststep.testing import check_loss

Array = np.ndarray

COUNTS = torch.tensor([5000, 410, 73, 20, 4])


def adjusted(z: Array, y: Array, prior: Array, tau: float = 1.0) -> Array:
    values = []
    for row, label in zip(z, y, strict=True):
        weights = [pi**tau * math.exp(score) for pi, score in zip(prior.astype(float), row, strict=True)]
        values.append(-math.log(weights[label] / math.fsum(weights)))
    return np.array(values)


def balanced(z: Array, y: Array, counts: Array) -> Array:
    return adjusted(z, y, counts)


def ldam(z: Array, y: Array, counts: Array, max_margin: float = 0.5, scale: float = 30.0) -> Array:
    margins = 1.0 / np.sqrt(np.sqrt(counts))
    margins = margins * (max_margin / margins.max())
    values = []
    for row, label in zip(z, y, strict=True):
        moved = row.copy()
        moved[label] -= margins[label]
        values.append(-special.log_softmax(scale * moved)[label])
    return np.array(values)


def weights(counts: Array, beta: float) -> Array:
    effective = np.array([math.fsum(beta**i for i in range(int(n))) for n in counts])  # 1 + b + ... + b^(n-1)
    return 1 / effective / (1 / effective).sum() * len(counts)


def class_balanced(z: Array, y: Array, counts: Array, beta: float = 0.9999) -> Array:
    each = weights(counts, beta)
    return np.array([-each[k] * special.log_softmax(row)[k] for row, k in zip(z, y, strict=True)])


REFERENCES: list[tuple[str, Any, dict[str, Any]]] = [
    ("logit_adjusted_cross_entropy", adjusted, {"prior": COUNTS / COUNTS.double().sum()}),
    ("logit_adjusted_cross_entropy", adjusted, {"prior": COUNTS, "tau": 0.5}),
    ("logit_adjusted_cross_entropy", adjusted, {"prior": COUNTS, "tau": 2.0}),
    ("balanced_softmax_loss", balanced, {"counts": COUNTS}),
    ("ldam_loss", ldam, {"counts": COUNTS}),
    ("ldam_loss", ldam, {"counts": COUNTS, "max_margin": 1.0, "scale": 2.0}),
    ("class_balanced_cross_entropy", class_balanced, {"counts": COUNTS}),
    ("class_balanced_cross_entropy", class_balanced, {"counts": COUNTS, "beta": 0.9}),
    ("class_balanced_cross_entropy", class_balanced, {"counts": COUNTS, "beta": 0.0}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(name: str, reference: Any, options: dict[str, Any]) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


def test_weights_are_those_of_the_effective_numbers() -> None:
    for beta in (0.0, 0.9, 0.99, 0.999):
        ours = class_balanced_weight(COUNTS.double(), beta)
        np.testing.assert_allclose(ours, weights(COUNTS.numpy(), beta), rtol=1e-12)
        assert ours.sum().item() == pytest.approx(len(COUNTS))
    # beta = (N - 1) / N with N = n = 1 sample: any beta; and n large: the effective number ends at N
    assert torch.equal(class_balanced_weight(torch.tensor([1, 1, 1]), 0.99), torch.ones(3))
    ratio = class_balanced_weight(torch.tensor([1, 10**9]), 0.99)
    assert (ratio[0] / ratio[1]).item() == pytest.approx(100.0, rel=1e-5)


def test_weights_go_into_any_loss_over_classes() -> None:
    z, y = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5
    weight = class_balanced_weight(COUNTS, 0.999)
    assert weight.dtype == torch.float32
    ours = L.cross_entropy(z, y, class_weight=weight)
    torch.testing.assert_close(ours, F.cross_entropy(z, y, weight=weight))
    each = L.class_balanced_cross_entropy(z, y, counts=COUNTS, beta=0.999, reduction="sum")
    torch.testing.assert_close(ours * weight[y].sum(), each)
    L.focal_loss(z, y, class_weight=weight)


def test_the_balanced_classifier_is_the_least() -> None:
    """Scores log(p(y | x) / prior) are a stationary point: the correction learns the balanced posterior."""
    posterior = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    prior = torch.tensor([0.8, 0.15, 0.05], dtype=torch.float64)
    z = (posterior / prior).log().requires_grad_()
    costs = [L.logit_adjusted_cross_entropy(z, torch.tensor([k]), prior=prior) for k in range(3)]
    (gradient,) = torch.autograd.grad(sum(p * cost for p, cost in zip(posterior[0], costs, strict=True)), z)
    assert gradient.abs().max() < 1e-15


def test_an_untrained_model_shows_the_entropy_of_the_prior() -> None:
    target = torch.arange(3).repeat_interleave(torch.tensor([16, 3, 1]))
    value = L.balanced_softmax_loss(torch.zeros(20, 3), target, counts=torch.tensor([16, 3, 1]))
    p = np.array([0.8, 0.15, 0.05])
    assert value.item() == pytest.approx(-(p * np.log(p)).sum(), rel=1e-6)


def test_only_ratios_of_the_prior_matter() -> None:
    z, y = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.arange(6) % 5
    a = L.logit_adjusted_cross_entropy(z, y, prior=COUNTS)
    b = L.logit_adjusted_cross_entropy(z, y, prior=COUNTS / COUNTS.sum(dtype=torch.float64))
    c = L.balanced_softmax_loss(z, y, counts=COUNTS)
    torch.testing.assert_close(a, b)
    assert torch.equal(a, c)


def test_a_class_without_samples() -> None:
    counts, ones = torch.tensor([10, 0, 3]), torch.tensor([10, 1, 3])
    z, y = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)), torch.arange(3)
    for name in ("balanced_softmax_loss", "ldam_loss", "class_balanced_cross_entropy"):
        function: Any = getattr(L, name)
        value = function(z, y, counts=counts)
        assert value.isfinite()
        assert torch.equal(value, function(z, y, counts=ones))
    leaf = z.clone().requires_grad_()
    costs = L.logit_adjusted_cross_entropy(leaf, y, prior=counts, reduction="none")
    assert costs.isinf().tolist() == [False, True, False]
    (gradient,) = torch.autograd.grad(costs[0] + costs[2], leaf)
    assert gradient[:, 1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("logit_adjusted_cross_entropy", {"prior": COUNTS}),
        ("balanced_softmax_loss", {"counts": COUNTS}),
        ("ldam_loss", {"counts": COUNTS}),
        ("class_balanced_cross_entropy", {"counts": COUNTS}),
    ],
)
def test_pixels_are_samples_and_modules_keep_the_counts(name: str, options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(2, 5, 3, 4, generator=generator), torch.randint(5, (2, 3, 4), generator=generator)
    y[0, 0, 0] = -100
    value = getattr(L, name)(z, y, **options)
    flat = getattr(L, name)(z.movedim(1, -1).reshape(-1, 5), y.reshape(-1), **options)
    torch.testing.assert_close(value, flat)
    module = losses.catalog[name].module
    made = getattr(losses, module)(**options)
    assert torch.equal(made(z, y), value)
    assert set(made.state_dict()) == set(options)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("logit_adjusted_cross_entropy", "prior"),
        ("balanced_softmax_loss", "counts"),
        ("ldam_loss", "counts"),
        ("class_balanced_cross_entropy", "counts"),
    ],
)
def test_counts_of_other_classes(name: str, what: str) -> None:
    with pytest.raises(LossError) as error:
        getattr(L, name)(torch.zeros(2, 3), torch.tensor([0, 1]), **{what: torch.ones(4)})
    assert str(error.value) == f"{name}: {what} has shape (4,) for 3 classes: expected (3,)"


def test_options_out_of_range() -> None:
    with pytest.raises(LossError, match=r"class_balanced_weight\(beta=1.0\): expected 0 <= beta < 1"):
        class_balanced_weight(COUNTS, 1.0)
    with pytest.raises(LossError, match=r"expected 0 <= beta < 1"):
        L.class_balanced_cross_entropy(torch.zeros(1, 5), torch.tensor([0]), counts=COUNTS, beta=1.0)
    with pytest.raises(LossError, match=r"tau=-1\): expected a number >= 0"):
        L.logit_adjusted_cross_entropy(torch.zeros(1, 5), torch.tensor([0]), prior=COUNTS, tau=-1)
    with pytest.raises(TypeError, match="balanced_softmax_loss needs the option 'counts'"):
        L.balanced_softmax_loss(torch.zeros(1, 5), torch.tensor([0]))
