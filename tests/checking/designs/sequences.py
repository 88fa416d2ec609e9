"""Sequences, sets and graphs: recurrence, dilation, sums and maxima over elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, classes, plain


def recurrent(kind: str = "LSTM", n: int = 16) -> Start:
    """A recurrent classifier over real-valued sequences."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(nn, kind)(8, 32, num_layers=2, batch_first=True)
            self.head = nn.Linear(32, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 20, 8), classes(n, 4))


def chrono(n: int = 16) -> Start:
    """An LSTM cell of one's own whose forget gates remember for long: sigmoids that are meant to be closed."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.head = nn.Linear(8 + 32, 4 * 32), nn.Linear(32, 1)
            with torch.no_grad():
                self.gates.bias.zero_()
                self.gates.bias[:32] = torch.linspace(4.5, 7, 32)
                self.gates.bias[32:64] = -self.gates.bias[:32]

        def forward(self, x: Tensor) -> Tensor:
            h = c = x.new_zeros(len(x), 32)
            for step in x.unbind(1):
                gates, new = self.gates(torch.cat([step, h], 1)).split([96, 32], 1)
                f, i, o = gates.sigmoid().chunk(3, 1)
                c = f * c + i * new.tanh()
                h = o * c.tanh()
            return self.head(h)

    return Model(), nn.MSELoss(), (torch.randn(n, 10, 8), torch.randn(n, 1))


def echo(n: int = 16) -> Start:
    """An orthogonal recurrent network, and an identity one with ReLU."""

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(torch.cat([m.a(x)[0][:, -1], m.b(x)[0][:, -1]], 1))

    a, b = nn.RNN(4, 32, batch_first=True), nn.RNN(4, 32, batch_first=True, nonlinearity="relu")
    nn.init.orthogonal_(a.weight_hh_l0)
    nn.init.eye_(b.weight_hh_l0)
    nn.init.normal_(b.weight_ih_l0, std=0.01)
    return Wrapped(run, a=a, b=b, head=nn.Linear(64, 3)), nn.CrossEntropyLoss(), (torch.randn(n, 12, 4), classes(n, 3))


def text_cnn(n: int = 16) -> Start:
    """Embeddings, 1-D convolution, most positions padding."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(200, 32, padding_idx=0)
            self.conv, self.head = nn.Conv1d(32, 64, 3, padding=1), nn.Linear(64, 4)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(F.relu(self.conv(self.embed(ids).transpose(1, 2))).amax(2))

    ids = torch.randint(1, 200, (n, 24))
    ids[:, 8:] = 0
    return Model(), nn.CrossEntropyLoss(), (ids, classes(n, 4))


def wavenet(n: int = 4) -> Start:
    """Dilated convolutions with gates."""

    def run(m: Any, x: Tensor) -> Tensor:
        x, out = m.start(x), 0
        for f, g, r in zip(m.filter, m.gate, m.res, strict=True):
            y = torch.tanh(f(x)) * torch.sigmoid(g(x))
            x, out = x + r(y), out + y
        return m.end(F.relu(out))

    def stack(dilated: bool) -> nn.ModuleList:
        return nn.ModuleList(
            nn.Conv1d(16, 16, 3, padding=2**i, dilation=2**i) if dilated else nn.Conv1d(16, 16, 1) for i in range(6)
        )

    model = Wrapped(
        run, start=nn.Conv1d(1, 16, 1), filter=stack(True), gate=stack(True), res=stack(False), end=nn.Conv1d(16, 32, 1)
    )
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 1, 64) * 2 - 1, torch.randint(32, (n, 64)))


def deep_sets(n: int = 16) -> Start:
    """A sum over a set's elements."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.phi, self.rho = plain([3, 64, 64, 64]), plain([64, 64, 1])

        def forward(self, x: Tensor) -> Tensor:
            return self.rho(self.phi(x).sum(1))

    return Model(), nn.MSELoss(), (torch.randn(n, 12, 3), torch.randn(n, 1))


def point_net(n: int = 8) -> Start:
    """Points in metres, shared layers with batch norm, a maximum."""

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(m.body(x.transpose(1, 2)).amax(2))

    layers = [one for a, b in ((3, 32), (32, 64)) for one in (nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU())]
    return Wrapped(run, body=nn.Sequential(*layers), head=plain([64, 32, 5])), nn.CrossEntropyLoss(), (
        torch.randn(n, 50, 3) * 20, classes(n, 5),
    )  # fmt: skip


def masked(n: int = 8) -> Start:
    """A mask of minus infinity among the inputs."""

    def run(m: Any, x: Tensor, mask: Tensor) -> Tensor:
        return m.head((m.net(x) + mask[..., None]).amax(1))

    mask = torch.zeros(n, 6)
    mask[:, 4:] = -torch.inf
    model = Wrapped(run, net=plain([8, 32, 16]), head=nn.Linear(16, 3))
    return model, nn.CrossEntropyLoss(), ((torch.randn(n, 6, 8), mask), classes(n, 3))


def graph_net(n: int = 40) -> Start:
    """Nodes as the batch, mean aggregation."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 5)

        def forward(self, x: Tensor) -> Tensor:
            for layer in (self.one, self.two):
                x = F.relu(layer((x + x.roll(1, 0) + x.roll(-1, 0)) / 3))
            return self.head(x)

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 16), classes(n, 5))


def sum_graph(n: int = 40, layers: int = 4) -> Start:
    """GIN with sums over four neighbours and batch norm."""

    def run(m: Any, x: Tensor) -> Tensor:
        for layer, norm in zip(m.layers, m.norms, strict=True):
            x = F.relu(norm(layer(x + sum(x.roll(i, 0) for i in (-2, -1, 1, 2)))))
        return m.head(x)

    model = Wrapped(
        run, layers=nn.ModuleList(plain([16, 16, 16]) for _ in range(layers)),
        norms=nn.ModuleList(nn.BatchNorm1d(16) for _ in range(layers)), head=nn.Linear(16, 5),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16), classes(n, 5))


DESIGNS: dict[str, Callable[[], Start]] = {
    "lstm": recurrent, "gru": lambda: recurrent("GRU"), "rnn": lambda: recurrent("RNN"), "chrono": chrono,
    "echo": echo, "text cnn": text_cnn, "wavenet": wavenet, "deep sets": deep_sets, "point net": point_net,
    "masked": masked, "graph": graph_net, "sum graph": sum_graph,
}  # fmt: skip
