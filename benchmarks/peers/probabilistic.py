"""Distributions, quantiles and scores."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, distributions

from ._peer import Peer

_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair() -> tuple[Tensor, Tensor]:
    """A million predictions and targets."""
    return _normal(1000, 1000), _normal(1000, 1000, seed=1)


def spread() -> tuple[Tensor, Tensor, Tensor]:
    """With the logarithm of a variance or scale for each."""
    return *pair(), _normal(1000, 1000, seed=2) / 2


def heads() -> tuple[Tensor, Tensor]:
    """Seven quantiles for each target."""
    return _normal(100_000, len(_QUANTILES)), _normal(100_000, seed=1)


def ensemble() -> tuple[Tensor, Tensor]:
    """Ten members for each target."""
    return _normal(50_000, 10), _normal(50_000, seed=1)


def _pinball(input: Tensor, target: Tensor) -> Tensor:
    error = target - input
    return torch.max(0.9 * error, (0.9 - 1) * error).mean()


def _pinballs(input: Tensor, target: Tensor) -> Tensor:
    error = target.unsqueeze(-1) - input
    return (error * torch.tensor(_QUANTILES) + (error.abs() - error) / 2).mean()


def _gaussian(input: Tensor, target: Tensor, log_variance: Tensor) -> Tensor:
    return F.gaussian_nll_loss(input, target, log_variance.exp())


def _beta(input: Tensor, target: Tensor, log_variance: Tensor) -> Tensor:
    variance = log_variance.exp()
    values = 0.5 * ((target - input) ** 2 / variance + variance.log())
    return (values * variance.detach() ** 0.5).mean()


def _student(input: Tensor, target: Tensor, log_scale: Tensor) -> Tensor:
    return -distributions.StudentT(4.0, input, log_scale.exp(), validate_args=False).log_prob(target).mean()


def _crps(input: Tensor, target: Tensor, log_variance: Tensor) -> Tensor:
    sigma = (log_variance / 2).exp()
    z = (target - input) / sigma
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return (sigma * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))).mean()


def _pairs(input: Tensor, target: Tensor) -> Tensor:
    spread = (input.unsqueeze(-1) - input.unsqueeze(-2)).abs().mean((-1, -2))
    return ((input - target.unsqueeze(-1)).abs().mean(-1) - spread / 2).mean()


PEERS = (
    Peer("quantile_loss", pair, _pinball, "the usual maximum in torch", {"quantile": 0.9}),
    Peer("multi_quantile_loss", heads, _pinballs, "pytorch-forecasting's formula", {"quantiles": _QUANTILES}),
    Peer("gaussian_nll_loss", spread, _gaussian, "torch.nn.functional.gaussian_nll_loss"),
    Peer("beta_nll_loss", spread, _beta, "the paper's formula in torch"),
    Peer("student_t_nll_loss", spread, _student, "torch.distributions.StudentT"),
    Peer("crps_gaussian_loss", spread, _crps, "the formula in torch"),
    Peer("crps_ensemble_loss", ensemble, _pairs, "scoringrules' formula, over all pairs"),
)
