"""FS701 to FS703: what an output depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.checking import check

from .examples import told
from .test_gradient_checks import of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class Run(nn.Module):
    """Modules by name, and what is done with them."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


def last(m: Any, x: Tensor) -> Tensor:
    """The last step of a recurrent layer."""
    return m.head(m.body(x)[0][:, -1])


def all_steps(m: Any, x: Tensor) -> Tensor:
    """Every step."""
    out = m.body(x)
    return m.head(out[0] if isinstance(out, tuple) else out)


SERIES, LABELS = torch.randn(16, 12, 8), torch.arange(16) % 5


def test_batch_first_word_for_word() -> None:
    model = Run(last, body=nn.LSTM(8, 32), head=nn.Linear(32, 5))
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES, LABELS)), "FS701")
    assert (one.severity, one.place) == ("error", "body")
    assert one.measured == "an example's output depends on another example of the batch in lstm of body"
    assert one.expected == "outputs that depend on their own example only, in evaluation mode"
    assert one.fix == "batch_first=True in body, or x.transpose(0, 1) before and after it"
    assert {clue.channel for clue in one.evidence} == {"metamorphic", "graph"}


MIXED: dict[str, tuple[Callable[[], nn.Module], Tensor, str]] = {
    "gru": (lambda: Run(last, body=nn.GRU(8, 32, bidirectional=True), head=nn.Linear(64, 5)), SERIES, "body"),
    "rnn": (lambda: Run(last, body=nn.RNN(8, 32), head=nn.Linear(32, 5)), SERIES, "body"),
    "encoder layer": (
        lambda: Run(
            lambda m, x: m.head(m.body(x).mean(1)), body=nn.TransformerEncoderLayer(8, 2, 16), head=nn.Linear(8, 5)
        ),
        SERIES, "body.self_attn",
    ),
    "attention": (
        lambda: Run(
            lambda m, x: m.head(m.body(x, x, x)[0][:, 0]), body=nn.MultiheadAttention(8, 2), head=nn.Linear(8, 5)
        ),
        SERIES, "body",
    ),
    "softmax": (
        lambda: Run(lambda m, x: m.two(m.one(x).softmax(0) * 16), one=nn.Linear(8, 32), two=nn.Linear(32, 5)),
        SERIES[:, 0], "model",
    ),
    "softmax module": (
        lambda: nn.Sequential(nn.Linear(8, 32), nn.Softmax(dim=0), nn.Linear(32, 5)), SERIES[:, 0], "1",
    ),
    "normalize": (
        lambda: Run(lambda m, x: m.two(F.normalize(m.one(x), dim=0)), one=nn.Linear(8, 32), two=nn.Linear(32, 5)),
        SERIES[:, 0], "model",
    ),
    "mean": (
        lambda: Run(lambda m, x: m.two((h := m.one(x)) - h.mean(0)), one=nn.Linear(8, 32), two=nn.Linear(32, 5)),
        SERIES[:, 0], "model",
    ),
    "view": (
        lambda: Run(
            lambda m, x: m.head(m.body(x.view(12, -1, 8))[0][-1]), body=nn.LSTM(8, 32), head=nn.Linear(32, 5)
        ),
        SERIES, "model",
    ),
    "view to fixed lengths": (
        lambda: Run(
            lambda m, x: m.head(F.relu(m.one(x)).view(12, 16, 8).mean(0)), one=nn.Linear(8, 8), head=nn.Linear(8, 5)
        ),
        SERIES, "model",
    ),
    "attention by hand": (
        lambda: Run(
            lambda m, x: m.head(((h := m.one(x).transpose(0, 1)) @ h.transpose(1, 2)).softmax(-1) @ h).mean(0),
            one=nn.Linear(8, 8), head=nn.Linear(8, 5),
        ),
        SERIES, "model",
    ),
    "view images": (
        lambda: Run(
            lambda m, x: m.head(m.body(x).view(64, -1, 16).mean(2).transpose(0, 1).reshape(-1, 64)),
            body=nn.Conv2d(3, 64, 1), head=nn.Linear(64, 5),
        ),
        torch.randn(16, 3, 4, 4), "model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_mixed(name: str) -> None:
    make, x, place = MIXED[name]
    report = check(make(), nn.CrossEntropyLoss(), (x, LABELS))
    one = of(report, "FS701")
    assert (one.severity, one.place) == ("error", place), told(report)
    if name.startswith("view"):
        assert ".permute()" in one.fix
    if name.startswith("softmax"):
        assert "dim=-1" in one.fix


def flat(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over every step."""
    return F.cross_entropy(output.flatten(0, 1), target.flatten())


def similar(m: Any, x: Tensor) -> Tensor:
    """A matrix of similarities."""
    z = F.normalize(m.one(x), dim=1)
    return z @ z.T / 0.1


def graph(m: Any, x: Tensor) -> Tensor:
    """Neighbours in a ring."""
    return m.two(F.relu(m.one(x + x.roll(1, 0))))


def points(m: Any, x: Tensor) -> Tensor:
    """Attention among vectors."""
    h = m.one(x)
    return m.two(h + (h @ h.T).softmax(1) @ h)


RING = torch.eye(16) + torch.eye(16).roll(1, 0)
TIMES = torch.randn(12, 16, 8), torch.randint(5, (12, 16))
SOUND: dict[str, tuple[Callable[[], nn.Module], Any, Any]] = {
    "time first, lstm": (lambda: Run(all_steps, body=nn.LSTM(8, 32), head=nn.Linear(32, 5)), flat, TIMES),
    "time first, both ways": (
        lambda: Run(all_steps, body=nn.LSTM(8, 32, bidirectional=True), head=nn.Linear(64, 5)), flat, TIMES,
    ),
    "time first, encoder": (
        lambda: Run(all_steps, body=nn.TransformerEncoderLayer(8, 2, 16), head=nn.Linear(8, 5)), flat, TIMES,
    ),
    "batch first": (
        lambda: Run(all_steps, body=nn.LSTM(8, 32, batch_first=True), head=nn.Linear(32, 5)), flat, TIMES,
    ),
    "similarities": (
        lambda: Run(similar, one=nn.Linear(8, 32)),
        lambda s, _: F.cross_entropy(s.masked_fill(torch.eye(len(s), dtype=torch.bool), -9), torch.arange(len(s)) ^ 1),
        (SERIES[:, 0], LABELS),
    ),
    "ring": (lambda: Run(graph, one=nn.Linear(8, 32), two=nn.Linear(32, 5)), None, (SERIES[:, 0], LABELS)),
    "points": (lambda: Run(points, one=nn.Linear(8, 32), two=nn.Linear(32, 5)), None, (SERIES[:, 0], LABELS)),
    "one sentence": (
        lambda: Run(
            lambda m, ids: m.head(m.body(m.embed(ids)[:, None])[0][:, 0]),
            embed=nn.Embedding(30, 8), body=nn.LSTM(8, 32), head=nn.Linear(32, 5),
        ),
        None, (torch.arange(16), LABELS),
    ),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 5)),
        None, (SERIES[:, 0], LABELS),
    ),
    "two layers of state": (
        lambda: Run(
            lambda m, x: ((o := m.body(x))[0][:, -1] @ m.head.weight.T, o[1]),
            body=nn.LSTM(8, 32, 2, batch_first=True), head=nn.Linear(32, 5),
        ),
        lambda out, target: F.cross_entropy(out[0], target), (SERIES, LABELS),
    ),
    "adjacency": (
        lambda: Run(lambda m, x, a: m.two(F.relu(a @ m.one(x))), one=nn.Linear(8, 32), two=nn.Linear(32, 5)),
        None, ((SERIES[:, 0], torch.eye(16) + torch.eye(16).roll(1, 0)), LABELS),
    ),
    "adjacency of the whole graph": (
        lambda: Run(lambda m, x: m.two(F.relu(RING @ m.one(x))), one=nn.Linear(8, 32), two=nn.Linear(32, 5)),
        None, (SERIES[:, 0], LABELS),
    ),
    "heads folded into the batch": (
        lambda: Run(
            lambda m, x: m.head(m.one(x).view(-1, 12, 4, 8).transpose(1, 2).reshape(-1, 12, 8).mean(1).view(-1, 32)),
            one=nn.Linear(8, 32), head=nn.Linear(32, 5),
        ),
        None, (SERIES, LABELS),
    ),
    "dropout that stays on": (
        lambda: Run(
            lambda m, x: m.two(F.dropout(m.one(x), 0.1)), one=nn.Linear(8, 32), two=nn.Linear(32, 5)
        ),
        None, (SERIES[:, 0], LABELS),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    make, loss, batch = SOUND[name]
    report = check(make(), loss or nn.CrossEntropyLoss(), batch)
    assert not [f for f in report.findings if f.code in ("FS701", "FS702") and f.severity != "info"], told(report)


@pytest.mark.parametrize("name", ["batch first", "similarities", "batch norm", "two layers of state"])
def test_no_remark_either(name: str) -> None:
    make, loss, batch = SOUND[name]
    assert "FS701" not in check(make(), loss or nn.CrossEntropyLoss(), batch).codes


def test_the_input_is_not_used_word_for_word() -> None:
    model = Run(lambda m, x: m.two(F.relu(m.one(torch.ones_like(x)))), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS702")
    assert (one.severity, one.place) == ("error", "output")
    assert one.measured == "output is the same for all 16 examples, and so are the outputs of 3 layers"
    assert one.expected == "outputs that differ where inputs do"
    assert one.fix == "use the input in forward: nothing of it arrives at the first layer"


@pytest.mark.parametrize("model", [lambda: nn.Linear(8, 5), lambda: nn.Sequential(nn.Linear(8, 5))])
def test_a_single_layer_that_starts_at_zero_is_sound(model: Callable[[], nn.Module]) -> None:
    made = model()
    for parameter in made.parameters():
        nn.init.zeros_(parameter)
    assert "FS702" not in check(made, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)).codes


class Tokens(nn.Module):
    """A small language model."""

    def __init__(self, causal: bool, kind: str = "attention") -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32), nn.Linear(32, 50)
        self.causal, self.kind = causal, kind
        if kind == "attention":
            self.body: nn.Module = nn.Linear(32, 96)
        elif kind == "convolution":
            self.body = nn.Conv1d(32, 32, 3, padding=2 if causal else 1)
        else:
            self.body = nn.GRU(32, 16 if not causal else 32, batch_first=True, bidirectional=not causal)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        if self.kind == "attention":
            q, k, v = self.body(x).chunk(3, -1)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        elif self.kind == "convolution":
            y = self.body(x.transpose(1, 2)).transpose(1, 2)[:, : ids.shape[1]]
        else:
            y = self.body(x)[0]
        return self.head(x + y)


IDS = torch.randint(50, (8, 13))


@pytest.mark.parametrize("kind", ["attention", "convolution", "recurrent"])
def test_looking_ahead(kind: str) -> None:
    batch = IDS[:, :-1], IDS[:, 1:]
    report = check(Tokens(False, kind), flat, batch, task="causal-lm")
    one = of(report, "FS703")
    assert (one.severity, one.place, one.measured) == ("error", "model", "outputs depend on later inputs")
    assert one.expected == "the output at place t depends on inputs up to t only"
    assert "is_causal=True" in one.fix
    assert "FS703" not in check(Tokens(True, kind), flat, batch, task="causal-lm").codes
    assert "FS703" not in check(Tokens(False, kind), flat, batch).codes


def test_a_model_that_is_not_causal_is_sound_otherwise() -> None:
    assert "FS701" not in check(Tokens(False), flat, (IDS[:, :-1], IDS[:, 1:])).codes


def test_place_in_the_batch_word_for_word() -> None:
    model = Run(lambda m, x: m.head(x) + torch.arange(x.size(0)).view(-1, 1), head=nn.Linear(8, 4))
    nn.init.zeros_(model.head.weight)
    nn.init.constant_(model.head.bias, 1.0)
    one = of(check(model, nn.CrossEntropyLoss(), (torch.randn(16, 8), torch.arange(16) % 4)), "FS708")
    assert (one.severity, one.place) == ("warning", "model")
    assert one.measured == "when two examples change places, an example's output changes by 100.00% of its rms"
    assert one.expected == "the same output wherever in the batch an example stands"
    assert (
        one.fix
        == "take the length of the sequence from the axis of positions, as x.size(1) where the batch comes first"
    )


def test_dropout_and_noise_in_evaluation_are_no_place_in_the_batch() -> None:
    model = Run(lambda m, x: m.head(x) + torch.randn(x.size(0), 4), head=nn.Linear(8, 4))
    found = check(model, nn.CrossEntropyLoss(), (torch.randn(16, 8), torch.arange(16) % 4))
    assert "FS708" not in found.codes, told(found)


@pytest.mark.parametrize("first", [True, False])
def test_positions_along_the_sequence_are_sound(first: bool) -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        axis = 1 if first else 0
        places = m.place(torch.arange(x.size(axis)))
        h = m.embed(x) + (places if first else places.unsqueeze(1))
        return m.head(m.body(h)).mean(axis)

    body = nn.TransformerEncoderLayer(16, 2, 32, batch_first=first)
    model = Run(run, embed=nn.Embedding(50, 16), place=nn.Embedding(64, 16), body=body, head=nn.Linear(16, 4))
    ids = torch.randint(50, (16, 12))
    batch = (ids if first else ids.T.contiguous(), torch.arange(16) % 4)
    found = check(model, nn.CrossEntropyLoss(), batch)
    assert "FS708" not in found.codes, told(found)
