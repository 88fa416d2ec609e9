"""Dice and its kin against loops over pixels, and against the numbers that MONAI's tests hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray
Sums = tuple[float, float, float]

OVERLAPS = ["dice_loss", "jaccard_loss", "generalized_dice_loss", "dice_ce_loss", "tversky_loss", "focal_tversky_loss"]


def probability(scores: Array, activation: str) -> Array:
    """Of one pixel, over its classes."""
    if activation == "sigmoid":
        return np.array([1 / (1 + math.exp(-z)) for z in scores])
    exps = [math.exp(z - max(scores)) for z in scores]
    return np.array(exps) / sum(exps)


def counts(z: Array, y: Array, activation: str, batch: bool) -> list[list[Sums]]:
    """TP, FP and FN for each image (or once) and class, pixel by pixel."""
    n, classes = z.shape[:2]
    table = [[[0.0, 0.0, 0.0] for _ in range(classes)] for _ in range(1 if batch else n)]
    for i in range(n):
        for place in np.ndindex(*z.shape[2:]):
            p = probability(z[(i, slice(None), *place)], activation)
            for c in range(classes):
                hard = y.ndim < z.ndim
                t = float(y[(i, *place)] == c) if hard else y[(i, c, *place)]
                cell = table[0 if batch else i][c]
                cell[0] += min(p[c], t)
                cell[1] += max(p[c] - t, 0)
                cell[2] += max(t - p[c], 0)
    return [[(a, b, c) for a, b, c in row] for row in table]


def kept(row: list[Sums], include_background: bool, absent: str) -> list[bool]:
    return [(absent == "count" or tp + fn > 0) and (include_background or c > 0) for c, (tp, _, fn) in enumerate(row)]


def overlap(
    z: Array,
    y: Array,
    index: Any,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
) -> tuple[Array, Array]:
    table = counts(z, y, activation, batch)
    values = np.array([[1 - index(*cell) for cell in row] for row in table])
    return values, np.array([kept(row, include_background, absent) for row in table])


def dice(z: Array, y: Array, smooth: float = 0.0, **options: Any) -> tuple[Array, Array]:
    return overlap(z, y, lambda tp, fp, fn: (2 * tp + smooth) / (2 * tp + fp + fn + smooth), **options)


def jaccard(z: Array, y: Array, smooth: float = 0.0, **options: Any) -> tuple[Array, Array]:
    return overlap(z, y, lambda tp, fp, fn: (tp + smooth) / (tp + fp + fn + smooth), **options)


def generalized(
    z: Array,
    y: Array,
    weighting: str = "square",
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
) -> tuple[Array, Array]:
    power, values, counted = {"square": 2, "simple": 1, "uniform": 0}[weighting], [], []
    for row in counts(z, y, activation, batch):
        keep = kept(row, include_background, absent)
        weight = [1 / (tp + fn) ** power if tp + fn > 0 else 0.0 for tp, _, fn in row]
        largest = max(w for w, one in zip(weight, keep, strict=True) if one)
        above = below = 0.0
        for w, one, (tp, fp, fn) in zip(weight, keep, row, strict=True):
            if one:
                w = w if tp + fn > 0 else largest
                above, below = above + 2 * w * tp, below + w * (2 * tp + fp + fn)
        values.append(1 - above / below)
        counted.append(any(keep))
    return np.array(values), np.array(counted)


def cross_entropy(z: Array, y: Array, activation: str) -> float:
    """The mean over the pixels of one image."""
    costs = []
    for place in np.ndindex(*z.shape[1:]):
        p = probability(z[(slice(None), *place)], activation)
        label = [float(y[place] == c) for c in range(len(p))] if y.ndim < z.ndim else y[(slice(None), *place)]
        if activation == "softmax":
            costs.append(-sum(t * math.log(q) for t, q in zip(label, p, strict=True)))
        else:
            each = [-t * math.log(q) - (1 - t) * math.log(1 - q) for t, q in zip(label, p, strict=True)]
            costs.append(sum(each) / len(each))
    return sum(costs) / len(costs)


def dice_ce(
    z: Array, y: Array, dice_weight: float = 1.0, ce_weight: float = 1.0, activation: str = "softmax", **options: Any
) -> Array:
    values, keep = dice(z, y, activation=activation, **options)
    overlaps = [row[one].mean() if one.any() else 0.0 for row, one in zip(values, keep, strict=True)]
    costs = [cross_entropy(a, b, activation) for a, b in zip(z, y, strict=True)]
    costs = [sum(costs) / len(costs)] if options.get("batch") else costs
    return np.array([dice_weight * a + ce_weight * b for a, b in zip(overlaps, costs, strict=True)])


SHARED: list[dict[str, Any]] = [
    {},
    {"activation": "sigmoid"},
    {"include_background": False},
    {"absent": "count"},
    {"batch": True},
    {"batch": True, "activation": "sigmoid", "include_background": False, "absent": "count"},
]
SMOOTH: list[dict[str, Any]] = [{"smooth": 0.7}, {"smooth": 1.0, "absent": "count", "batch": True}]
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    *(("dice_loss", dice, options) for options in SHARED + SMOOTH),
    *(("jaccard_loss", jaccard, options) for options in SHARED + SMOOTH),
    *(("generalized_dice_loss", generalized, options) for options in SHARED),
    ("generalized_dice_loss", generalized, {"weighting": "simple", "activation": "sigmoid"}),
    ("generalized_dice_loss", generalized, {"weighting": "uniform", "include_background": False}),
    *(("dice_ce_loss", dice_ce, options) for options in SHARED + SMOOTH),
    ("dice_ce_loss", dice_ce, {"dice_weight": 0.3, "ce_weight": 2.0}),
]


@pytest.mark.parametrize(("name", "reference", "options"), CASES)
def test_values_and_gradients_are_those_of_the_formula(name: str, reference: Any, options: dict[str, Any]) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("options", SHARED[1:])
@pytest.mark.parametrize("name", OVERLAPS)
def test_other_options_are_lawful(name: str, options: dict[str, Any]) -> None:
    laws = [
        "masking",
        "start",
        "minimum",
        "gradcheck",
        "half",
        "compile",
        "vmap",
        "all_masked",
        "empty",
    ]
    check_loss(name, options=options, laws=laws).raise_if_failed()


def scene(n: int = 3, classes: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(n, classes, 4, 5, generator=generator, dtype=torch.float64)
    return input, torch.randint(classes, (n, 4, 5), generator=generator)


def one_hot(target: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(target, classes).movedim(-1, 1).double()


@pytest.mark.parametrize("options", SHARED)
@pytest.mark.parametrize("name", OVERLAPS)
def test_indices_and_one_hot_labels_give_the_same(name: str, options: dict[str, Any]) -> None:
    input, target = scene()
    target[0][target[0] == 2] = 1  # an absent class
    loss = getattr(L, name)
    values = [loss(input, one, reduction="none", **options) for one in (target, one_hot(target, 4))]
    torch.testing.assert_close(*values, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "reference"), [("dice_loss", dice), ("jaccard_loss", jaccard)])
@pytest.mark.parametrize("options", [{}, {"batch": True, "smooth": 0.5}])
def test_soft_labels_take_the_lesser_of_both(name: str, reference: Any, options: dict[str, Any]) -> None:
    input, target = scene()[0], scene(seed=1)[0].softmax(1)
    values = getattr(L, name)(input, target, reduction="none", **options)
    np.testing.assert_allclose(values.numpy(), reference(input.numpy(), target.numpy(), **options)[0], rtol=1e-12)
    leaf = input.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: getattr(L, name)(z, target, **options), leaf)


def test_soft_labels_in_the_other_two() -> None:
    input, target = scene()[0], scene(seed=1)[0].softmax(1)
    for name, reference in (("generalized_dice_loss", lambda z, t: generalized(z, t)[0]), ("dice_ce_loss", dice_ce)):
        values = getattr(L, name)(input, target, reduction="none")
        np.testing.assert_allclose(values.numpy(), reference(input.numpy(), target.numpy()), rtol=1e-12)


@pytest.mark.parametrize("name", ["dice_loss", "jaccard_loss", "generalized_dice_loss", "tversky_loss"])
def test_soft_labels_are_least_where_p_equals_them(name: str) -> None:
    """With products of p and t the least would be at p = 1: Wang et al. 2023."""
    target = torch.tensor([[[0.5, 0.2, 0.9]]])
    at = {
        p: float(getattr(L, name)(torch.logit(torch.tensor(p)).expand(1, 1, 3), target, activation="sigmoid"))
        for p in (0.3, 0.99)
    }
    exact = float(getattr(L, name)(torch.logit(target), target, activation="sigmoid"))
    assert exact == pytest.approx(0, abs=1e-6)
    assert min(at.values()) > 0.1


TWO = torch.tensor([[[-1.0, 0.0, 1.0], [1.0, 0.0, -1.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
TWO_LABELS = torch.tensor([[1, 0, 0], [1, 1, 0]])
CROSS = torch.tensor([[[1.0, -1.0, -1.0, 1.0]]])
CROSS_LABELS = torch.tensor([[[1.0, 0.0, 1.0, 1.0]]])


def test_monai_s_numbers() -> None:
    """From its tests. Its smoothing stands in Tversky's form there: half of ours."""
    one = L.dice_loss(CROSS, CROSS_LABELS, activation="sigmoid", smooth=2e-6)
    assert one.item() == pytest.approx(0.307576, abs=1e-6)
    each = L.dice_loss(TWO, TWO_LABELS, smooth=2e-4, reduction="none")
    torch.testing.assert_close(each, torch.tensor([[0.210961, 0.295339], [0.599952, 0.428547]]), atol=1e-6, rtol=0)
    batch = L.dice_loss(TWO, TWO_LABELS, activation="sigmoid", batch=True, smooth=2e-5)
    assert batch.item() == pytest.approx(0.422979, abs=1e-6)
    # without its smoothing of 1e-4 beside denominators of about 1
    each = L.generalized_dice_loss(TWO, TWO_LABELS, reduction="none")
    torch.testing.assert_close(each, torch.tensor([0.273476, 0.555539]), atol=1e-4, rtol=0)
    sure = torch.tensor([[[0.0, 10.0, 10.0, 10.0], [10.0, 0.0, 0.0, 0.0]]])
    simple = L.generalized_dice_loss(sure, torch.tensor([[1, 1, 0, 0]]), weighting="simple")
    assert simple.item() == pytest.approx(0.250023, abs=1e-6)


