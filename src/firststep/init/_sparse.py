"""Sparse matrices: a fixed number of zeros in each column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._elementary import normal
from ._scheme import Draw, Moments, Scheme, at_least, constant_moments, finite, spelled
from ._site import Site

_CHUNK = 2**20
"""Words ranked at a time."""


@dataclass(frozen=True, repr=False)
class Sparse(Scheme):
    """Normal values, a fraction of each column set to zero."""

    formula: ClassVar[str] = "N(0, std^2), ceil(sparsity * rows) zeros in each column"
    sparsity: float
    std: float

    def zeros(self, site: Site) -> int:
        """Zeros in each column."""
        return math.ceil(self.sparsity * site.shape[0])

    def _check(self, site: Site) -> None:
        if len(site.shape) != 2:
            raise SchemeError(
                f"{self} fills matrices, and {site} is none: expected 2 dimensions. Use init.normal(std=...) here"
            )

    def _moments(self, site: Site) -> Moments:
        zeros = self.zeros(site)
        values = normal(std=self.std).expected(site)
        return Moments.mixture([site.shape[0] - zeros, zeros], [values, constant_moments(0.0)])

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        normal(std=self.std)._fill(tensor, site, region, draw)
        rows, zeros, key = site.shape[0], self.zeros(site), draw.key("mask")
        width = max(1, _CHUNK // rows)
        for start in range(0, region.sizes[1], width):
            piece = tensor.narrow(1, start, min(width, region.sizes[1] - start))
            words = torch.empty((rows, piece.shape[1]), dtype=torch.int64, device=tensor.device)
            columns = rng.Region.whole(site.shape).narrow(1, region.offsets[1] + start, piece.shape[1])
            rng.fill_(words, rng.Bits(), key, columns)
            lowest = words.argsort(dim=0, stable=True)[:zeros]
            mask = torch.zeros_like(words, dtype=torch.bool).scatter_(0, lowest, True)
            # torch does not mask float8; a zero has the same bits in every dtype of that size.
            bits = piece.view(torch.uint8) if piece.element_size() == 1 else piece
            bits.masked_fill_(mask.narrow(0, region.offsets[0], region.sizes[0]), 0)


@spelled
def sparse(*, sparsity: float, std: float = 0.01) -> Sparse:
    """A sparse matrix: ``w ~ N(0, std^2)`` with exactly ``ceil(sparsity * rows)`` zeros in each column.

    Which rows are zero is drawn for each column on its own, every choice with the same probability: those with the
    lowest words of a second stream.

    Args:
        sparsity: fraction of each column that is zero, in [0, 1].
        std: std of the other elements.

    Raises:
        SchemeError: for a sparsity outside [0, 1] or a negative std; on a site that is no matrix.

    >>> (sparse(sparsity=0.7).sample((10, 4), seed=0) == 0).sum(0)
    tensor([7, 7, 7, 7])

    Source: Martens 2010, Deep learning via Hessian-free optimization, section 5; ``torch.nn.init.sparse_``.
    """
    finite("sparse", sparsity=sparsity)
    if not 0 <= sparsity <= 1:
        raise SchemeError(f"sparse(sparsity={sparsity!r}): expected the fraction of zeros in each column, from 0 to 1")
    at_least("sparse", 0.0, std=std)
    return Sparse(sparsity, std)
