"""Waveforms."""

from __future__ import annotations

import torch
from torch import Tensor

from ._peer import Peer


def _signals() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(16, 64_000, generator=generator)
    return (target + torch.randn(target.shape, generator=generator)).requires_grad_(), target


def _si_sdr(input: Tensor, target: Tensor) -> Tensor:
    eps = torch.finfo(input.dtype).eps
    input, target = input - input.mean(-1, keepdim=True), target - target.mean(-1, keepdim=True)
    scale = ((input * target).sum(-1, keepdim=True) + eps) / ((target**2).sum(-1, keepdim=True) + eps)
    scaled = scale * target
    noise = scaled - input
    return -10 * torch.log10(((scaled**2).sum(-1) + eps) / ((noise**2).sum(-1) + eps)).mean()


PEERS = (Peer("si_sdr_loss", _signals, _si_sdr, "torchmetrics' formula"),)
