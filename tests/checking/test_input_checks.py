"""The inputs' size and content, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of

EXACT = {
    "FS606": (
        """
model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 2))
nn.init.ones_(model[0].weight)
model[0].weight.data[:2] *= -1
loss = nn.CrossEntropyLoss()
batch = torch.tensor([[100.0, 100.0], [300.0, 300.0]]), torch.tensor([0, 1])
""",
        "error",
        "inputs",
        "inputs has mean 200 and std 100, from 100 to 300",
        "mean about 0 and std about 1",
        "(inputs - mean) / std, by column, of the training set",
    ),
    "FS608": (
        """
model, loss = nn.Linear(4, 2), nn.CrossEntropyLoss()
batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
batch[0][1, 2] = float("nan")
""",
        "error",
        "inputs",
        "1 of 16 values of inputs are NaN, in column 2",
        "finite numbers",
        "leave these rows out, or torch.nan_to_num(inputs) with a column that says where",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    assert said(first(report(lines), case[:5])) == wanted


@pytest.mark.parametrize("name", of("FS606", "FS608"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


MENTIONED = {
    "a norm follows": (
        "FS606",
        "model = nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))\n"
        "loss, batch = nn.CrossEntropyLoss(), (torch.randn(32, 4) * 100, torch.arange(32) % 2)",
    ),
    "not far from 1": (
        "FS606",
        "model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))\n"
        "loss, batch = nn.CrossEntropyLoss(), (torch.randn(32, 4) * 7, torch.arange(32) % 2)",
    ),
    "a constant column": (
        "FS608",
        "model, loss = nn.Linear(4, 2), nn.CrossEntropyLoss()\nbatch = torch.randn(32, 4), torch.arange(32) % 2\n"
        "batch[0][:, 3] = 1.0",
    ),
    "NaN that is taken out": (
        "FS608",
        "class Model(nn.Linear):\n    def forward(self, x):\n        return super().forward(x.nan_to_num())\n"
        "model, loss = Model(4, 2), nn.CrossEntropyLoss()\nbatch = torch.randn(32, 4), torch.arange(32) % 2\n"
        "batch[0][1, 3] = float('nan')",
    ),
}


def test_logarithms_of_zero_are_named_by_column() -> None:
    lines = """
model, loss = nn.Linear(4, 2), nn.CrossEntropyLoss()
counts = torch.tensor([[1.0, 2, 3, 4], [5, 0, 7, 8], [9, 0, 11, 0]])
batch = torch.log(counts), torch.tensor([0, 1, 0])
"""
    (found,) = [one for one in report(lines).findings if one.code == "FS608"]
    assert (found.severity, found.place) == ("error", "inputs")
    assert found.measured == "3 of 12 values of inputs are -inf, in columns 1, 3"
    assert found.fix == "torch.log1p(counts) in place of torch.log(counts), where they are logarithms of 0"


def test_minus_infinity_in_a_mask_is_no_fault_of_the_inputs() -> None:
    """Also where a row that masks everything makes the loss NaN."""
    lines = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 2)
    def forward(self, x, mask):
        return self.head((mask + x.mean(2)).softmax(1)[..., None].mul(x).sum(1))
model, loss = Model(), nn.CrossEntropyLoss()
mask = torch.zeros(8, 5).index_fill(1, torch.tensor([4]), -torch.inf)
mask[0, :{}] = -torch.inf
batch = (torch.randn(8, 5, 6), mask), torch.arange(8) % 2
"""
    some, every = report(lines.format(2)), report(lines.format(5))
    assert some.ok, told(some)
    assert "FS002" in every.codes
    assert "FS608" not in some.codes + every.codes


@pytest.mark.parametrize("case", MENTIONED)
def test_what_may_be_meant_is_only_mentioned(case: str) -> None:
    code, lines = MENTIONED[case]
    found = report(lines)
    assert [one.severity for one in found.findings if one.code == code] == ["info"], told(found)