def test_sure_predictions_give_scikit_learn_s_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    target, guess = torch.randint(3, (2, 40), generator=generator), torch.randint(3, (2, 40), generator=generator)
    input = 200 * one_hot(guess, 3)
    each: Any = {"average": None}
    for i in range(2):
        pair = target[i].numpy(), guess[i].numpy()
        f1 = sklearn.metrics.f1_score(*pair, **each)
        iou = sklearn.metrics.jaccard_score(*pair, **each)
        np.testing.assert_allclose(1 - L.dice_loss(input, target, reduction="none")[i].numpy(), f1, rtol=1e-12)
        np.testing.assert_allclose(1 - L.jaccard_loss(input, target, reduction="none")[i].numpy(), iou, rtol=1e-12)


def test_published_values_at_the_start() -> None:
    """A foreground of 10 % and of 1 % of the image, at p = 1/2: 1 - f / (f + 1/2)."""
    for share, value in ((0.1, 0.8333), (0.01, 0.9804)):
        target = (torch.arange(100) < 100 * share).float().reshape(1, 1, 100)
        assert L.dice_loss(torch.zeros(1, 1, 100), target, activation="sigmoid").item() == pytest.approx(
            value, abs=1e-4
        )


def test_an_absent_class() -> None:
    input, target = torch.zeros(1, 2, 4, requires_grad=True), torch.zeros(1, 4, dtype=torch.long)
    each = L.dice_loss(input, target, reduction="none")  # p = 1/2: the class that is there has 1 - 2 * 2 / (2 + 4)
    torch.testing.assert_close(each, torch.tensor([[1 / 3, 0.0]]))
    assert L.dice_loss(input, target).item() == pytest.approx(1 / 3)
    assert L.dice_loss(input, target, absent="count").item() == pytest.approx((1 / 3 + 1) / 2)
    assert L.dice_loss(input, target, absent="count", smooth=1.0).item() == pytest.approx(
        ((1 - 5 / 7) + (1 - 1 / 3)) / 2
    )
    assert L.dice_loss(input, target, include_background=False).item() == 0
    total = L.dice_loss(input, target, reduction="total")
    assert total.count.item() == 1


