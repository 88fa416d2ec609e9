"""Padding in the denominator."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told

WORDS = [
    (
        "FS304",
        "lower triangle",
        """
model = nn.Linear(20, 4)
loss = lambda output, targets: ((output - targets[0]) ** 2 * targets[1]).mean()
batch = torch.randn(4, 20), (torch.randn(4, 4), torch.ones(4, 4).tril())
""",
        "warning",
        "loss",
        "targets[1] is 0 where nothing counts: 37.5 % do not count, and are in the denominator",
        "the sum of what counts, divided by how much counts",
        "(loss * mask).sum() / mask.sum(), or a loss of ours with mask=mask",
        ["the losses of two halves of what counts add up to that of all; two means would come to twice as much"],
    ),
    (
        "FS304",
        "void pixels",
        """
model = nn.Conv2d(3, 5, 1)
loss = lambda output, targets: F.cross_entropy(output, targets, ignore_index=255, reduction="sum") / targets.numel()
targets = torch.arange(64).reshape(1, 8, 8) % 5
targets[0, 4:, 4:] = 255
batch = torch.randn(1, 3, 8, 8), targets
""",
        "warning",
        "loss",
        "targets is 255 where nothing counts: 25 % do not count, and are in the denominator",
        "the sum of what counts, divided by how much counts",
        'reduction="mean", which divides by what counts',
        [
            "the losses of two halves of what counts add up to that of all; two means would come to twice as much",
            "48 of 64 values of CrossEntropyLoss count, and each is divided by 64",
        ],
    ),
]

FAULTS = [
    (
        "FS304",
        "pixels void",
        """
model = nn.Conv2d(3, 4, 1)
loss = lambda o, y: F.cross_entropy(o, y, ignore_index=255, reduction="sum") / y.numel()
y = torch.randint(4, (4, 8, 8))
y[torch.rand(4, 8, 8) < 0.3] = 255
batch = torch.randn(4, 3, 8, 8), y
""",
    ),
    (
        "FS304",
        "padding 0",
        """
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.h = nn.Embedding(50, 16), nn.Linear(16, 50)
    def forward(self, ids):
        return self.h(self.e(ids))
model = M()
def loss(o, y):
    each = F.cross_entropy(o.flatten(0, 1), y.flatten(), reduction="none")
    return (each * (y.flatten() != 0)).mean()
ids = torch.randint(1, 50, (8, 24))
ids[torch.arange(24) > torch.randint(4, 23, (8, 1))] = 0
batch = ids, ids
""",
    ),
    (
        "FS304",
        "nan targets",
        """
model = nn.Linear(20, 6)
def loss(o, y):
    known = ~y.isnan()
    return ((o - y.nan_to_num()) ** 2 * known).mean()
y = torch.randn(32, 6)
y[torch.rand(32, 6) < 0.4] = torch.nan
batch = torch.randn(32, 20), y
""",
    ),
    (
        "FS304",
        "bool mask where",
        """
model = nn.Linear(20, 6)
loss = lambda o, y: torch.where(y["mask"], (o - y["value"]).abs(), 0.0).mean()
batch = torch.randn(32, 20), {"value": torch.randn(32, 6), "mask": torch.rand(32, 6) < 0.6}
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


MASKED = """
model = nn.Conv1d(3, 5, 1)
{}
targets = torch.randint(5, (8, 12))
targets[:, 7:] = -100
batch = torch.randn(8, 3, 12), {}
"""


@pytest.mark.parametrize(
    ("loss", "targets", "severity"),
    [
        ('loss = lambda o, y: F.cross_entropy(o, y, reduction="none").mean()', "targets", "warning"),
        (
            'loss = lambda o, y: (F.cross_entropy(o, y[0], reduction="none") * y[1]).mean()',
            "(targets.clamp(min=0), (targets >= 0).float())",
            "warning",
        ),
        (
            "loss = lambda o, y: (-o.log_softmax(1).gather(1, y[0][:, None])[:, 0] * y[1]).mean()",
            "(targets.clamp(min=0), (targets >= 0).float())",
            "info",
        ),
    ],
)
def test_as_much_of_each_example(loss: str, targets: str, severity: str) -> None:
    """Of a loss whose values are known it is exact; else it may be a constant."""
    found = report(MASKED.format(loss, targets))
    assert [one.severity for one in found.findings if one.code == "FS304"] == [severity], told(found)
