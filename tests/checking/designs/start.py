"""What the sound designs are put together from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Start = tuple[nn.Module, Callable[..., Any], tuple[Any, Any]]
"""A model, a loss and a batch."""


def classes(n: int, count: int = 10) -> Tensor:
    """Labels of which each occurs about as often."""
    return torch.randperm(n) % count


def plain(widths: list[int], act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers with torch's default weights."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), act()]
    return nn.Sequential(*layers[:-1])


class Wrapped(nn.Module):
    """A model of named parts and a function of (parts, *inputs)."""

    def __init__(self, run: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, one in parts.items():
            setattr(self, name, one)
        self.run = run

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


def zeroed(layer: Any) -> Any:
    """With all its parameters at zero."""
    for one in layer.parameters():
        nn.init.zeros_(one)
    return layer
