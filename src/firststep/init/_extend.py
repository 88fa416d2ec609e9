"""New rows for an embedding that grows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError


def extend_embedding_(
    new: Tensor, old: Tensor, *, spread: float = 1e-9, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a larger embedding: the old rows first, then rows drawn around their mean.

        w_new ~ N(mean(old), spread * Cov(old))

    so that a new token starts out as an average one and changes the others' probabilities as little as it can. Drawn as
    ``mean + sqrt(spread / n) z (old - mean)`` with ``z ~ N(0, I)``, which needs no positive definite covariance and no
    fall-back where there is none.

    Args:
        new: ``[rows, d]``, filled in place; any floating dtype.
        old: ``[n, d]``, n <= rows.
        spread: factor of the covariance; 0 for the mean itself.
        generator: where the seed is drawn from, by default torch's own.

    Returns:
        ``new``.

    Raises:
        SchemeError: when shapes or dtypes do not fit, or ``old`` has no row; ``new`` is untouched.

    >>> old = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    >>> extend_embedding_(torch.empty(3, 2), old, spread=0.0)
    tensor([[1., 0.],
            [3., 4.],
            [2., 2.]])

    Source: Hewitt 2021, Initializing new word embeddings for pretrained language models; the rule and the default of
    ``resize_token_embeddings`` of transformers, which takes the mean alone where the covariance is singular.
    """
    _check(new, old, spread)
    count = old.shape[0]
    added = new.shape[0] - count
    if new.is_meta or new.numel() == 0:
        return new
    with torch.no_grad():
        if added:
            compute = torch.float64 if new.dtype == torch.float64 else torch.float32
            rows = old.to(new.device, compute)
            mean = rows.mean(0)
            z = torch.empty((added, count), dtype=compute, device=new.device)
            rng.fill_(z, rng.Normal(0.0, math.sqrt(spread / count)), rng.derive_key(rng.draw_seed(generator), ""))
            new[count:].copy_(mean + z @ (rows - mean))
        new[:count].copy_(old)
    return new


def _check(new: Tensor, old: Tensor, spread: float) -> None:
    if new.dim() != 2 or old.dim() != 2 or new.shape[1] != old.shape[1] or not 1 <= old.shape[0] <= new.shape[0]:
        raise SchemeError(
            f"extend_embedding_ was given new of shape {tuple(new.shape)} and old of shape {tuple(old.shape)}; "
            "expected (rows, d) and (n, d) with 1 <= n <= rows"
        )
    if not (new.is_floating_point() and old.is_floating_point()):
        raise SchemeError(f"extend_embedding_ was given {new.dtype} and {old.dtype}; expected floating-point dtypes")
    if not (isinstance(spread, (int, float)) and 0 <= spread < math.inf):
        raise SchemeError(f"extend_embedding_(spread={spread!r}): expected a finite number >= 0")
