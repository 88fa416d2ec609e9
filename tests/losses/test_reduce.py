"""The reducer against sums written out, and totals that add over parts, steps and ranks."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, multiprocessing

from firststep import LossError, losses
from firststep.losses import Total, functional, reduce

VALUES = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]], dtype=torch.float64)
WEIGHT = torch.tensor([3.0, 1.0], dtype=torch.float64)
MASK = torch.tensor([[True, False, True], [True, True, False]])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 63 / 6),
        ({"reduction": "sum"}, 63.0),
        ({"mask": MASK}, (1 + 4 + 8 + 16) / 4),
        ({"weight": WEIGHT}, (3 * 7 + 56) / (9 + 3)),
        ({"weight": WEIGHT, "mask": MASK}, (3 * 5 + 24) / (3 * 2 + 2)),
        ({"weight": WEIGHT, "mask": MASK, "denominator": "valid"}, (3 * 5 + 24) / 4),
        ({"weight": WEIGHT, "mask": MASK, "denominator": "elements"}, (3 * 5 + 24) / 6),
        ({"weight": WEIGHT, "denominator": "batch"}, (3 * 7 + 56) / 2),
        ({"denominator": 10}, 6.3),
        ({"denominator": torch.tensor(21.0, dtype=torch.float64)}, 3.0),
        ({"mask": MASK, "reduction": "sum"}, 29.0),
        ({"mask": torch.tensor([False, True])}, 56 / 3),
    ],
)
def test_each_denominator_is_what_its_name_says(options: dict[str, object], expected: float) -> None:
    assert float(reduce(VALUES, **options)) == pytest.approx(expected, rel=1e-12)  # pyright: ignore


def test_none_gives_the_terms_of_the_sum() -> None:
    terms = reduce(VALUES, reduction="none", weight=WEIGHT, mask=MASK)

    assert terms.tolist() == [[3.0, 0.0, 12.0], [8.0, 16.0, 0.0]]


def test_total_is_numerator_and_denominator() -> None:
    total = reduce(VALUES, reduction="total", weight=WEIGHT, mask=MASK)

    assert (float(total.sum), float(total.count)) == (39.0, 8.0)


@pytest.mark.parametrize("empty", [0.0, math.nan, 7.0])
def test_nothing_that_counts_gives_what_is_asked_with_a_zero_gradient(empty: float) -> None:
    values = VALUES.clone().requires_grad_()

    mean = reduce(values, mask=torch.zeros_like(MASK), empty=empty)
    (gradient,) = torch.autograd.grad(mean, values)

    shown = float(mean.detach())
    assert math.isnan(shown) if math.isnan(empty) else shown == empty
    assert gradient.tolist() == torch.zeros_like(VALUES).tolist()


def test_what_is_masked_has_no_influence_even_when_it_is_huge() -> None:
    values = torch.tensor([1.0, 3.0e38, 3.0], requires_grad=True)

    mean = reduce(values, mask=torch.tensor([True, False, True]))
    (gradient,) = torch.autograd.grad(mean, values)

    assert float(mean.detach()) == 2.0
    assert gradient.tolist() == [0.5, 0.0, 0.5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.data())
def test_parts_add_to_the_whole_however_they_are_cut(rows: list[tuple[float, int, bool]], data: st.DataObject) -> None:
    values, weight, mask = (
        torch.tensor(column, dtype=dtype)
        for column, dtype in zip(zip(*rows, strict=True), (torch.float64, torch.float64, torch.bool), strict=True)
    )
    cut = data.draw(st.integers(0, len(rows)))

    parts = [
        reduce(values[i], reduction="total", weight=weight[i], mask=mask[i])
        for i in (slice(None, cut), slice(cut, None))
    ]

    kept = [(value, k) for value, k, counts in rows if counts]
    expected = sum(value * k for value, k in kept) / (sum(k for _, k in kept) or 1)
    assert float(sum(parts).mean()) == pytest.approx(expected, rel=1e-12, abs=1e-12)  # pyright: ignore
    assert float(reduce(values, weight=weight, mask=mask)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction": "avg"}, "focal(reduction='avg'): expected one of 'mean', 'sum', 'none', 'total'"),
        (
            {"denominator": "tokens"},
            (
                "focal(denominator='tokens'): expected one of 'weight', 'valid', 'elements', 'batch', a "
                "number or a tensor"
            ),
        ),
        ({"mask": torch.ones(2)}, "focal: mask is float32, expected bool, True where a value counts. Type mask.bool()"),
        (
            {"mask": torch.ones(3, dtype=torch.bool)},
            "focal: mask has shape (3,) for values of shape (2, 3): expected that shape or its first axes",
        ),
        (
            {"weight": torch.ones(())},
            "focal: weight has shape () for values of shape (2, 3): expected that shape or its first axes",
        ),
    ],
)
def test_wrong_questions_are_answered_with_what_to_type(options: dict[str, object], message: str) -> None:
    with pytest.raises(LossError, match=f"^{re.escape(message)}$"):
        reduce(VALUES, name="focal", **options)  # pyright: ignore


def accumulate(reduction_window: list[Tensor], count: Tensor) -> Tensor:
    """The gradient of a window of micro-batches, each divided by the tokens of the whole window."""
    weight = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    for x in reduction_window:
        target = torch.arange(len(x)) % 3
        functional.cross_entropy(x @ weight, target, denominator=count).backward()
    assert weight.grad is not None
    return weight.grad


def test_accumulated_steps_of_unequal_size_are_one_large_step() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    count = torch.tensor(12.0, dtype=torch.float64)
    parts = [x[:3], x[3:9], x[9:]]  # 0, 3 and 9 are multiples of 3: the targets go on

    assert torch.allclose(accumulate(parts, count), accumulate([x], count), rtol=1e-12)


def rank(index: int, file: str, results: str) -> None:
    """One of two ranks with unequal batches."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=index, world_size=2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(10, 3, generator=generator, dtype=torch.float64)
    target = torch.arange(10) % 3
    mine = slice(0, 3) if index == 0 else slice(3, 10)
    logits = x[mine].clone().requires_grad_()
    total = functional.cross_entropy(logits, target[mine], reduction="total").all_reduce()
    mean = total.mean()
    mean.backward()
    torch.save((mean.detach(), logits.grad), f"{results}.{index}")
    torch.distributed.destroy_process_group()


def test_two_ranks_of_unequal_size_are_one(tmp_path: Path) -> None:
    multiprocessing.spawn(rank, args=(str(tmp_path / "init"), str(tmp_path / "out")), nprocs=2)
    (first, slope_a), (second, slope_b) = (torch.load(tmp_path / f"out.{index}") for index in (0, 1))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(10, 3, generator=generator, dtype=torch.float64).requires_grad_()
    whole = torch.nn.functional.cross_entropy(x, torch.arange(10) % 3)
    whole.backward()

    assert float(first) == float(second) == pytest.approx(float(whole.detach()), rel=1e-12)
    assert x.grad is not None
    assert torch.allclose(torch.cat((slope_a, slope_b)), x.grad, rtol=1e-12)


def test_a_total_is_summed_by_sum() -> None:
    parts = [Total(torch.tensor(2.0), torch.tensor(1.0))] * 3

    total = sum(parts)

    assert total == losses.Total(torch.tensor(6.0), torch.tensor(3.0))
