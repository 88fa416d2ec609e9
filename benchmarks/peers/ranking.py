"""Ranking losses beside the formulas of allRank and RecBole."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

_LISTS, _PAIRS = (1024, 200), (64, 100)


def _distinct(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Lists without ties, so that it does not matter how they are resolved."""
    return torch.randn(shape), torch.rand(shape)


def _grades() -> tuple[Tensor, Tensor]:
    return torch.randn(_PAIRS), torch.randint(0, 5, _PAIRS).float()


def _items() -> tuple[Tensor, Tensor]:
    return torch.randn(1 << 20).requires_grad_(), torch.randn(1 << 20).requires_grad_()


def _ranknet(scores: Tensor, relevance: Tensor) -> Tensor:
    pairs = list(itertools.product(range(scores.shape[1]), repeat=2))
    relevance, scores = relevance[:, pairs], scores[:, pairs]
    apart = relevance[:, :, 0] - relevance[:, :, 1]
    counts = (apart > 0) & ~torch.isinf(apart)
    logit = (scores[:, :, 0] - scores[:, :, 1])[counts]
    return F.binary_cross_entropy_with_logits(logit, (apart > 0).float()[counts])


def _lambdarank(scores: Tensor, relevance: Tensor) -> Tensor:
    ranked, order = scores.sort(descending=True, dim=-1)
    best, _ = relevance.sort(descending=True, dim=-1)
    given = relevance.gather(1, order)
    apart = given[:, :, None] - given[:, None, :]
    counts = torch.isfinite(apart) & (apart > 0)
    discount = torch.log2(1.0 + torch.arange(1, scores.shape[1] + 1).float())[None, :]
    ideal = ((torch.pow(2, best) - 1) / discount).sum(-1).clamp(min=1e-10)
    gain = (torch.pow(2, given) - 1) / ideal[:, None]
    weight = torch.abs(1 / discount[:, :, None] - 1 / discount[:, None, :])
    weight = weight * torch.abs(gain[:, :, None] - gain[:, None, :])
    ahead = (ranked[:, :, None] - ranked[:, None, :]).clamp(min=-1e8, max=1e8)
    probability = (torch.sigmoid(ahead).clamp(min=1e-10) ** weight).clamp(min=1e-10)
    return -torch.log(probability)[counts].sum() / len(scores)


def _bpr(positive: Tensor, negative: Tensor) -> Tensor:
    return -torch.log(1e-10 + torch.sigmoid(positive - negative)).mean()


def _listnet(scores: Tensor, relevance: Tensor) -> Tensor:
    return -(F.softmax(relevance, 1) * torch.log(F.softmax(scores, 1) + 1e-10)).sum(1).mean()


def _listmle(scores: Tensor, relevance: Tensor) -> Tensor:
    shuffled = torch.randperm(scores.shape[1])
    scores, relevance = scores[:, shuffled], relevance[:, shuffled]
    ordered, order = relevance.sort(descending=True, dim=-1)
    absent = ordered == -1
    ranked = scores.gather(1, order)
    ranked[absent] = -math.inf
    ranked = ranked - ranked.max(1, keepdim=True).values
    left = ranked.exp().flip(1).cumsum(1).flip(1)
    cost = torch.log(left + 1e-10) - ranked
    cost[absent] = 0.0
    return cost.sum(1).mean()


PEERS = (
    Peer("ranknet_loss", lambda: _distinct(_PAIRS), _ranknet, "allRank's formula"),
    Peer("lambdarank_loss", _grades, _lambdarank, "allRank's formula"),
    Peer("bpr_loss", _items, _bpr, "RecBole's formula"),
    Peer("listnet_loss", lambda: _distinct(_LISTS), _listnet, "allRank's formula"),
    Peer("listmle_loss", lambda: _distinct(_LISTS), _listmle, "allRank's formula", {"ties": "given"}),
)
