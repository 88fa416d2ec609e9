"""Losses of ordered classes beside coral-pytorch's formulas."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

_N, _CLASSES = 1 << 14, 50


def _grades() -> tuple[Tensor, Tensor]:
    return torch.randn(_N, _CLASSES - 1), torch.randint(0, _CLASSES, (_N,))


def _coral(input: Tensor, target: Tensor) -> Tensor:
    levels = (target.unsqueeze(1) > torch.arange(_CLASSES - 1)).float()
    terms = F.logsigmoid(input) * levels + (F.logsigmoid(input) - input) * (1 - levels)
    return -terms.sum(1).mean()


def _corn(input: Tensor, target: Tensor) -> Tensor:
    total, count = torch.zeros(()), 0
    for k in range(_CLASSES - 1):
        asked = target > k - 1
        above = (target[asked] > k).long()
        logit = input[asked, k]
        count += len(above)
        total = total - (F.logsigmoid(logit) * above + (F.logsigmoid(logit) - logit) * (1 - above)).sum()
    return total / count


PEERS = (
    Peer("coral_loss", _grades, _coral, "coral-pytorch's formula"),
    Peer("corn_loss", _grades, _corn, "coral-pytorch's formula"),
)
