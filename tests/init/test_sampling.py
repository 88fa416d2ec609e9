"""The sampling points of deformable attention, by numpy and by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from firststep import init
from firststep.errors import SchemeError
from firststep.rng import Region


@pytest.mark.parametrize(("heads", "levels", "points"), [(8, 4, 4), (4, 1, 2), (6, 3, 1), (1, 2, 3)])
def test_each_head_looks_in_its_direction(heads: int, levels: int, points: int) -> None:
    angle = 2 * np.pi * np.arange(heads) / heads
    ray = np.stack([np.cos(angle), np.sin(angle)], 1)
    ray /= np.abs(ray).max(1, keepdims=True)
    expected = np.stack([[[(k + 1) * ray[h] for k in range(points)] for _ in range(levels)] for h in range(heads)])

    scheme = init.sampling_offsets(points=points, heads=heads)
    found = scheme.sample((expected.size,), seed=0, dtype=torch.float64)

    np.testing.assert_allclose(found.numpy(), expected.ravel(), rtol=0, atol=1e-14)
    moments = scheme.expected((expected.size,))
    assert moments.mean == pytest.approx(expected.mean(), abs=1e-12)
    assert moments.variance == pytest.approx(expected.var(), rel=1e-12)
    assert (moments.low, moments.high) == pytest.approx((expected.min(), expected.max()))


def test_eight_heads_by_hand() -> None:
    """The square of side 2, gone round; the second point twice as far."""
    found = init.sampling_offsets(points=2, heads=8).sample((32,), seed=0).view(8, 2, 2)
    square = torch.tensor([[1.0, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]])
    assert torch.allclose(found[:, 0], square, rtol=0, atol=1e-6)
    assert torch.allclose(found[:, 1], 2 * square, rtol=0, atol=1e-6)


def test_a_shard_holds_its_part() -> None:
    scheme = init.sampling_offsets(points=2, heads=4)
    whole = scheme.sample((48,), seed=0)
    assert torch.equal(scheme.sample((48,), seed=0, region=Region((48,), (10,), (20,))), whole[10:30])


@pytest.mark.parametrize("options", [{"points": 0}, {"points": 2.5}, {"heads": 0}, {"heads": True}])
def test_impossible_options(options: dict[str, int]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(
        SchemeError, match=re.escape(f"sampling_offsets({name}={value!r}): expected a whole number >= 1")
    ):
        init.sampling_offsets(**options)


def test_impossible_sites() -> None:
    with pytest.raises(
        SchemeError,
        match=r"on a tensor of shape \(30,\): expected one dimension of 4 heads \* levels \* 2 points \* 2",
    ):
        init.sampling_offsets(points=2, heads=4).expected((30,))
    with pytest.raises(
        SchemeError,
        match=r"asks for the number of heads, which cannot be told of a tensor of shape \(32,\). Write heads=",
    ):
        init.sampling_offsets().expected((32,))
