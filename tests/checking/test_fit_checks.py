"""Whether inputs fit the layers, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of

EXACT = {
    "FS609": (
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
loss = nn.CrossEntropyLoss()
batch = torch.zeros(2, 16, 16, 3), torch.tensor([0, 1])
""",
        "error",
        "0",
        "the shape of inputs is (2, 16, 16, 3): channels last",
        "(N, 3, H, W): 3 channels on axis 1",
        "inputs.permute(0, 3, 1, 2)",
    ),
    "FS616": (
        """
model, loss = nn.Linear(4, 2), nn.CrossEntropyLoss()
batch = torch.eye(4, dtype=torch.float64), torch.tensor([0, 1, 0, 1])
""",
        "error",
        "inputs",
        "inputs is torch.float64",
        "torch.float32, as model (Linear) needs it",
        "inputs.float()",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    assert said(first(report(lines), case[:5])) == wanted


@pytest.mark.parametrize("name", of("FS609", "FS616"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)
