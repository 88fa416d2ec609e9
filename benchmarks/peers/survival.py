"""Times until an event."""

from __future__ import annotations

import torch
from torch import Tensor

from ._peer import Peer

_N = 100_000


def _distinct() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    log_hazard = torch.randn(_N, generator=generator).requires_grad_()
    return log_hazard, torch.rand(_N, generator=generator), torch.rand(_N, generator=generator) < 0.5


def _days() -> tuple[Tensor, ...]:
    log_hazard, time, event = _distinct()
    return log_hazard, (1000 * time).ceil(), event


def _breslow(log_hazard: Tensor, time: Tensor, event: Tensor) -> Tensor:
    time, order = time.sort()
    log_hazard, event = log_hazard[order], event[order]
    at_risk = log_hazard.flip(0).logcumsumexp(0).flip(0)
    first = torch.searchsorted(time, time)
    return (at_risk[first] - log_hazard)[event].mean()


def _efron(log_hazard: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """A loop over the distinct times with events."""
    time, order = time.sort()
    log_hazard, event = log_hazard[order], event[order]
    hazard = log_hazard.exp()
    times, inverse, _ = torch.unique_consecutive(time, return_inverse=True, return_counts=True)
    sums = torch.zeros_like(times).index_add(0, inverse, hazard)
    at_risk = sums.flip(0).cumsum(0).flip(0)
    tied = torch.zeros_like(times).index_add(0, inverse[event], hazard[event])
    counts = torch.bincount(inverse[event], minlength=len(times))
    terms = [
        (risk - torch.arange(d) / d * own).log().sum()
        for risk, own, d in zip(at_risk.unbind(), tied.unbind(), counts.tolist(), strict=True)
        if d
    ]
    return (torch.stack(terms).sum() - log_hazard[event].sum()) / event.sum()


PEERS = (
    Peer("cox_loss", _distinct, _breslow, "torchsurv's formula", {"ties": "breslow"}),
    Peer("cox_loss", _days, _efron, "torchsurv's formula"),
)
