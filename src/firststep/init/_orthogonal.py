"""Orthogonal matrices: one per block, per stacked expert, or at the centre of a convolution's kernel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._boxes import common, kernel_tap, matrices, view
from ._haar import orthonormal as orthonormal
from ._scheme import Draw, Moments, Scheme, at_least, finite, spelled
from ._site import Part, Site, need_fans


class Haar(Scheme):
    """A scheme that fills each part, of each stacked matrix, with a scaled Haar-distributed matrix.

    A box of more than two dimensions is read as ``(first, all others)``, as torch does.
    """

    @abstractmethod
    def _scale(self, part: Part, site: Site) -> float:
        """What the orthonormal matrix of ``part`` is multiplied by."""

    def _read(self, site: Site) -> Site:
        """``site`` with the parts that this scheme sees."""
        return site

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        super().check(site, dtype)
        _need_floating(self, dtype)

    def _check(self, site: Site) -> None:
        if len(site.shape) - site.stacked < 2:
            besides = f" besides the {site.stacked} stacked" if site.stacked else ""
            raise SchemeError(
                f"{self} fills matrices, and {site} is none: expected at least 2 dimensions{besides}. "
                "Use init.zeros() or init.normal(std=...) here"
            )
        for part in self._read(site).parts:
            self._scale(part, site)

    def _moments(self, site: Site) -> Moments:
        site = self._read(site)
        return Moments.mixture([p.size for p in site.parts], [self._part_moments(p, site) for p in site.parts])

    def _part_moments(self, part: Part, site: Site) -> Moments:
        """``E[w^2] = scale^2 / max(rows, columns)``, exactly so for every draw."""
        scale = abs(self._scale(part, site))
        return Moments(0.0, scale**2 / max(*_matrix_shape(part, site), 1), -scale, scale, kurtosis=1.0)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        site, key = self._read(site), draw.key()
        for part, box in matrices(site):
            shared = common(region, box)
            if shared is None:
                continue
            q = orthonormal(*_matrix_shape(part, site), key=key, dtype=tensor.dtype, device=tensor.device, region=box)
            q *= self._scale(part, site)
            view(tensor, region, shared).copy_(view(q.view(box.sizes), box, shared))


@dataclass(frozen=True, repr=False)
class Orthogonal(Haar):
    """gain times an orthonormal matrix, per part of the site or per explicit block."""

    formula: ClassVar[str] = "gain * Q, Q orthonormal along its shorter side, Haar-distributed"
    gain: float
    blocks: int | tuple[int, ...] | None = None

    def _scale(self, part: Part, site: Site) -> float:
        return self.gain

    def _read(self, site: Site) -> Site:
        if self.blocks is None:
            return site
        total = site.shape[site.axis]
        count = self.blocks if isinstance(self.blocks, int) else None
        sizes = self.blocks if isinstance(self.blocks, tuple) else (total // self.blocks,) * self.blocks
        if sum(sizes) != total:
            fits = f"a divisor of {total}" if count else f"sizes that add up to {total}"
            raise SchemeError(
                f"{self} on {site}: dimension {site.axis} has {total} indices; expected blocks to be {fits}"
            )
        return replace(site, parts=tuple(Part(size) for size in sizes))


@spelled
def orthogonal(*, gain: float = 1.0) -> Orthogonal:
    """A (semi-)orthogonal matrix, uniformly distributed: every singular value is ``gain``.

    ``w = gain * Q`` with ``Q^T Q = I`` or, where rows are fewer, ``Q Q^T = I``; Q has the Haar law. A kernel is read as
    ``(out, in * k...)``. Packed parameters (q, k and v; the gates of an LSTM) get a matrix per block, stacked experts
    one each. ``E[w^2] = gain^2 / max(rows, columns)`` in every draw.

    Reflections are multiplied by the platform's LAPACK: values are equal across machines to rounding, not to the bit.

    Args:
        gain: the singular values.

    Raises:
        SchemeError: for a gain that is no finite number; on a site with less than 2 dimensions.

    >>> import torch
    >>> w = orthogonal(gain=2.0).sample((3, 5), seed=0)
    >>> torch.allclose(w @ w.T, 4 * torch.eye(3), atol=1e-6)
    True

    Source: Saxe et al. 2014 (arXiv 1312.6120). torch's ``orthogonal_`` has the same law but takes packed parameters
    as one matrix, as Keras does the gates of an LSTM.
    """
    finite("orthogonal", gain=gain)
    return Orthogonal(float(gain))


@spelled
def block_orthogonal(*, blocks: int | Sequence[int], gain: float = 1.0) -> Orthogonal:
    """An orthogonal matrix for each of the blocks named: :func:`orthogonal` for packed parameters of one's own.

    Args:
        blocks: how many equal blocks along dimension 0 (a layer's ``out`` axis), or the size of each.
        gain: the singular values.

    Raises:
        SchemeError: for blocks that are no positive whole numbers, or do not add up to the dimension.

    >>> w = block_orthogonal(blocks=2).sample((6, 3), seed=0)
    >>> torch.allclose(w[3:].T @ w[3:], torch.eye(3), atol=1e-6)
    True

    Source: AllenNLP's ``block_orthogonal``, which names sizes in every dimension.
    """
    finite("block_orthogonal", gain=gain)
    sizes = tuple(blocks) if isinstance(blocks, Sequence) else (blocks,)
    if not sizes or any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in sizes):
        raise SchemeError(
            f"block_orthogonal(blocks={blocks!r}): expected how many equal blocks, such as 4, "
            "or their sizes, such as (8, 4, 4)"
        )
    return Orthogonal(float(gain), blocks if isinstance(blocks, int) else sizes)


@spelled
def svd_orthonormal() -> Orthogonal:
    """Singular vectors of a Gaussian matrix, the start of LSUV: the law of :func:`orthogonal`.

    A Gaussian matrix keeps its law under rotation from either side, so its singular vectors, each with a free sign, are
    Haar-distributed. LSUV's code takes them from LAPACK, which chooses the signs, and the law differs by that alone.

    >>> svd_orthonormal() == orthogonal()
    True

    Source: Mishkin and Matas 2016 (arXiv 1511.06422, algorithm 1).
    """
    return Orthogonal(1.0)


@dataclass(frozen=True, repr=False)
class GlorotOrthogonal(Haar):
    """An orthonormal matrix rescaled to a given mean square."""

    formula: ClassVar[str] = "c Q with Q orthonormal and c such that E[w^2] = scale / (fan_in + fan_out)"
    scale: float

    def _scale(self, part: Part, site: Site) -> float:
        fans = need_fans(part.fans, site, repr(self))
        return math.sqrt(self.scale * max(_matrix_shape(part, site)) / max(fans.fan_in + fans.fan_out, 1))


@spelled
def glorot_orthogonal(*, scale: float = 2.0) -> GlorotOrthogonal:
    """An orthogonal matrix with Glorot's mean square: ``E[w^2] = scale / (fan_in + fan_out)`` in every draw.

    PyTorch Geometric divides by the sample variance of the matrix drawn instead of its mean square. The two differ by
    the square of the sample mean, about 1 part in rows * columns, and the former has no value for a single element.

    Args:
        scale: 2 for Glorot's.

    Raises:
        SchemeError: for a scale that is no finite number >= 0; on a site with less than 2 dimensions.

    >>> w = glorot_orthogonal().sample((6, 2), seed=0)
    >>> round(w.square().mean().item(), 6)
    0.25

    Source: PyTorch Geometric, ``torch_geometric.nn.inits.glorot_orthogonal``; Gasteiger et al. 2020 (arXiv 2003.03123).
    """
    at_least("glorot_orthogonal", 0.0, scale=scale)
    return GlorotOrthogonal(float(scale))


@dataclass(frozen=True, repr=False)
class DeltaOrthogonal(Scheme):
    """An orthonormal matrix at the kernel's centre, zero around it; one matrix per group of the convolution."""

    formula: ClassVar[str] = "gain * Q at the kernel's centre, Q with orthonormal columns; 0 elsewhere"
    gain: float

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        super().check(site, dtype)
        _need_floating(self, dtype)

    def _check(self, site: Site) -> None:
        if not 3 <= len(site.shape) <= 5:
            raise SchemeError(
                f"{self} fills kernels (out, in, k...), and {site} is none: expected 3, 4 or 5 dimensions. "
                "Use init.orthogonal() for a matrix"
            )
        rows, columns = self._group_shape(site)
        if rows < columns:
            each = f" in each of {site.groups} groups" if site.groups > 1 else ""
            raise SchemeError(
                f"{self} on {site}: expected no more inputs than outputs, given {columns} inputs and {rows} outputs"
                f"{each}. Use init.orthogonal() here"
            )

    def _group_shape(self, site: Site) -> tuple[int, int]:
        return site.shape[0] // site.groups, site.shape[1]

    def _moments(self, site: Site) -> Moments:
        scale = abs(self.gain)
        variance = scale**2 * site.groups / max(site.shape[0] * math.prod(site.shape[2:]), 1)
        return Moments(0.0, variance, -scale, scale, kurtosis=1.0)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        """The matrices are those of :func:`orthogonal` on a ``(out, in)`` site whose parts are the groups."""
        tensor.zero_()
        tap = kernel_tap(tensor, region, [(extent - 1) // 2 for extent in site.shape[2:]])
        if tap is not None:
            rows, columns = self._group_shape(site)
            matrix_site = Site((site.shape[0], columns), (Part(rows),) * site.groups)
            box = rng.Region(matrix_site.shape, region.offsets[:2], region.sizes[:2])
            Orthogonal(self.gain)._fill(tap, matrix_site, box, draw)


@spelled
def delta_orthogonal(*, gain: float = 1.0) -> DeltaOrthogonal:
    """A convolution that starts as an orthogonal map of its channels, the same at every place.

    ``w[:, :, centre] = gain * Q`` with ``Q^T Q = I``, zero elsewhere; the centre is index ``(k - 1) // 2``. With zero
    padding that keeps the size, the layer keeps the norm of its input. A convolution of g groups has a Q for each.

    Reflections are multiplied by the platform's LAPACK: values are equal across machines to rounding, not to the bit.

    Args:
        gain: the singular values.

    Raises:
        SchemeError: on other than 3 to 5 dimensions, or with more inputs than outputs.

    >>> w = delta_orthogonal().sample((4, 2, 3), seed=0)
    >>> torch.allclose(w[:, :, 1].T @ w[:, :, 1], torch.eye(2), atol=1e-6), w[:, :, ::2].count_nonzero().item()
    (True, 0)

    Source: Xiao et al. 2018 (arXiv 1806.05393, algorithm 1); JAX's ``delta_orthogonal``, which knows no groups.
    """
    finite("delta_orthogonal", gain=gain)
    return DeltaOrthogonal(float(gain))


def _need_floating(scheme: Scheme, dtype: torch.dtype | None) -> None:
    if dtype is not None and not dtype.is_floating_point:
        raise SchemeError(f"{scheme} was asked to fill a tensor of {dtype}; expected a floating-point dtype")


def _matrix_shape(part: Part, site: Site) -> tuple[int, int]:
    """Rows and columns of one matrix of ``part``: its first dimension, and the others together."""
    first, *rest = (part.size if dim == site.axis else n for dim, n in enumerate(site.shape) if dim >= site.stacked)
    return first, math.prod(rest)
