"""The parameters' own values, word for word and in other forms."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told
from .variants import VARIANTS, of

EXACT = {
    "FS605": (
        """
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
for one in model.parameters():
    nn.init.constant_(one, 0.5)
loss = nn.CrossEntropyLoss()
batch = torch.eye(4), torch.tensor([0, 1, 0, 0])
""",
        "error",
        "0.weight",
        "100% of the 8 rows of 0.weight equal another row",
        "rows that differ: each row is a unit",
        "random values: nn.init.kaiming_normal_(model[0].weight), or fs.initialize(model, seed=0)",
    ),
    "FS607": (
        """
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
model[0].weight.data[1, 2] = 3e33
loss = nn.CrossEntropyLoss()
batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
""",
        "error",
        "0.weight",
        "the largest value of 0.weight is 3e+33",
        "values that somebody set: finite, and neither huge nor vanishing",
        "nn.init.xavier_uniform_(model[0].weight)",
    ),
    "FS611": (
        """
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
loss = nn.CrossEntropyLoss()
batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
""",
        "info",
        "0",
        "0 has a bias directly before a batch norm",
        "no bias there: the norm takes the mean out",
        "model[0].bias = None, or bias=False where it is made",
    ),
    "FS612": (
        """
model, loss = nn.Linear(4, 2, bias=False), nn.CrossEntropyLoss()
model.weight.data = torch.tensor([[10.0, -10.0, 10.0, -10.0], [-10.0, 10.0, -10.0, 10.0]])
batch = torch.tensor([[1.0, 1, 1, -1], [-1.0, -1, -1, 1]]), torch.tensor([0, 0])
""",
        "error",
        "model",
        "the std of weight is 10 with a fan-in of 4",
        "about 0.5 to 0.707: its outputs are 20 times as large as its inputs",
        "nn.init.kaiming_normal_(model.weight, nonlinearity='relu')",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_it_says_word_for_word(case: str) -> None:
    lines, *wanted = EXACT[case]
    assert said(first(report(lines), case[:5])) == wanted


@pytest.mark.parametrize("name", of("FS605", "FS607", "FS611", "FS612"))
def test_a_variant_is_named(name: str) -> None:
    codes, lines = VARIANTS[name]
    for seed in range(3):
        found = report(lines, seed)
        assert any(one.code in codes and one.severity != "info" for one in found.findings), told(found)


def test_a_trained_head_is_no_start() -> None:
    """Logits as large as those of too large weights, but right."""
    lines = """
model, loss = nn.Linear(4, 4, bias=False), nn.CrossEntropyLoss()
model.weight.data = 20 * torch.eye(4)
batch = 2 * torch.eye(4), torch.tensor([{}])
"""
    assert "FS612" in report(lines.format("1, 2, 3, 0")).codes
    assert "FS612" not in report(lines.format("0, 1, 2, 3")).codes


_EXPERTS = """
class Experts(nn.Module):
    def __init__(self, make, how):
        super().__init__()
        first = make()
        self.experts, self.how = nn.ModuleList([first, *(copy.deepcopy(first) for _ in range(3))]), how
        self.head = nn.Linear(32, 5)
    def forward(self, x):
        return self.head(F.relu(self.how(self.experts, x)))
make = lambda: nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32))
model = Experts(make, lambda experts, x: {how})
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 5
"""


@pytest.mark.parametrize("how", ["sum(one(x) for one in experts)", "torch.stack([one(x) for one in experts]).mean(0)"])
def test_experts_that_are_copies_word_for_word(how: str) -> None:
    found = report("import copy\n" + _EXPERTS.replace("{how}", how))
    (one,) = (one for one in found.findings if one.code == "FS605")
    assert (one.severity, one.place) == ("error", "experts.0")
    assert one.measured == (
        "experts.0, experts.1, experts.2 and 1 more hold the same weights and get the same gradients"
    )
    assert one.expected == "weights that differ: each module draws its own"
    assert one.fix == "make each anew in place of copy.deepcopy, or fs.initialize(model.experts[1], seed=1)"


_SLOW = "experts[0](x) + sum(one(x).detach() for one in experts[1:])"


@pytest.mark.parametrize(
    "how",
    [
        "sum(one(x + i) for i, one in enumerate(experts))",
        "sum(F.dropout(one(x), 0.5) for one in experts)",
        "sum(w * one(x) for w, one in zip((0.4, 0.3, 0.2, 0.1), experts))",
        _SLOW,
    ],
    ids=["other inputs", "dropout", "weighed", "slow copies"],
)
def test_copies_that_part_are_sound(how: str) -> None:
    found = report("import copy\n" + _EXPERTS.replace("{how}", how))
    assert "FS605" not in found.codes, told(found)


@pytest.mark.parametrize(
    "model",
    [
        "nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), 3)",
        "nn.Sequential(*[nn.Linear(16, 16)] * 3)",
    ],
    ids=["stacked copies", "one layer three times"],
)
def test_layers_that_start_alike_are_sound(model: str) -> None:
    lines = f"""
model = nn.Sequential({model}, nn.Linear(16, 5))
loss = lambda output, target: F.cross_entropy(output.mean(1), target)
batch = torch.randn(32, 6, 16), torch.arange(32) % 5
"""
    found = report(lines)
    assert "FS605" not in found.codes, told(found)
