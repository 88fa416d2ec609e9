"""What the last bias could know."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told

WORDS = [
    (
        "FS403",
        "rare positives",
        """
model = nn.Linear(20, 1)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(400, 20), (torch.arange(400)[:, None] % 50 == 0).float()
""",
        "info",
        "model",
        "a probability of 0.5 on average, where 2 % of the targets are positive",
        "about 0.02: a last bias of -3.89",
        "nn.init.constant_(model.bias, -3.89)",
        ["the mean target is 0.02, the mean of the sigmoids 0.5"],
    ),
    (
        "FS403",
        "rare class",
        """
model = nn.Linear(20, 2)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = nn.CrossEntropyLoss()
batch = torch.randn(100, 20), (torch.arange(100) >= 96).long()
""",
        "info",
        "model",
        "loss 0.6931, where knowing only how often classes occur would cost 0.1679",
        "a last bias of the logarithms of the shares: class 0 is 96 %",
        "with torch.no_grad(): model.bias.copy_((counts / counts.sum()).log())",
        ["the entropy of the targets is 0.1679, ln 2 is 0.6931"],
    ),
    (
        "FS404",
        "targets around 5",
        """
model = nn.Linear(20, 1)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = nn.MSELoss()
batch = torch.randn(32, 20), 5.0 + 2 * (torch.arange(32)[:, None] % 2) - 1
""",
        "info",
        "model",
        "outputs around 0, targets around 5: 5 times their std apart",
        "outputs around 5 from the start, or targets of mean 0",
        "nn.init.constant_(model.bias, 5)",
        ["the mean of the targets is 5 times their std from 0"],
    ),
    (
        "FS404",
        "second column around 9",
        """
model = nn.Linear(20, 2)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = nn.MSELoss()
sign = 2.0 * (torch.arange(32)[:, None] % 2) - 1
batch = torch.randn(32, 20), torch.cat([sign, 9 + sign], 1)
""",
        "info",
        "model",
        "outputs around 0, targets around 9 in column 1: 9 times their std apart",
        "outputs around 9 from the start, or targets of mean 0",
        "with torch.no_grad(): model.bias.copy_(targets.mean(0))",
        ["the mean of the targets is 9 times their std from 0"],
    ),
]

FAULTS = [
    (
        "FS403",
        "rare class bce multilabel",
        """
model = nn.Linear(20, 10)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(64, 20), (torch.arange(640).view(64, 10) % 50 == 0).float()
""",
    ),
    (
        "FS403",
        "imbalanced classes",
        """
model = nn.Linear(20, 3)
nn.init.normal_(model.weight, std=0.05)
loss = nn.CrossEntropyLoss()
batch = torch.randn(100, 20), torch.tensor([0] * 92 + [1] * 5 + [2] * 3)
""",
    ),
    (
        "FS404",
        "offset of a column",
        """
model = nn.Linear(20, 3)
loss = nn.SmoothL1Loss()
batch = torch.randn(32, 20), torch.randn(32, 3) + torch.tensor([0.0, 20.0, 0.0])
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
