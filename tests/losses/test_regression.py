"""Losses of a real number's error, against their formulas in high precision and, to the last bit, against torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from torch import Tensor

from firststep import LossError, losses
from firststep.testing import check_loss


def each(formula: Callable[..., float]) -> Callable[..., Any]:
    """The formula of one error as a reference for arrays, in 40 digits."""

    def reference(input: np.ndarray, target: np.ndarray, **options: float) -> np.ndarray:
        with mpmath.workdps(40):
            return np.vectorize(lambda x, y: float(formula(mpmath.mpf(x) - mpmath.mpf(y), **options)))(input, target)

    return reference


def huber(e: Any, delta: float = 1.0) -> Any:
    return e**2 / 2 if abs(e) <= delta else delta * (abs(e) - mpmath.mpf(delta) / 2)


def smooth_l1(e: Any, beta: float = 1.0) -> Any:
    return e**2 / 2 / beta if abs(e) < beta else abs(e) - mpmath.mpf(beta) / 2


FORMULAS: dict[str, tuple[Callable[..., Any], list[dict[str, float]]]] = {
    "mse_loss": (lambda e: e**2, [{}]),
    "l1_loss": (abs, [{}]),
    "huber_loss": (huber, [{}, {"delta": 0.3}, {"delta": 2.5}]),
    "smooth_l1_loss": (smooth_l1, [{}, {"beta": 0.0}, {"beta": 0.3}, {"beta": 2.5}]),
    "log_cosh_loss": (lambda e: mpmath.log(mpmath.cosh(e)), [{}]),
    "charbonnier_loss": (
        lambda e, epsilon=1e-3: mpmath.sqrt(e**2 + mpmath.mpf(epsilon) ** 2),
        [{}, {"epsilon": 0.1}, {"epsilon": 3.0}],
    ),
}
CASES = [(name, options) for name, (_, all_options) in FORMULAS.items() for options in all_options]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_values_and_gradients_are_those_of_the_formula(name: str, options: dict[str, float]) -> None:
    check_loss(name, options=options, reference=each(FORMULAS[name][0]), laws=["reference"]).raise_if_failed()


FRONT_ENDS: list[tuple[str, dict[str, float]]] = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("huber_loss", {"delta": 0.7}),
    ("smooth_l1_loss", {"beta": 0.7}),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (1000,), (33, 7), (4, 3, 5, 6)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options"), FRONT_ENDS)
def test_values_and_gradients_are_torchs_to_the_last_bit(
    name: str, options: dict[str, float], reduction: str, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = (torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))
    results = []
    for function in (getattr(losses.functional, name), getattr(F, name)):
        leaves = [input.clone().requires_grad_(), target.clone().requires_grad_()]
        value = function(*leaves, reduction=reduction, **options)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), leaves)))

    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@pytest.mark.parametrize(("name", "options"), FRONT_ENDS)
def test_masked_and_weighted_they_are_torch_of_the_rows_that_count(name: str, options: dict[str, float]) -> None:
    input, target = torch.randn(6, 2, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    mask = torch.tensor([True, False, True, True, False, True])
    copies = torch.tensor([2, 1, 1, 3, 0, 1])
    ours, theirs = getattr(losses.functional, name), getattr(F, name)

    torch.testing.assert_close(ours(input, target, mask=mask, **options), theirs(input[mask], target[mask], **options))
    torch.testing.assert_close(
        ours(input, target, weight=copies, **options),
        theirs(*(one.repeat_interleave(copies, 0) for one in (input, target)), **options),
    )


@pytest.mark.parametrize("name", [*FORMULAS, "general_robust_loss", "quantile_loss"])
def test_nothing_is_broadcast(name: str) -> None:
    with pytest.raises(LossError) as error:
        getattr(losses.functional, name)(torch.zeros(3, 1), torch.zeros(3))
    assert str(error.value) == (
        f"{name}: target has shape (3,) beside input of shape (3, 1). For input (*) it must be (*), here (3, 1). "
        "Nothing is broadcast: type target.unsqueeze(-1)"
    )


def test_a_half_precision_sum_does_not_overflow_where_torchs_does() -> None:
    input, target = torch.full((4,), 300.0, dtype=torch.float16), torch.zeros(4, dtype=torch.float16)

    assert math.isinf(F.mse_loss(input, target))
    assert float(losses.functional.mse_loss(input, target)) == 90000.0


def test_huber_and_charbonnier_are_scipys() -> None:
    error = torch.linspace(-4, 4, 33, dtype=torch.float64)
    for delta in (0.3, 1.0, 2.0):
        huber = losses.functional.huber_loss(error, 0 * error, delta=delta, reduction="none")
        charbonnier = losses.functional.charbonnier_loss(error, 0 * error, epsilon=delta, reduction="none")

        np.testing.assert_allclose(huber, scipy.special.huber(delta, error.numpy()), rtol=1e-14)
        pseudo = scipy.special.pseudo_huber(delta, error.numpy())
        np.testing.assert_allclose(delta * (charbonnier - delta), pseudo, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("mse_loss", 1.0),
        ("l1_loss", 0.798),
        ("huber_loss", 0.425),
        ("smooth_l1_loss", 0.425),
        ("log_cosh_loss", 0.375),
        ("charbonnier_loss", 0.798),
        ("general_robust_loss", 0.355),
        ("quantile_loss", 0.399),
    ],
)
def test_the_numbers_that_the_declarations_print_for_normal_targets(name: str, printed: float) -> None:
    def weighted(y: float) -> float:
        at = torch.tensor([y], dtype=torch.float64)
        return float(getattr(losses.functional, name)(torch.zeros_like(at), at)) * scipy.stats.norm.pdf(y)

    expected = scipy.integrate.quad(weighted, -12, 0)[0] + scipy.integrate.quad(weighted, 0, 12)[0]
    assert expected == pytest.approx(printed, abs=5.1e-4)
    start = losses.catalog[name].start
    assert start is not None
    assert f"{printed:g}" in start.text.en


@pytest.mark.parametrize("error", [0.0, 1e-30, 1e4, -1e4, 1e30])
@pytest.mark.parametrize("name", ["l1_loss", "huber_loss", "smooth_l1_loss", "log_cosh_loss"])
def test_no_size_of_error_overflows(name: str, error: float) -> None:
    input = torch.tensor([error], requires_grad=True)
    value = getattr(losses.functional, name)(input, torch.zeros(1))
    value.backward()

    assert math.isfinite(value.item())
    assert input.grad is not None
    assert math.isfinite(input.grad.item())


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("huber_loss", "delta", 0.0, "a number > 0"),
        ("smooth_l1_loss", "beta", -0.5, "a number >= 0"),
        ("charbonnier_loss", "epsilon", 0.0, "a number > 0"),
        ("general_robust_loss", "scale", 0.0, "a number > 0"),
    ],
)
def test_options_out_of_range_are_named(name: str, option: str, value: float, expected: str) -> None:
    one = torch.zeros(1)
    with pytest.raises(LossError) as error:
        getattr(losses.functional, name)(one, one, **{option: value})
    assert str(error.value) == f"{name}({option}={value!r}): expected {expected}"


def test_an_empty_batch_is_zero_and_connected() -> None:
    empty: Tensor = torch.zeros(0, 3, requires_grad=True)
    value = losses.functional.mse_loss(empty, torch.zeros(0, 3))

    assert value.item() == 0.0
    assert torch.autograd.grad(value, empty)[0].shape == (0, 3)
    assert math.isnan(F.mse_loss(empty, torch.zeros(0, 3)).item())


@pytest.mark.parametrize("weight", [None, torch.ones(2)])
def test_huber_takes_two_dtypes(weight: Tensor | None) -> None:
    """torch's raises in its backward: "Found dtype Double but expected Float"."""
    leaf = torch.tensor([0.5, -3.0], requires_grad=True)
    value = losses.functional.huber_loss(leaf, torch.zeros(2, dtype=torch.float64), weight=weight)
    assert value.item() == pytest.approx((0.125 + 2.5) / 2)
    assert torch.equal(torch.autograd.grad(value, leaf)[0], torch.tensor([0.25, -0.5]))
