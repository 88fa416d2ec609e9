"""Recurrent layers, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of


def net(layer: str, init: str, length: int = 9) -> str:
    """A recurrent layer of width 16 that reads two numbers a step, and a head on its last state."""
    return f"""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = {layer}, nn.Linear(16, 2)
        w = self.rnn.weight_hh_l0.data
        {init}
    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.randn(16, {length}, 2), torch.arange(16) % 2
"""


RNN = "nn.RNN(2, 16, batch_first=True)"
RELU = "nn.RNN(2, 16, batch_first=True, nonlinearity='relu')"
LSTM = "nn.LSTM(2, 16, batch_first=True)"
GRU = "nn.GRU(2, 16, batch_first=True)"
FIX = ["about 1: nn.init.orthogonal_ gives 1, torch's default 0.58", "nn.init.orthogonal_(model.rnn.weight_hh_l0)"]


@pytest.mark.parametrize(
    ("lines", "severity", "factor"),
    [
        (net(RNN, "w.copy_(8 * torch.eye(16))"), "error", "8"),
        (net(RNN, "w.zero_()"), "warning", "0"),
        (net(RNN, "w.copy_(0.01 * torch.eye(16))"), "warning", "0.01"),
        (net(RELU, "w.copy_(1.5 * torch.eye(16))", 30), "error", "1.5"),
        (net(RELU, "w.fill_(0.125)", 30), "error", "2"),
    ],
)
def test_what_it_says_word_for_word(lines: str, severity: str, factor: str) -> None:
    measured = f"each step multiplies the state by about {factor}"
    assert said(first(report(lines), "FS613")) == [severity, "rnn.weight_hh_l0", measured, *FIX]


@pytest.mark.parametrize("name", of("FS613"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


SOUND = {
    "identity": net(RELU, "w.copy_(torch.eye(16))", 60),
    "a little above 1": net(RELU, "w.copy_(1.05 * torch.eye(16))", 20),
    "ReLU, default": net(RELU, "pass", 60),
    "ReLU, orthogonal": net(RELU, "nn.init.orthogonal_(w, 2**0.5)", 20),
    "tanh, default": net(RNN, "pass", 60),
    "tanh, orthogonal": net(RNN, "nn.init.orthogonal_(w)", 60),
    "echo state": net(RNN, "nn.init.orthogonal_(w, 1.5); self.rnn.requires_grad_(False)", 60),
    "gates remember by themselves": net(LSTM, "w.zero_()", 60),
    "and so do these": net(GRU, "w.zero_()", 60),
    "short": net(RNN, "w.zero_()", 3),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_recurrence_is_silent(name: str) -> None:
    for seed in range(5):
        found = report(SOUND[name], seed)
        assert found.ok, told(found)
        assert "FS613" not in found.codes, told(found)


def test_cells_count_their_steps() -> None:
    lines = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNNCell(2, 16), nn.Linear(16, 2)
        nn.init.normal_(self.rnn.weight_hh, std=1e-4)
    def forward(self, x):
        h = None
        for i in range(x.shape[1]):
            h = self.rnn(x[:, i], h)
        return self.head(h)
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.randn(16, {}, 2), torch.arange(16) % 2
"""
    long, short = report(lines.format(8)), report(lines.format(2))
    assert [one.severity for one in long.findings if one.code == "FS613"] == ["warning"], told(long)
    assert "FS613" not in short.codes, told(short)


def test_forget_gates_at_zero_are_only_mentioned() -> None:
    lines = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 2)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.randn(8, 9, 2), torch.arange(8) % 2
"""
    (found,) = [one for one in report(lines).findings if one.code == "FS613"]
    assert (found.severity, found.place) == ("info", "rnn")
    assert found.fix == "model.rnn.bias_hh_l0.data[4:8] = 1"
    mended = report(lines + "model.rnn.bias_hh_l0.data[4:8] = 1")
    assert "FS613" not in mended.codes, told(mended)
