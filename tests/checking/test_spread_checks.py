"""How targets are spread, and labels in another form: FS213, FS214, FS215."""

from __future__ import annotations

import pytest

from .examples import report
from .targets import judged, silent, start, words


def test_one_sided_word_for_word() -> None:
    assert words(start(10, "nn.CrossEntropyLoss()", 32, "torch.full((32,), 3)"), "FS213") == (
        "info",
        "targets",
        "32 of 32 targets are 3 (100 %)",
        "a batch in which other classes occur as well",
        "shuffle the data: DataLoader(..., shuffle=True), and look at how the targets are read",
    )


@pytest.mark.parametrize(
    ("lines", "measured"),
    [
        (
            start(1, "nn.BCEWithLogitsLoss()", 64, "(torch.arange(64) < 2).float().unsqueeze(1)"),
            "62 of 64 targets are 0",
        ),
        (start(1, "nn.MSELoss()", 16, "torch.full((16, 1), 0.5)"), "all 16 targets are 0.5"),
        (start(1, "lambda o, t: (o - t).square().mean()", 16, "torch.full((16, 1), 0.5)"), "all 16 targets are 0.5"),
    ],
)
def test_one_sided(lines: str, measured: str) -> None:
    found = [one for one in report(lines).findings if one.code == "FS213"]
    assert found[0].severity == "info"
    assert found[0].measured.startswith(measured)


@pytest.mark.parametrize(
    "lines",
    [
        start(10, "nn.CrossEntropyLoss()", 4, "torch.full((4,), 3)"),
        start(2, "nn.CrossEntropyLoss()", 40, "(torch.arange(40) < 4).long()"),
        start(1, "nn.MSELoss()", 16, "torch.randn(16, 1)"),
    ],
)
def test_spread_enough(lines: str) -> None:
    silent(lines, "FS213")


def test_scale_word_for_word() -> None:
    lines = "model = nn.Linear(5, 1); nn.init.zeros_(model.weight); nn.init.ones_(model.bias)\n"
    lines += "loss, batch = nn.MSELoss(), (torch.randn(4, 5), torch.tensor([[1000.0], [3000], [1000], [3000]]))"
    assert words(lines, "FS214") == (
        "warning",
        "targets",
        "targets with mean 2000 and standard deviation 1000 beside outputs of rms 1",
        "targets of about the scale of the outputs: mean 0 and standard deviation 1",
        "targets = (targets - mean) / std, with both from the training set",
    )


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("nn.MSELoss()", "1e4 * torch.randn(16, 1)"),
        ("nn.L1Loss()", "1e6 * torch.rand(16, 1)"),
        ("losses.HuberLoss()", "1e3 + torch.rand(16, 1)"),
        ("lambda o, t: (o - t).square().mean()", "1e4 * torch.randn(16, 1)"),
        ("lambda o, t: losses.functional.gaussian_nll_loss(o, t, torch.zeros_like(o))", "1e4 * torch.randn(16, 1)"),
    ],
)
def test_far_scales(loss: str, targets: str) -> None:
    judged(start(1, loss, 16, targets), "FS214")


def test_up_to_a_hundred_is_only_told() -> None:
    silent(start(1, "nn.MSELoss()", 16, "30 + torch.randn(16, 1)"), "FS214", info=True)
    assert "FS214" in report(start(1, "nn.MSELoss()", 16, "30 + torch.randn(16, 1)")).codes


@pytest.mark.parametrize(
    "lines",
    [
        start(1, "nn.MSELoss()", 16, "torch.randn(16, 1)"),
        start(1, "nn.MSELoss()", 16, "torch.zeros(16, 1)"),
        "model = nn.Linear(5, 1); nn.init.constant_(model.bias, 1000.0); loss = nn.MSELoss()\n"
        "batch = torch.randn(16, 5), 1000 + 30 * torch.randn(16, 1)",
        "model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()); loss = nn.L1Loss()\n"
        "batch = torch.randn(4, 3, 8, 8), 2 * torch.rand(4, 3, 8, 8) - 1",
        start(1, "nn.PoissonNLLLoss()", 16, "torch.randint(0, 40, (16, 1)).float()"),
    ],
    ids=["unit", "zeros", "bias of the data", "images", "counts"],
)
def test_sound_scales(lines: str) -> None:
    silent(lines, "FS214")


def test_multilabel_word_for_word() -> None:
    targets = "torch.tensor([[1, 0, 1, 0, 0]]).repeat(8, 1)"
    assert words(start(5, "nn.MultiLabelMarginLoss()", 8, targets), "FS215") == (
        "warning",
        "targets",
        "8 of 8 rows name a class twice before the first -1: they are a 0 or 1 for each class",
        "the indices of the classes that are true, then -1",
        "loss = nn.MultiLabelSoftMarginLoss(), with targets.float(): it takes a 0 or 1 for each class",
    )


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("nn.MultiLabelMarginLoss()", "(torch.rand(8, 5) > 0.5).float()"),
        ("nn.MultiLabelMarginLoss()", "torch.tensor([[2, 2, -1, -1, -1]]).repeat(8, 1)"),
        ("nn.MultiLabelSoftMarginLoss()", "torch.tensor([[0, 2, -1, -1, -1]]).repeat(8, 1)"),
        ("nn.MultiLabelSoftMarginLoss()", "torch.tensor([[0.0, 1, -1, -1, -1]]).repeat(8, 1)"),
    ],
)
def test_labels_in_the_other_form(loss: str, targets: str) -> None:
    judged(start(5, loss, 8, targets), "FS215")


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("nn.MultiLabelMarginLoss()", "torch.tensor([[0, 2, -1, -1, -1]]).repeat(8, 1)"),
        ("nn.MultiLabelMarginLoss()", "torch.tensor([[3, -1, 0, 0, 0]]).repeat(8, 1)"),
        ("nn.MultiLabelSoftMarginLoss()", "(torch.arange(40).view(8, 5) % 3 == 0).float()"),
    ],
)
def test_labels_in_their_own_form(loss: str, targets: str) -> None:
    silent(start(5, loss, 8, targets), "FS215")
