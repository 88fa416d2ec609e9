"""Data-dependent initialization: zero mean and unit variance of every channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..planning import Tell
from ._ports import Port
from ._settle import settle
from ._spread import Spread
from ._state import Change, Goal
from ._target import Job, Outcome, Target, positive, whole


@dataclass(frozen=True, repr=False)
class ActNorm(Target):
    """Every channel of every layer's output has mean 0 and standard deviation 1; made by :func:`actnorm`."""

    name: ClassVar[str] = "actnorm"
    tol: float = 0.001
    steps: int = 10

    def work(self, job: Job, tell: Tell) -> Outcome:
        return Outcome(settle(job, _PerChannel(self.tol, self.steps), tell))

    def length(self, job: Job) -> int:
        return len(job.chosen.ports)


def actnorm(*, tol: float = 0.001, steps: int = 10) -> ActNorm:
    """Give every channel of each pre-activation mean 0 and variance 1 on the batch, in the order of the run.

        t = v x / |v|,  g = 1 / std(t),  b = -mean(t) / std(t)        under weight_norm
        w_c <- w_c / std(y_c),  b_c <- (b_c - mean(y_c)) / std(y_c)   otherwise, for each channel c

    The first is the second with ``w = g v / |v|``, whatever g and b are to begin with. Moments are over the batch and
    all positions. Layers of one's own that scale and shift channels, with a type named like ActNorm, are set through
    their own two parameters. A channel that is constant is only shifted.

    Args:
        tol: allowed distance of every channel's mean from 0 and standard deviation from 1.
        steps: how often one layer is written at most; one is enough but for a layer that runs several times.

    Returns:
        A target for :func:`firststep.calibrate`.

    Raises:
        CalibrationError: for a number out of range.

    >>> actnorm()
    actnorm()

    Source: Salimans and Kingma 2016 (arXiv 1602.07868, section 3); Kingma and Dhariwal 2018 (arXiv 1807.03039, section
    3.1) for layers of a scale and a bias alone.
    """
    positive("actnorm", tol=tol)
    whole("actnorm", steps=steps)
    return ActNorm(float(tol), steps)


@dataclass(frozen=True)
class _PerChannel(Goal):
    tol: float
    steps: int

    def axis(self, port: Port, value: Tensor) -> int | None:
        return port.channel_axis(value)

    def hindrance(self, port: Port, spread: Spread) -> str:
        if spread.mean.ndim == 0:
            return "along which axis its channels lie cannot be told"
        if spread.n < 2:
            return "a single value per channel has no variance: give a larger batch"
        return "its output is constant" if bool(spread.is_constant.all()) else ""

    def change(self, port: Port, spread: Spread, has_bias: bool) -> Change | None:
        if self._settled(spread, has_bias):
            return None
        factor = torch.where(spread.is_constant, torch.ones_like(spread.std), 1 / spread.std)
        return Change(factor=factor, bias_factor=factor, shift=-spread.mean * factor)

    def short_of(self, spread: Spread) -> str:
        scaled = spread.std[~spread.is_constant]
        return (
            f"its channels have means up to {float(spread.mean.abs().max()):.3g} from 0 and stds "
            f"up to {float((scaled - 1).abs().max()):.3g} from 1"
        )

    def remark(self, port: Port, spread: Spread, has_bias: bool) -> str:
        constant = int(spread.is_constant.sum())
        if not has_bias and float(spread.mean.abs().max()) > self.tol:
            return "it has no trained bias: its channels have unit variance, and means other than 0"
        return f"{constant} of its {len(spread.mean)} channels are constant" if constant else ""

    def _settled(self, spread: Spread, has_bias: bool) -> bool:
        off = (spread.std - 1).abs() > self.tol
        shifted = (spread.mean.abs() > self.tol) & has_bias
        return not bool(((off & ~spread.is_constant) | shifted).any())
