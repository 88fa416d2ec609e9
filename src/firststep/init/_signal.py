"""Schemes that read the net around a layer: they keep the strength of a signal through the layer and its activation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ._boxes import kernel_tap
from ._haar import orthonormal
from ._scaling import VarianceScaling, variance_scaling
from ._scheme import Draw, Elementwise, Moments, Scheme, spelled
from ._site import Part, Site, need_fans
from ._unit_gain import odd_slope, unit_gain


@dataclass(frozen=True, repr=False)
class VariancePreserving(Elementwise):
    """N(0, g^2 / fan_in) with the gain of the activation that follows."""

    formula: ClassVar[str] = "N(0, g^2 / fan_in), g = unit gain of the activation that follows, 1 when there is none"
    uses_flow: ClassVar[bool] = True

    def _scaling(self, site: Site) -> VarianceScaling:
        """The general form it is a case of."""
        return variance_scaling(scale=self.gain(site) ** 2, mode="fan_in", distribution="normal")

    def gain(self, site: Site) -> float:
        """The gain on ``site``: 1 where no activation is known to follow."""
        return 1.0 if site.nonlinearity is None else unit_gain(site.nonlinearity)

    def law(self, part: Part, site: Site) -> rng.Law:
        need_fans(part.fans if site.role == "weight" else None, site, repr(self))
        return self._scaling(site).law(part, site)

    def describe(self, site: Site) -> str:
        return _with_gain(self, self.gain(site), site)


@spelled
def variance_preserving() -> VariancePreserving:
    """Keep the second moment of the signal through the layer and the activation after it.

    ``w ~ N(0, g^2 / fan_in)`` with ``E[f(g z)^2] = 1`` for the activation f that follows (:func:`unit_gain`), g = 1
    where nothing is known to follow. With relu this is He's initialization. ``fs.plan`` finds the activation by tracing
    the model and prints it.

    Source: the condition of He et al. 2015 (arXiv 1502.01852, eq. 9-10), stated for any activation.

    >>> variance_preserving().expected((64, 100)).std
    0.1
    """
    return VariancePreserving()


@dataclass(frozen=True, repr=False)
class LooksLinear(Scheme):
    """Mirrored orthogonal blocks, so that a plain chain of layers starts as a linear isometry."""

    formula: ClassVar[str] = "[[A, -A], [-A, A]] with A orthogonal (at the kernel's centre), E[w^2] = g^2 / fan_in"
    uses_flow: ClassVar[bool] = True

    def gain(self, site: Site) -> float:
        """Root of ``E[w^2] * inputs``: the unit gain at the head of a chain, sqrt(2) / c inside it, 1 at its end."""
        if site.nonlinearity in (None, "linear"):
            return 1.0
        slope = odd_slope(site.nonlinearity) if site.mirrored_in else None
        return unit_gain(site.nonlinearity) if slope is None else math.sqrt(2) / slope

    def _check(self, site: Site) -> None:
        need_fans(site.tensor_fans if site.role == "weight" else None, site, repr(self))
        _block(site)

    def _moments(self, site: Site) -> Moments:
        taps = math.prod(site.shape[2:])
        variance = self.gain(site) ** 2 / max(site.shape[1], 1) / max(taps, 1)
        bound = self._scale(site)
        return Moments(0.0, variance, -bound, bound, kurtosis=1.0)

    def _scale(self, site: Site) -> float:
        """What A, orthonormal along its shorter side, is multiplied by."""
        rows, columns = _block(site)
        return self.gain(site) * math.sqrt(columns / max(site.shape[1], 1)) * _stretch(rows, columns)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        block = _block(site)
        a = orthonormal(*block, key=draw.key(), dtype=tensor.dtype, device=tensor.device) * self._scale(site)
        if site.mirrored_in:
            a = torch.cat([a, -a], dim=1)
        if site.mirrored_out:
            a = torch.cat([a, -a], dim=0)
        tensor.zero_()
        centre = kernel_tap(tensor, region, [(extent - 1) // 2 for extent in site.shape[2:]])
        if centre is not None:
            for dim in (0, 1):
                a = a.narrow(dim, region.offsets[dim], region.sizes[dim])
            centre.copy_(a)

    def describe(self, site: Site) -> str:
        return _with_gain(self, self.gain(site), site)


@spelled
def looks_linear() -> LooksLinear:
    """Start a plain chain of layers as an exact isometry, however deep it is.

    Where f(u) - f(-u) = c u (relu, leaky_relu, gelu, silu, ...), units laid out in pairs (u, -u) and weights
    ``[[A, -A], [-A, A]]`` carry u on unchanged but for the orthogonal A: the signal, and the gradient, keep their
    strength through any number of layers, and every unit bends the input as soon as training moves it. Convolutions
    hold A at the centre of the kernel, so that zero padding takes nothing away. Scale alone cannot do this for gelu
    and silu: their signal strays further with every layer, whatever its scale.

    ``fs.plan`` finds the chains by tracing; the first layer of one has pairs of outputs only, ``[A; -A]``, the last
    pairs of inputs only. On a layer in no chain this is an orthogonal matrix.

    The values are equal across machines to rounding, not to the bit.

    Source: Balduzzi et al. 2017 (arXiv 1702.08591, section 4); the centre tap from Xiao et al. 2018 (arXiv 1806.05393).

    >>> looks_linear().expected((64, 100)).std
    0.1
    """
    return LooksLinear()


def _block(site: Site) -> tuple[int, int]:
    """Rows and columns of A."""
    rows, columns = site.shape[:2]
    return rows // (2 if site.mirrored_out else 1), columns // (2 if site.mirrored_in else 1)


def _stretch(rows: int, columns: int) -> float:
    """What gives an orthonormal matrix rows of unit mean square length: 1 unless it is taller than wide."""
    return math.sqrt(rows / columns) if rows > columns > 0 else 1.0


def _with_gain(scheme: Scheme, gain: float, site: Site) -> str:
    """A plan's words for ``scheme``: with the activation found and its gain, or alone where none was found."""
    return f"{scheme!r}" + ("" if site.nonlinearity in (None, "linear") else f" [{site.nonlinearity} {gain:.3g}]")
