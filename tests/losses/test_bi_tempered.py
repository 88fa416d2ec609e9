"""The bi-tempered loss: its normalizer by root finding, the Bregman divergence, and the limits."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.losses._bi_tempered import tempered_log_softmax
from firststep.testing import check_loss

Array = np.ndarray


def log_t(x: float, t: float) -> float:
    return math.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x: float, t: float) -> float:
    return math.exp(x) if t == 1 else max(0.0, 1 + (1 - t) * x) ** (1 / (1 - t))


def tempered_softmax(row: Array, t: float) -> list[float]:
    top = float(row.max())
    highest = top + log_t(len(row), 2 - t) + 1e-9  # lambda where all scores are the largest: -log_t(1 / C)
    total = lambda level: sum(exp_t(z - level, t) for z in row) - 1  # noqa: E731
    level = optimize.brentq(total, top - 1e-9, highest, xtol=1e-14, rtol=1e-15)
    return [exp_t(z - level, t) for z in row]


def bi_tempered(z: Array, y: Array, t1: float = 0.8, t2: float = 1.4, label_smoothing: float = 0.0) -> Array:
    """The divergence of F(y) = sum(y log_t y + (1 - y^(2 - t)) / (2 - t)): sum of (log_t y - log_t p) y - ..."""
    values = []
    for row, label in zip(z, y, strict=True):
        size, cost = len(row), 0.0
        for k, p in enumerate(tempered_softmax(row, t2)):
            own = label_smoothing / size + (1 - label_smoothing) * (k == label)
            if own:
                cost += own * (log_t(own, t1) - log_t(p, t1))
            cost += (p ** (2 - t1) - own ** (2 - t1)) / (2 - t1)
        values.append(cost)
    return np.array(values)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"t1": 0.2, "t2": 4.0},
    {"t1": 0.0, "t2": 1.0},
    {"t1": 1.0, "t2": 1.0},
    {"t1": 1.0, "t2": 1.3},
    {"t1": 0.5, "t2": 0.9},
    {"t1": 0.3, "t2": 0.6},
    {"label_smoothing": 0.1},
    {"t1": 1.0, "t2": 1.0, "label_smoothing": 0.2},
    {"t1": 0.5, "t2": 0.7, "label_smoothing": 0.2},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_those_of_the_formula(options: dict[str, Any]) -> None:
    check_loss(
        "bi_tempered_logistic_loss", options=options, reference=bi_tempered, laws=["reference"]
    ).raise_if_failed()


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_other_options_are_lawful(options: dict[str, Any]) -> None:
    laws = ["gradcheck", "gradgradcheck", "half", "start", "minimum", "invariances", "compile", "vmap", "no_sync"]
    check_loss("bi_tempered_logistic_loss", options=options, laws=laws).raise_if_failed()


def scores(kind: str, n: int, classes: int, scale: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(n, classes, generator=generator, dtype=torch.float64)
    shapes = {"normal": torch.erfinv(2 * z - 1) * 2**0.5, "skewed": z**4, "tailed": -z.log()}
    return (scale * shapes[kind]).clamp(-1e4, 1e4)


@pytest.mark.parametrize("t2", [0.05, 0.3, 0.5, 0.8, 0.999, 1 + 1e-7, 1.01, 1.4, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("kind", ["normal", "skewed", "tailed"])
def test_probabilities_sum_to_one_at_any_size(t2: float, kind: str) -> None:
    """The fixed number of steps is enough: this is where it would show."""
    for classes in (2, 10, 1000, 20000):
        for scale in (1e-2, 0.3, 3.0, 30.0, 1e3, 1e4):
            z = scores(kind, 4, classes, scale)
            exact = tempered_log_softmax(z, t2).exp()
            torch.testing.assert_close(exact.sum(1), torch.ones(4).double(), rtol=0, atol=1e-12)
            single = tempered_log_softmax(z.float(), t2).exp()
            atol = 1e-5 if t2 > 0.5 else 5e-4  # of 20000 classes, each rounded
            torch.testing.assert_close(single.sum(1), torch.ones(4), rtol=0, atol=atol)


def test_a_fixed_point_of_five_steps_would_not_be_enough() -> None:
    """The iteration of the authors' code, on scores of deviation 10 for 1000 classes."""
    z = scores("normal", 16, 1000, 10.0)
    z = z - z.amax(1, keepdim=True)

    def power(x: Tensor) -> Tensor:
        return (1 - 0.4 * x).relu() ** (-1 / 0.4)

    now = z
    for _ in range(5):
        now = z * power(now).sum(1, keepdim=True) ** -0.4
    level = (power(now).sum(1, keepdim=True) ** 0.4 - 1) / 0.4
    off = (power(z - level).sum(1) - 1).abs()
    assert off.min() > 0.02
    ours = tempered_log_softmax(z, 1.4).exp().sum(1)
    torch.testing.assert_close(ours, torch.ones(16).double(), rtol=0, atol=1e-14)


