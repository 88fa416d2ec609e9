"""The first sampling points of deformable attention: each head looks in a direction of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._moments import Moments, table_moments
from ._scheme import Draw, Scheme, spelled
from ._site import Site
from ._trigonometry import sincos


@dataclass(frozen=True, repr=False)
class SamplingOffsets(Scheme):
    """Offsets (x, y) of every head, level and point, flattened in this order."""

    formula: ClassVar[str] = "b[head, level, point] = (point + 1) u / max|u|, u = (cos a, sin a), a = 2 pi head / h"
    uses_model: ClassVar[bool] = True

    points: int
    heads: int | None

    def _values(self, site: Site) -> Tensor:
        """All values of ``site``, float64."""
        heads = self._heads(site)
        x, y = _directions(heads)
        direction = torch.stack([x, y], -1) / torch.maximum(x.abs(), y.abs()).unsqueeze(-1)
        steps = torch.arange(1, self.points + 1, dtype=torch.float64, device="cpu")
        levels = site.numel // (heads * self.points * 2)
        offsets = direction.view(heads, 1, 1, 2) * steps.view(1, 1, self.points, 1)
        return offsets.expand(heads, levels, self.points, 2).flatten()

    def _heads(self, site: Site) -> int:
        told = dict(site.symbols).get("h")
        if self.heads is None and told is None:
            raise SchemeError(
                f"{self!r} asks for the number of heads, which cannot be told of {site}. Write heads=... into it"
            )
        return self.heads if self.heads is not None else int(told or 0)

    def _check(self, site: Site) -> None:
        heads = self._heads(site)
        if len(site.shape) != 1 or site.numel % (heads * self.points * 2):
            raise SchemeError(
                f"{self!r} on {site}: expected one dimension of {heads} heads * levels * {self.points} points * 2"
            )

    def _moments(self, site: Site) -> Moments:
        return table_moments(self._values(site).tolist())

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        tensor.copy_(self._values(site).narrow(0, region.offsets[0], region.sizes[0]))


def _directions(heads: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle of each head."""
    sine, cosine = sincos(torch.arange(heads, dtype=torch.float64, device="cpu") * (2 * math.pi / heads))
    return cosine, sine


@spelled
def sampling_offsets(*, points: int = 4, heads: int | None = None) -> SamplingOffsets:
    """``b[head, level, point] = (point + 1) u / max|u|``, ``u = (cos a, sin a)``, ``a = 2 pi head / h``.

    The bias of the layer that gives deformable attention its sampling points: each head starts looking along a ray of
    its own, point after point at the distance 1, 2, 3, ... in the maximum norm; alike on every level.

    Args:
        points: sampling points of a head on one level.
        heads: h; by default that of the attention, which ``fs.plan`` counts.

    Raises:
        SchemeError: for numbers below 1; when used, on a parameter whose size is no multiple of 2 points h, or where h
            cannot be told.

    Source: Zhu et al. 2021, Deformable DETR (arXiv 2010.04159, appendix), the authors' ``ms_deform_attn.py``.

    >>> sampling_offsets(points=2, heads=8).sample((32,), seed=0)[4:8]
    tensor([1., 1., 2., 2.])
    """
    for name, value in (("points", points), ("heads", heads)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise SchemeError(f"sampling_offsets({name}={value!r}): expected a whole number >= 1")
    return SamplingOffsets(points, heads)
