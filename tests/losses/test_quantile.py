"""Quantile losses against scikit-learn, the quantiles they find, and the score they add up to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.metrics import mean_pinball_loss

from firststep import LossError, losses
from firststep.testing import check_loss


def pinball(input: np.ndarray, target: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    one = [mean_pinball_loss([y], [x], alpha=quantile) for x, y in zip(input.flat, target.flat, strict=True)]
    return np.reshape(one, input.shape)


def several(input: np.ndarray, target: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    return sum(pinball(input[:, q], target, float(tau)) for q, tau in enumerate(quantiles)) / len(quantiles)


@pytest.mark.parametrize("quantile", [0.5, 0.01, 0.2, 0.9, 0.999])
def test_one_quantile_is_scikit_learns(quantile: float) -> None:
    options = {"quantile": quantile}
    check_loss("quantile_loss", options=options, reference=pinball, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.9, 0.5, 0.1), torch.tensor([0.25, 0.5, 0.75])])
def test_several_quantiles_are_the_mean_of_scikit_learns(quantiles: object) -> None:
    options = {"quantiles": quantiles}
    check_loss("multi_quantile_loss", options=options, reference=several, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_the_best_constant_is_the_sample_quantile(quantile: float) -> None:
    target = torch.randn(101, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    guesses = target.sort().values
    values = [float(losses.functional.quantile_loss(g.expand(101), target, quantile=quantile)) for g in guesses]

    assert float(guesses[int(np.argmin(values))]) == np.quantile(target, quantile, method="inverted_cdf")


def test_values_are_exact_to_the_last_place_however_extreme_the_quantile() -> None:
    for quantile in (1e-6, 0.5, 1 - 1e-6):
        x = torch.tensor([-3.0, 0.0, 7.0])
        values = losses.functional.quantile_loss(x, torch.zeros(3), quantile=quantile, reduction="none")
        expected = [3 * quantile, 0.0, 7 * (1 - quantile)]

        np.testing.assert_allclose(values, expected, rtol=3e-7)


def test_twice_the_mean_over_many_quantiles_nears_the_crps() -> None:
    taus = (np.arange(2000) + 0.5) / 2000
    mean, sigma, target = 0.4, 1.7, torch.tensor([1.3, -5.0], dtype=torch.float64)
    guesses = torch.as_tensor(scipy.stats.norm(mean, sigma).ppf(taus)).expand(2, -1)
    quantiles = losses.functional.multi_quantile_loss(
        guesses, target, quantiles=torch.as_tensor(taus), reduction="none"
    )
    crps = losses.functional.crps_gaussian_loss(
        torch.full_like(target, mean), target, torch.full_like(target, 2 * math.log(sigma)), reduction="none"
    )

    torch.testing.assert_close(2 * quantiles, crps, rtol=1e-3, atol=0)


def test_a_series_is_masked_by_step() -> None:
    input, target = torch.randn(2, 3, 4), torch.randn(2, 4)
    mask = torch.tensor([[True, True, False, False], [True, True, True, False]])
    quantiles = (0.2, 0.5, 0.8)
    masked = losses.functional.multi_quantile_loss(input, target, quantiles=quantiles, mask=mask)
    rows = losses.functional.multi_quantile_loss(input.movedim(1, -1)[mask], target[mask], quantiles=quantiles)

    torch.testing.assert_close(masked, rows)


def test_the_module_keeps_a_tensor_of_quantiles_with_it() -> None:
    loss = losses.MultiQuantileLoss(quantiles=torch.tensor([0.1, 0.9]))

    assert list(loss.state_dict()) == ["quantiles"]
    torch.testing.assert_close(
        loss(torch.tensor([[1.0, 3.0]]), torch.tensor([2.0])),
        losses.MultiQuantileLoss(quantiles=[0.1, 0.9])(torch.tensor([[1.0, 3.0]]), torch.tensor([2.0])),
    )


def test_quantiles_that_do_not_fit_are_named() -> None:
    input, target = torch.zeros(4, 3, 5), torch.zeros(4, 5)
    with pytest.raises(LossError) as error:
        losses.functional.multi_quantile_loss(input, target, quantiles=(0.1, 0.9))
    assert str(error.value) == (
        "multi_quantile_loss: 2 quantiles for input of shape (4, 3, 5): expected one for each row of axis 1"
    )
    with pytest.raises(LossError) as error:
        losses.functional.multi_quantile_loss(input, target, quantiles=(0.1, 0.5, 90))
    assert str(error.value) == "multi_quantile_loss(quantiles=(0.1, 0.5, 90)): expected numbers between 0 and 1"
    with pytest.raises(TypeError, match=r"^multi_quantile_loss needs the option 'quantiles'$"):
        losses.functional.multi_quantile_loss(input, target)  # pyright: ignore
    for quantile in (0.0, 1.0, 50.0):
        with pytest.raises(LossError) as error:
            losses.functional.quantile_loss(target, target, quantile=quantile)
        assert str(error.value) == f"quantile_loss(quantile={quantile!r}): expected 0 < quantile < 1"
