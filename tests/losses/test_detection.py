"""The losses of a dense detector against mpmath, and at their borders."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def each(formula: Any) -> Any:
    """The formula of one score, its sigmoid p and q = 1 - p, as a reference for arrays."""

    def reference(z: Array, t: Array, **options: float) -> Array:
        values = np.empty(z.shape)
        with mpmath.workdps(40):
            for index in np.ndindex(*z.shape):
                score = mpmath.mpf(float(z[index]))
                p, q = 1 / (1 + mpmath.exp(-score)), 1 / (1 + mpmath.exp(score))
                values[index] = float(formula(p, q, mpmath.mpf(float(t[index])), **options))
        return values

    return reference


@each
def quality(p: Any, q: Any, t: Any, beta: float = 2.0) -> Any:
    return -(abs(t - p) ** mpmath.mpf(beta)) * ((1 - t) * mpmath.log(q) + t * mpmath.log(p))


@each
def varifocal(p: Any, q: Any, t: Any, alpha: float = 0.75, gamma: float = 2.0) -> Any:
    if t > 0:
        return -t * (t * mpmath.log(p) + (1 - t) * mpmath.log(q))
    return -mpmath.mpf(alpha) * p ** mpmath.mpf(gamma) * mpmath.log(q)


def distribution(z: Array, y: Array) -> Array:
    """Cross-entropies of both neighbours, by their distances."""
    values = np.empty(y.shape)
    for index in np.ndindex(*y.shape):
        row = z[(index[0], slice(None), *index[1:])]
        log_p = [float(one - mpmath.log(sum(mpmath.exp(other) for other in row))) for one in map(mpmath.mpf, row)]
        left = min(math.floor(y[index]), len(row) - 2)
        values[index] = -(left + 1 - y[index]) * log_p[left] - (y[index] - left) * log_p[left + 1]
    return values


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_quality_focal_values_and_gradients_are_those_of_the_formula(beta: float) -> None:
    options = {"beta": beta}
    check_loss("quality_focal_loss", options=options, reference=quality, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("options", [{}, {"gamma": 0.0}, {"gamma": 0.5, "alpha": 0.2}, {"gamma": 3.5, "alpha": 1.0}])
def test_varifocal_values_and_gradients_are_those_of_the_formula(options: dict[str, float]) -> None:
    check_loss("varifocal_loss", options=options, reference=varifocal, laws=["reference"]).raise_if_failed()


def test_distribution_focal_values_and_gradients_are_those_of_the_formula() -> None:
    check_loss("distribution_focal_loss", reference=distribution, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.5, 3.0])
def test_every_power_is_lawful(power: float) -> None:
    laws = ["start", "minimum", "gradcheck", "gradgradcheck", "half", "vmap"]
    check_loss("quality_focal_loss", options={"beta": power}, laws=laws).raise_if_failed()
    check_loss("varifocal_loss", options={"gamma": power}, laws=laws).raise_if_failed()


@pytest.mark.parametrize("options", [{}, {"gamma": 0.0}, {"gamma": 0.3}, {"gamma": 1.0}, {"gamma": 5.0, "alpha": 0.1}])
def test_varifocal_negatives(options: dict[str, Any]) -> None:
    """Quality 0 and 1 beside what the laws draw, values and gradients."""
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(30, generator=generator, dtype=torch.float64)
    t = (torch.arange(30) % 3).double() / 2
    leaf = z.clone().requires_grad_()
    values = L.varifocal_loss(leaf, t, reduction="none", **options)
    np.testing.assert_allclose(values.detach().numpy(), varifocal(z.numpy(), t.numpy(), **options), rtol=1e-10)
    (slope,) = torch.autograd.grad(values.sum(), leaf)
    step = 1e-6
    ends = [varifocal((z + by).numpy(), t.numpy(), **options) for by in (step, -step)]
    np.testing.assert_allclose(slope.numpy(), (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0, 1.7, 2.0, 4.0])
@pytest.mark.parametrize("size", [1.0, 20.0, 90.0, 200.0, 1e4])
def test_gradients_of_sure_models_are_finite(power: float, size: float) -> None:
    z, t = torch.tensor([-size, size]).repeat_interleave(3), torch.tensor([0.0, 0.4, 1.0]).repeat(2)
    for values, exact in (
        (lambda x: L.quality_focal_loss(x, t, beta=power, reduction="none"), quality(z.numpy(), t.numpy(), beta=power)),
        (lambda x: L.varifocal_loss(x, t, gamma=power, reduction="none"), varifocal(z.numpy(), t.numpy(), gamma=power)),
    ):
        leaf = z.clone().requires_grad_()
        value = values(leaf)
        # 1 - p rounds to a multiple of 6e-8, which counts only where the loss is as small
        np.testing.assert_allclose(value.detach().numpy(), exact, rtol=1e-4, atol=1e-6)
        (slope,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
        assert slope.isfinite().all()
        assert torch.autograd.grad(slope.sum(), leaf)[0].isfinite().all()


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_quality_focal_at_its_least(beta: float) -> None:
    leaf = torch.zeros(1, requires_grad=True)
    value = L.quality_focal_loss(leaf, torch.tensor([0.5]), beta=beta)
    assert value.item() == 0
    assert torch.autograd.grad(value, leaf)[0].item() == 0


def test_quality_focal_of_labels_is_sigmoid_focal() -> None:
    generator = torch.Generator().manual_seed(0)
    z, t = torch.randn(50, generator=generator), (torch.rand(50, generator=generator) < 0.3).float()
    torch.testing.assert_close(L.quality_focal_loss(z, t), L.sigmoid_focal_loss(z, t, gamma=2.0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("bins", [2, 5, 17])
def test_targets_at_the_ends_and_at_the_bins(bins: int) -> None:
    """A whole number is cross-entropy of that bin, the last one too; beyond the ends counts as the end."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(bins, bins, generator=generator, dtype=torch.float64)
    y = torch.arange(bins)
    values = L.distribution_focal_loss(z, y.double(), reduction="none")
    torch.testing.assert_close(values, F.cross_entropy(z, y, reduction="none"))
    for beyond, end in ((-3.0, 0), (bins + 2.5, bins - 1)):
        value = L.distribution_focal_loss(z[:1], torch.tensor([beyond], dtype=torch.float64))
        assert value.item() == pytest.approx(F.cross_entropy(z[:1], torch.tensor([end])).item())


