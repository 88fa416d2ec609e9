"""What passes through the layers, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of

EXACT = {
    "FS601": (
        """
layers = [nn.Linear(8, 8, bias=False) for _ in range(10)]
for layer in layers:
    layer.weight.data = 0.1 * torch.eye(8)
model, loss = nn.Sequential(*layers), nn.CrossEntropyLoss()
batch = torch.eye(8).repeat(4, 1), torch.arange(32) % 8
""",
        "error",
        "0",
        "from 0 to 9 the signal shrinks by 1e-09",
        "about the same size in every layer",
        "fs.initialize(model, seed=0); a norm or a residual connection holds the size too",
    ),
    "FS602": (
        """
model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Tanh(), nn.Linear(8, 2))
model[0].weight.data = 10 * torch.eye(8)
loss = nn.CrossEntropyLoss()
batch = torch.tensor([[1.0, -1.0] * 4, [-1.0, 1.0] * 4]), torch.tensor([0, 1])
""",
        "error",
        "1 (tanh)",
        "100% of the outputs of 1 (tanh) lie beyond -0.97 and 0.97",
        "most outputs where a tanh is steep: inputs of a size of about 1",
        "nn.init.xavier_normal_(model[0].weight), and inputs of std 1",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    assert said(first(report(lines), case[:5])) == wanted


@pytest.mark.parametrize("name", of("FS601", "FS602"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


def test_an_output_that_is_saturated_is_only_mentioned() -> None:
    lines = """
model = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
nn.init.normal_(model[0].weight, std=3.0)
loss, batch = nn.MSELoss(), (torch.randn(32, 8), torch.rand(32, 8) * 2 - 1)
"""
    found = report(lines)
    assert [one.severity for one in found.findings if one.code == "FS602"] == ["info"], told(found)
