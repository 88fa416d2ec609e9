"""The CRPS against its definition, the integral of squared differences of distribution functions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

from firststep import LossError, losses
from firststep.testing import check_loss


def integral(below: object, y: float, *breaks: float) -> float:
    """The integral of (F(t) - [t >= y])^2 over all t."""
    ends = sorted({y, *breaks})
    pieces = [(a, b) for a, b in zip([-np.inf, *ends], [*ends, np.inf], strict=True)]
    return sum(
        scipy.integrate.quad(lambda t: (below(t) - (t >= y)) ** 2, a, b, epsabs=1e-13)[0]  # pyright: ignore
        for a, b in pieces
    )


def gaussian(input: np.ndarray, target: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """In closed form as Gneiting et al. 2005 print it."""
    sigma = np.exp(log_variance / 2)
    z = (target - input) / sigma
    normal = scipy.stats.norm
    return sigma * (z * (2 * normal.cdf(z) - 1) + 2 * normal.pdf(z) - 1 / math.sqrt(math.pi))


def ensemble(input: np.ndarray, target: np.ndarray, fair: bool = False) -> np.ndarray:
    """Over all pairs, one after the other."""
    members, found = input.shape[1], np.zeros(target.shape)
    for index in np.ndindex(*target.shape):
        x = input[(index[0], slice(None), *index[1:])]
        pairs = sum(abs(x[i] - x[j]) for i in range(members) for j in range(members))
        divisor = members * (members - 1) if fair else members**2
        found[index] = sum(abs(one - target[index]) for one in x) / members - pairs / divisor / 2
    return found


def test_gaussian_values_and_gradients_are_those_of_the_formula() -> None:
    check_loss("crps_gaussian_loss", reference=gaussian, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("fair", [False, True])
def test_ensemble_values_and_gradients_are_those_over_all_pairs(fair: bool) -> None:
    options = {"fair": fair}
    check_loss("crps_ensemble_loss", options=options, reference=ensemble, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize(
    ("mean", "sigma", "y"), [(0.0, 1.0, 0.0), (0.3, 2.0, -1.0), (-1.0, 0.1, 0.5), (2.0, 5.0, 40.0)]
)
def test_the_gaussian_score_is_the_integral_that_defines_it(mean: float, sigma: float, y: float) -> None:
    args = (torch.tensor([one], dtype=torch.float64) for one in (mean, y, 2 * math.log(sigma)))
    expected = integral(scipy.stats.norm(mean, sigma).cdf, y, mean - 8 * sigma, mean, mean + 8 * sigma)

    assert float(losses.functional.crps_gaussian_loss(*args)) == pytest.approx(expected, rel=1e-7)


def test_the_ensemble_score_is_the_integral_that_defines_it() -> None:
    members = np.array([0.5, -1.0, 2.0, 2.0])
    for y in (-3.0, 0.5, 1.1, 2.0, 7.0):
        steps = sorted({y, *members})
        expected = sum((b - a) * ((members <= a).mean() - (a >= y)) ** 2 for a, b in itertools.pairwise(steps))
        found = losses.functional.crps_ensemble_loss(torch.tensor(members).unsqueeze(0), torch.tensor([y]).double())

        assert float(found) == pytest.approx(expected, rel=1e-12)


def test_values_of_the_papers() -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    at_the_mean = losses.functional.crps_gaussian_loss(zero, zero, zero)
    assert float(at_the_mean) == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), rel=1e-14)
    assert float(at_the_mean) == pytest.approx(0.2337, abs=5e-5)

    def weighted(y: float) -> float:
        return float(losses.functional.crps_gaussian_loss(zero, zero + y, zero)) * scipy.stats.norm.pdf(y)

    assert scipy.integrate.quad(weighted, -10, 10)[0] == pytest.approx(1 / math.sqrt(math.pi), rel=1e-9)


def test_the_mean_score_of_an_ensemble_is_what_the_declaration_says() -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = (torch.randn(200_000, *more, generator=generator, dtype=torch.float64) for more in ((4,), ()))
    plain, fair = (losses.functional.crps_ensemble_loss(input, target, fair=one) for one in (False, True))

    assert float(plain) == pytest.approx((1 + 1 / 4) / math.sqrt(math.pi), rel=5e-3)
    assert float(fair) == pytest.approx(1 / math.sqrt(math.pi), rel=5e-3)


@pytest.mark.parametrize("z", [1e-4, 1.0, 30.0, 1e4, 1e7])
def test_the_gradient_by_the_spread_keeps_its_digits_at_any_error(z: float) -> None:
    """Half of sigma (2 phi(z) - 1/sqrt(pi)): in the common form a difference of terms of the size of z."""
    log_variance = torch.zeros(1, requires_grad=True)
    value = losses.functional.crps_gaussian_loss(torch.tensor([z]), torch.zeros(1), log_variance)
    (slope,) = torch.autograd.grad(value, log_variance)

    assert float(slope) == pytest.approx(scipy.stats.norm.pdf(z) - 1 / math.sqrt(math.pi) / 2, rel=2e-6)


def test_a_spread_that_vanishes_leaves_the_absolute_error() -> None:
    input = torch.tensor([0.0, 1.0, -1e4], requires_grad=True)
    values = losses.functional.crps_gaussian_loss(input, torch.zeros(3), torch.full((3,), -1e4), reduction="none")

    assert values.tolist() == [pytest.approx(0.0, abs=1e-9), 1.0, 1e4]
    assert torch.autograd.grad(values.sum(), input)[0].tolist() == [0.0, 1.0, -1.0]


def test_members_that_tie_or_hit_the_target() -> None:
    input = torch.tensor([[2.0, 2.0, 2.0], [0.0, 0.0, 3.0]], dtype=torch.float64, requires_grad=True)
    values = losses.functional.crps_ensemble_loss(input, torch.tensor([2.0, 0.0]).double(), reduction="none")

    assert values.tolist() == pytest.approx([0.0, 1 / 3], abs=1e-15)
    assert bool(torch.isfinite(torch.autograd.grad(values.sum(), input)[0]).all())


def test_an_offset_of_all_does_not_cost_the_digits_of_the_spread() -> None:
    input, target = torch.tensor([[1.0, 2.0, 6.0]]), torch.tensor([3.0])
    near = losses.functional.crps_ensemble_loss(input, target)
    far = losses.functional.crps_ensemble_loss(input + 2**20, target + 2**20)

    assert float(near) == float(far)


def test_too_few_members_are_named() -> None:
    input, target = torch.zeros(4, 1, 2), torch.zeros(4, 2)
    with pytest.raises(LossError) as error:
        losses.functional.crps_ensemble_loss(input, target, fair=True)
    assert str(error.value) == (
        "crps_ensemble_loss: input has shape (4, 1, 2), expected at least 2 members on axis 1 for fair=True"
    )
    with pytest.raises(LossError) as error:
        losses.functional.crps_ensemble_loss(input[:, :0], target)
    assert str(error.value) == "crps_ensemble_loss: input has shape (4, 0, 2), expected at least 1 members on axis 1"
