"""FS701 to FS703 where they are hard to tell: fixed sizes, statistics, orders, noise, some places only."""

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
from .test_mixing_checks import IDS, LABELS, RING, SERIES, Run, Tokens, flat


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_batch_of_one_size_only() -> None:
    body, head = nn.LSTM(8, 32, batch_first=True, bidirectional=True), nn.Linear(64, 5)
    model = Run(lambda m, x: m.head(m.body(x)[1][0].view(16, -1)), body=body, head=head)
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES, LABELS)), "FS701")
    assert (one.severity, one.place) == ("error", "model")
    model.run = lambda m, x: m.head(m.body(x)[1][0].transpose(0, 1).reshape(16, -1))
    assert "FS701" not in check(model, nn.CrossEntropyLoss(), (SERIES, LABELS)).codes


@pytest.mark.parametrize("kind", ["attention", "convolution", "recurrent"])
def test_looking_ahead_in_batches_of_one_size_only(kind: str) -> None:
    batch = IDS[:, :-1], IDS[:, 1:]
    for causal in (True, False):
        model = Run(lambda m, ids: m.body(ids.view(8, 12)), body=Tokens(causal, kind))
        found = check(model, flat, batch, task="causal-lm")
        assert ("FS703" in found.codes) is not causal, told(found)


@pytest.mark.parametrize(("every", "first"), [(2, 0), (2, 1), (4, 0), (4, 1), (4, 2), (4, 3)])
def test_looking_ahead_at_some_places(every: int, first: int) -> None:
    places = torch.arange(12)
    seen = torch.where(places % every == first, (places + 1).clamp(max=11), places)
    model = Run(lambda m, ids: m.head(m.embed(ids)[:, seen]), embed=nn.Embedding(50, 32), head=nn.Linear(32, 50))
    ids = torch.stack([torch.randperm(50)[:13] for _ in range(8)])
    one = of(check(model, flat, (ids[:, :-1], ids[:, 1:]), task="causal-lm"), "FS703")
    assert one.severity == "error"


def spread_of_all(m: Any, x: Tensor) -> Tensor:
    """The standard deviation of groups of the batch, as one more feature."""
    h = F.leaky_relu(m.one(x), 0.2)
    groups = h.reshape(2, -1, h.shape[1])
    apart = (groups - groups.mean(0)).square().mean(0).add(1e-8).sqrt().mean(1, keepdim=True)
    return m.two(torch.cat([h, apart.repeat(2, 1)], 1))


STATISTICS: dict[str, tuple[Callable[[Any, Tensor], Tensor], str]] = {
    "std beside": (
        lambda m, x: m.two(torch.cat([h := m.one(x), h.std(0).mean().expand(len(h), 1)], 1)), "info",
    ),
    "of groups": (spread_of_all, "info"),
    "mean taken away": (
        lambda m, x: m.two(torch.cat([(h := m.one(x)) - h.mean(0), h.std(0).mean().expand(len(h), 1)], 1)), "error",
    ),
    "divided": (
        lambda m, x: m.two(torch.cat([h := m.one(x), h.std(0).mean().expand(len(h), 1)], 1) / h.std(0).mean()),
        "error",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_as_a_feature_gets_a_remark_only(name: str) -> None:
    run, severity = STATISTICS[name]
    model = Run(run, one=nn.Linear(8, 32), two=nn.Linear(33, 5))
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS701")
    assert one.severity == severity, one


MOVED: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "roll": lambda m, x: m.two(m.one(x).roll(1, 0)),
    "flip": lambda m, x: m.two(m.one(x)).flip(0),
    "one size": lambda m, x: m.two(m.one(x.view(16, 8)))[torch.arange(15, -1, -1)],
}


@pytest.mark.parametrize("name", MOVED)
def test_the_place_of_another(name: str) -> None:
    model = Run(MOVED[name], one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS701")
    assert one.severity == "warning"
    assert one.measured.startswith("an example's output depends on another example in place of its own input")
    assert one.fix == "put the outputs back in the order of the inputs: output[order.argsort()] undoes x[order]"


def test_orders_that_are_meant() -> None:
    there_and_back = Run(lambda m, x: m.two(m.one(x).flip(0)).flip(0), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    assert "FS701" not in check(there_and_back, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)).codes
    pairs = Run(
        lambda m, x: m.two(torch.cat([h := m.one(x), h.roll(1, 0)], 1)), one=nn.Linear(8, 32), two=nn.Linear(64, 5)
    )
    assert of(check(pairs, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS701").severity == "info"
    chain = torch.eye(16).roll(1, 0)
    line = Run(lambda m, x: m.two(F.relu(chain @ m.one(x))), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    assert of(check(line, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS701").severity == "info"
    ring = RING - torch.eye(16) + torch.eye(16).roll(-1, 0)  # two neighbours each, and not itself
    graph = Run(lambda m, x: m.two(F.relu(ring @ m.one(x))), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    assert of(check(graph, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS701").severity == "info"


def test_made_from_noise_alone_word_for_word() -> None:
    model = Run(lambda m, x: m.two(F.relu(m.one(torch.randn_like(x)))), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    one = of(check(model, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)), "FS702")
    assert (one.severity, one.place) == ("error", "output")
    assert one.measured == "output is made from the random numbers of randn_like alone, and not from the inputs"
    assert one.expected == "outputs that differ where inputs do"
    assert one.fix == "use the input in forward: what randn_like draws must not take its place"
    assert {clue.channel for clue in one.evidence} == {"metamorphic", "graph"}


def test_a_generator_draws_its_own_noise() -> None:
    model = Run(lambda m, x: m.two(F.relu(m.one(torch.randn_like(x)))), one=nn.Linear(8, 32), two=nn.Linear(32, 1))
    found = check(model, nn.BCEWithLogitsLoss(), (SERIES[:, 0], torch.ones(16, 1)))
    assert "FS702" not in found.codes, told(found)
    noisy = Run(lambda m, x: m.two(F.relu(m.one(x + torch.randn_like(x)))), one=nn.Linear(8, 32), two=nn.Linear(32, 5))
    assert "FS702" not in check(noisy, nn.CrossEntropyLoss(), (SERIES[:, 0], LABELS)).codes
