"""Distillation losses against the papers' sums over classes, SciPy and torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.testing import check_loss

Array = NDArray[np.float64]


def softmax(row: Array) -> list[float]:
    return [math.exp(z) / sum(math.exp(other) for other in row) for z in row]


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def forward(student: Array, teacher: Array, temperature: float = 1.0) -> Array:
    pairs = zip(student, teacher, strict=True)
    return np.array([temperature**2 * kl(softmax(t / temperature), softmax(s / temperature)) for s, t in pairs])


def reverse(student: Array, teacher: Array, temperature: float = 1.0) -> Array:
    pairs = zip(student, teacher, strict=True)
    return np.array([temperature**2 * kl(softmax(s / temperature), softmax(t / temperature)) for s, t in pairs])


def jensen_shannon(student: Array, teacher: Array, beta: float = 0.5, temperature: float = 1.0) -> Array:
    values = []
    for s, t in zip(student, teacher, strict=True):
        p, q = softmax(t / temperature), softmax(s / temperature)
        m = [beta * a + (1 - beta) * b for a, b in zip(p, q, strict=True)]
        values.append(temperature**2 * (beta * kl(p, m) + (1 - beta) * kl(q, m)))
    return np.array(values)


def decoupled(
    student: Array, teacher: Array, target: Any, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
) -> Array:
    values = []
    for s, t, y in zip(student, teacher, target, strict=True):
        p, q = softmax(t / temperature), softmax(s / temperature)
        tckd = kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        others = [k for k in range(len(p)) if k != y]
        nckd = kl([p[k] / (1 - p[y]) for k in others], [q[k] / (1 - q[y]) for k in others])
        values.append(temperature**2 * (alpha * tckd + beta * nckd))
    return np.array(values)


REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("distillation_loss", forward, {}),
    ("distillation_loss", forward, {"temperature": 4.0}),
    ("distillation_loss", forward, {"temperature": 0.5}),
    ("reverse_distillation_loss", reverse, {}),
    ("reverse_distillation_loss", reverse, {"temperature": 3.0}),
    ("js_distillation_loss", jensen_shannon, {}),
    ("js_distillation_loss", jensen_shannon, {"beta": 0.1, "temperature": 2.0}),
    ("js_distillation_loss", jensen_shannon, {"beta": 0.9}),
    ("decoupled_distillation_loss", decoupled, {}),
    ("decoupled_distillation_loss", decoupled, {"alpha": 0.0, "beta": 1.0, "temperature": 1.0}),
    ("decoupled_distillation_loss", decoupled, {"alpha": 2.0, "beta": 0.0, "temperature": 2.0}),
]
NAMES = ("distillation_loss", "reverse_distillation_loss", "js_distillation_loss", "decoupled_distillation_loss")


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


LAWS = ["gradcheck", "gradgradcheck", "vmap", "compile", "start", "minimum", "half", "all_masked"]


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, _, options in REFERENCES if options])
def test_the_laws_hold_at_other_options(name: str, options: dict[str, Any]) -> None:
    check_loss(name, options=options, laws=LAWS).raise_if_failed()


def drawn(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))  # pyright: ignore


def test_scipy_gives_the_same_divergences() -> None:
    student, teacher = drawn(8, 5)
    q, p = student.softmax(1).numpy(), teacher.softmax(1).numpy()

    for name, expected in (
        ("distillation_loss", scipy.special.rel_entr(p, q)),
        ("reverse_distillation_loss", scipy.special.rel_entr(q, p)),
    ):
        np.testing.assert_allclose(getattr(LF, name)(student, teacher, reduction="none"), expected.sum(1))
    np.testing.assert_allclose(
        LF.js_distillation_loss(student, teacher, reduction="none"),
        [scipy.spatial.distance.jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)],
    )


def test_the_two_parts_add_to_the_whole_as_the_paper_says() -> None:
    """KD = TCKD + (1 - p_t) NCKD, with the teacher's probability of the target."""
    student, teacher = drawn(8, 5)
    target = torch.arange(8) % 5
    first = LF.decoupled_distillation_loss(student, teacher, target, alpha=1.0, beta=0.0, reduction="none")
    second = LF.decoupled_distillation_loss(student, teacher, target, alpha=0.0, beta=1.0, reduction="none")
    sure = (teacher / 4).softmax(1)[torch.arange(8), target]
    whole = LF.distillation_loss(student, teacher, temperature=4.0, reduction="none")

    torch.testing.assert_close(first + (1 - sure) * second, whole)


