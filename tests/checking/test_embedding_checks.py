"""Embeddings, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of

EXACT = {
    "FS610": (
        """
model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(24, 5))
loss = nn.CrossEntropyLoss()
batch = torch.arange(12).view(4, 3), torch.tensor([0, 1, 2, 3])
""",
        "error",
        "0",
        "inputs runs from 0 to 11, and 0 has 9 rows",
        "indices from 0 to 8",
        "nn.Embedding(12, 8)",
    ),
    "FS610 bag": (
        """
model = nn.Sequential(nn.EmbeddingBag(10, 8), nn.Linear(8, 5))
loss = nn.CrossEntropyLoss()
batch = torch.arange(12).view(4, 3), torch.tensor([0, 1, 2, 3])
""",
        "error",
        "0",
        "inputs runs from 0 to 11, and 0 has 10 rows",
        "indices from 0 to 9",
        "nn.EmbeddingBag(12, 8)",
    ),
    "FS610b": (
        """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 8, padding_idx=0), nn.Linear(8, 2)
        nn.init.ones_(self.embed.weight[0].data)
    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 6]]), torch.tensor([0, 1])
""",
        "error",
        "embed",
        "row 0, of padding, has rms 1, and is 25% of the input",
        "0: its gradient is always 0, so that it stays as it is",
        "model.embed.weight.data[0] = 0",
    ),
    "FS615": (
        """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(4, 16), nn.Linear(16, 4, bias=False)
        self.head.weight = self.embed.weight
        self.embed.weight.data = torch.eye(4).repeat(1, 4) * 4 - 1
    def forward(self, ids):
        return self.head(self.embed(ids))
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 0])
""",
        "error",
        "embed.weight",
        "the tied embedding has std 1.73: the logits have std 27.7",
        "logits of a size of about 1 or less: an embedding of std 0.25",
        "nn.init.normal_(model.embed.weight, std=0.02)",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    assert said(first(report(lines), case[:5])) == wanted


@pytest.mark.parametrize("name", of("FS610", "FS615"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


def test_a_padding_row_that_a_second_input_may_mask_is_only_mentioned() -> None:
    lines = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 8, padding_idx=0), nn.Linear(8, 2)
        nn.init.normal_(self.embed.weight)
    def forward(self, ids, mask):
        return self.head((self.embed(ids) * mask[..., None]).sum(1))
model, loss = Model(), nn.CrossEntropyLoss()
ids = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 0]])
batch = (ids, (ids != 0).float()), torch.tensor([0, 1])
"""
    found = report(lines)
    assert [one.severity for one in found.findings if one.code == "FS610"] == ["info"], told(found)
