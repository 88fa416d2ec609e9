"""Weights of classes and of positives: FS210, FS211."""

from __future__ import annotations

import pytest

from .targets import channels, judged, silent, start, words

RARE = "torch.cat([torch.full((n,), k) for k, n in enumerate((80, 15, 5))])"
POSITIVES = "(torch.arange(100) < {}).float().unsqueeze(1)"


def weighted(weights: str, targets: str = RARE, classes: int = 3) -> str:
    return start(classes, f"nn.CrossEntropyLoss(weight=torch.tensor({weights}))", 100, targets)


def positive(weight: str, count: int) -> str:
    return start(1, f"nn.BCEWithLogitsLoss(pos_weight=torch.tensor({weight}))", 100, POSITIVES.format(count))


def test_frequencies_word_for_word() -> None:
    assert words(weighted("[0.8, 0.15, 0.05]"), "FS210") == (
        "warning",
        "loss",
        "weights that grow with the frequency of the class: class 0 occurs 80 times and weighs 0.8, class 2 5 times "
        "and 0.05",
        "rare classes that weigh more than frequent ones, if any",
        "weight = counts.sum() / (len(counts) * counts): it seems that frequencies were passed",
    )


def test_length_word_for_word() -> None:
    assert words(weighted("[1.0, 2.0]"), "FS210") == (
        "error",
        "loss",
        "2 weights for 3 classes",
        "3 weights, one for each class",
        "weight = torch.ones(3), and then the weights of all classes",
    )


@pytest.mark.parametrize(
    "lines",
    [
        weighted("[80.0, 15.0, 5.0]"),
        weighted("[0.75, 0.2, 0.05]"),
        weighted("[0.9, 0.1]", "(torch.arange(100) >= 90).long()", 2),
        weighted("[1.0, -2.0, 1.0]"),
        weighted("[0.0, 0.0, 0.0]"),
        start(3, "losses.FocalLoss(class_weight=torch.tensor([80.0, 15, 5]))", 100, RARE),
        start(3, "losses.CrossEntropyLoss(class_weight=torch.tensor([1.0, 2]))", 100, RARE),
        start(3, "losses.CrossEntropyLoss(class_weight=torch.tensor([1.0, 2, 3, 4]))", 100, RARE),
        start(3, "lambda o, t: F.nll_loss(o.log_softmax(1), t, weight=torch.tensor([80.0, 15, 5]))", 100, RARE),
    ],
)
def test_weights_that_do_not_fit(lines: str) -> None:
    judged(lines, "FS210")


@pytest.mark.parametrize(
    "lines",
    [
        weighted("[1.0, 1.0, 1.0]"),
        weighted("[0.4, 2.2, 6.7]"),
        weighted("[0.1, 0.9]", "(torch.arange(100) >= 90).long()", 2),
        weighted("[1.0, 2.0, 3.0]", "torch.arange(100) % 3"),
        weighted("[1.0, 2.0, 3.0]", "torch.randint(3, (100,))"),
        weighted("[0.1, 1.0, 1.0]"),  # a background that counts less
        start(3, "losses.CrossEntropyLoss(class_weight=torch.tensor([0.4, 2.2, 6.7]))", 100, RARE),
        start(3, "nn.CrossEntropyLoss(weight=torch.tensor([3.0, 2.0, 1.0]))", 4, "torch.tensor([0, 0, 1, 2])"),
    ],
)
def test_sound_weights(lines: str) -> None:
    silent(lines, "FS210")


def test_a_weight_of_zero_is_told() -> None:
    assert words(weighted("[1.0, 2.0, 0.0]"), "FS210") == (
        "info",
        "loss",
        "class 2 occurs 5 times in 100 targets and weighs 0",
        "a weight above 0, unless the class is meant to be left out",
        "weight[2] = 1.0",
    )
    silent(weighted("[1.0, 2.0, 0.0]", "torch.arange(100) % 2"), "FS210")


def test_pos_weight_word_for_word() -> None:
    assert words(positive("0.1", 10), "FS211") == (
        "warning",
        "loss",
        "pos_weight 0.1 beside 10 positives of 100 (10 %): it is about the share of positives",
        "negatives over positives, 9 on this batch, if positives are to count as much as negatives",
        "pos_weight = (targets == 0).sum() / (targets == 1).sum(), over the training set",
    )


@pytest.mark.parametrize(
    ("weight", "count", "what"),
    [
        ("0.1", 10, "share of positives"),
        ("0.4", 10, "count less"),
        ("20.0", 20, "their number"),
        ("1000.0", 50, "negatives hardly count"),
    ],
)
def test_pos_weights(weight: str, count: int, what: str) -> None:
    assert what in judged(positive(weight, count), "FS211").measured


COLUMNS = "(torch.arange(300).view(100, 3) % 10 == 0).float()"
CONV = (
    "model = nn.Conv2d(3, {0}, 3, padding=1); loss = nn.BCEWithLogitsLoss(pos_weight=torch.ones({1}))\n"
    "batch = torch.randn(2, 3, 8, 8), torch.rand(2, {0}, 8, 8).round()"
)


@pytest.mark.parametrize(
    "lines",
    [
        start(1, "losses.BCEWithLogitsLoss(pos_weight=0.1)", 100, POSITIVES.format(10)),
        start(4, "nn.BCEWithLogitsLoss(pos_weight=torch.ones(3))", 16, "torch.rand(16, 4).round()"),
        start(3, "nn.BCEWithLogitsLoss(pos_weight=torch.full((3,), 0.1))", 100, COLUMNS),
        start(1, "nn.BCEWithLogitsLoss(pos_weight=torch.ones(3))", 16, "torch.rand(16, 1).round()"),
    ],
)
def test_other_pos_weights(lines: str) -> None:
    judged(lines, "FS211")


def test_pos_weight_of_channels() -> None:
    for channels_, seen in ((5, {"settings", "run"}), (8, {"settings", "graph"})):
        lines = CONV.format(channels_, channels_)
        assert channels(lines, "FS211") == seen
        assert judged(lines, "FS211").fix == "pos_weight.view(-1, 1, 1)"
    silent(CONV.format(8, "8, 1, 1"), "FS211")


@pytest.mark.parametrize(
    "lines",
    [
        positive("9.0", 10),
        positive("4.0", 20),
        positive("0.3", 70),
        positive("0.5", 45),
        positive("20.0", 50),
        positive("400.0", 1),
        start(3, "nn.BCEWithLogitsLoss(pos_weight=torch.full((3,), 9.0))", 100, COLUMNS),
        start(1, "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(0.5))", 4, "torch.tensor([[0.0], [0], [1], [0]])"),
    ],
)
def test_sound_pos_weights(lines: str) -> None:
    silent(lines, "FS211")