def test_the_gradient_at_a_high_temperature_is_that_of_matched_logits() -> None:
    """Hinton et al., eq. 4: (z_i - v_i) / C of centred logits, once multiplied by T²."""
    student, teacher = drawn(6, 5)
    student.requires_grad_()
    (slope,) = torch.autograd.grad(LF.distillation_loss(student, teacher, temperature=1e3, reduction="sum"), student)
    apart = (student - teacher).detach()

    torch.testing.assert_close(slope, (apart - apart.mean(1, keepdim=True)) / 5, atol=2e-3, rtol=0)


def test_pixels_and_tokens_are_samples() -> None:
    student, teacher = drawn(2, 5, 3, 4)
    target = torch.arange(24).reshape(2, 3, 4) % 5
    for name in NAMES:
        more = (target,) if name == "decoupled_distillation_loss" else ()
        flat = [one.movedim(1, -1).reshape(-1, 5) for one in (student, teacher)]
        values = getattr(LF, name)(student, teacher, *more, reduction="none")

        assert values.shape == (2, 3, 4)
        torch.testing.assert_close(
            values.flatten(), getattr(LF, name)(*flat, *(one.flatten() for one in more), reduction="none")
        )


INF = math.inf
HALVES, THIRDS = np.array([0.5, 0.0, 0.5]), np.full(3, 1 / 3)
MASKED: list[tuple[list[float], list[float], tuple[float, float, float]]] = [
    # the student's and the teacher's logits; the forward, the reverse and the Jensen-Shannon divergence
    ([1.0, -INF, 0.0], [1.0, -INF, 0.0], (0.0, 0.0, 0.0)),
    ([0.0, -INF, -INF], [5.0, -INF, -INF], (0.0, 0.0, 0.0)),
    (
        [0.0, 0.0, 0.0],
        [0.0, -INF, 0.0],
        (math.log(1.5), INF, scipy.spatial.distance.jensenshannon(HALVES, THIRDS) ** 2),
    ),
    (
        [0.0, -INF, 0.0],
        [0.0, 0.0, 0.0],
        (INF, math.log(1.5), scipy.spatial.distance.jensenshannon(HALVES, THIRDS) ** 2),
    ),
    ([0.0, -INF], [-INF, 0.0], (INF, INF, math.log(2))),
]


@pytest.mark.parametrize(("student", "teacher", "expected"), MASKED)
def test_classes_that_cannot_be(student: list[float], teacher: list[float], expected: tuple[float, ...]) -> None:
    """Where the divergence is infinite a large number is given, so that no gradient is NaN."""
    for name, value in zip(NAMES, expected, strict=False):
        rows = [torch.tensor([row], requires_grad=True) for row in (student, teacher)]
        loss = getattr(LF, name)(*rows)
        slopes = torch.autograd.grad(loss, rows)

        assert all(bool(torch.isfinite(one).all()) for one in (loss, *slopes)), name
        if value == INF:
            assert float(loss.detach()) > 1e17
        else:
            assert float(loss.detach()) == pytest.approx(value, rel=1e-5, abs=1e-7)


def test_a_target_beside_which_nothing_can_be_is_no_nan() -> None:
    target = torch.tensor([0])
    for row in ([3.0, -INF, -INF], [3.0]):
        rows = (torch.tensor([row], requires_grad=True), torch.tensor([row], requires_grad=True))
        loss = LF.decoupled_distillation_loss(rows[0], rows[1], target)

        assert float(loss.detach()) == 0
        assert all(not bool(one.any()) for one in torch.autograd.grad(loss, rows))


