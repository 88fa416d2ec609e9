"""Losses of boxes against exact geometry in fractions, and where boxes have no area."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray
Box = list[Fraction]

NAMES = ["iou_loss", "giou_loss", "diou_loss", "ciou_loss"]


def area(box: Box) -> Fraction:
    return max(box[2] - box[0], Fraction(0)) * max(box[3] - box[1], Fraction(0))


def overlap(a: Box, b: Box) -> tuple[Fraction, Fraction, Box]:
    """IoU, union, and the box around both."""
    shared = area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    union = area(a) + area(b) - shared
    around = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
    return (shared / union if union else Fraction(0)), union, around


def iou(a: Box, b: Box, mode: str = "linear") -> float:
    share = overlap(a, b)[0]
    return float(1 - share) if mode == "linear" else -math.log(max(float(share), 1e-6))


def giou(a: Box, b: Box) -> float:
    share, union, around = overlap(a, b)
    empty = (area(around) - union) / area(around) if area(around) else Fraction(0)
    return float(1 - share + empty)


def diou(a: Box, b: Box) -> Fraction:
    share, _, around = overlap(a, b)
    centres = sum(((a[i] + a[i + 2]) / 2 - (b[i] + b[i + 2]) / 2) ** 2 for i in (0, 1))
    diagonal = sum((around[i + 2] - around[i]) ** 2 for i in (0, 1))
    return 1 - share + (centres / diagonal if diagonal else Fraction(0))


def shape_terms(a: Box, b: Box) -> tuple[Any, Any]:
    """v and alpha."""
    angles = [mpmath.atan2(*(mpmath.mpf(float(box[i + 2] - box[i])) for i in (0, 1))) for box in (a, b)]
    v = 4 / mpmath.pi**2 * (angles[1] - angles[0]) ** 2
    rest = 1 - mpmath.mpf(float(overlap(a, b)[0])) + v
    return v, (v / rest if rest else mpmath.mpf(0))


def ciou(a: Box, b: Box, alpha: Any = None) -> float:
    with mpmath.workdps(30):
        v, own = shape_terms(a, b)
        return float(mpmath.mpf(float(diou(a, b))) + (own if alpha is None else alpha) * v)


def rows(formula: Callable[..., Any]) -> Callable[..., Array]:
    """The formula of one pair as a reference for arrays."""

    def reference(input: Array, target: Array, **options: Any) -> Array:
        pairs = zip(input, target, strict=True)
        return np.array([float(formula([*map(Fraction, a)], [*map(Fraction, b)], **options)) for a, b in pairs])

    return reference


@pytest.mark.parametrize(
    ("name", "formula", "options"),
    [
        ("iou_loss", iou, {}),
        ("iou_loss", iou, {"mode": "log"}),
        ("giou_loss", giou, {}),
        ("diou_loss", diou, {}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_values_and_gradients_are_those_of_exact_geometry(name: str, formula: Any, options: Any, seed: int) -> None:
    check_loss(name, options=options, reference=rows(formula), laws=["reference"], seed=seed).raise_if_failed()


def pairs(n: int = 40) -> tuple[Tensor, Tensor]:
    """Some that overlap, some that do not."""
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(2, n, 2, generator=generator, dtype=torch.float64)
    size = 0.1 + torch.rand(2, n, 2, generator=generator, dtype=torch.float64)
    input, target = torch.cat((corner, corner + size), 2)
    return input, target


def test_ciou_s_values_are_the_formula_s_and_its_gradient_holds_alpha() -> None:
    input, target = pairs()
    leaves = input.clone().requires_grad_(), target.clone().requires_grad_()
    values = L.ciou_loss(*leaves, reduction="none")
    np.testing.assert_allclose(values.detach().numpy(), rows(ciou)(input.numpy(), target.numpy()), rtol=1e-9)
    slopes = torch.autograd.grad(values.sum(), leaves)
    for row in range(len(input)):
        both = [[*map(Fraction, one[row].tolist())] for one in (input, target)]
        with mpmath.workdps(30):
            alpha = shape_terms(both[0], both[1])[1]
        for which, k in np.ndindex(2, 4):
            ends = []
            for step in (Fraction(1, 10**6), -Fraction(1, 10**6)):
                moved = [list(box) for box in both]
                moved[which][k] += step
                ends.append(ciou(moved[0], moved[1], alpha))
            assert slopes[which][row, k].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("options", [{"mode": "log"}])
def test_the_logarithm_is_lawful(options: dict[str, Any]) -> None:
    laws = ["start", "minimum", "invariances", "gradcheck", "gradgradcheck", "half", "compile", "vmap"]
    check_loss("iou_loss", options=options, laws=laws).raise_if_failed()


ONE, TWO, THREE, FOUR = [-1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 2.0], [1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("name", "a", "b", "value"),
    [
        ("giou_loss", ONE, ONE, 0.0),
        ("giou_loss", ONE, TWO, 0.75),
        ("giou_loss", TWO, THREE, 1.0),
        ("giou_loss", TWO, FOUR, 1.5),
        ("giou_loss", THREE, FOUR, 1.0),
        *(
            (name, *pair)
            for name in ("diou_loss", "ciou_loss")
            for pair in (
                (ONE, ONE, 0.0),
                (ONE, TWO, 0.8125),
                (ONE, THREE, 1.1923076923),
                (ONE, FOUR, 1.25),
            )
        ),
    ],
)
def test_squares_by_hand(name: str, a: list[float], b: list[float], value: float) -> None:
    """13/16 = 3/4 + (1/2) / 8, 31/26 = 1 + (5/2) / 13, 5/4 = 1 + (9/2) / 18; all squares, so that v = 0."""
    assert getattr(L, name)(torch.tensor([a]), torch.tensor([b])).item() == pytest.approx(value, abs=1e-6)


POINT, LINE, BOX = [2.0, 3.0, 2.0, 3.0], [2.0, 3.0, 2.0, 8.0], [0.0, 0.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("a", "b", "values"),
    [
        # equal points overlap nothing, are not apart, and have the angle 0
        (POINT, POINT, (1.0, 1.0, 1.0, 1.0)),
        (LINE, LINE, (1.0, 1.0, 1.0, 1.0)),
        # C is the box itself; centres (2, 3) and (2, 2), c^2 = 32; v = 4/pi^2 (pi/4)^2 = 1/4, alpha = 1/5
        (POINT, BOX, (1.0, 1.0, 1 + 1 / 32, 1 + 1 / 32 + 1 / 20)),
        (BOX, POINT, (1.0, 1.0, 1 + 1 / 32, 1 + 1 / 32 + 1 / 20)),
        # centres (2, 5.5) and (2, 2), around both (0, 0, 4, 8), of which 16 is empty
        (LINE, BOX, (1.0, 1.5, 1 + 12.25 / 80, 1 + 12.25 / 80 + 1 / 20)),
        (BOX, BOX, (0.0, 0.0, 0.0, 0.0)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_boxes_without_area_have_values_and_gradients(
    a: list[float], b: list[float], values: tuple[float, ...], dtype: torch.dtype
) -> None:
    for name, value in zip(NAMES, values, strict=True):
        leaves = [torch.tensor([one], dtype=dtype, requires_grad=True) for one in (a, b)]
        loss = getattr(L, name)(*leaves)
        assert loss.item() == pytest.approx(value, abs=1e-6)
        assert all(slope.isfinite().all() for slope in torch.autograd.grad(loss, leaves))


@pytest.mark.parametrize("size", [1e-45, 1e-38, 1e-30, 1e-20, 1e-12, 1e-5, 1e4])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_at_any_size(name: str, size: float) -> None:
    input, target = (one.float() * size for one in pairs(200))
    for a, b in ((input, target), (input, target / size), (input / size, target), (input, input)):
        leaves = a.clone().requires_grad_(), b.clone().requires_grad_()
        values = getattr(L, name)(*leaves, reduction="none")
        assert values.isfinite().all()
        assert (values > -1e-6).all()
        assert all(slope.isfinite().all() for slope in torch.autograd.grad(values.sum(), leaves))


def test_boxes_apart_have_no_gradient_of_iou_alone() -> None:
    target = torch.tensor([[10.0, 0.0, 11.0, 1.0]])
    for name, moves in (("iou_loss", False), ("giou_loss", True), ("diou_loss", True), ("ciou_loss", True)):
        leaf = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
        (slope,) = torch.autograd.grad(getattr(L, name)(leaf, target), leaf)
        assert bool(slope[0, 2] < 0) is moves  # the right side is drawn to the right


def test_a_box_without_width_can_gain_some() -> None:
    """Were its corners put in order by a minimum and a maximum, which share the slope where they meet, it could not."""
    leaf = torch.tensor([LINE], requires_grad=True)
    (slope,) = torch.autograd.grad(L.giou_loss(leaf, torch.tensor([[5.0, 6.0, 8.0, 9.0]])), leaf)
    assert slope[0, 2].item() == pytest.approx(-5 / 36)  # of 2 - (9 + 5 w) / 36


def test_corners_in_the_wrong_order_are_exchanged() -> None:
    input, target = pairs()
    for name in NAMES:
        expected = getattr(L, name)(input, target, reduction="none")
        for order in ([2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]):
            torch.testing.assert_close(getattr(L, name)(input[:, order], target, reduction="none"), expected)


def test_detectors_divide_by_the_positives() -> None:
    input, target = pairs(4)
    matched = torch.tensor([True, False, True, False])
    each = L.giou_loss(input, target, reduction="none")
    value = L.giou_loss(input, target, mask=matched, denominator=10.0)
    torch.testing.assert_close(value, each[matched].sum() / 10)


def test_shapes_and_options_that_are_wrong() -> None:
    message = r"^giou_loss: input has shape \(3, 5\), expected \(N, 4\)$"
    with pytest.raises(LossError, match=message):
        L.giou_loss(torch.zeros(3, 5), torch.zeros(3, 4))
    with pytest.raises(LossError, match=r"^iou_loss\(mode='square'\): expected one of 'linear', 'log'$"):
        L.iou_loss(torch.zeros(3, 4), torch.zeros(3, 4), mode="square")