def test_half_way_the_least_is_ln_2() -> None:
    z = torch.tensor([[-60.0, 0.0, 0.0, -60.0]])
    assert L.distribution_focal_loss(z, torch.tensor([1.5])).item() == pytest.approx(math.log(2))


def test_one_bin_costs_nothing() -> None:
    assert L.distribution_focal_loss(torch.randn(3, 1), torch.zeros(3)).item() == 0


def test_sides_of_boxes_stand_on_the_last_axis() -> None:
    generator = torch.Generator().manual_seed(0)
    z, y = torch.randn(5, 17, 4, generator=generator), 16 * torch.rand(5, 4, generator=generator)
    values = L.distribution_focal_loss(z, y, reduction="none")
    assert values.shape == (5, 4)
    for side in range(4):
        torch.testing.assert_close(
            values[:, side], L.distribution_focal_loss(z[..., side], y[:, side], reduction="none")
        )
    assert L.distribution_focal_loss(torch.zeros(5, 17, 4), y).item() == pytest.approx(math.log(17))


def test_options_out_of_range() -> None:
    with pytest.raises(LossError, match=r"^quality_focal_loss\(beta=-1\.0\): expected a number >= 0$"):
        L.quality_focal_loss(torch.zeros(1), torch.zeros(1), beta=-1.0)
    with pytest.raises(LossError, match=r"^varifocal_loss\(alpha=-1\.0\): expected a number >= 0$"):
        L.varifocal_loss(torch.zeros(1), torch.zeros(1), alpha=-1.0)