def test_logits_of_ten_thousand() -> None:
    student = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-1e4, 1e4, 0.0]])
    target = torch.tensor([0])

    assert float(LF.distillation_loss(student, teacher).detach()) == 2e4
    assert float(LF.reverse_distillation_loss(student, teacher).detach()) == 2e4
    assert float(LF.js_distillation_loss(student, teacher).detach()) == pytest.approx(math.log(2))
    # The teacher is sure that it is not the target, by 1e4; and among the others of the second, which has 2500 less.
    loss = LF.decoupled_distillation_loss(student, teacher, target, alpha=1.0, beta=0.0)
    assert float(loss.detach()) == pytest.approx(16 * 2500)
    loss = LF.decoupled_distillation_loss(student, teacher, target, alpha=0.0, beta=1.0)
    assert float(loss.detach()) == pytest.approx(16 * 2500)
    for name in NAMES:
        more = (target,) if name == "decoupled_distillation_loss" else ()
        (slope,) = torch.autograd.grad(getattr(LF, name)(student, teacher, *more), student)
        assert bool(torch.isfinite(slope).all())


def test_jensen_shannon_is_bounded_by_the_entropy_of_its_weights() -> None:
    for beta in (0.1, 0.5, 0.8):
        bound = -beta * math.log(beta) - (1 - beta) * math.log(1 - beta)
        apart = LF.js_distillation_loss(torch.tensor([[99.0, 0.0]]), torch.tensor([[0.0, 99.0]]), beta=beta)
        assert float(apart) == pytest.approx(bound, rel=1e-6)


def test_the_teacher_gets_a_gradient_unless_it_is_computed_without_one() -> None:
    student, teacher = (one.requires_grad_() for one in drawn(3, 4))
    for name in NAMES[:3]:
        by_teacher = torch.autograd.grad(getattr(LF, name)(student, teacher), teacher)[0]
        assert bool(by_teacher.any())
        getattr(LF, name)(student, teacher.detach()).backward()
    assert teacher.grad is None


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
def test_forward_mode_agrees_with_backward_mode() -> None:
    student, teacher = drawn(3, 4)
    for name in NAMES[:3]:
        function = getattr(LF, name)
        forward_over_reverse = torch.func.hessian(function)(student, teacher)
        reverse_over_reverse = torch.func.jacrev(torch.func.jacrev(function))(student, teacher)
        torch.testing.assert_close(forward_over_reverse, reverse_over_reverse)


def test_ignored_labels_leave_their_samples_out() -> None:
    student, teacher = drawn(4, 3)
    target = torch.tensor([0, -100, 2, -100])

    part = LF.decoupled_distillation_loss(student[::2], teacher[::2], target[::2])
    torch.testing.assert_close(LF.decoupled_distillation_loss(student, teacher, target), part)


def test_a_padded_vocabulary_is_told() -> None:
    with pytest.raises(LossError) as error:
        LF.distillation_loss(torch.zeros(2, 50257), torch.zeros(2, 50304))
    assert str(error.value) == (
        "distillation_loss: teacher has shape (2, 50304) beside student of shape (2, 50257). For student (N, C, *) it "
        "must be (N, C, *), here (2, 50257). Nothing is broadcast"
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("distillation_loss", {"temperature": 0.0}, "distillation_loss(temperature=0.0): expected a number > 0"),
        ("js_distillation_loss", {"beta": 0.0}, "js_distillation_loss(beta=0.0): expected 0 < beta < 1"),
        ("js_distillation_loss", {"beta": 1.0}, "js_distillation_loss(beta=1.0): expected 0 < beta < 1"),
        (
            "decoupled_distillation_loss",
            {"alpha": -1.0},
            "decoupled_distillation_loss(alpha=-1.0): expected a number >= 0",
        ),
    ],
)
def test_options_out_of_range_are_told(name: str, options: dict[str, float], message: str) -> None:
    logits, target = torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)
    more = (target,) if name == "decoupled_distillation_loss" else ()
    with pytest.raises(LossError) as error:
        getattr(LF, name)(logits, logits, *more, **options)
    assert str(error.value) == message


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_decoupled_logits_far_from_zero_do_not_cost_accuracy(offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(8, 5, generator=generator) + offset for _ in range(2))
    target = torch.randint(0, 5, (8,), generator=generator)
    exact = LF.decoupled_distillation_loss(student.double(), teacher.double(), target)
    assert float(LF.decoupled_distillation_loss(student, teacher, target)) == pytest.approx(float(exact), rel=1e-5)
