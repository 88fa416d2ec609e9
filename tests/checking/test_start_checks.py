"""The value before the first step."""

from __future__ import annotations

import pytest
import torch

from .examples import first, report, said, told
from .loss_designs import DESIGNS

WORDS = [
    (
        "FS401",
        "wrong logits of 6",
        """
model = nn.Linear(2, 2, bias=False)
with torch.no_grad():
    model.weight.copy_(torch.tensor([[0.0, 6.0], [6.0, 0.0]]))
loss = nn.CrossEntropyLoss()
batch = torch.eye(2).repeat(4, 1), torch.arange(8) % 2
""",
        "error",
        "model",
        "loss 6.002, 5.31 nats above 0.6931: sure of what is wrong",
        "about 0.6931 (ln C): logits of std 1 or less within an example, not 3",
        "with torch.no_grad(): model.weight.mul_(0.17)",
        [
            "CrossEntropyLoss starts at 6.002, ln C is 0.6931",
            "logits have a standard deviation of 3 within an example: for targets at random the loss would be 3.002",
        ],
    ),
    (
        "FS401",
        "outputs of 20",
        """
model = nn.Linear(1, 1, bias=False)
nn.init.constant_(model.weight, 20.0)
loss = nn.MSELoss()
x = 1.0 - 2 * (torch.arange(8)[:, None] % 2)
batch = x, x
""",
        "error",
        "loss",
        "loss 361, 361 times that of an output of 0: outputs of rms 20, targets of rms 1",
        "about 1, what an output of 0 costs",
        "scale the last layer by 0.05, or standardize the targets",
        ["MSELoss starts at 361, an output of 0 would cost 1", "outputs are 20 times as large as targets"],
    ),
    (
        "FS402",
        "softmax into NLLLoss",
        """
model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(1))
nn.init.zeros_(model[0].weight), nn.init.zeros_(model[0].bias)
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
        "error",
        "loss",
        "loss -0.1: input, that should be log-probabilities, runs from 0.1 to 0.1",
        "at least 0",
        "F.log_softmax(output, dim=1) before the loss",
        ["NLLLoss is -0.1, and never below 0", "input, that should be log-probabilities, runs from 0.1 to 0.1"],
    ),
    (
        "FS407",
        "nine tenths known",
        """
model = nn.Linear(1, 1, bias=False)
nn.init.constant_(model.weight, 0.9)
loss = nn.MSELoss()
x = 1.0 - 2 * (torch.arange(8)[:, None] % 2)
batch = x, x
""",
        "info",
        "loss",
        "loss 0.01, 1 % of the 1 of a constant output",
        "about 1 from a model that has learned nothing",
        "where it is not trained already, see whether the inputs hold the targets",
        ["MSELoss starts at 0.01, the best constant costs 1"],
    ),
]

FAULTS = [
    (
        "FS401",
        "tied embedding",
        """
class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.norm, self.head = nn.Embedding(100, 64), nn.LayerNorm(64), nn.Linear(64, 100, bias=False)
        self.head.weight = self.wte.weight
    def forward(self, ids):
        return self.head(self.norm(self.wte(ids) + self.wte(ids.roll(1, 1))))
model = GPT()
ids = torch.randint(100, (4, 17))
loss = lambda o, y: F.cross_entropy(o.flatten(0, 1), y.flatten())
batch = ids[:, :-1], ids[:, 1:]
""",
    ),
    (
        "FS401",
        "bce head too large",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
nn.init.normal_(model[2].weight)
nn.init.normal_(model[0].weight)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), (torch.arange(32)[:, None] % 2).float()
""",
    ),
    (
        "FS401",
        "by hand log softmax",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 10))
nn.init.normal_(model[2].weight)
loss = lambda o, y: -o.log_softmax(1).gather(1, y[:, None]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    ),
    (
        "FS401",
        "nll of log softmax",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 10), nn.LogSoftmax(1))
nn.init.normal_(model[2].weight)
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    ),
    (
        "FS401",
        "our language loss",
        """
model = nn.Sequential(nn.Embedding(50, 64), nn.Linear(64, 50))
nn.init.normal_(model[1].weight)
loss = losses.LanguageModelCrossEntropyLoss()
batch = torch.randint(50, (4, 16)), torch.randint(50, (4, 16))
""",
    ),
    (
        "FS401",
        "segmentation head",
        """
model = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 5, 1))
nn.init.normal_(model[3].weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(4, 3, 8, 8), torch.randint(5, (4, 8, 8))
""",
    ),
    (
        "FS401",
        "regression by N(0,1) weights",
        """
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 1))
for m in model[::2]:
    nn.init.normal_(m.weight)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    ),
    (
        "FS401",
        "regression by hand",
        """
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 1))
for m in model[::2]:
    nn.init.normal_(m.weight)
loss = lambda o, y: ((o - y) ** 2).mean()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    ),
    (
        "FS402",
        "nll of raw logits",
        """
model = nn.Linear(20, 10)
nn.init.constant_(model.bias, 1.0)
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    ),
    (
        "FS407",
        "leak",
        """
model = nn.Linear(3, 1)
with torch.no_grad():
    model.weight.copy_(torch.tensor([[0.0, 0.0, 1.0]])); model.bias.zero_()
loss = nn.MSELoss()
x = torch.randn(32, 3)
batch = x, x[:, 2:]
""",
    ),
    (
        "FS401",
        "reference per token",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
    def forward(self, chosen, rejected):
        return tuple(losses.sequence_log_prob(self.head(self.embed(y[:, :-1])), y[:, 1:]) for y in (chosen, rejected))
model = Policy()
ids = torch.randint(20, (2, 16, 12))
with torch.no_grad():
    reference = tuple(one / 11 for one in model(*ids))
loss = losses.DPOLoss()
batch = ((ids[0], ids[1]), reference)
""",
    ),
]


@pytest.mark.parametrize("case", WORDS, ids=[one[1] for one in WORDS])
def test_word_for_word(case: tuple) -> None:
    code, _, lines, *wanted, clues = case
    one = first(report(lines), code)
    assert said(one) == wanted
    assert [clue.text for clue in one.evidence] == clues


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", FAULTS, ids=[one[1] for one in FAULTS])
def test_other_forms_are_named(case: tuple[str, str, str], seed: int) -> None:
    code, _, lines = case
    found = report(lines, seed)
    assert code in found.codes, told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DESIGNS)
def test_sound_losses_are_silent(name: str, seed: int) -> None:
    found = report(DESIGNS[name], seed)
    assert found.ok, told(found)
    silent = {"FS302", "FS303", "FS402", "FS404", "FS407"}
    assert not silent & set(found.codes), told(found)


@pytest.mark.parametrize("options", ["pos_weight=torch.tensor(1000.0)", "weight=torch.tensor(1000.0)"])
def test_weights_are_in_the_expected_value(options: str) -> None:
    """The value of logits of 0 is that of the loss itself, and small logits are not called too large."""
    lines = f"""
model = nn.Linear(20, 1)
nn.init.zeros_(model.weight), nn.init.constant_(model.bias, 0.2)
loss = nn.BCEWithLogitsLoss({options})
batch = torch.randn(32, 20), (torch.arange(32)[:, None] % 4 == 0).float()
"""
    found = report(lines)
    zero = found.evidence.calls[0].again([torch.zeros(32, 1), found.evidence.calls[0].tensors[1]])
    start = found.evidence.start[0]
    assert start is not None
    assert start.expected == pytest.approx(float(zero), rel=1e-5)
    assert "FS401" not in found.codes, told(found)
