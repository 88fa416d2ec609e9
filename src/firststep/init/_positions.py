"""Tables of positions: sines and cosines, in the layouts of the models that made them known."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._scheme import Draw, Moments, Scheme, finite, spelled
from ._site import Site
from ._trigonometry import LARGEST, power, sincos

_CHUNK = 2**18
"""Elements computed at a time."""


class PositionTable(Scheme):
    """A table ``[..., positions, channels]``; channel c holds the sine or cosine of coordinate times omega_c.

    Each omega comes once with a sine and once with a cosine, so that ``E[w^2] = 1/2`` exactly.
    """

    @abstractmethod
    def _omegas(self, channels: int) -> list[float]:
        """The angular speed of each channel, radians per step."""

    @abstractmethod
    def _is_cosine(self, channels: int) -> list[bool]:
        """Whether a channel holds the cosine."""

    def _waves(self, channels: int) -> list[float]:
        """The omega of each pair of sine and cosine."""
        pairs = zip(self._omegas(channels), self._is_cosine(channels), strict=True)
        return [omega for omega, cosine in pairs if cosine]

    @abstractmethod
    def _check_channels(self, channels: int, site: Site) -> None:
        """Raise SchemeError for a number of channels that has no such table."""

    def _check(self, site: Site) -> None:
        if len(site.shape) < 2:
            raise SchemeError(
                f"{self} fills tables (..., positions, channels), and {site} is none: expected at least 2 dimensions"
            )
        if site.shape[-2] > LARGEST:
            raise SchemeError(f"{self} on {site}: expected at most {LARGEST} positions, given {site.shape[-2]}")
        self._check_channels(site.shape[-1], site)

    def _coordinates(self, position: Tensor, channel: Tensor, site: Site) -> Tensor:
        """What is multiplied by omega: the position ``[n, 1]`` itself, unless a subclass says otherwise."""
        return position.double()

    def _moments(self, site: Site) -> Moments:
        positions, channels = site.shape[-2:]
        mean = sum(_sum_of_waves(omega, positions) for omega in self._waves(channels))
        mean /= max(positions * channels, 1)
        return Moments(mean, 0.5 - mean**2, -1.0, 1.0, kurtosis=1.0)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        channels = site.shape[-1]
        channel = region.index(len(site.shape) - 1).flatten()
        omega = torch.tensor(self._omegas(channels), dtype=torch.float64, device="cpu")[channel]
        is_cosine = torch.tensor(self._is_cosine(channels), device="cpu")[channel]
        offset, rows = region.offsets[-2], max(1, _CHUNK // len(channel))
        for start in range(0, region.sizes[-2], rows):
            target = tensor.narrow(-2, start, min(rows, region.sizes[-2] - start))
            first = offset + start
            position = torch.arange(first, first + target.shape[-2], device="cpu").unsqueeze(1)
            sine, cosine = sincos(self._coordinates(position, channel, site) * omega)
            target.copy_(self._masked(torch.where(is_cosine, cosine, sine), position))

    def _masked(self, values: Tensor, position: Tensor) -> Tensor:
        """``values``, zero where the table has no wave; the identity unless a subclass says otherwise."""
        return values


def _sum_of_waves(omega: float, positions: int) -> float:
    """``sum_t sin(omega t) + cos(omega t)``, t from 0 to positions - 1, by Dirichlet's kernel; 0 < omega <= 1."""
    half = omega / 2
    middle = half * (positions - 1)
    return math.sin(half * positions) / math.sin(half) * (math.sin(middle) + math.cos(middle))


