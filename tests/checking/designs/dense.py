"""Networks of dense layers: plain, deep, residual, on tables, with heads that start in a way of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, classes, plain

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "leaky": nn.LeakyReLU,
    "elu": nn.ELU,
}


def mlp(depth: int, width: int, act: str = "relu", n: int = 32) -> Start:
    """A plain MLP as torch makes it."""
    model = plain([20, *[width] * depth, 10], ACTIVATIONS[act])
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def he(depth: int, width: int = 128, n: int = 32, act: str = "relu") -> Start:
    """A deep plain network with the weights its activation asks for."""
    model = plain([20, *[width] * depth, 10], ACTIVATIONS[act])
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu" if act == "relu" else "linear")
            nn.init.zeros_(module.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


class _Branch(nn.Module):
    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        self.gate = nn.Parameter(torch.zeros(1)) if kind == "rezero" else None
        if kind == "fixup":
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.relu(self.up(x)))
        return x + (y if self.gate is None else self.gate * y)


def residual(kind: str = "plain", blocks: int = 12, n: int = 32) -> Start:
    """Residual MLP without norms; "rezero" and "fixup" start with branches that give zero."""
    model = nn.Sequential(nn.Linear(20, 64), *(_Branch(64, kind) for _ in range(blocks)), nn.Linear(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def highway(n: int = 32) -> Start:
    """Gates whose bias of -3 lets everything pass."""

    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h, self.t = nn.Linear(32, 32), nn.Linear(32, 32)
            nn.init.constant_(self.t.bias, -3.0)

        def forward(self, x: Tensor) -> Tensor:
            t = torch.sigmoid(self.t(x))
            return t * F.relu(self.h(x)) + (1 - t) * x

    model = nn.Sequential(nn.Linear(20, 32), *(Gate() for _ in range(10)), nn.Linear(32, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def constrained(n: int = 32) -> Start:
    """Weight norm and spectral norm."""
    norm, spectral = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
    model = nn.Sequential(norm(nn.Linear(20, 64)), nn.ReLU(), spectral(nn.Linear(64, 64)), nn.ReLU(), nn.Linear(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def experts(n: int = 32) -> Start:
    """A soft mixture."""

    def run(m: Any, x: Tensor) -> Tensor:
        gate = m.gate(x).softmax(1)
        return sum(gate[:, i : i + 1] * one(x) for i, one in enumerate(m.experts))  # type: ignore[return-value]

    model = Wrapped(run, gate=nn.Linear(20, 4), experts=nn.ModuleList(plain([20, 32, 10]) for _ in range(4)))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def tabular(n: int = 64) -> Start:
    """Raw columns of very different size, that batch norm puts right first."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    x = torch.randn(n, 4) * torch.tensor([1.0, 50.0, 1e4, 0.01]) + torch.tensor([0.0, 40.0, 5e4, 1.0])
    return model, nn.MSELoss(), (x, torch.randn(n, 1))


def one_hot(n: int = 64) -> Start:
    """Rare categories as columns, a wide table."""
    x = F.one_hot(torch.randint(300, (n,)), 300).float()
    return plain([300, 32, 2]), nn.CrossEntropyLoss(), (x, classes(n, 2))


def tf_idf(n: int = 32) -> Start:
    """Rows of norm 1 with few words of many."""
    x = F.normalize(torch.rand(n, 5000) * (torch.rand(n, 5000) < 0.01), dim=1)
    return plain([5000, 64, 4]), nn.CrossEntropyLoss(), (x, classes(n, 4))


def bytes_inside(n: int = 16) -> Start:
    """Images as bytes, which the model scales itself."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = plain([64, 32, 10])

        def forward(self, x: Tensor) -> Tensor:
            return self.net((x.float() / 255 - 0.5).flatten(1) / 0.25)

    return Model(), nn.CrossEntropyLoss(), (torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8), classes(n))


def averages(n: int = 16) -> Start:
    """DLinear: forecasts that start as the mean of the past."""
    layer = nn.Linear(24, 12)
    nn.init.constant_(layer.weight, 1 / 24)
    return layer, nn.MSELoss(), (torch.randn(n, 24), torch.randn(n, 12))


def dtype(kind: torch.dtype, n: int = 32) -> Start:
    """A small network in another precision."""
    model = plain([20, 64, 64, 1]).to(kind)
    return model, nn.MSELoss(), (torch.randn(n, 20, dtype=kind), torch.randn(n, 1, dtype=kind))


def large_zero_head(n: int = 16) -> Start:
    """A thousand classes, most of them absent from the batch, and a head that starts at zero."""
    model = plain([20, 64, 1000])
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), torch.randint(1000, (n,)))


def prior_head(n: int = 32) -> Start:
    """A zero head with the classes' prior as its bias, as for detection."""
    model = plain([20, 64, 64, 1])
    nn.init.zeros_(model[-1].weight)
    nn.init.constant_(model[-1].bias, -math.log(7))
    target = (torch.arange(n) % 8 == 0).float()[:, None]
    return model, nn.BCEWithLogitsLoss(), (torch.randn(n, 20), target)


def policy(n: int = 32) -> Start:
    """Orthogonal weights, a head with gain 0.01."""
    model = plain([6, 64, 64, 4], nn.Tanh)
    for i, module in enumerate([one for one in model if isinstance(one, nn.Linear)]):
        nn.init.orthogonal_(module.weight, gain=0.01 if i == 2 else math.sqrt(2))
        nn.init.zeros_(module.bias)

    def loss(logits: Tensor, seen: Tensor) -> Tensor:
        chosen = logits.log_softmax(-1).gather(1, seen[:, :1].long())[:, 0]
        return -(chosen * seen[:, 1]).mean()

    return model, loss, (torch.randn(n, 6), torch.stack([classes(n, 4).float(), torch.randn(n)], 1))


def ddpg(n: int = 32) -> Start:
    """A critic with a last layer of U(-0.003, 0.003)."""
    model = plain([8, 64, 64, 1])
    nn.init.uniform_(model[-1].weight, -3e-3, 3e-3)
    nn.init.uniform_(model[-1].bias, -3e-3, 3e-3)
    return model, nn.MSELoss(), (torch.randn(n, 8), torch.randn(n, 1))


DESIGNS: dict[str, Callable[[], Start]] = {
    **{f"mlp {act} {depth}x{width} n{n}": lambda a=act, d=depth, w=width, n=n: mlp(d, w, a, n)
       for act in ACTIVATIONS for depth in (2, 8) for width, n in ((32, 16), (128, 32))},
    **{f"mlp relu {depth}x{width} n{n}": lambda d=depth, w=width, n=n: mlp(d, w, "relu", n)
       for depth, width in ((1, 16), (3, 64), (6, 16), (6, 512)) for n in (2, 64)},
    "he 20": lambda: he(20), "he 50": lambda: he(50), "lecun selu 12": lambda: he(12, act="selu"),
    "lecun tanh 12": lambda: he(12, act="tanh"), "residual": residual, "rezero": lambda: residual("rezero"),
    "fixup": lambda: residual("fixup"), "highway": highway, "constrained": constrained, "experts": experts,
    "tabular": tabular, "one hot": one_hot, "tf-idf": tf_idf, "bytes inside": bytes_inside, "averages": averages,
    "float64": lambda: dtype(torch.float64), "bfloat16": lambda: dtype(torch.bfloat16),
    "large zero head": large_zero_head, "prior head": prior_head, "policy": policy, "ddpg": ddpg,
}  # fmt: skip
