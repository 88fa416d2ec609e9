"""Two inputs that meet in a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, plain


def factorization(n: int = 64) -> Start:
    """Users and items with zero biases."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user, self.item = nn.Embedding(200, 16), nn.Embedding(300, 16)
            self.user_bias, self.item_bias = nn.Embedding(200, 1), nn.Embedding(300, 1)
            for one in (self.user, self.item):
                nn.init.normal_(one.weight, std=0.1)
            for one in (self.user_bias, self.item_bias):
                nn.init.zeros_(one.weight)

        def forward(self, user: Tensor, item: Tensor) -> Tensor:
            dot = (self.user(user) * self.item(item)).sum(-1)
            return dot + self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]

    return Model(), nn.MSELoss(), ((torch.randint(200, (n,)), torch.randint(300, (n,))), torch.randn(n))


def contrastive(n: int = 32) -> Start:
    """Two views, normalized, a temperature."""

    def run(m: Any, a: Tensor, b: Tensor) -> Tensor:
        return F.normalize(m.net(a), dim=1) @ F.normalize(m.net(b), dim=1).T / 0.1

    x = torch.randn(n, 20)
    views = (x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x))
    return Wrapped(run, net=plain([20, 64, 16])), nn.CrossEntropyLoss(), (views, torch.arange(n))


DESIGNS: dict[str, Callable[[], Start]] = {
    "factorization": factorization, "contrastive": contrastive,
}  # fmt: skip
