"""Barron's loss near and in the holes of its formula, and its density, against 50 digits and published values."""

from __future__ import annotations

import functools
import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from firststep import losses
from firststep.losses._robust_adaptive import log_partition
from firststep.testing import check_loss

NEAR = [2.0, 2 + 1e-12, 2 - 1e-9, 2 + 1e-5, 1.99, 2.01, 1.5, 1.0, 1 + 1e-9, 0.5, 1e-3, 1e-9, 1e-15, 1e-300]
ALPHAS = [*NEAR, 0.0, *(-a for a in NEAR), -6.0, -1e6, -1e15, -1e20, -math.inf, 3.0, 4.5]
ERRORS = [0.0, 1e-8, 1e-3, 0.3, 1.0, 2.7, 30.0, 1e4]


def rho(x: Any, alpha: float, scale: float = 1.0) -> Any:
    """Equation 1 in 60 digits, its holes by the limits that the paper gives."""
    s = (mpmath.mpf(x) / mpmath.mpf(scale)) ** 2
    if alpha == 2:
        return s / 2
    if alpha == 0:
        return mpmath.log(1 + s / 2)
    if alpha == -math.inf:
        return 1 - mpmath.exp(-s / 2)
    if alpha == math.inf:
        return mpmath.exp(s / 2) - 1
    a = mpmath.mpf(alpha)
    b = abs(a - 2)
    return b / a * ((s / b + 1) ** (a / 2) - 1)


def slope(x: Any, alpha: float) -> Any:
    """Its derivative by x, for scale 1."""
    x = mpmath.mpf(x)
    if alpha == 2:
        return x
    if alpha == -math.inf:
        return x * mpmath.exp(-(x**2) / 2)
    a = mpmath.mpf(alpha)
    return x * (x**2 / abs(a - 2) + 1) ** (a / 2 - 1)


def reference(input: np.ndarray, target: np.ndarray, alpha: float = 1.0, scale: float = 1.0) -> np.ndarray:
    with mpmath.workdps(60):
        return np.vectorize(lambda x, y: float(rho(mpmath.mpf(x) - mpmath.mpf(y), alpha, scale)))(input, target)


