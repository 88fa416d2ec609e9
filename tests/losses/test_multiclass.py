"""Poly-1 and sparsemax: the formula, the projection that sparsemax is, and the exact zeros."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy import optimize, special

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def poly1(z: Array, y: Array, epsilon: float = 1.0) -> Array:
    """Its series: (1 + epsilon)(1 - p) + (1 - p)^2 / 2 + (1 - p)^3 / 3 + ..."""
    values = []
    for row, label in zip(z, y, strict=True):
        miss = mpmath.mpf(1 - special.softmax(row)[label])
        values.append(float(epsilon * miss + mpmath.nsum(lambda j, m=miss: m**j / j, [1, mpmath.inf])))
    return np.array(values)


def sparsemax(row: Array) -> Array:
    """The nearest distribution, by the root of the threshold's equation."""
    threshold = optimize.brentq(lambda t: np.maximum(row - t, 0).sum() - 1, row.min() - 1, row.max(), xtol=1e-15)
    p = np.maximum(row - threshold, 0)
    return p / p.sum()


def sparsemax_loss(z: Array, y: Array) -> Array:
    """As a Fenchel-Young loss: the conjugate of half the squared norm, at z, less the score of the label."""
    values = []
    for row, label in zip(z, y, strict=True):
        p = sparsemax(row)
        values.append(p @ row - 0.5 * p @ p + 0.5 - row[label])
    return np.array(values)


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 1.0, 4.0])
def test_poly1_values_and_gradients_are_those_of_the_series(epsilon: float) -> None:
    options = {"epsilon": epsilon}
    check_loss("poly1_cross_entropy", options=options, reference=poly1, laws=["reference"]).raise_if_failed()


def test_sparsemax_values_and_gradients_are_those_of_the_formula() -> None:
    check_loss("sparsemax_loss", reference=sparsemax_loss, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("scale", [1e-3, 0.3, 3.0, 1e4])
@pytest.mark.parametrize("classes", [2, 9, 300])
def test_sparsemax_gradient_is_the_projection_less_the_label(classes: int, scale: float) -> None:
    z = scale * np.random.default_rng(0).standard_normal((5, classes))
    y = torch.arange(5) % classes
    leaf = torch.tensor(z, requires_grad=True)
    (gradient,) = torch.autograd.grad(L.sparsemax_loss(leaf, y, reduction="sum"), leaf)
    expected = np.stack([sparsemax(row) for row in z])
    expected[np.arange(5), y.numpy()] -= 1
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-9 if scale < 100 else 1e-6)


def adversary(classes: int) -> torch.Tensor:
    """Scores whose gaps grow geometrically: Newton's method drops few classes with each step."""
    return -torch.logspace(-7, 0, classes, dtype=torch.float64)


@pytest.mark.parametrize("classes", [50, 2000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparsemax_threshold_has_converged_on_the_hardest_scores(classes: int, dtype: torch.dtype) -> None:
    for shape in (adversary(classes), 1e-4 * adversary(classes), torch.linspace(-1, 0, classes) ** 9):
        z = shape.to(dtype).reshape(1, -1).requires_grad_()
        (gradient,) = torch.autograd.grad(L.sparsemax_loss(z, torch.tensor([0])), z)
        expected = sparsemax(z.detach().double().numpy()[0])
        expected[0] -= 1
        np.testing.assert_allclose(gradient[0], expected, atol=1e-6 if dtype == torch.float32 else 1e-12)


def test_sparsemax_with_a_margin_is_exactly_nothing() -> None:
    z = torch.tensor([[3.0, 2.0, -5.0], [1e4, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    values = L.sparsemax_loss(z, torch.tensor([0, 0, 1]), reduction="none")
    assert values[:2].tolist() == [0.0, 0.0]
    assert values[2].item() == pytest.approx(1 / 3)
    (gradient,) = torch.autograd.grad(values.sum(), z)
    assert gradient[:2].tolist() == [[0.0] * 3] * 2
    assert gradient[2].tolist() == pytest.approx([1 / 3, -2 / 3, 1 / 3])


def test_sparsemax_with_classes_that_cannot_be() -> None:
    z = torch.tensor([[0.5, 0.0, -math.inf]], requires_grad=True)
    value = L.sparsemax_loss(z, torch.tensor([1]))
    assert value.item() == pytest.approx(sparsemax_loss(np.array([[0.5, 0.0]]), np.array([1]))[0])
    assert torch.autograd.grad(value, z)[0].tolist() == [pytest.approx([0.75, -0.75, 0.0])]


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 5, 3, 4)])
@pytest.mark.parametrize("name", ["poly1_cross_entropy", "sparsemax_loss"])
def test_pixels_are_samples(name: str, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (2, *shape[2:]), generator=generator)
    function: Any = getattr(L, name)
    flat = function(z.movedim(1, -1).reshape(-1, 5), y.reshape(-1), reduction="none")
    torch.testing.assert_close(function(z, y, reduction="none").reshape(-1), flat)


def test_epsilon_out_of_range() -> None:
    with pytest.raises(LossError, match=r"poly1_cross_entropy\(epsilon=-1.5\): expected a number >= -1"):
        L.poly1_cross_entropy(torch.zeros(1, 2), torch.tensor([0]), epsilon=-1.5)