def test_an_image_without_foreground_teaches_only_with_smoothing() -> None:
    input, target = torch.zeros(1, 1, 4, requires_grad=True), torch.zeros(1, 1, 4)
    slopes = {}
    for key, options in {
        "skip": {},
        "count": {"absent": "count"},
        "smooth": {"absent": "count", "smooth": 1.0},
    }.items():
        (slope,) = torch.autograd.grad(L.dice_loss(input, target, activation="sigmoid", **options), input)
        slopes[key] = float(slope.abs().max())
    assert slopes["skip"] == slopes["count"] == 0
    assert slopes["smooth"] == pytest.approx(0.25 / 9)  # of 2 / 3 = 1 - 1 / (1 + sum p), by p, times p (1 - p)


def test_the_batch_counts_as_one_image() -> None:
    input, target = scene()
    together = input.movedim(0, 1).flatten(1).unsqueeze(0), target.flatten().unsqueeze(0)
    for name in OVERLAPS:
        loss = getattr(L, name)
        whole = loss(input, target, batch=True, reduction="none")
        assert len(whole) == 1
        torch.testing.assert_close(whole, loss(*together, reduction="none"), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", OVERLAPS)
def test_ignored_pixels_change_nothing(name: str, soft: bool, batch: bool) -> None:
    """Half the columns are ignored, of which the logits and labels are then changed."""
    input, target = scene()
    target = one_hot(target, 4) if soft else target
    loss, mask = getattr(L, name), torch.zeros(3, 4, 5, dtype=torch.bool)
    mask[..., :2] = True
    expected = loss(input[..., :2], target[..., :2], reduction="none", batch=batch)
    leaf = (input + 50 * (~mask).unsqueeze(1)).requires_grad_()
    values = loss(leaf, target, mask=mask, reduction="none", batch=batch)
    torch.testing.assert_close(values, expected, rtol=1e-12, atol=1e-14)
    (slope,) = torch.autograd.grad(values.sum(), leaf)
    assert torch.equal(slope[..., 2:], torch.zeros_like(slope[..., 2:]))
    assert slope[..., :2].abs().sum() > 0
    if not soft:
        ignored = torch.where(mask, target, 255)
        torch.testing.assert_close(loss(input, ignored, ignore_index=255, reduction="none", batch=batch), values)


@pytest.mark.parametrize("name", OVERLAPS)
def test_an_image_that_is_ignored_as_a_whole_is_not_there(name: str) -> None:
    input, target = scene()
    for options in ({}, {"absent": "count", "include_background": False}):
        target[1] = -100
        value = getattr(L, name)(input, target, **options)
        torch.testing.assert_close(value, getattr(L, name)(input[[0, 2]], target[[0, 2]], **options))


@pytest.mark.parametrize("size", [1.0, 90.0, 1e4])
@pytest.mark.parametrize("name", OVERLAPS)
def test_float32_is_finite_however_sure_the_model(name: str, size: float) -> None:
    input, target = scene()
    for labels in (target, one_hot(target, 4).float()):
        for activation in ("softmax", "sigmoid"):
            leaf = (size * input).float().requires_grad_()
            value = getattr(L, name)(leaf, labels, activation=activation)
            exact = getattr(L, name)((size * input).float().double(), labels, activation=activation)
            assert value.item() == pytest.approx(exact.item(), rel=1e-5)
            assert torch.autograd.grad(value, leaf)[0].isfinite().all()
    perfect = (2 * size * one_hot(target, 4) - size).float().requires_grad_()
    value = getattr(L, name)(perfect, target)
    assert value.item() >= -1e-6
    assert torch.autograd.grad(value, perfect)[0].isfinite().all()


def test_many_pixels_add_up_in_float32() -> None:
    """20 million ones, added one after the other in float32, stop at 2^24."""
    pixels = 20_000_000
    input = torch.tensor([[30.0], [-30.0]]).expand(2, pixels).unsqueeze(0)
    with torch.no_grad():
        value = L.dice_loss(input, torch.zeros(1, 1, dtype=torch.long).expand(1, pixels))
    assert value.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("name", OVERLAPS)
def test_many_labels_for_one_image_and_forward_derivatives(name: str) -> None:
    input, target = scene()
    loss, others = getattr(L, name), torch.stack((target, (target + 1) % 4))
    mapped = torch.vmap(loss, in_dims=(None, 0))(input, others)
    torch.testing.assert_close(mapped, torch.stack([loss(input, one) for one in others]))
    leaf, along = input.clone().requires_grad_(), torch.randn_like(input)
    value, slope, *_ = torch.func.jvp(lambda z: loss(z, target), (input,), (along,))
    torch.testing.assert_close(value, loss(input, target))
    torch.testing.assert_close(slope, (torch.autograd.grad(loss(leaf, target), leaf)[0] * along).sum())


def test_vectors_without_pixels() -> None:
    input, target = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    p = torch.sigmoid(torch.tensor(2.0))
    expected = torch.stack((1 - 2 * p / (1 + p), torch.tensor(1 / 3)))
    torch.testing.assert_close(L.dice_loss(input, target, reduction="none")[[0, 1], target], expected)


def test_per_image_weights() -> None:
    input, target = scene()
    each = L.dice_loss(input, target, reduction="none")
    value = L.dice_loss(input, target, weight=torch.tensor([1.0, 0.0, 3.0]))
    torch.testing.assert_close(value, (each[0].mean() + 3 * each[2].mean()) / 4)


@pytest.mark.parametrize("name", OVERLAPS)
def test_one_channel_is_a_foreground_and_not_a_class(name: str) -> None:
    loss, input = getattr(L, name), torch.zeros(2, 1, 4)
    message = (
        rf'^{name}: a softmax over one class is 1 everywhere\. Type activation="sigmoid" for a single foreground, and '
        r"target as 0\. and 1\. in the shape of input$"
    )
    with pytest.raises(LossError, match=message):
        loss(input, torch.zeros(2, 4, dtype=torch.long))
    message = (
        rf"^{name}: input has one channel and target holds class indices, of which there is only 0\. "
        r"Type target\.unsqueeze\(1\)\.float\(\) if it is 0 and 1$"
    )
    with pytest.raises(LossError, match=message):
        loss(input, torch.ones(2, 4, dtype=torch.long), activation="sigmoid")
    message = rf"^{name}\(include_background=False\) leaves no class: input has one channel$"
    with pytest.raises(LossError, match=message):
        loss(input, torch.ones(2, 1, 4), activation="sigmoid", include_background=False)


def test_options_out_of_range() -> None:
    input, target = scene()
    with pytest.raises(LossError, match=r"^dice_loss\(activation='relu'\): expected one of 'softmax', 'sigmoid'$"):
        L.dice_loss(input, target, activation="relu")
    with pytest.raises(LossError, match=r"^dice_loss\(smooth=-1\.0\): expected a number >= 0$"):
        L.dice_loss(input, target, smooth=-1.0)
    with pytest.raises(LossError, match=r"^jaccard_loss\(absent='zero'\): expected one of 'skip', 'count'$"):
        L.jaccard_loss(input, target, absent="zero")
    message = r"^generalized_dice_loss\(weighting='cube'\): expected one of 'square', 'simple', 'uniform'$"
    with pytest.raises(LossError, match=message):
        L.generalized_dice_loss(input, target, weighting="cube")


def test_the_rarest_class_of_a_large_image_does_not_overflow() -> None:
    """Soft labels of 1e-25: the square of the inverse is beyond float32."""
    target = torch.tensor([[[1e-25, 0.0], [1 - 1e-25, 1.0]]])
    leaf = torch.zeros(1, 2, 2, requires_grad=True)
    value = L.generalized_dice_loss(leaf, target)
    assert value.isfinite()
    assert torch.autograd.grad(value, leaf)[0].isfinite().all()


def test_an_empty_image_that_a_sure_model_leaves_empty_has_finite_derivatives() -> None:
    """The soft count of its pixels is 6e-38, of which no reciprocal's square is finite in float32."""
    input, target = torch.full((1, 1, 4), -87.5, requires_grad=True), torch.zeros(1, 1, 4)
    value = L.generalized_dice_loss(input, target, activation="sigmoid", absent="count")
    (gradient,) = torch.autograd.grad(value, input, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), input)
    assert value.item() == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert second.isfinite().all()