@pytest.mark.parametrize("scale", [1.0, 0.4, 3.0])
@pytest.mark.parametrize("alpha", [2.0, 1.9, 1.0, 0.3, 0.0, -0.5, -2.0, -7.0, -math.inf, 2.5, 4.0, math.inf])
def test_values_and_gradients_are_those_of_the_formula(alpha: float, scale: float) -> None:
    options = {"alpha": alpha, "scale": scale}
    check_loss("general_robust_loss", options=options, reference=reference, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("alpha", ALPHAS)
def test_no_alpha_loses_digits(alpha: float) -> None:
    x = torch.tensor(ERRORS, dtype=torch.float64, requires_grad=True)
    values = losses.functional.general_robust_loss(x, torch.zeros_like(x), alpha=alpha, reduction="none")
    (slopes,) = torch.autograd.grad(values.sum(), x)
    with mpmath.workdps(400):  # 1 + s/b with b = 1e-300 loses its 1 in fewer
        exact = [float(rho(e, alpha)) for e in ERRORS]
        exact_slopes = [float(slope(e, alpha)) for e in ERRORS]

    np.testing.assert_allclose(values.detach(), exact, rtol=2e-14)
    np.testing.assert_allclose(slopes, exact_slopes, rtol=2e-14, atol=1e-300)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_in_float32_neither(alpha: float) -> None:
    x = torch.tensor(ERRORS, requires_grad=True)
    values = losses.functional.general_robust_loss(x, torch.zeros_like(x), alpha=alpha, reduction="none")
    (slopes,) = torch.autograd.grad(values.sum(), x)
    with mpmath.workdps(400):
        exact = [float(rho(e, alpha)) for e in x.tolist()]
        exact_slopes = [float(slope(e, alpha)) for e in x.tolist()]

    np.testing.assert_allclose(values.detach(), exact, rtol=1e-5)
    np.testing.assert_allclose(slopes, exact_slopes, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("alpha", [0.9, 0.0, -2.0, -8.0])
def test_the_steepest_slope_is_that_of_the_paper(alpha: float) -> None:
    """Barron: for alpha < 1 it is ((alpha - 2)/(alpha - 1))^((alpha - 1)/2) / c, at most 1/c."""
    scale, x = 0.5, torch.linspace(0, 50, 200001, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(
        losses.functional.general_robust_loss(x, 0 * x.detach(), alpha=alpha, scale=scale, reduction="sum"), x
    )
    bound = ((alpha - 2) / (alpha - 1)) ** ((alpha - 1) / 2) / scale

    assert float(slopes.max()) == pytest.approx(bound, rel=1e-6)
    assert bound < 1 / scale


# Z(alpha) to ten digits, computed with Mathematica, from the tests of the paper's own code (robust_loss).
PUBLISHED = {
    1 / 7: 4.080330073, 1 / 6: 4.038544331, 1 / 5: 3.984791180, 1 / 4: 3.912448576, 1 / 3: 3.808203509,
    2 / 5: 3.735479786, 3 / 7: 3.706553276, 1 / 2: 3.638993131, 3 / 5: 3.553489270, 2 / 3: 3.501024540,
    3 / 4: 3.439385624, 4 / 5: 3.404121259, 1.0: 3.272306973, 6 / 5: 3.149249092, 5 / 4: 3.119044506,
    4 / 3: 3.068687433, 7 / 5: 3.028084866, 3 / 2: 2.965924889, 8 / 5: 2.901059987, 5 / 3: 2.855391798,
    7 / 4: 2.794052016,
}  # fmt: skip


def test_the_partition_function_has_the_published_values() -> None:
    alphas = torch.tensor(list(PUBLISHED), dtype=torch.float64)
    found = log_partition(torch.logit(alphas / 2)).exp()

    np.testing.assert_allclose(found, list(PUBLISHED.values()), rtol=3e-10)


@functools.cache
def exact_log_partition(alpha_logit: float) -> float:
    with mpmath.workdps(25):
        a, b = 2 / (1 + mpmath.exp(-alpha_logit)), 2 / (1 + mpmath.exp(alpha_logit))

        def density(u: Any) -> Any:  # x = sqrt(b) sinh u
            return mpmath.sqrt(b) * mpmath.cosh(u) * mpmath.exp(-b / a * mpmath.expm1(a * mpmath.log(mpmath.cosh(u))))

        reach = 5 + mpmath.log1p(90 * a / b) / a
        return float(mpmath.log(2 * mpmath.quad(density, mpmath.linspace(0, reach, 12))))


@pytest.mark.parametrize("logit", [-40, -12, -4, -1.3, 0, 0.7, 2, 5, 12, 25, 40])
def test_the_partition_function_is_exact_over_all_of_alpha(logit: float) -> None:
    for dtype, tolerance in ((torch.float64, 2e-9 if abs(logit) > 12 or logit < -4 else 1e-13), (torch.float32, 2e-6)):
        found = float(log_partition(torch.tensor([float(logit)], dtype=dtype)))
        assert found == pytest.approx(exact_log_partition(float(logit)), abs=tolerance)


def adaptive(input: np.ndarray, target: np.ndarray, alpha_logit: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    found = np.zeros(input.shape)
    with mpmath.workdps(30):
        for n, d in np.ndindex(*input.shape):
            alpha = float(2 / (1 + mpmath.exp(-alpha_logit[d])))
            error = mpmath.mpf(input[n, d]) - mpmath.mpf(target[n, d])
            found[n, d] = rho(error / mpmath.exp(log_scale[d]), alpha) + log_scale[d]
            found[n, d] += exact_log_partition(float(alpha_logit[d]))
    return found


def test_the_adaptive_loss_and_its_gradients_are_those_of_the_formula() -> None:
    for seed in (0, 1):
        check_loss("adaptive_robust_loss", reference=adaptive, laws=["reference"], seed=seed).raise_if_failed()


@pytest.mark.parametrize(
    ("logit", "density"),
    [(-1e4, scipy.stats.cauchy(scale=math.sqrt(2))), (-40.0, scipy.stats.cauchy(scale=math.sqrt(2))),
     (40.0, scipy.stats.norm()), (1e4, scipy.stats.norm())],
)  # fmt: skip
def test_at_its_ends_the_adaptive_loss_is_cauchy_and_normal(logit: float, density: Any) -> None:
    x = torch.tensor([[-30.0], [0.0], [0.4], [5.0]], dtype=torch.float64)
    parameters = [torch.tensor([one], dtype=torch.float64, requires_grad=True) for one in (logit, math.log(2))]
    values = losses.functional.adaptive_robust_loss(x, torch.zeros_like(x), *parameters, reduction="none")

    np.testing.assert_allclose(values.detach(), -density.logpdf(x.numpy() / 2) + math.log(2), rtol=1e-8)
    assert all(bool(torch.isfinite(one).all()) for one in torch.autograd.grad(values.sum(), parameters))


def test_shape_and_scale_adapt_to_the_data() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = 3 * torch.randn(4000, generator=generator)
    cauchy = torch.tan(math.pi * (torch.rand(4000, generator=generator) - 0.5)) * math.sqrt(2) * 0.5
    target = torch.stack((normal, cauchy), 1)
    loss = losses.AdaptiveRobustLoss(num_dims=2)
    optimizer = torch.optim.LBFGS(loss.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(torch.zeros_like(target), target)
        value.backward()
        return value

    optimizer.step(closure)  # pyright: ignore

    alpha, scale = 2 * loss.alpha_logit.detach().sigmoid(), loss.log_scale.detach().exp()
    assert float(alpha[0]) > 1.85
    assert float(alpha[1]) < 0.15
    assert scale.tolist() == pytest.approx([3.0, 0.5], rel=0.1)


def test_one_shape_and_scale_serve_each_channel_of_an_image() -> None:
    generator = torch.Generator().manual_seed(0)
    image, other = (torch.randn(2, 3, 4, 5, generator=generator) for _ in range(2))
    logits, scales = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([0.3, 0.0, -0.3])
    whole = losses.functional.adaptive_robust_loss(image, other, logits, scales, reduction="none")

    for channel in range(3):
        one = slice(channel, channel + 1)
        alone = losses.functional.adaptive_robust_loss(
            image[:, one], other[:, one], logits[one], scales[one], reduction="none"
        )
        torch.testing.assert_close(whole[:, one], alone)
