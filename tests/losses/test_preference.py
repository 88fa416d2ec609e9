"""Preference losses against the papers' equations, in NumPy and mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep import losses
from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.testing import check_loss

Array = NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def ratio(pw: Array, pl: Array, rw: Array, rl: Array) -> Array:
    """log [pi(y_w) / pi_0(y_w)] - log [pi(y_l) / pi_0(y_l)], of probabilities."""
    return np.log(np.exp(pw) / np.exp(rw)) - np.log(np.exp(pl) / np.exp(rl))


def dpo(*pair: Array, beta: float = 0.1, label_smoothing: float = 0.0) -> Array:
    h = ratio(*pair)
    return -(1 - label_smoothing) * np.log(sigmoid(beta * h)) - label_smoothing * np.log(sigmoid(-beta * h))


def robust(*pair: Array, beta: float = 0.1, label_smoothing: float = 0.1) -> Array:
    h, e = ratio(*pair), label_smoothing
    right, wrong = -np.log(sigmoid(beta * h)), -np.log(sigmoid(-beta * h))
    return ((1 - e) * right - e * wrong) / (1 - 2 * e)


def ipo(*pair: Array, beta: float = 0.1) -> Array:
    return (ratio(*pair) - 1 / (2 * beta)) ** 2


def kto(
    policy: Array,
    reference: Array,
    desirable: Array,
    kl: Array,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Array:
    values = []
    for p, r, good, z in zip(policy, reference, desirable, kl, strict=True):
        if good:
            worth = desirable_weight * sigmoid(beta * (p - r - z))
            values.append(desirable_weight - worth)
        else:
            worth = undesirable_weight * sigmoid(beta * (z - (p - r)))
            values.append(undesirable_weight - worth)
    return np.array(values)


def simpo(chosen: Array, rejected: Array, beta: float = 2.0, gamma: float = 0.5) -> Array:
    return -np.log(sigmoid(beta * chosen - beta * rejected - gamma))


def orpo(chosen: Array, rejected: Array, beta: float = 0.1, nll_weight: float = 1.0) -> Array:
    def odds(log_p: Array) -> Array:
        return np.exp(log_p) / (1 - np.exp(log_p))

    return -nll_weight * chosen - beta * np.log(sigmoid(np.log(odds(chosen) / odds(rejected))))


def reward(chosen: Array, rejected: Array, margin: Any = 0.0) -> Array:
    return -np.log(np.exp(chosen) / (np.exp(chosen) + np.exp(rejected + margin)))


MARGINS = torch.tensor([0.0, 0.5, 1.0, 2.0, 0.0, 3.0], dtype=torch.float64)
REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("dpo_loss", dpo, {}),
    ("dpo_loss", dpo, {"beta": 0.5, "label_smoothing": 0.2}),
    ("dpo_loss", dpo, {"label_smoothing": 0.5}),
    ("robust_dpo_loss", robust, {}),
    ("robust_dpo_loss", robust, {"beta": 0.3, "label_smoothing": 0.4}),
    ("robust_dpo_loss", robust, {"label_smoothing": 0.0}),
    ("ipo_loss", ipo, {}),
    ("ipo_loss", ipo, {"beta": 1.5}),
    ("kto_loss", kto, {}),
    ("kto_loss", kto, {"beta": 0.4, "desirable_weight": 1.33, "undesirable_weight": 0.7}),
    ("kto_loss", kto, {"desirable_weight": 2.0, "undesirable_weight": 2.0}),
    ("simpo_loss", simpo, {}),
    ("simpo_loss", simpo, {"beta": 10.0, "gamma": 0.0}),
    ("orpo_loss", orpo, {}),
    ("orpo_loss", orpo, {"beta": 1.0, "nll_weight": 0.0}),
    ("orpo_loss", orpo, {"beta": 0.5, "nll_weight": 2.0}),
    ("reward_model_loss", reward, {}),
    ("reward_model_loss", reward, {"margin": 1.5}),
    ("reward_model_loss", reward, {"margin": MARGINS}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


def numbers(*values: float) -> list[Tensor]:
    return [torch.tensor([value]) for value in values]


@pytest.mark.parametrize(
    ("name", "tensors", "options", "expected"),
    [
        ("dpo_loss", (-7.0, -9.0, -7.0, -9.0), {}, math.log(2)),
        ("dpo_loss", (-7.0, -9.0, -7.0, -9.0), {"label_smoothing": 0.3}, math.log(2)),
        ("robust_dpo_loss", (-7.0, -9.0, -7.0, -9.0), {"label_smoothing": 0.3}, math.log(2)),
        ("ipo_loss", (-7.0, -9.0, -7.0, -9.0), {"beta": 0.1}, 25.0),
        ("kto_loss", (-7.0, -7.0, 1.0, 0.0), {"desirable_weight": 1.5}, 0.75),
        ("kto_loss", (-7.0, -7.0, 0.0, 0.0), {"undesirable_weight": 3.0}, 1.5),
        ("simpo_loss", (-1.0, -1.0), {"gamma": 1.6}, math.log(1 + math.exp(1.6))),
        ("orpo_loss", (-1.0, -1.0), {"beta": 0.25}, 1 + 0.25 * math.log(2)),
        ("reward_model_loss", (3.0, 3.0), {}, math.log(2)),
    ],
)
def test_where_policy_and_reference_agree_the_value_is_the_closed_form(
    name: str, tensors: tuple[float, ...], options: dict[str, Any], expected: float
) -> None:
    assert float(getattr(LF, name)(*numbers(*tensors), **options)) == pytest.approx(expected, rel=1e-6)


def mp_log_sigmoid(x: Any) -> Any:
    return -mpmath.log1p(mpmath.exp(-mpmath.mpf(x)))


@pytest.mark.parametrize("far", [-1e4, -300.0, -30.0, 30.0, 300.0, 1e4])
def test_log_ratios_of_ten_thousand_in_float32(far: float) -> None:
    with mpmath.workdps(60):
        expected = {
            "dpo_loss": -mp_log_sigmoid(far / 10),
            "robust_dpo_loss": -(9 * mp_log_sigmoid(far / 10) - mp_log_sigmoid(-far / 10)) / 8,
            "ipo_loss": (mpmath.mpf(far) - 5) ** 2,
        }
        for name, value in expected.items():
            tensors = numbers(far, 0.0, 0.0, 0.0)
            tensors[0].requires_grad_()
            loss = getattr(LF, name)(*tensors)
            (slope,) = torch.autograd.grad(loss, tensors[0])
            assert float(loss.detach()) == pytest.approx(float(value), rel=1e-5, abs=1e-30)
            assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize("far", [-1e4, -300.0, -30.0, 30.0, 300.0, 1e4])
@pytest.mark.parametrize("good", [0.0, 1.0])
def test_kto_keeps_small_values_that_one_minus_sigmoid_loses(far: float, good: float) -> None:
    policy, reference, desirable, kl = numbers(far, 0.0, good, 0.0)
    policy.requires_grad_()
    loss = LF.kto_loss(policy, reference, desirable, kl)
    (slope,) = torch.autograd.grad(loss, policy)
    with mpmath.workdps(60):
        expected = 1 / (1 + mpmath.exp((1 if good else -1) * mpmath.mpf(far) / 10))
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5, abs=1e-37)
    assert bool(torch.isfinite(slope).all())
    if abs(far) == 30.0:
        assert (float(slope) < 0) == bool(good)


@pytest.mark.parametrize("chosen", [-1e4, -50.0, -1.0, -1e-3, -1e-6, -1e-20])
@pytest.mark.parametrize("rejected", [-1e4, -50.0, -1.0, -1e-3, -1e-6, -1e-20])
def test_orpo_near_certainty_and_near_nothing(chosen: float, rejected: float) -> None:
    tensors = [torch.tensor([one], requires_grad=True) for one in (chosen, rejected)]
    loss = LF.orpo_loss(*tensors, beta=1.0, nll_weight=0.0)
    slopes = torch.autograd.grad(loss, tensors)
    with mpmath.workdps(80):
        log_p = [mpmath.mpf(float(one.detach())) for one in tensors]
        odds = [one - mpmath.log(-mpmath.expm1(one)) for one in log_p]
        expected = -mp_log_sigmoid(odds[0] - odds[1])
        wrong = 1 / (1 + mpmath.exp(odds[0] - odds[1]))
        gradient = [wrong / mpmath.expm1(log_p[0]), -wrong / mpmath.expm1(log_p[1])]
    assert float(loss.detach()) == pytest.approx(float(expected), rel=2e-5, abs=1e-30)
    for slope, exact in zip(slopes, gradient, strict=True):
        assert float(slope) == pytest.approx(float(exact), rel=1e-3, abs=1e-21)  # factors below 1e-38


def test_orpo_of_a_certain_answer_is_finite() -> None:
    for chosen, rejected in ((0.0, -1.0), (-1.0, 0.0), (0.0, 0.0)):
        tensors = [torch.tensor([one], requires_grad=True) for one in (chosen, rejected)]
        loss = LF.orpo_loss(*tensors)
        assert all(bool(torch.isfinite(one).all()) for one in (loss, *torch.autograd.grad(loss, tensors)))
    assert float(LF.orpo_loss(*numbers(0.0, 0.0), beta=1.0)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.45])
def test_robust_dpo_undoes_flipped_pairs(share: float) -> None:
    """The mean over pairs flipped with that probability is DPO of the pairs as they should be."""
    generator = torch.Generator().manual_seed(0)
    a, b, c, d = (torch.randn(50, generator=generator, dtype=torch.float64) * 10 for _ in range(4))
    right = LF.robust_dpo_loss(a, b, c, d, label_smoothing=share, reduction="none")
    wrong = LF.robust_dpo_loss(b, a, d, c, label_smoothing=share, reduction="none")
    torch.testing.assert_close((1 - share) * right + share * wrong, LF.dpo_loss(a, b, c, d, reduction="none"))


def test_cdpo_asks_for_no_more_than_the_smoothing_says() -> None:
    best = math.log(0.8 / 0.2) / 0.1
    chosen = torch.tensor([best], dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(1, dtype=torch.float64)
    (slope,) = torch.autograd.grad(LF.dpo_loss(chosen, zero, zero, zero, label_smoothing=0.2), chosen)
    assert float(slope) == pytest.approx(0.0, abs=1e-15)


def test_the_robust_loss_has_no_least_value() -> None:
    zero = torch.zeros(1)
    values = [float(LF.robust_dpo_loss(torch.tensor([far]), zero, zero, zero)) for far in (1e2, 1e3, 1e4)]
    assert values[0] > values[1] > values[2] == pytest.approx(-125.0)


def test_ratios_of_long_answers_keep_their_digits() -> None:
    """Sums near -3000 in float32, where policy and reference differ by thousandths."""
    reference = torch.tensor([-3000.0]), torch.tensor([-2900.0])
    policy = reference[0] + 2**-10, reference[1] - 2**-10
    assert float(LF.dpo_loss(*policy, *reference, beta=1.0)) == pytest.approx(math.log1p(math.exp(-(2**-9))), rel=1e-7)


def test_the_reference_point_of_kto() -> None:
    policy = torch.tensor([-9.0, -12.0], requires_grad=True)
    kl = losses.kto_reference_point(policy, torch.tensor([-10.0, -14.0]))
    assert kl.tolist() == [1.5, 1.5]
    assert not kl.requires_grad
    assert losses.kto_reference_point(torch.tensor([-9.0]), torch.tensor([-8.0])).tolist() == [0.0]
    half = torch.tensor([-500.0], dtype=torch.bfloat16)
    assert losses.kto_reference_point(half, torch.tensor([-503.0])).tolist() == [3.0]


def test_desirable_may_be_bool_integer_or_float() -> None:
    policy, reference, kl = torch.tensor([-1.0, -5.0]), torch.tensor([-3.0, -4.0]), torch.zeros(2)
    flags = torch.tensor([True, False])
    values = [
        LF.kto_loss(policy, reference, one, kl, reduction="none").tolist()
        for one in (flags, flags.long(), flags.float())
    ]
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dpo_loss", {"beta": 0.0}, "dpo_loss(beta=0.0): expected a number > 0"),
        ("dpo_loss", {"label_smoothing": 0.6}, "dpo_loss(label_smoothing=0.6): expected 0 <= label_smoothing <= 0.5"),
        (
            "robust_dpo_loss",
            {"label_smoothing": 0.5},
            "robust_dpo_loss(label_smoothing=0.5): expected 0 <= label_smoothing < 0.5",
        ),
        ("ipo_loss", {"beta": -1.0}, "ipo_loss(beta=-1.0): expected a number > 0"),
        ("kto_loss", {"desirable_weight": -1.0}, "kto_loss(desirable_weight=-1.0): expected a number >= 0"),
        ("simpo_loss", {"gamma": -0.1}, "simpo_loss(gamma=-0.1): expected a number >= 0"),
        ("orpo_loss", {"nll_weight": -1.0}, "orpo_loss(nll_weight=-1.0): expected a number >= 0"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, float], message: str) -> None:
    count = len(losses.catalog[name].arguments)
    with pytest.raises(LossError) as error:
        getattr(LF, name)(*(torch.zeros(2) for _ in range(count)), **options)
    assert str(error.value) == message
