"""Units that say nothing, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
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
    assert said(first(report(lines), case[:5])) == wanted


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


NEGATIVE = """
model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 5))
model[0].weight.data[:{}].abs_().neg_()
loss = nn.CrossEntropyLoss()
batch = torch.rand(64, 30), torch.arange(64) % 5
"""


def test_units_are_off_and_none_are_on() -> None:
    """48 of 64 are set below 0; of the other 16 a share p is dead and as many are always on."""
    for seed in range(5):
        found = [one for one in report(NEGATIVE.format(48), seed).findings if one.code == "FS603"]
        assert [one.severity for one in found] == ["error"]
        assert {clue.channel for clue in found[0].evidence} == {"signals", "values"}


@pytest.mark.parametrize("n", [1, 2, 64])
def test_as_many_units_on_as_off_are_sound(n: int) -> None:
    """All inputs along one direction: every unit of a layer without bias is on or off, by chance."""
    lines = f"""
model = nn.Sequential(nn.Linear(30, 64, bias=False), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = torch.ones({n}, 30) * torch.linspace(1, 2, {n})[:, None], torch.arange({n}) % 5
"""
    for seed in range(20):
        found = report(lines, seed)
        layer = next(one for one in found.evidence.layers if one.kind == "relu")
        assert layer.dead + layer.on == 1
        assert "FS603" not in found.codes, told(found)


@pytest.mark.parametrize(("chosen", "severity"), [("torch.cdist(z, self.codes).argmin(1)", "info"), ("0 * y", "error")])
def test_codes_that_are_all_the_same_at_the_start_are_a_remark(chosen: str, severity: str) -> None:
    """Of codes far away the same one is nearest for all; the same index that is not looked up is a fault."""
    lines = f"""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(16, 4), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16))
        self.register_buffer("codes", torch.arange(1.0, 9.0)[:, None].expand(8, 4) * 20)
    def forward(self, x):
        z, y = self.encoder(x), torch.arange(len(x))
        return self.decoder(z + (self.codes[{chosen}] - z).detach())
model, loss = Model(), nn.MSELoss()
batch = torch.randn(32, 16), torch.randn(32, 16)
"""
    found = report(lines)
    assert [one.severity for one in found.findings if one.code == "FS604"] == [severity], told(found)


CONSTANT = """
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
nn.init.normal_(model[0].weight, std={})
nn.init.ones_(model[0].bias)
loss = nn.CrossEntropyLoss()
batch = {} * torch.randn(32, 20), torch.arange(32) % 5
"""


@pytest.mark.parametrize(("std", "size", "told_of"), [(1e-6, 1.0, True), (1e-4, 1.0, False), (0.1, 1e-5, False)])
def test_a_first_layer_that_is_its_bias(std: float, size: float, told_of: bool) -> None:
    """Tiny inputs are no fault of the layer, and are named as what they are."""
    found = report(CONSTANT.format(std, size))
    ours = [one for one in found.findings if one.code == "FS604"]
    assert [(one.severity, one.place, one.fix) for one in ours] == (
        [("error", "0", "model[0].reset_parameters()")] if told_of else []
    ), told(found)
    assert not ours or ours[0].measured.startswith("the output of 0 is its bias: the inputs make 4.")
