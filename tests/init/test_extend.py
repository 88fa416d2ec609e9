"""Embeddings that grow: old rows kept, new ones drawn around their mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from firststep import init


def table(rows: int, columns: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_extend_embedding_copies_the_old_and_draws_around_their_mean() -> None:
    """n = 4000 new rows, seed fixed. Mean and covariance at 5 standard errors, 14 numbers: false failure below 1e-5."""
    old = table(10, 4, torch.float64)
    n, spread = 4000, 0.25
    generator = torch.Generator().manual_seed(3)
    new = init.extend_embedding_(torch.empty(10 + n, 4, dtype=torch.float64), old, spread=spread, generator=generator)
    assert torch.equal(new[:10], old)
    covariance = spread * torch.cov(old.T, correction=0)
    error = (new[10:].mean(0) - old.mean(0)).abs()
    assert (error < 5 * (covariance.diagonal() / n).sqrt()).all()
    product = covariance.diagonal()[:, None] * covariance.diagonal()
    error = (torch.cov(new[10:].T) - covariance).abs()
    assert (error < 5 * ((product + covariance**2) / n).sqrt()).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_extend_embedding_in_any_dtype(dtype: torch.dtype) -> None:
    old = table(6, 3, dtype)
    weight = nn.Parameter(torch.empty(8, 3, dtype=dtype))
    assert init.extend_embedding_(weight, old) is weight
    assert weight.requires_grad
    assert weight.grad_fn is None
    assert torch.equal(weight[:6], old)
    torch.testing.assert_close(weight[6:].detach(), old.mean(0).expand(2, 3), atol=2e-2, rtol=0)


def test_extend_embedding_reproduces() -> None:
    old = table(6, 3)
    torch.manual_seed(5)
    first = init.extend_embedding_(torch.empty(9, 3), old)
    torch.manual_seed(5)
    assert torch.equal(init.extend_embedding_(torch.empty(9, 3), old), first)
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(init.extend_embedding_(torch.empty(9, 3), old, generator=generator), first)
    assert not torch.equal(first[6], first[7])


def test_extend_embedding_by_nothing_draws_nothing() -> None:
    old = table(6, 3)
    state = torch.get_rng_state()
    assert torch.equal(init.extend_embedding_(torch.empty(6, 3), old), old)
    assert init.extend_embedding_(torch.empty(8, 3, device="meta"), old).is_meta
    assert torch.equal(torch.get_rng_state(), state)


def test_extend_embedding_of_a_single_row_repeats_it() -> None:
    old = table(1, 3)
    assert torch.equal(init.extend_embedding_(torch.empty(3, 3), old), old.expand(3, 3))
