"""A convolution before PixelShuffle that starts as nearest-neighbour upsampling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._scheme import Draw, Moments, Scheme, spelled
from ._site import Fans, Part, Site


@dataclass(frozen=True, repr=False)
class Icnr(Scheme):
    """Each kernel of another scheme, drawn for out / scale^2 outputs, repeated scale^2 times."""

    formula: ClassVar[str] = "w[o] = u[o // scale^2], u drawn by the inner scheme for out / scale^2 outputs"
    inner: Scheme
    scale: int

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        self.inner.check(self._base(site), dtype)

    def to_dict(self) -> dict[str, Any]:
        """As for any scheme, the inner one as its own dictionary."""
        return {**super().to_dict(), "inner": self.inner.to_dict()}

    def _base(self, site: Site) -> Site:
        """The site of the kernels that are repeated."""
        copies = self.scale**2
        if not site.shape or site.axis or site.stacked or any(part.size % copies for part in site.parts):
            raise SchemeError(
                f"{self} repeats each kernel {copies} times along dimension 0, and {site} has "
                f"{site.shape[0] if site.shape else 'no'} outputs there: expected a multiple of {copies}"
            )
        parts = tuple(Part(part.size // copies, _divided(part.fans, copies), part.label) for part in site.parts)
        shape = (site.shape[0] // copies, *site.shape[1:])
        return replace(site, shape=shape, parts=parts, tensor_fans=_divided(site.tensor_fans, copies), zero_rows=())

    def _moments(self, site: Site) -> Moments:
        drawn = self.inner.expected(self._base(site))
        return replace(drawn, copies=drawn.copies * self.scale**2)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        base, copies = self._base(site), self.scale**2
        first, last = region.offsets[0] // copies, (region.offsets[0] + region.sizes[0] - 1) // copies
        sizes = (last - first + 1, *region.sizes[1:])
        kernels = torch.empty(sizes, dtype=tensor.dtype, device=tensor.device)
        self.inner._fill(kernels, base, rng.Region(base.shape, (first, *region.offsets[1:]), sizes), draw)
        rows = region.index(0, tensor.device).flatten() // copies - first
        tensor.copy_(kernels[rows])


@spelled
def icnr(inner: Scheme, *, scale: int = 2) -> Icnr:
    """Start a convolution before ``nn.PixelShuffle(scale)`` as a smaller one followed by nearest-neighbour upsampling.

    ``w[o] = u[o // scale^2]``: the scale^2 outputs that PixelShuffle lays out as one square have the same kernel, drawn
    by ``inner`` for a layer with out / scale^2 outputs. The image then starts without a checkerboard.

    Args:
        inner: the scheme of the small layer.
        scale: PixelShuffle's ``upscale_factor``.

    Raises:
        SchemeError: for an inner that is no scheme, or a scale that is no whole number >= 1; on a number of outputs
            that scale^2 does not divide.

    >>> from firststep import init
    >>> w = icnr(init.normal(), scale=2).sample((8, 3), seed=0)
    >>> bool((w[:4] == w[0]).all()), bool((w[4:] == w[4]).all())
    (True, True)

    Source: Aitken et al. 2017 (arXiv 1707.02937).
    """
    if not isinstance(inner, Scheme):
        raise SchemeError(f"icnr({inner!r}): expected a scheme, such as init.kaiming_normal()")
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
        raise SchemeError(f"icnr(scale={scale!r}): expected a whole number >= 1, such as 2")
    return Icnr(inner, scale)


def _divided(fans: Fans | None, copies: int) -> Fans | None:
    """Fans with as many times fewer outputs."""
    return None if fans is None else Fans(fans.fan_in, fans.fan_out / copies)
