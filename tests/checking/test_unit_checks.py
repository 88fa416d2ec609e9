"""Units that say nothing, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import report, told
from .variants import VARIANTS, of

EXACT = {
    "FS603": (
        """
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
nn.init.eye_(model[0].weight)
nn.init.constant_(model[0].bias, -2.0)
loss = nn.CrossEntropyLoss()
batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
""",
        "error",
        "1 (relu)",
        "100% of the units of 1 (relu) are 0 for every example",
        "at most half: with symmetric weights a unit is as often above 0 as below",
        "nn.init.zeros_(model[0].bias) and nn.init.kaiming_normal_(model[0].weight)",
    ),
    "FS604": (
        """
model = nn.Sequential(nn.Linear(4, 1, bias=False), nn.LayerNorm(1), nn.Linear(1, 2))
nn.init.ones_(model[0].weight)
nn.init.ones_(model[1].bias)
loss = nn.CrossEntropyLoss()
batch = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]), torch.tensor([0, 1])
""",
        "error",
        "1",
        "the output of 1 is its bias: it normalizes over a single element",
        "outputs that differ where inputs do",
        "leave out model[1], or normalize over an axis of more elements",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    found = next(one for one in report(lines).findings if one.code == case[:5])
    assert [found.severity, found.place, found.measured, found.expected, found.fix] == wanted


@pytest.mark.parametrize("name", of("FS603", "FS604"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


@pytest.mark.parametrize(("units", "dead", "told_of"), [(64, 0.5, False), (64, 0.6, False), (64, 0.95, True)])
def test_half_of_the_units_may_be_dead(units: int, dead: float, told_of: bool) -> None:
    """With a single example each unit is dead with probability 1/2; 61 of 64 are so less than once in 10^14."""
    count = round(units * dead)
    lines = f"""
model = nn.Sequential(nn.Linear(4, {units}), nn.ReLU(), nn.Linear({units}, 2))
nn.init.zeros_(model[0].weight)
model[0].weight.data[:, 0] = torch.cat([-torch.rand({count}), torch.rand({units - count})]) - 1e-3
nn.init.zeros_(model[0].bias)
loss = nn.CrossEntropyLoss()
batch = torch.rand(32, 4) + 0.1, torch.arange(32) % 2
"""
    assert ("FS603" in report(lines).codes) is told_of
