"""Tags of sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from ._peer import Peer


def _sequences() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    n, t, k = 32, 64, 17
    emissions = torch.randn(n, t, k, generator=generator).requires_grad_()
    tags = torch.randint(k, (n, t), generator=generator)
    lengths = torch.randint(t // 2, t + 1, (n, 1), generator=generator)
    tags = torch.where(torch.arange(t) < lengths, tags, -100)
    return (
        emissions,
        tags,
        *((0.1 * torch.randn(s, generator=generator)).requires_grad_() for s in ((k, k), (k,), (k,))),
    )


def _crf(emissions: Tensor, tags: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Time first, step by step, in the numerator as in the denominator."""
    mask, tags = (tags >= 0).T, tags.clamp(min=0).T
    emissions = emissions.transpose(0, 1)
    rows = torch.arange(emissions.shape[1])
    weight = mask.to(emissions.dtype)
    score = start[tags[0]] + emissions[0, rows, tags[0]]
    total = start + emissions[0]
    for t in range(1, len(emissions)):
        score = score + transitions[tags[t - 1], tags[t]] * weight[t] + emissions[t, rows, tags[t]] * weight[t]
        moved = (total.unsqueeze(2) + transitions + emissions[t].unsqueeze(1)).logsumexp(1)
        total = torch.where(mask[t].unsqueeze(1), moved, total)
    score = score + end[tags[mask.long().sum(0) - 1, rows]]
    return ((total + end).logsumexp(1) - score).mean()


PEERS = (Peer("linear_chain_crf_loss", _sequences, _crf, "pytorch-crf's formula"),)
