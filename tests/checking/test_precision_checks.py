"""Losses in half precision."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told

WORDS = [
    (
        "FS406",
        "squares of 300 in float16",
        """
model = nn.Linear(20, 1).half()
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = lambda output, targets: ((output - targets) ** 2).mean()
batch = torch.randn(32, 20).half(), torch.full((32, 1), 300.0).half()
""",
        "error",
        "loss",
        "the loss of the same outputs is inf in float16 and 9e+04 in float64",
        "the same within 1 %",
        "compute the loss in float32: loss(output.float(), ...)",
        [
            "the loss of the same outputs is inf in float16 and 9e+04 in float64",
            "the loss is inf",
            "float16 ends at 6.55e+04 and keeps no number below 6e-08",
        ],
    ),
    (
        "FS406",
        "ln 10 in bfloat16",
        """
model = nn.Linear(20, 10).bfloat16()
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20).bfloat16(), torch.arange(32) % 10
""",
        "info",
        "loss",
        "a loss in bfloat16: near 2.297 two numbers of bfloat16 are 0.0156 apart",
        "float32 for the loss, also under half precision weights",
        "loss(output.float(), ...)",
        ["near 2.297 two numbers of bfloat16 are 0.0156 apart"],
    ),
]

FAULTS = [
    (
        "FS406",
        "fp16 sum",
        """
model = nn.Linear(20, 4).half()
loss = lambda o, y: ((o - y) ** 2).sum()
batch = torch.randn(32, 20).half(), (60 * torch.randn(32, 4)).half()
""",
    ),
    (
        "FS406",
        "exp by hand",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: -torch.log((100 * o).exp() / (100 * o).exp().sum(1, keepdim=True)).gather(1, y[:, None]).mean()
batch = 2 * torch.randn(32, 20), torch.arange(32) % 4
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
