"""Targets that are the tokens themselves, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import report, told

WORDS = """
class Words(nn.Module):
    def __init__(self, both=False, moved=False):
        super().__init__()
        self.embed, self.head, self.moved = nn.Embedding(50, 32), nn.Linear(32, 50), moved
        self.body = nn.GRU(32, 16 if both else 32, batch_first=True, bidirectional=both)
    def forward(self, ids):
        ids = F.pad(ids, (1, 0))[:, :-1] if self.moved else ids
        return self.head(self.body(self.embed(ids))[0])
model = Words()
loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())
ids = torch.randint(1, 50, (8, 13))
batch = ids, ids
"""
CAUSAL = 'task = "causal-lm"\n'
FIX = "inputs = ids[:, :-1] and targets = ids[:, 1:], or output[:, :-1] and targets[:, 1:] in the loss"


def test_what_it_says_word_for_word() -> None:
    found = [one for one in report(WORDS + CAUSAL).findings if one.code == "FS219"]
    assert [(one.severity, one.place, one.fix) for one in found] == [("error", "targets", FIX)]
    assert found[0].measured == "the targets are the tokens of inputs at their own place: the loss asks to copy them"
    assert found[0].expected == "the token that comes after: at place t of the targets, that of place t + 1"
    assert found[0].evidence[0].text == "all 104 targets that count are the tokens of inputs at their own place"
    assert found[0].evidence[1].channel == "metamorphic"


FAULTS = {
    "channels first": "loss = lambda o, t: F.cross_entropy(o.transpose(1, 2), t)\n",
    "ours": "loss = losses.functional.language_model_cross_entropy\n",
    "padding": "ids[:, 9:] = 0\nloss = lambda o, t: F.cross_entropy(o.transpose(1, 2), t, ignore_index=0)\n",
    "many classes": "model.head = nn.Linear(32, 50_000)\n",
    "the one before": "batch = ids[:, 1:], ids[:, :-1]\n",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_variant_is_named(name: str) -> None:
    for seed in range(2):
        found = report(WORDS + FAULTS[name] + CAUSAL, seed)
        assert [one.severity for one in found.findings if one.code == "FS219"] == ["error"], told(found)


MENTIONED = {
    "an autoencoder": "model = Words(both=True)\n",
    "a decoder that may move its inputs": "model = Words(moved=True)\n",
}


@pytest.mark.parametrize("name", MENTIONED)
def test_what_may_be_meant_is_only_mentioned(name: str) -> None:
    found = report(WORDS + MENTIONED[name])
    assert [one.severity for one in found.findings if one.code == "FS219"] == ["info"], told(found)


SILENT = {
    "shifted": CAUSAL + "batch = ids[:, :-1], ids[:, 1:]",
    "shifted in the loss": CAUSAL + "loss = lambda o, t: F.cross_entropy(o[:, :-1].flatten(0, 1), t[:, 1:].flatten())",
    "shifted and padded": CAUSAL + "batch = ids, F.pad(ids[:, 1:], (0, 1), value=-100)",
    "moved in the model": CAUSAL + "model = Words(moved=True)",
    "the one before is the one after": CAUSAL
    + "ids = (torch.arange(13) % 2 + torch.arange(8)[:, None] % 2) % 2 + 3\nbatch = ids[:, :-1], ids[:, 1:]",
    "masked": "model = Words(both=True)\nhidden = torch.rand(8, 13) < 0.3\nhidden[0] = True\n"
    "batch = ids.masked_fill(hidden, 49), ids.masked_fill(~hidden, -100)",
    "delayed, as in a memory task": "batch = ids[:, 1:], ids[:, :-1]",
    "one label for a text": "model.forward = lambda ids: Words.forward(model, ids)[:, -1]\n"
    "loss, batch = nn.CrossEntropyLoss(), (ids, ids[:, 0])",
    "its own loss": """
class Own(Words):
    def forward(self, input_ids, labels):
        logits = super().forward(input_ids)
        moved = F.pad(labels, (0, 1), value=-100)[:, 1:]
        return {"loss": F.cross_entropy(logits.flatten(0, 1), moved.flatten()), "logits": logits}
model, loss, batch = Own(), None, ({"input_ids": ids, "labels": ids}, None)
""",
    "its own loss of what is masked": """
class Own(Words):
    def forward(self, input_ids, labels):
        logits = super().forward(input_ids)
        return {"loss": F.cross_entropy(logits.flatten(0, 1), labels.flatten()), "logits": logits}
hidden = torch.rand(8, 13) < 0.3
inputs = {"input_ids": ids.masked_fill(hidden, 0), "labels": ids.masked_fill(~hidden, -100)}
model, loss, batch = Own(both=True), None, (inputs, None)
""",
}


@pytest.mark.parametrize("name", SILENT)
def test_a_sound_design_is_silent(name: str) -> None:
    for seed in range(3):
        found = report(WORDS + SILENT[name], seed)
        assert "FS219" not in found.codes, told(found)
        assert found.ok, told(found)
