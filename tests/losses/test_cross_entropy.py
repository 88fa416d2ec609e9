"""Cross-entropy in its three forms, against SciPy and, bit for bit, torch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as L
from firststep.testing import check_loss

Array = np.ndarray


def cross_entropy(z: Array, y: Array, label_smoothing: float = 0.0) -> Array:
    values = []
    for row, label in zip(z, y, strict=True):
        cost = -special.log_softmax(row)
        values.append((1 - label_smoothing) * cost[label] + label_smoothing * cost.mean())
    return np.array(values)


def soft_target_cross_entropy(z: Array, q: Array) -> Array:
    values = []
    for row, weights in zip(z, q, strict=True):
        total = np.exp(row).sum()
        values.append(sum(-w * (score - math.log(total)) for score, w in zip(row, weights, strict=True)))
    return np.array(values)


def binary(z: Array, t: Array, pos_weight: Any = 1.0) -> Array:
    values = np.empty(z.shape)
    for index in np.ndindex(*z.shape):
        p = 1 / (1 + math.exp(-z[index]))
        weight = np.broadcast_to(pos_weight, z.shape)[index]
        values[index] = -weight * t[index] * math.log(p) - (1 - t[index]) * math.log(1 - p)
    return values


REFERENCES: list[tuple[str, Any, dict[str, Any]]] = [
    ("cross_entropy", cross_entropy, {}),
    ("cross_entropy", cross_entropy, {"label_smoothing": 0.1}),
    ("cross_entropy", cross_entropy, {"label_smoothing": 1.0}),
    ("soft_target_cross_entropy", soft_target_cross_entropy, {}),
    ("binary_cross_entropy_with_logits", binary, {}),
    ("binary_cross_entropy_with_logits", binary, {"pos_weight": 3.0}),
    ("binary_cross_entropy_with_logits", binary, {"pos_weight": torch.tensor([1.0, 2.0, 0.5, 4.0, 3.0])}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(name: str, reference: Any, options: dict[str, Any]) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("smoothing", [0.1, 0.7])
def test_smoothing_is_lawful(smoothing: float) -> None:
    check_loss("cross_entropy", options={"label_smoothing": smoothing}).raise_if_failed()


def scores(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    return 5 * torch.randn(shape, generator=generator), target


def with_gradient(function: Any, input: Tensor) -> tuple[Tensor, Tensor]:
    leaf = input.clone().requires_grad_()
    value = function(leaf)
    return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


@pytest.mark.parametrize("shape", [(64, 10), (8, 7, 5), (4, 6, 5, 3), (2, 4, 3, 2, 2)])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_to_torch_to_the_last_bit(shape: tuple[int, ...], ignored: bool, dtype: torch.dtype) -> None:
    input, target = scores(*shape)
    input = input.to(dtype)
    if ignored:
        target[torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = -100
    for reduction in ("mean", "sum", "none"):
        ours = with_gradient(lambda z, r=reduction: L.cross_entropy(z, target, reduction=r), input)
        theirs = with_gradient(lambda z, r=reduction: F.cross_entropy(z, target, reduction=r), input)
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize("shape", [(64, 10), (4, 6, 5, 3)])
def test_class_weights_are_torchs(shape: tuple[int, ...]) -> None:
    input, target = scores(*shape)
    target[0] = -100
    weight = torch.linspace(0.5, 2.0, shape[1])
    ours = with_gradient(lambda z: L.cross_entropy(z, target, class_weight=weight, reduction="none"), input)
    theirs = with_gradient(lambda z: F.cross_entropy(z, target, weight=weight, reduction="none"), input)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    for reduction in ("mean", "sum"):  # the same sum in another order
        ours = with_gradient(lambda z, r=reduction: L.cross_entropy(z, target, class_weight=weight, reduction=r), input)
        theirs = with_gradient(lambda z, r=reduction: F.cross_entropy(z, target, weight=weight, reduction=r), input)
        torch.testing.assert_close(ours[0], theirs[0], rtol=1e-6, atol=0)
        torch.testing.assert_close(ours[1], theirs[1], rtol=1e-6, atol=1e-9)


def test_another_ignored_index_and_none() -> None:
    input, target = scores(6, 4)
    ours = L.cross_entropy(input, target, ignore_index=2)
    assert torch.equal(ours, F.cross_entropy(input, target, ignore_index=2))
    assert L.cross_entropy(input, torch.full_like(target, 2), ignore_index=2) == 0
    target[0] = -100
    with pytest.raises(IndexError):
        L.cross_entropy(input, target, ignore_index=None)


def test_smoothing_equals_torchs_where_all_classes_can_be() -> None:
    input, target = scores(64, 10)
    ours = with_gradient(lambda z: L.cross_entropy(z, target, label_smoothing=0.3), input)
    theirs = with_gradient(lambda z: F.cross_entropy(z, target, label_smoothing=0.3), input)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_a_class_that_cannot_be_takes_no_share_of_the_smoothing() -> None:
    input, target = scores(16, 6)
    target = target.clamp(max=3)
    masked = input.clone()
    masked[:, 4:] = -math.inf
    assert F.cross_entropy(masked, target, label_smoothing=0.2) == math.inf
    value, gradient = with_gradient(lambda z: L.cross_entropy(z, target, label_smoothing=0.2), masked)
    expected, slope = with_gradient(lambda z: L.cross_entropy(z, target, label_smoothing=0.2), input[:, :4])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient[:, :4], slope)
    assert torch.equal(gradient[:, 4:], torch.zeros(16, 2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_label_itself_cannot_be(smoothing: float) -> None:
    input = torch.tensor([[0.0, -math.inf, 1.0]])
    assert L.cross_entropy(input, torch.tensor([1]), label_smoothing=smoothing) == math.inf


def test_an_impossible_class_of_no_target_costs_nothing() -> None:
    input = torch.tensor([[2.0, 0.0, -math.inf]], dtype=torch.float64)
    target = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64)
    assert F.cross_entropy(input, target).isnan()
    value, gradient = with_gradient(lambda z: L.soft_target_cross_entropy(z, target), input)
    assert value.item() == pytest.approx(math.log(1 + math.exp(-2)) + 0.3 * 2, rel=1e-14)
    p = special.expit(2.0)
    assert gradient.numpy() == pytest.approx(np.array([[p - 0.7, 0.7 - p, 0.0]]), abs=1e-15)


def test_an_impossible_class_with_a_target_costs_the_largest_number() -> None:
    input = torch.tensor([[2.0, 0.0, -math.inf]])
    cost = L.soft_target_cross_entropy(input, torch.tensor([[0.5, 0.0, 0.5]]))
    assert cost > 1e38


@pytest.mark.parametrize(
    ("name", "options"), [("soft_target_cross_entropy", {}), ("cross_entropy", {"label_smoothing": 0.1})]
)
def test_nan_stays_nan(name: str, options: dict[str, Any]) -> None:
    input = torch.tensor([[1.0, math.nan, -math.inf], [0.0, 0.0, 0.0]])
    target = torch.tensor([[1.0, 0.0, 0.0]] * 2) if name.startswith("soft") else torch.zeros(2, dtype=torch.long)
    values = getattr(L, name)(input, target, reduction="none", **options)
    assert values.isnan().tolist() == [True, False]


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
def test_forward_mode_and_hessian_agree_with_torch() -> None:
    input, target = scores(3, 4)
    input, soft = input.double(), torch.full((3, 4), 0.25, dtype=torch.float64)
    for ours, theirs in (
        (lambda z: L.soft_target_cross_entropy(z, soft), lambda z: F.cross_entropy(z, soft)),
        (
            lambda z: L.cross_entropy(z, target, label_smoothing=0.2),
            lambda z: F.cross_entropy(z, target, label_smoothing=0.2),
        ),
    ):
        torch.testing.assert_close(torch.func.hessian(ours)(input), torch.func.hessian(theirs)(input))


@pytest.mark.parametrize(
    ("name", "options"), [("soft_target_cross_entropy", {}), ("cross_entropy", {"label_smoothing": 0.1})]
)
def test_compiled_gradients_are_the_eager_ones(name: str, options: dict[str, Any]) -> None:
    input, target = scores(5, 4)
    input[0, 3], target[0] = -math.inf, 1
    target = F.one_hot(target, 4).float() if name.startswith("soft") else target
    function = lambda z: getattr(L, name)(z, target, **options)  # noqa: E731
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(with_gradient(compiled, input), with_gradient(function, input))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_is_torchs_to_the_last_bit(dtype: torch.dtype, weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    input, target = 20 * torch.randn(50, 7, generator=generator), torch.rand(50, 7, generator=generator)
    input, target = input.to(dtype), target.to(dtype)
    weight = torch.linspace(0.5, 3, 7, dtype=dtype) if weighted else None
    for reduction in ("mean", "sum", "none"):
        ours, theirs = (
            with_gradient(lambda z, f=f, r=reduction: f(z, target, pos_weight=weight, reduction=r), input)
            for f in (L.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits)
        )
        assert torch.equal(ours[0], theirs[0])
        if reduction == "mean":  # torch divides by the number after, not before, the slope
            torch.testing.assert_close(ours[1], theirs[1], rtol=1e-6, atol=0)
        else:
            assert torch.equal(ours[1], theirs[1])


def test_binary_at_infinite_logits() -> None:
    input = torch.tensor([-math.inf, 1.0], requires_grad=True)
    target = torch.zeros(2)
    assert L.binary_cross_entropy_with_logits(input, target).isnan()  # the declared hazard
    value = L.binary_cross_entropy_with_logits(input, target, mask=torch.tensor([False, True]))
    assert value.item() == pytest.approx(special.log1p(math.e))
    assert torch.autograd.grad(value, input)[0].numpy() == pytest.approx([0.0, special.expit(1.0)])


def test_published_numbers() -> None:
    # ln C for an untrained model over ImageNet and over GPT-2's vocabulary, and the floor after a needless softmax
    for classes, cost in ((1000, 6.907755), (50257, 10.824905)):
        assert L.cross_entropy(torch.zeros(1, classes), torch.zeros(1).long()).item() == pytest.approx(cost, abs=1e-5)
    best = F.one_hot(torch.tensor([3]), 10).float()
    assert L.cross_entropy(best, torch.tensor([3])).item() == pytest.approx(1.461150, abs=1e-6)


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_smoothing_out_of_range(value: float) -> None:
    with pytest.raises(LossError, match=r"expected 0 <= label_smoothing <= 1"):
        L.cross_entropy(torch.zeros(1, 2), torch.tensor([0]), label_smoothing=value)


def test_negative_pos_weight() -> None:
    with pytest.raises(LossError, match=r"pos_weight=-1.0\): expected a number >= 0"):
        L.binary_cross_entropy_with_logits(torch.zeros(2), torch.zeros(2), pos_weight=-1.0)


def test_sums_over_parts_of_a_batch_are_those_of_the_whole() -> None:
    input, target = scores(12, 5)
    target[::4] = -100
    whole = L.cross_entropy(input, target, label_smoothing=0.1)
    parts = [
        L.cross_entropy(input[a:b], target[a:b], label_smoothing=0.1, reduction="total")
        for a, b in itertools.pairwise((0, 3, 8, 12))
    ]
    torch.testing.assert_close(sum(parts).mean(), whole)
