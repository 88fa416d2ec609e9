"""Losses of language models and of the routers of mixtures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def _vocabulary() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 128, 32000, generator=generator)
    return logits, torch.randint(0, 32000, (2, 128), generator=generator)


def _router() -> tuple[Tensor]:
    return (torch.randn(16384, 64, generator=torch.Generator().manual_seed(0)),)


def _torch(input: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(input.view(-1, input.shape[-1]), target.view(-1))


def _with_z(input: Tensor, target: Tensor) -> Tensor:
    flat = input.view(-1, input.shape[-1])
    return F.cross_entropy(flat, target.view(-1)) + 1e-4 * (torch.logsumexp(flat, dim=-1) ** 2).mean()


def _mixtral(input: Tensor) -> Tensor:
    probability = F.softmax(input, dim=-1)
    _, chosen = torch.topk(probability, 2, dim=-1)
    assigned = F.one_hot(chosen, input.shape[1]).float().mean(0)
    return (assigned * probability.mean(0).unsqueeze(0)).sum() * input.shape[1] / 2


def _st_moe(input: Tensor) -> Tensor:
    return (torch.logsumexp(input, dim=-1) ** 2).mean()


PEERS = (
    Peer("language_model_cross_entropy", _vocabulary, _torch, "torch.nn.functional.cross_entropy"),
    Peer(
        "language_model_cross_entropy",
        _vocabulary,
        _with_z,
        "torch.nn.functional.cross_entropy and torch.logsumexp",
        {"z_loss": 1e-4},
    ),
    Peer("moe_load_balance_loss", _router, _mixtral, "transformers' formula", {"top_k": 2}),
    Peer("router_z_loss", _router, _st_moe, "the paper's formula"),
)
