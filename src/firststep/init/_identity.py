"""Weights that pass their input on: the identity matrix and the Dirac kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._boxes import common, kernel_tap, matrices, view
from ._scheme import Draw, Moments, Scheme, finite, spelled
from ._site import Site


@dataclass(frozen=True, repr=False)
class Identity(Scheme):
    """gain on the diagonal of each matrix, zero elsewhere."""

    formula: ClassVar[str] = "gain where row = column, else 0"
    gain: float

    def _check(self, site: Site) -> None:
        if len(site.shape) - site.stacked != 2:
            besides = f" besides the {site.stacked} stacked" if site.stacked else ""
            raise SchemeError(
                f"{self} fills matrices, and {site} is none: expected 2 dimensions{besides}. "
                "Use init.dirac() for a convolution"
            )

    def _moments(self, site: Site) -> Moments:
        diagonals = sum(min(box.sizes[site.stacked :]) for _, box in matrices(site))
        return two_valued(self.gain, diagonals, site.numel)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        tensor.zero_()
        for _, box in matrices(site):
            shared = common(region, box)
            if shared is not None:
                row, column = (shared.offsets[dim] - box.offsets[dim] for dim in (-2, -1))
                view(tensor, region, shared).diagonal(row - column, -2, -1).fill_(self.gain)


@spelled
def identity(*, gain: float = 1.0) -> Identity:
    """``w[i, j] = gain`` where i = j, else 0; a rectangular layer passes on as many inputs as it can.

    Packed parameters get the identity in each block, stacked experts each.

    Args:
        gain: what stands on the diagonal.

    Raises:
        SchemeError: for a gain that is no finite number; on a site that is no matrix.

    >>> identity(gain=0.5).sample((2, 3), seed=0)
    tensor([[0.5000, 0.0000, 0.0000],
            [0.0000, 0.5000, 0.0000]])

    Source: Le et al. 2015 (arXiv 1504.00941) for recurrent weights; Keras' ``Identity``.
    """
    finite("identity", gain=gain)
    return Identity(float(gain))


@spelled
def eye() -> Identity:
    """``w[i, j] = 1`` where i = j, else 0: :func:`identity` without a gain.

    >>> eye().sample((2, 3), seed=0)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    return identity()


@dataclass(frozen=True, repr=False)
class Dirac(Scheme):
    """One at the middle tap from input i to output i of each group, zero elsewhere."""

    formula: ClassVar[str] = "1 at the kernel's middle where out = in within a group, else 0"
    groups: int | None

    def _groups(self, site: Site) -> int:
        return site.groups if self.groups is None else self.groups

    def _check(self, site: Site) -> None:
        if not 3 <= len(site.shape) <= 5:
            raise SchemeError(
                f"{self} fills kernels (out, in, k...), and {site} is none: expected 3, 4 or 5 dimensions. "
                "Use init.eye() for a matrix"
            )
        if site.shape[0] % self._groups(site):
            raise SchemeError(
                f"{self} on {site}: expected a number of groups that divides the {site.shape[0]} outputs, "
                f"given {self._groups(site)}"
            )

    def _moments(self, site: Site) -> Moments:
        groups = self._groups(site)
        return two_valued(1.0, groups * min(site.shape[0] // groups, site.shape[1]), site.numel)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        tensor.zero_()
        tap = kernel_tap(tensor, region, [extent // 2 for extent in site.shape[2:]])
        if tap is None:
            return
        rows = site.shape[0] // self._groups(site)
        for first in range(0, site.shape[0], rows):
            start, length = region.overlap(0, first, first + rows)
            if length:
                row = region.offsets[0] + start - first
                tap.narrow(0, start, length).diagonal(row - region.offsets[1]).fill_(1)


@spelled
def dirac(*, groups: int | None = None) -> Dirac:
    """A convolution that passes its input on: ``w[o, i, k // 2, ...] = 1`` where o = i within a group, else 0.

    Args:
        groups: into how many groups the outputs are divided; those of the layer by default, 1 for a bare tensor.

    Raises:
        SchemeError: for groups that are no positive whole number, or do not divide; on other than 3 to 5 dimensions.

    >>> dirac().sample((2, 2, 3), seed=0)
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])

    Source: Zagoruyko and Komodakis 2017 (arXiv 1706.00388); ``torch.nn.init.dirac_``.
    """
    if groups is not None and (isinstance(groups, bool) or not isinstance(groups, int) or groups < 1):
        raise SchemeError(f"dirac(groups={groups!r}): expected a whole number >= 1, or None for the layer's own")
    return Dirac(groups)


def two_valued(value: float, count: int, total: int) -> Moments:
    """Moments of ``total`` elements, ``count`` of them ``value`` and the others 0, always the same ones."""
    share = count / total if total else 0.0
    low, high = sorted((value if share == 1.0 else 0.0, value if share else 0.0))
    return Moments(value * share, value**2 * share * (1 - share), low, high, kurtosis=1.0)
