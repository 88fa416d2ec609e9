"""Losses of a real number's error."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def pair() -> tuple[Tensor, Tensor]:
    """Six million predictions and targets."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2500, 2500, generator=generator), torch.randn(2500, 2500, generator=generator)


def adaptive() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows of 20 channels, with the parameters of each."""
    generator = torch.Generator().manual_seed(0)
    input, target = (torch.randn(20_000, 20, generator=generator) for _ in range(2))
    return input, target, torch.zeros(20), torch.zeros(20)


def _charbonnier(input: Tensor, target: Tensor) -> Tensor:
    return torch.sqrt((input - target) ** 2 + 1e-6).mean()


def _barron(input: Tensor, target: Tensor) -> Tensor:
    squared = (input - target) ** 2
    return ((squared / 2.5 + 1) ** -0.25 - 1).mean() * (2.5 / -0.5)


def _adaptive(input: Tensor, target: Tensor, alpha_logit: Tensor, log_scale: Tensor) -> Tensor:
    """All branches and a choice among them, as alpha is a tensor; without log Z."""
    alpha, scale = 2 * torch.sigmoid(alpha_logit), torch.exp(log_scale)
    squared = ((input - target) / scale) ** 2
    b = (alpha - 2).abs().clamp(min=1e-7)
    otherwise = b / alpha.clamp(min=1e-7) * ((squared / b + 1) ** (alpha / 2) - 1)
    chosen = torch.where(alpha == 0, torch.log1p(squared / 2), torch.where(alpha == 2, squared / 2, otherwise))
    chosen = torch.where(alpha == -math.inf, -torch.expm1(-squared / 2), chosen)
    return (chosen + torch.log(scale)).mean()


PEERS = (
    Peer("mse_loss", pair, F.mse_loss, "torch.nn.functional.mse_loss"),
    Peer("l1_loss", pair, F.l1_loss, "torch.nn.functional.l1_loss"),
    Peer("huber_loss", pair, F.huber_loss, "torch.nn.functional.huber_loss"),
    Peer("smooth_l1_loss", pair, F.smooth_l1_loss, "torch.nn.functional.smooth_l1_loss"),
    Peer("charbonnier_loss", pair, _charbonnier, "the formula in torch"),
    Peer("general_robust_loss", pair, _barron, "equation 1 in torch", {"alpha": -0.5}),
    Peer("adaptive_robust_loss", adaptive, _adaptive, "robust_loss_pytorch's formula, without its log Z", same=False),
)
