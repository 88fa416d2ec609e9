"""Tables of signal processing and state spaces: Fourier kernels and S4D's spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError, did_you_mean
from ._moments import Moments, table_moments
from ._scheme import Draw, Scheme, spelled
from ._site import Site
from ._trigonometry import log, sincos

Side = Literal["real", "imag"]
Window = Literal["hann", "hamming", "blackman"]
Scaling = Literal["density", "spectrum"]

# Window n is sum_k (-1)^k a_k cos(2 pi k n / M).
_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08)}


@dataclass(frozen=True, repr=False)
class S4dReal(Scheme):
    """The logarithms of 1 to N along the last dimension."""

    formula: ClassVar[str] = "w[..., n] = log(n + 1)"

    def _check(self, site: Site) -> None:
        if not site.shape:
            raise SchemeError(f"{self} on {site}: expected at least 1 dimension")

    def _moments(self, site: Site) -> Moments:
        return table_moments([log(n + 1) for n in range(site.shape[-1])])

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        first = region.offsets[-1] + 1
        logs = [log(n) for n in range(first, first + region.sizes[-1])]
        tensor.copy_(torch.tensor(logs, dtype=torch.float64, device="cpu"))


@spelled
def s4d_real() -> S4dReal:
    """Mamba's ``A_log``, ``[..., N]``: ``w[..., n] = log(n + 1)``, so that ``A = -exp(w) = -1, -2, ..., -N``.

    >>> s4d_real().sample((1, 3), seed=0)
    tensor([[0.0000, 0.6931, 1.0986]])

    Source: Gu et al. 2022 (arXiv 2206.11893, S4D-Real); Gu and Dao 2023 (arXiv 2312.00752), the authors' code.
    """
    return S4dReal()


@dataclass(frozen=True, repr=False)
class Stft(Scheme):
    """The real or imaginary part of windowed Fourier kernels."""

    formula: ClassVar[str] = "window[t] / norm * cos or -sin (2 pi f t / F), F = 2 (out - 1)"
    side: Side
    window: Window | None
    scaling: Scaling | None
    periodic: bool

    def _check(self, site: Site) -> None:
        if len(site.shape) != 3 or site.shape[1] != 1 or site.shape[0] < 2 or site.shape[2] < 1:
            raise SchemeError(
                f"{self} fills the kernel of a Conv1d with one input channel, and {site} is none: "
                "expected a shape (F // 2 + 1, 1, T), F >= 2 frequencies and a frame of T >= 1 samples"
            )
        if self.scaling is not None and _norm(self._window(site.shape[2]), self.scaling) == 0:
            raise SchemeError(
                f"{self} on {site}: the window of {site.shape[2]} samples is all zero; use a longer frame"
            )

    def _window(self, frame: int) -> list[float]:
        """The window, ``[frame]``; with M = frame when periodic, else frame - 1."""
        if self.window is None or frame == 1:
            return [1.0] * frame
        coefficients, period = _WINDOWS[self.window], frame if self.periodic else frame - 1
        n = torch.arange(frame, dtype=torch.float64, device="cpu")
        window = torch.zeros(frame, dtype=torch.float64, device="cpu")
        for k, a in enumerate(coefficients):
            window += (-1) ** k * a * sincos(n * k * (2 * math.pi / period))[1]
        return window.tolist()

    def _table(self, site: Site) -> Tensor:
        """The whole kernel, ``[out, 1, frame]``, float64."""
        out, _, frame = site.shape
        window = self._window(frame)
        norm = 1.0 if self.window is None or self.scaling is None else _norm(window, self.scaling)
        turns = 2 * (out - 1)
        f, t = (torch.arange(extent, device="cpu") for extent in (out, frame))
        sine, cosine = sincos((f.unsqueeze(1) * t % turns).double() * (2 * math.pi / turns))
        table = cosine if self.side == "real" else -sine
        return (table * torch.tensor(window, dtype=torch.float64, device="cpu") / norm).unsqueeze(1)

    def _moments(self, site: Site) -> Moments:
        return table_moments(self._table(site).flatten().tolist())

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        table = self._table(site)
        for dim in (0, 2):
            table = table.narrow(dim, region.offsets[dim], region.sizes[dim])
        tensor.copy_(table)


@spelled
def stft(
    *,
    side: Side,
    window: Window | None = "hann",
    scaling: Scaling | None = "density",
    periodic: bool = False,
) -> Stft:
    """A Conv1d that starts as one half of a short-time Fourier transform.

        real: w[f, 0, t] =  window[t] / norm * cos(2 pi f t / F)
        imag: w[f, 0, t] = -window[t] / norm * sin(2 pi f t / F)

    for a weight of shape ``(F // 2 + 1, 1, T)``, ``F = 2 (out - 1)``. The values have the same bits on every machine.

    Args:
        side: which half.
        window: ``"hann"``, ``"hamming"``, ``"blackman"``, or ``None`` for none.
        scaling: what a window is divided by: ``"density"``, the root of the sum of its squares; ``"spectrum"``, its
            sum; ``None``, nothing.
        periodic: whether the window has period T, as for spectra, or T - 1.

    Raises:
        SchemeError: for an unknown option; on another shape.

    >>> stft(side="real", window=None).sample((3, 1, 4), seed=0).squeeze().round(decimals=3) + 0.0
    tensor([[ 1.,  1.,  1.,  1.],
            [ 1.,  0., -1.,  0.],
            [ 1., -1.,  1., -1.]])

    Source: Keras' ``STFTInitializer``, whose kernels are laid out ``(T, 1, F // 2 + 1)`` and which knows all windows of
    scipy.
    """
    _one_of("side", side, ("real", "imag"))
    if window is not None:
        _one_of("window", window, tuple(_WINDOWS))
    if scaling is not None:
        _one_of("scaling", scaling, ("density", "spectrum"))
    return Stft(side, window, scaling, periodic)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise SchemeError(f"stft({option}={value!r}): expected one of {listed}.{did_you_mean(str(value), known)}")


def _norm(window: Sequence[float], scaling: Scaling) -> float:
    """Length of the window, in the sense of ``scaling``, correctly rounded."""
    return math.sqrt(math.fsum(w * w for w in window)) if scaling == "density" else math.fsum(map(abs, window))
