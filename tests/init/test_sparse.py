"""Sparse matrices: exactly so many zeros in each column, in places drawn uniformly."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import _sparse


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(0, 20), columns=st.integers(0, 20), sparsity=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_each_column_has_exactly_so_many_zeros(rows: int, columns: int, sparsity: float, seed: int) -> None:
    w = init.sparse(sparsity=sparsity, std=2.0).sample((rows, columns), seed=seed)
    assert ((w == 0).sum(0) == math.ceil(sparsity * rows)).all()


def test_the_other_values_are_those_of_the_normal() -> None:
    w = init.sparse(sparsity=0.3, std=0.5).sample((50, 20), seed=0, name="w")
    normal = init.normal(std=0.5).sample((50, 20), seed=0, name="w")
    assert torch.equal(w[w != 0], normal[w != 0])


def test_every_set_of_rows_comes_up_as_often() -> None:
    """n = 20,000 columns of 5 rows, 2 zeros: 10 sets; chi-squared at 1e-4, seed fixed. Neighbours are independent."""
    w = init.sparse(sparsity=0.4).sample((5, 20_000), seed=1)
    sets = (w == 0).long().mul(2 ** torch.arange(5).unsqueeze(1)).sum(0)
    _, counts = sets.unique(return_counts=True)
    assert len(counts) == 10
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    pairs = sets[:-1:2] * 32 + sets[1::2]
    _, counts = pairs.unique(return_counts=True)
    assert len(counts) == 100
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4


def test_moments() -> None:
    """Variance std^2 (1 - z) and kurtosis 3 / (1 - z), with the share of zeros z exact.

    n = 1e6, seed fixed, at 5 standard errors (6e-7 each); for the kurtosis those of a normal's fourth moment, 105 / 9.
    """
    scheme, shape = init.sparse(sparsity=0.25, std=0.1), (1000, 1000)
    expected = scheme.expected(shape)
    assert expected.variance == pytest.approx(0.01 * 0.75)
    assert expected.kurtosis == pytest.approx(3 / 0.75)
    w = scheme.sample(shape, seed=0, dtype=torch.float64)
    n = w.numel()
    assert abs(w.mean().item()) < 5 * math.sqrt(expected.variance / n)
    assert abs(w.square().mean().item() / expected.variance - 1) < 5 * math.sqrt((expected.kurtosis - 1) / n)
    kurtosis = w.pow(4).mean().item() / expected.variance**2
    assert kurtosis == pytest.approx(expected.kurtosis, rel=5 * math.sqrt(105 / 9 / (0.75 * n)))


def test_the_ends_of_the_scale() -> None:
    assert not init.sparse(sparsity=1).sample((3, 4), seed=0).any()
    assert init.sparse(sparsity=0).sample((3, 4), seed=0).all()
    assert init.sparse(sparsity=1).expected((3, 4)).variance == 0.0
    assert init.sparse(sparsity=0.5, std=0.0).expected((3, 4)).variance == 0.0


@settings(max_examples=60, deadline=None)
@given(data=st.data(), dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]))
def test_regions_equal_slices(data: st.DataObject, dtype: torch.dtype) -> None:
    scheme, shape = init.sparse(sparsity=0.4), (7, 9)
    region = rng.Region.whole(shape)
    for dim, extent in enumerate(shape):
        start = data.draw(st.integers(0, extent))
        region = region.narrow(dim, start, data.draw(st.integers(0, extent - start)))
    slices = tuple(slice(o, o + s) for o, s in zip(region.offsets, region.sizes, strict=True))
    whole = scheme.sample(shape, seed=5, dtype=dtype)
    assert torch.equal(scheme.sample(shape, seed=5, dtype=dtype, region=region), whole[slices])


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = init.sparse(sparsity=0.4).sample((7, 9), seed=0)
    monkeypatch.setattr(_sparse, "_CHUNK", 15)
    assert torch.equal(init.sparse(sparsity=0.4).sample((7, 9), seed=0), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: init.sparse(sparsity=1.5),
            "sparse(sparsity=1.5): expected the fraction of zeros in each column, from 0 to 1",
        ),
        (lambda: init.sparse(sparsity=math.nan), "sparse(sparsity=nan): expected a finite number"),
        (lambda: init.sparse(sparsity=0.5, std=-1.0), "sparse(std=-1.0): expected a number >= 0"),
        (
            lambda: init.sparse(sparsity=0.5).sample((3,), seed=0),
            "sparse(sparsity=0.5) fills matrices, and a tensor of shape (3,) is none: expected 2 dimensions. "
            "Use init.normal(std=...) here",
        ),
    ],
)
def test_errors(make: object, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        make()  # type: ignore[operator]
    assert str(error.value) == message
