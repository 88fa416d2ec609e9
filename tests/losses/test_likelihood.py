"""Likelihoods against SciPy's densities, at any variance, and under any of torch's distributions."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
import torch.nn.functional as F
from torch import Tensor, distributions

from firststep import LossError, losses
from firststep.losses._likelihood import _log_normalizer
from firststep.testing import check_loss


def gaussian(input: np.ndarray, target: np.ndarray, log_variance: np.ndarray, full: bool = False) -> np.ndarray:
    exact = -scipy.stats.norm(input, np.exp(log_variance / 2)).logpdf(target)
    return exact if full else exact - math.log(2 * math.pi) / 2


def student(input: np.ndarray, target: np.ndarray, log_scale: np.ndarray, df: float = 4.0) -> np.ndarray:
    return -scipy.stats.t(df, input, np.exp(log_scale)).logpdf(target)


@pytest.mark.parametrize("full", [False, True])
def test_gaussian_values_and_gradients_are_scipys(full: bool) -> None:
    options = {"full": full}
    check_loss("gaussian_nll_loss", options=options, reference=gaussian, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("df", [0.5, 1.0, 2.5, 4.0, 30.0, 1e3, math.inf])
def test_student_values_and_gradients_are_scipys(df: float) -> None:
    options = {"df": df}
    check_loss("student_t_nll_loss", options=options, reference=student, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("df", [1e-3, 1.0, 4.0, 999.0, 1001.0, 1e6, 1e12])
def test_students_constant_keeps_its_digits_at_any_degrees_of_freedom(df: float) -> None:
    with mpmath.workdps(50):
        nu = mpmath.mpf(df)
        exact = mpmath.loggamma(nu / 2) - mpmath.loggamma((nu + 1) / 2) + mpmath.log(mpmath.pi * nu) / 2

    assert _log_normalizer(df) == pytest.approx(float(exact), rel=2e-12)


@pytest.mark.parametrize("full", [False, True])
def test_it_is_torchs_of_the_exponential(full: bool) -> None:
    mean, target, log_variance = (torch.randn(50, dtype=torch.float64) for _ in range(3))
    ours = losses.functional.gaussian_nll_loss(mean, target, log_variance, full=full)

    torch.testing.assert_close(ours, F.gaussian_nll_loss(mean, target, log_variance.exp(), full=full))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [-1e4, -90.0, -39.0, 0.0, 90.0, 1e4])
@pytest.mark.parametrize("error", [0.0, 1e-3, 1e4])
@pytest.mark.parametrize("name", ["gaussian_nll_loss", "beta_nll_loss", "student_t_nll_loss", "crps_gaussian_loss"])
def test_nothing_overflows_at_any_output_of_a_network(
    name: str, error: float, spread: float, dtype: torch.dtype
) -> None:
    leaves = [torch.tensor([one], dtype=dtype, requires_grad=True) for one in (error, 0.0, spread)]
    value = getattr(losses.functional, name)(*leaves)
    gradients = torch.autograd.grad(value, leaves)

    assert math.isfinite(value.item())
    assert all(math.isfinite(one.item()) for one in gradients)


def test_below_its_floor_the_variance_still_has_the_gradient_of_the_floor() -> None:
    def slope(spread: float) -> float:
        log_variance = torch.tensor([spread], requires_grad=True)
        value = losses.functional.gaussian_nll_loss(torch.tensor([1e-9]), torch.zeros(1), log_variance)
        return float(torch.autograd.grad(value, log_variance)[0])

    assert slope(-500.0) == slope(-40.0) == pytest.approx((1 - math.exp(40) * 1e-18) / 2)
    assert slope(-39.0) > slope(-40.0)


@pytest.mark.parametrize("name", ["gaussian_nll_loss", "beta_nll_loss"])
def test_in_bfloat16_the_values_are_those_of_the_rounded_numbers(name: str) -> None:
    args = [one.bfloat16() for one in (torch.randn(50) * 100, torch.randn(50), torch.randn(50))]
    value = getattr(losses.functional, name)(*args)

    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(getattr(losses.functional, name)(*(one.double() for one in args))), 1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_beta_nll_weighs_value_and_gradient_by_a_power_of_the_variance(beta: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mean, target, log_variance = (torch.randn(20, generator=generator, dtype=torch.float64) for _ in range(3))
    mean.requires_grad_(), log_variance.requires_grad_()
    values = losses.functional.beta_nll_loss(mean, target, log_variance, beta=beta, reduction="none")
    by_mean, by_spread = torch.autograd.grad(values.sum(), (mean, log_variance))
    e, variance = (mean - target).detach().numpy(), np.exp(log_variance.detach().numpy())

    # Seitzer et al. 2022: the likelihood and its gradients, times sigma^(2 beta).
    np.testing.assert_allclose(values.detach(), variance**beta * (np.log(variance) + e**2 / variance) / 2, rtol=1e-12)
    np.testing.assert_allclose(by_mean, variance**beta * e / variance, rtol=1e-12)
    np.testing.assert_allclose(by_spread, variance**beta * (1 - e**2 / variance) / 2, rtol=1e-10, atol=1e-12)


def test_the_log_variance_found_is_that_of_the_data() -> None:
    target = 5 + 3 * torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, log_variance = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.LBFGS([mean, log_variance], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = losses.functional.gaussian_nll_loss(mean.expand(2000), target, log_variance.expand(2000))
        value.backward()
        return value

    optimizer.step(closure)  # pyright: ignore
    assert mean.item() == pytest.approx(float(target.mean()), rel=1e-6)
    assert log_variance.exp().item() == pytest.approx(float(target.var(correction=0)), rel=1e-6)


CASES: dict[str, tuple[Any, Tensor, Any]] = {
    "normal": (
        distributions.Normal(torch.tensor([0.5, -1.0]), torch.tensor([1.0, 2.0])),
        torch.tensor([0.0, 3.0]),
        lambda y: scipy.stats.norm([0.5, -1.0], [1.0, 2.0]).logpdf(y),
    ),
    "poisson": (
        distributions.Poisson(torch.tensor([1.0, 7.5])),
        torch.tensor([0.0, 4.0]),
        lambda y: scipy.stats.poisson([1.0, 7.5]).logpmf(y),
    ),
    "negative binomial": (
        distributions.NegativeBinomial(torch.tensor([3.0]), probs=torch.tensor([0.4])),
        torch.tensor([5.0]),
        lambda y: scipy.stats.nbinom([3.0], [0.6]).logpmf(y),
    ),
    "multivariate normal": (
        distributions.MultivariateNormal(torch.zeros(2, 3), torch.eye(3)),
        torch.ones(2, 3),
        lambda y: scipy.stats.multivariate_normal(np.zeros(3)).logpdf(y),
    ),
    "beta": (
        distributions.Beta(torch.tensor([2.0]), torch.tensor([5.0])),
        torch.tensor([0.3]),
        lambda y: scipy.stats.beta([2.0], [5.0]).logpdf(y),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_likelihood_of_any_distribution_is_scipys(name: str) -> None:
    distribution, target, log_density = CASES[name]
    values = losses.functional.distribution_nll_loss(distribution, target, reduction="none")

    np.testing.assert_allclose(values, -log_density(target.numpy()), rtol=1e-5)
    torch.testing.assert_close(losses.DistributionNLLLoss()(distribution, target), values.mean())
    total = losses.DistributionNLLLoss(reduction="total")(distribution, target)
    torch.testing.assert_close(total.mean(), values.mean())


def test_the_likelihood_of_a_distribution_is_masked_weighted_and_divided_like_all_losses() -> None:
    distribution = distributions.Laplace(torch.zeros(4), torch.ones(4), validate_args=False)
    target, log_2 = torch.tensor([1.0, 2.0, 3.0, torch.nan]), math.log(2)
    known = torch.tensor([True, True, True, False])
    loss = losses.functional.distribution_nll_loss

    assert float(loss(distribution, target, mask=known)) == pytest.approx(2 + log_2)
    weighted = loss(distribution, target, mask=known, weight=torch.tensor([2.0, 1.0, 1.0, 9.0]))
    assert float(weighted) == pytest.approx(7 / 4 + log_2)
    assert float(loss(distribution, target, mask=known, denominator=6)) == pytest.approx((6 + 3 * log_2) / 6)
    assert float(loss(distribution, target, mask=~known & known, empty=-1.0)) == -1.0
    assert str(losses.DistributionNLLLoss(reduction="sum")) == "DistributionNLLLoss(reduction='sum')"


def test_without_checks_of_values_it_compiles_whole() -> None:
    def loss(rate: Tensor, target: Tensor) -> Tensor:
        return losses.functional.distribution_nll_loss(distributions.Poisson(rate, validate_args=False), target)

    torch.compiler.reset()
    try:
        whole: Any = torch.compile(loss, fullgraph=True, backend="eager")
        torch.testing.assert_close(whole(torch.ones(3), torch.ones(3)), loss(torch.ones(3), torch.ones(3)))
    finally:
        torch.compiler.reset()


def test_a_distribution_that_does_not_fit_the_target_is_an_error() -> None:
    loss = losses.functional.distribution_nll_loss
    with pytest.raises(LossError) as error:
        loss(distributions.Normal(torch.zeros(3), torch.ones(3)), torch.zeros(3, 1))
    assert str(error.value) == (
        "distribution_nll_loss: target has shape (3, 1), expected (3,), the distribution's batch shape (3,) "
        "and event shape (). Nothing is broadcast"
    )
    with pytest.raises(LossError) as error:
        loss(torch.zeros(3), torch.zeros(3))  # pyright: ignore
    assert str(error.value) == (
        "distribution_nll_loss: distribution is a Tensor, expected a torch.distributions.Distribution such as "
        "torch.distributions.Normal(mean, scale)"
    )


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("gaussian_nll_loss", 0.5),
        ("beta_nll_loss", 0.5),
        ("student_t_nll_loss", 1.465),
        ("crps_gaussian_loss", 0.564),
        ("adaptive_robust_loss", 1.540),
    ],
)
def test_the_numbers_that_the_declarations_print_for_normal_targets(name: str, printed: float) -> None:
    zero = torch.zeros(1, 1, dtype=torch.float64)
    spread = (zero,) if name != "adaptive_robust_loss" else (zero[0], zero[0])

    def weighted(y: float) -> float:
        return float(getattr(losses.functional, name)(zero, zero + y, *spread)) * scipy.stats.norm.pdf(y)

    assert scipy.integrate.quad(weighted, -12, 12)[0] == pytest.approx(printed, abs=5.1e-4)
    start = losses.catalog[name].start
    assert start is not None
    assert f"{printed:g}" in start.text.en
