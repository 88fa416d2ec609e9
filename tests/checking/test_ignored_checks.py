"""What counts of a batch: FS203, FS204."""

from __future__ import annotations

import pytest

from .examples import report, told
from .targets import channels, judged, silent, start, words


def test_nothing_word_for_word() -> None:
    assert words(start(4, "nn.CrossEntropyLoss()", 16, "torch.full((16,), -100)"), "FS203") == (
        "error",
        "targets",
        "all 16 targets are -100, which is ignore_index",
        "at least one target that counts",
        "look at how the targets are made, or leave such batches out",
    )


VOID = "torch.full((16,), -100)"


@pytest.mark.parametrize(
    ("loss", "channel"),
    [
        ("nn.CrossEntropyLoss()", "run"),
        ("lambda o, t: F.nll_loss(o.log_softmax(1), t)", "run"),
        ("nn.CrossEntropyLoss(reduction='sum')", "run"),
        ("losses.CrossEntropyLoss()", "signals"),
        ("losses.FocalLoss()", "signals"),
        ("losses.DiceLoss()", "signals"),
    ],
)
def test_all_ignored(loss: str, channel: str) -> None:
    assert channels(start(4, loss, 16, VOID), "FS203") == {"values", channel}
    silent(start(4, loss, 16, "torch.where(torch.arange(16) < 12, -100, torch.arange(16) % 4)"), "FS203")


@pytest.mark.parametrize(
    "lines",
    [
        start(4, "nn.CrossEntropyLoss(ignore_index=2)", 16, "torch.full((16,), 2)"),
        start(3, "nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0, 0]))", 16, "torch.arange(16) % 2 + 1"),
        start(1, "lambda o, t: losses.functional.mse_loss(o, t, mask=t > 9)", 16, "torch.rand(16, 1)"),
        start(1, "lambda o, t: losses.functional.mse_loss(o, t, weight=0 * t)", 16, "torch.rand(16, 1)"),
        start(1, "lambda o, t: F.binary_cross_entropy_with_logits(o, t, weight=0 * t)", 16, "torch.rand(16, 1)"),
        start(6, "losses.RankNetLoss()", 16, "torch.ones(16, 6).long()"),
    ],
    ids=["a class", "weights", "mask", "weight", "torch's weight", "grades"],
)
def test_other_ways_to_count_nothing(lines: str) -> None:
    judged(lines, "FS203")


@pytest.mark.parametrize(
    "lines",
    [
        start(1, "lambda o, t: losses.functional.mse_loss(o, t, mask=t > 0.5)", 16, "torch.rand(16, 1)"),
        start(6, "losses.RankNetLoss()", 16, "torch.randint(3, (16, 6))"),
        start(3, "nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0, 2]))", 16, "torch.arange(16) % 3"),
    ],
)
def test_what_counts_in_part(lines: str) -> None:
    silent(lines, "FS203")


def test_dropped_word_for_word() -> None:
    assert words(start(5, "nn.CrossEntropyLoss(ignore_index=0)", 40, "torch.arange(40) % 5"), "FS204") == (
        "error",
        "targets",
        "ignore_index=0 is one of the 5 classes: 8 of 40 targets are class 0 (20 %) and do not count",
        "an index that no class has, such as -100",
        "leave ignore_index out, or mark what does not count with -100",
    )


@pytest.mark.parametrize(
    "lines",
    [
        start(2, "nn.CrossEntropyLoss(ignore_index=0)", 50, "torch.arange(50) % 2"),
        start(5, "losses.FocalLoss(ignore_index=4)", 50, "torch.arange(50) % 5"),
        start(10, "lambda o, t: F.nll_loss(o.log_softmax(1), t, ignore_index=9)", 50, "torch.arange(50) % 10"),
    ],
)
def test_a_class_is_dropped(lines: str) -> None:
    judged(lines, "FS204")


TOKENS = """
model = nn.Sequential(nn.Embedding(11, 8), nn.Linear(8, 11))
x = torch.randint(1, 11, (4, 7))
x[:, 5:] = 0
loss = {}
batch = x, x
"""


@pytest.mark.parametrize(
    "lines",
    [
        TOKENS.format("lambda o, t: F.cross_entropy(o[:, :-1].flatten(0, 1), t[:, 1:].flatten(), ignore_index=0)"),
        TOKENS.format("lambda o, t: F.cross_entropy(o.transpose(1, 2), t, ignore_index=0)"),
        TOKENS.format("losses.LanguageModelCrossEntropyLoss(ignore_index=0)"),
        "model = nn.Conv2d(3, 5, 3, padding=1); loss = nn.CrossEntropyLoss(ignore_index=0)\n"
        "batch = torch.randn(2, 3, 8, 8), torch.randint(5, (2, 8, 8))",
        start(
            5, "nn.CrossEntropyLoss(ignore_index=0)", 50, "torch.where(torch.arange(50) < 30, 0, torch.arange(50) % 5)"
        ),
    ],
    ids=["shifted", "sequence", "ours", "void", "unlabelled"],
)
def test_what_may_be_padding_is_only_told(lines: str) -> None:
    silent(lines, "FS204", info=True)


def test_an_index_of_no_class_is_silent() -> None:
    silent(start(5, "nn.CrossEntropyLoss(ignore_index=255)", 40, "torch.arange(40) % 5"), "FS204")
    silent(start(5, "nn.CrossEntropyLoss(ignore_index=0)", 40, "torch.arange(40) % 4 + 1"), "FS204")


TRANSLATION = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.body = nn.Embedding(12, 16{padding}), nn.GRU(16, 16, batch_first=True)
        self.head = nn.Linear(16, 12)
    def forward(self, ids):
        return self.head(self.body(self.embed(ids))[0])
model = Model()
loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten(), ignore_index=0)
ids = torch.randint(1, 12, (8, 9))
ids[:, 7:] = 0
batch = ids[:, :-1], ids[:, 1:]
"""


def test_padding_that_an_embedding_knows_is_silent() -> None:
    silent(TRANSLATION.format(padding=", padding_idx=0"), "FS204")
    found = report(TRANSLATION.format(padding=""))
    assert [one.severity for one in found.findings if one.code == "FS204"] == ["info"], told(found)
