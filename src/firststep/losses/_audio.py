"""Losses of waveforms."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import logits, uniform
from ._invariances import STRETCH
from ._numerics import TINY
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_DECIBEL = 10 / math.log(10)


def si_sdr_loss(
    input: Tensor, target: Tensor, *, zero_mean: bool = True, eps: float = 1e-8
) -> tuple[Tensor, Tensor]:
    """The error is formed sample by sample, so that a near-perfect output does not cancel.

    A silent output has no direction. It gets the value of the plain signal-to-noise ratio there, 0 dB, and that ratio's
    gradient, toward the target: ``-20 / ln 10 * y / |y|^2``. A silent target has no ratio: its row does not count.
    """
    input, silent_input = _centred(input, zero_mean)
    target, silent_target = _centred(target, zero_mean)
    energy = torch.where(silent_target, 1.0, _dot(target, target))
    power = torch.where(silent_input, 1.0, _dot(input, input))
    product = _dot(input, target)
    scale = product / energy
    error = input - scale.unsqueeze(-1) * target
    ratio = (_dot(error, error) / power + eps).log() - (product * scale / power + eps).log()
    return _DECIBEL * torch.where(silent_input, -2 * scale, ratio), ~silent_target


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Over the last axis, without a product in memory."""
    return (a.unsqueeze(-2) @ b.unsqueeze(-1)).squeeze((-2, -1))


def _centred(signal: Tensor, zero_mean: bool) -> tuple[Tensor, Tensor]:
    """The signal without its mean, and whether nothing but rounding is left of it."""
    if not zero_mean:
        return signal, _dot(signal, signal) <= TINY
    mean = signal.mean(-1, keepdim=True)
    signal = signal - mean
    rounding = signal.shape[-1] * (8 * torch.finfo(signal.dtype).eps * mean.squeeze(-1)).square()
    return signal, _dot(signal, signal) <= rounding.clamp(min=TINY)
