"""A comparison that takes little time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import firststep as fs
from firststep.comparing import Comparison, compare

X = torch.randn(96, 8, generator=torch.Generator().manual_seed(0))
Y = torch.tanh(X[:, :2].sum(1, keepdim=True))


def build() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))


def times(factor: float, offset: int = 0) -> Callable[[nn.Module, int], None]:
    """A start: the default recipe, all weights times a factor, with other seeds."""

    def write(model: nn.Module, seed: int) -> None:
        fs.initialize(model, "default", seed=seed + offset)
        with torch.no_grad():
            for one in model.parameters():
                one.mul_(factor)

    return write


def small(inits: Any, data: Any = (X, Y), loss: Any = nn.functional.mse_loss, **options: Any) -> Comparison:
    """A comparison that takes little time."""
    return compare(build, inits, data, loss, **{"steps": 30, "batch_size": 16, **options})