def test_both_temperatures_one_is_cross_entropy_to_the_last_bit() -> None:
    z, y = scores("normal", 16, 7, 5.0).float(), torch.arange(16) % 7
    ours = L.bi_tempered_logistic_loss(z, y, t1=1.0, t2=1.0, reduction="none")
    assert torch.equal(ours, F.cross_entropy(z, y, reduction="none"))
    smoothed = L.bi_tempered_logistic_loss(z.double(), y, t1=1.0, t2=1.0, label_smoothing=0.1)
    entropy = -(0.9 + 0.1 / 7) * math.log(0.9 + 0.1 / 7) - 6 * (0.1 / 7) * math.log(0.1 / 7)
    torch.testing.assert_close(smoothed, F.cross_entropy(z.double(), y, label_smoothing=0.1) - entropy)


def test_temperatures_towards_one_lead_to_cross_entropy() -> None:
    z, y = scores("normal", 16, 7, 2.0), torch.arange(16) % 7
    expected = F.cross_entropy(z, y)
    for step in (1e-3, 1e-5, 1e-7):
        for t2 in (1 - step, 1 + step):
            value = L.bi_tempered_logistic_loss(z, y, t1=1 - step, t2=t2)
            assert value.item() == pytest.approx(expected.item(), rel=20 * step)


@pytest.mark.parametrize("t1", [0.0, 0.2, 0.8])
def test_no_sample_costs_more_than_the_bound(t1: float) -> None:
    """-log_t(0) = 1 / (1 - t), and the term of a p that is sure of another class adds nothing: 1 / (2 - t) cancels."""
    z = torch.tensor([[1e4, -1e4, 0.0]], dtype=torch.float64, requires_grad=True)
    value = L.bi_tempered_logistic_loss(z, torch.tensor([1]), t1=t1, t2=0.7)
    assert value.item() == pytest.approx(1 / (1 - t1), rel=1e-12)
    assert torch.autograd.grad(value, z)[0].tolist() == [[0.0, 0.0, 0.0]]


def test_two_classes_in_closed_form() -> None:
    """At t2 = 2 the normalizer solves a quadratic: 1 / (1 + u) + 1 / (1 + u + d) = 1."""
    d = mpmath.mpf(3)
    u = (-d + mpmath.sqrt(d * d + 4)) / 2
    p = float(1 / (1 + u))
    ours = tempered_log_softmax(torch.tensor([[3.0, 0.0]], dtype=torch.float64), 2.0).exp()
    assert ours.tolist() == [pytest.approx([p, 1 - p], rel=1e-14)]


def test_classes_that_cannot_be() -> None:
    z = torch.tensor([[1.0, 0.0, -math.inf]], requires_grad=True)
    value = L.bi_tempered_logistic_loss(z, torch.tensor([1]))
    assert value.item() == pytest.approx(bi_tempered(np.array([[1.0, 0.0]]), np.array([1]))[0], rel=1e-5)
    (gradient,) = torch.autograd.grad(value, z)
    assert gradient[0, 2] == 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("options", [{}, {"t1": 0.5, "t2": 0.7}, {"label_smoothing": 0.1}])
def test_compiled_gradients_are_the_eager_ones(options: dict[str, Any]) -> None:
    z, y = scores("normal", 4, 5, 1.0), torch.arange(4)

    def cost(x: Tensor) -> Tensor:
        return L.bi_tempered_logistic_loss(x, y, **options)

    compiled = torch.compile(cost, fullgraph=True, backend="aot_eager")
    gradients = []
    for function in (cost, compiled):
        leaf = z.clone().requires_grad_()
        gradients.append(torch.autograd.grad(function(leaf), leaf)[0])
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-14)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
@pytest.mark.parametrize("options", [{}, {"t1": 0.5, "t2": 0.7}])
def test_forward_mode_agrees_with_reverse_mode(options: dict[str, Any]) -> None:
    z = scores("normal", 2, 4, 1.0)
    cost = lambda x: L.bi_tempered_logistic_loss(x, torch.tensor([0, 2]), **options)  # noqa: E731
    forward = torch.func.hessian(cost)(z)
    reverse = torch.func.jacrev(torch.func.jacrev(cost))(z)
    torch.testing.assert_close(forward, reverse)


def test_options_out_of_range() -> None:
    z, y = torch.zeros(1, 2), torch.tensor([0])
    with pytest.raises(LossError, match=r"t1=1.2\): expected 0 <= t1 <= 1"):
        L.bi_tempered_logistic_loss(z, y, t1=1.2)
    with pytest.raises(LossError, match=r"t2=0.0\): expected 0 < t2 <= 5"):
        L.bi_tempered_logistic_loss(z, y, t2=0.0)
    with pytest.raises(LossError) as error:
        L.bi_tempered_logistic_loss(z, y, t1=1.0, t2=0.5)
    assert str(error.value) == (
        "bi_tempered_logistic_loss(t1=1, t2=0.5): with t2 < 1 probabilities may be 0, and their logarithm is finite "
        "only for t1 < 1"
    )