@dataclass(frozen=True, repr=False)
class Sinusoids(PositionTable):
    """Sines in the first half of the channels, cosines in the second."""

    formula: ClassVar[str] = "[sin(t w_i), cos(t w_i)], w_i = max_timescale^(-i / (C/2 - 1))"
    max_timescale: float

    def _check_channels(self, channels: int, site: Site) -> None:
        if channels % 2 or channels < 4:
            raise SchemeError(f"{self} on {site}: expected an even number of channels, at least 4, given {channels}")

    def _omegas(self, channels: int) -> list[float]:
        half = channels // 2
        return [power(self.max_timescale, -i / (half - 1)) for i in range(half)] * 2

    def _is_cosine(self, channels: int) -> list[bool]:
        return [channel >= channels // 2 for channel in range(channels)]


@spelled
def sinusoids(*, max_timescale: float = 10000.0) -> Sinusoids:
    """Whisper's table of positions ``[..., N, C]``: all sines, then all cosines.

    ``w[t] = [sin(t w_0), sin(t w_1), ..., cos(t w_0), cos(t w_1), ...]`` with ``w_i = max_timescale^(-i / (C/2 - 1))``:
    the slowest wave has a period of exactly 2 pi max_timescale. The values have the same bits on every machine.

    Args:
        max_timescale: the slowest wave's period, in units of 2 pi positions.

    Raises:
        SchemeError: for a max_timescale < 1; on less than 2 dimensions, or C odd or below 4.

    >>> sinusoids().sample((2, 4), seed=0)
    tensor([[0.0000e+00, 0.0000e+00, 1.0000e+00, 1.0000e+00],
            [8.4147e-01, 1.0000e-04, 5.4030e-01, 1.0000e+00]])

    Source: Radford et al. 2022 (arXiv 2212.04356), the authors' code; tensor2tensor's ``get_timing_signal_1d``.
    """
    _need_timescale("sinusoids", max_timescale)
    return Sinusoids(float(max_timescale))


@dataclass(frozen=True, repr=False)
class InterleavedSinusoids(PositionTable):
    """Sines in the even channels, cosines in the odd."""

    formula: ClassVar[str] = "w[t, 2i] = sin(t w_i), w[t, 2i+1] = cos(t w_i), w_i = max_timescale^(-2i / C)"
    max_timescale: float

    def _check_channels(self, channels: int, site: Site) -> None:
        if channels % 2:
            raise SchemeError(f"{self} on {site}: expected an even number of channels, given {channels}")

    def _omegas(self, channels: int) -> list[float]:
        return [power(self.max_timescale, -(channel - channel % 2) / channels) for channel in range(channels)]

    def _is_cosine(self, channels: int) -> list[bool]:
        return [channel % 2 == 1 for channel in range(channels)]


@spelled
def interleaved_sinusoids(*, max_timescale: float = 10000.0) -> InterleavedSinusoids:
    """The Transformer's table of positions ``[..., N, C]``: sine, cosine, sine, cosine, ...

    ``w[t, 2i] = sin(t w_i)``, ``w[t, 2i + 1] = cos(t w_i)`` with ``w_i = max_timescale^(-2i / C)``. The values have the
    same bits on every machine.

    Args:
        max_timescale: the period that the waves approach, in units of 2 pi positions.

    Raises:
        SchemeError: for a max_timescale < 1; on less than 2 dimensions, or C odd.

    >>> interleaved_sinusoids().sample((2, 4), seed=0)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])

    Source: Vaswani et al. 2017 (arXiv 1706.03762, section 3.5).
    """
    _need_timescale("interleaved_sinusoids", max_timescale)
    return InterleavedSinusoids(float(max_timescale))


@dataclass(frozen=True, repr=False)
class Sincos2d(PositionTable):
    """Half of the channels for the column of a grid, half for its row."""

    formula: ClassVar[str] = "[sin(x w_i), cos(x w_i), sin(y w_i), cos(y w_i)], w_i = max_timescale^(-i / (C/4))"
    grid: tuple[int, int] | None
    extra_tokens: int
    row_first: bool
    max_timescale: float

    def _sides(self, site: Site) -> tuple[int, int]:
        if self.grid is not None:
            return self.grid
        side = math.isqrt(max(site.shape[-2] - self.extra_tokens, 0))
        return side, side

    def _check_channels(self, channels: int, site: Site) -> None:
        if channels % 4:
            raise SchemeError(f"{self} on {site}: expected channels in multiples of 4, given {channels}")
        positions = site.shape[-2]
        expected = math.prod(self._sides(site)) + self.extra_tokens
        if self.grid is None and (positions != expected or positions == self.extra_tokens):
            raise SchemeError(
                f"{self} on {site}: {positions} positions are no square grid and {self.extra_tokens} extra tokens. "
                "Write extra_tokens=, or grid=(rows, columns)"
            )
        if positions != expected:
            raise SchemeError(f"{self} on {site}: expected {expected} positions, given {positions}")

    def _omegas(self, channels: int) -> list[float]:
        quarter = channels // 4
        return [power(self.max_timescale, -i / quarter) for i in range(quarter)] * 4

    def _is_cosine(self, channels: int) -> list[bool]:
        quarter = channels // 4
        return ([False] * quarter + [True] * quarter) * 2

    def _coordinates(self, position: Tensor, channel: Tensor, site: Site) -> Tensor:
        place, columns = (position - self.extra_tokens).clamp(min=0), self._sides(site)[1]
        x, y = place % columns, place // columns
        first, second = (y, x) if self.row_first else (x, y)
        return torch.where(channel < site.shape[-1] // 2, first, second).double()

    def _masked(self, values: Tensor, position: Tensor) -> Tensor:
        return values * (position >= self.extra_tokens)

    def _moments(self, site: Site) -> Moments:
        height, width = self._sides(site)
        positions, channels = site.shape[-2:]
        waves = self._waves(channels)[: channels // 4]
        total = sum(height * _sum_of_waves(omega, width) + width * _sum_of_waves(omega, height) for omega in waves)
        mean, share = total / max(positions * channels, 1), height * width / max(positions, 1)
        return Moments(mean, share / 2 - mean**2, -1.0, 1.0, kurtosis=1.0)


@spelled
def sincos_2d(
    *,
    grid: Sequence[int] | None = None,
    extra_tokens: int = 0,
    row_first: bool = False,
    max_timescale: float = 10000.0,
) -> Sincos2d:
    """The table of positions of an image's patches, ``[..., h w, C]`` row by row: waves of the column, then the row.

    ``w[y, x] = [sin(x w_i), cos(x w_i), sin(y w_i), cos(y w_i)]`` with ``w_i = max_timescale^(-i / (C/4))``, i < C/4.
    The values have the same bits on every machine. MAE and DiT lay it out so; in MoCo v3's code the row comes first.

    Args:
        grid: rows and columns of patches, ``(h, w)``; by default a square, of as many patches as there are positions.
        extra_tokens: rows of zeros in front, for class tokens.
        row_first: whether the waves of the row stand in the first half of the channels.
        max_timescale: the period that the waves approach, in units of 2 pi patches.

    Raises:
        SchemeError: for a grid that is no pair of whole numbers >= 1; on C no multiple of 4, or another number
            of positions.

    >>> sincos_2d().sample((4, 4), seed=0)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0000, 1.0000],
            [0.0000, 1.0000, 0.8415, 0.5403],
            [0.8415, 0.5403, 0.8415, 0.5403]])

    Source: Chen et al. 2021 (arXiv 2104.02057); the code of MAE and DiT.
    """
    sizes = None if grid is None else tuple(grid) if isinstance(grid, Sequence) else ()
    if sizes is not None and (len(sizes) != 2 or not all(_is_whole(size, 1) for size in sizes)):
        raise SchemeError(f"sincos_2d(grid={grid!r}): expected rows and columns of patches, such as grid=(14, 14)")
    if not _is_whole(extra_tokens, 0):
        raise SchemeError(f"sincos_2d(extra_tokens={extra_tokens!r}): expected a whole number >= 0")
    if not isinstance(row_first, bool):
        raise SchemeError(f"sincos_2d(row_first={row_first!r}): expected True or False")
    _need_timescale("sincos_2d", max_timescale)
    return Sincos2d(None if sizes is None else (sizes[0], sizes[1]), extra_tokens, row_first, float(max_timescale))


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _need_timescale(scheme: str, max_timescale: float) -> None:
    finite(scheme, max_timescale=max_timescale)
    if max_timescale < 1:
        raise SchemeError(f"{scheme}(max_timescale={max_timescale!r}): expected a number >= 1")
