"""Small trained parts in frozen networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, classes, zeroed


def lora(n: int = 16) -> Start:
    """Frozen layers with low-rank additions that start at zero."""

    class Low(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.base = nn.Linear(before, after).requires_grad_(False)
            self.a, self.b = nn.Linear(before, 4, bias=False), zeroed(nn.Linear(4, after, bias=False))

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + 2 * self.b(self.a(x))

    model = nn.Sequential(Low(20, 64), nn.ReLU(), Low(64, 64), nn.ReLU(), Low(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def low_rank_raw(n: int = 16) -> Start:
    """The same with matrices that are no layers."""
    parts = {"a": nn.Parameter(torch.randn(20, 4) * 0.2), "b": nn.Parameter(torch.zeros(4, 64))}

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(F.relu(m.base(x) + x @ m.a @ m.b))

    model = Wrapped(run, base=nn.Linear(20, 64).requires_grad_(False), head=nn.Linear(64, 10), **parts)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def adapter(n: int = 16) -> Start:
    """Houlsby's adapters in a frozen network."""
    parts = [nn.Linear(20, 64), nn.Linear(64, 64)]
    for one in parts:
        one.requires_grad_(False)

    def run(m: Any, x: Tensor) -> Tensor:
        for base, down, up in zip(m.base, m.down, m.up, strict=True):
            x = F.relu(base(x))
            x = x + up(F.relu(down(x)))
        return m.head(x)

    model = Wrapped(
        run, base=nn.ModuleList(parts), down=nn.ModuleList(nn.Linear(64, 8) for _ in parts),
        up=nn.ModuleList(zeroed(nn.Linear(8, 64)) for _ in parts), head=nn.Linear(64, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


DESIGNS: dict[str, Callable[[], Start]] = {
    "lora": lora, "low rank raw": low_rank_raw, "adapter": adapter,
}  # fmt: skip
