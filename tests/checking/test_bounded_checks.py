"""FS103 and FS104: an activation that keeps logits in an interval."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from .examples import told
from .outputs import silent, started, the


def test_tanh_before_cross_entropy_word_for_word() -> None:
    one = the(started("model = nn.Sequential(net, nn.Tanh())"), "FS103")
    best = F.cross_entropy(2 * F.one_hot(torch.arange(10), 10).double() - 1, torch.arange(10))
    assert one.place == "1 (tanh)"
    assert one.severity == "error"
    assert one.measured == "the input of CrossEntropyLoss went through tanh: it stays in [-1, 1]"
    assert one.expected == (
        f"logits without a bound; over 10 classes such numbers leave a cross-entropy of at least {best:.3f}"
    )
    assert one.fix == "leave out the tanh after the last layer"
    assert {clue.channel for clue in one.evidence} == {"graph", "values"}


def test_relu_before_cross_entropy_word_for_word() -> None:
    lines = "torch.manual_seed(3)\nmodel = nn.Sequential(net, nn.ReLU())"
    found = started(lines)
    one = the(found, "FS103")
    zeros = float((found.evidence.calls[0].tensors[0] == 0).float().mean())
    assert one.place == "1 (relu)"
    assert one.severity == "error"
    assert one.measured == "the input of CrossEntropyLoss went through relu: it is at least 0"
    assert one.expected == "the last layer's own output: logits of either sign"
    assert one.fix == "leave out the relu after the last layer"
    assert one.evidence[1].text == f"{100 * zeros:.3g} % of 320 numbers are exactly 0, where no gradient passes"


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ("model = nn.Sequential(net, nn.Sigmoid())", "error"),
        ("model = nn.Sequential(net, nn.Hardtanh())", "error"),
        ("model = nn.Sequential(net, nn.Softsign())", "error"),
        ("model = nn.Sequential(net, nn.ReLU6())", "error"),
        ("model = nn.Sequential(net, nn.Softplus())", "warning"),
        ("model = nn.Sequential(net, nn.GELU())", "warning"),
        ("model = nn.Sequential(net, nn.LogSigmoid())", "warning"),
        ("model, loss = net, lambda o, t: F.cross_entropy(torch.relu(o), t)", "error"),
        ("model, loss = net, lambda o, t: F.cross_entropy(o.clamp(min=0), t)", "error"),
        ("model, loss = nn.Sequential(net, nn.Sigmoid()), losses.FocalLoss()", "error"),
        ("model, loss = nn.Sequential(net, nn.Sigmoid()), nn.MultiMarginLoss()", "error"),
        ("model = nn.Sequential(conv, nn.Sigmoid()); batch = images, labels", "error"),
        (
            "model = nn.Sequential(net, nn.Sigmoid())\n"
            "loss = lambda o, t: -o.log_softmax(1).gather(1, t[:, None]).mean()",
            "warning",
        ),
        ("model, loss = net, lambda o, t: F.cross_entropy(2 * torch.sigmoid(o) - 1, t)", "error"),
        ("model = nn.Sequential(net, nn.LeakyReLU())", "warning"),
        ("model = nn.Sequential(net, nn.PReLU())", "warning"),
    ],
)
def test_activations_of_a_classifier_are_named(lines: str, severity: str) -> None:
    found = started(lines)
    assert the(found, "FS103").severity == severity, told(found)


def test_sigmoid_twice_word_for_word() -> None:
    found = started("model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.BCEWithLogitsLoss(), (x, flags)")
    one = the(found, "FS104")
    ends = torch.sigmoid(torch.tensor([0.0, 1.0]))
    assert one.place == "1 (sigmoid)"
    assert one.severity == "error"
    assert one.measured == "the input of BCEWithLogitsLoss went through sigmoid: it is in [0, 1]"
    assert one.expected == (
        f"logits; from numbers in [0, 1] the loss's own sigmoid gives {ends[0]:.3g} to {ends[1]:.3g}"
    )
    assert one.fix == "leave out the sigmoid: the loss takes the last layer's own output"
    assert [clue.channel for clue in one.evidence] == ["graph", "values", "expected value"]
    half = F.softplus(torch.tensor(0.5)) - 0.5 * 0.5
    assert one.evidence[2].text.endswith(f": logits of 0 cost {math.log(2):.3f}, of 1/2 {half:.3f}")


@pytest.mark.parametrize(
    "lines",
    [
        *(
            f"model, loss, batch = nn.Sequential(one, nn.{kind}()), nn.BCEWithLogitsLoss(), (x, flags)"
            for kind in ("ReLU", "Tanh", "Softplus", "Hardsigmoid", "Softsign")
        ),
        "model, loss, batch = nn.Sequential(net, nn.Softmax(1)), nn.BCEWithLogitsLoss(), (x, many)",
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), nn.MultiLabelSoftMarginLoss(), (x, many)",
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), losses.SigmoidFocalLoss(), (x, many)",
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), losses.AsymmetricLoss(), (x, many)",
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), losses.CORALLoss(), (x, y)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.SoftMarginLoss(), (x, 2 * flags - 1)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), losses.HingeLoss(), (x, 2 * flags - 1)",
        "model, batch = one, (x, flags)\n"
        "loss = lambda o, t: F.binary_cross_entropy_with_logits(torch.special.expit(o).squeeze(1), t.squeeze(1))",
        "model, batch = net, (x, many)\n"
        "loss = lambda o, t: F.binary_cross_entropy_with_logits(torch.cat([o[:, :5].sigmoid(), o[:, 5:].sigmoid()], 1)"
        ", t)",
        *(
            f"model, batch = net, (x, many)\nloss = lambda o, t: F.binary_cross_entropy_with_logits({join}, t[:, 5:])"
            for join in (
                "torch.cat([o[:, :3], o[:, 3:].sigmoid()], 1)[:, 5:]",
                "torch.stack([o[:, :5], o[:, 5:].sigmoid()], 2)[..., -1]",
                "torch.cat([o[:, :3], o[:, 3:].sigmoid()], 1).split([5, 5], 1)[1]",
                "torch.cat([o[:, :3], o[:, 3:].sigmoid()], -1).chunk(2, -1)[1]",
                "torch.cat([o[:, :5], o[:, 5:].sigmoid()], 1).split([5, 5], 1)[1] * 2 - 1",
                "torch.cat([o[:, :5], o[:, 5:].sigmoid()], 1).split([5, 5], 1)[1] * 2",
            )
        ),
        "model, batch = nn.Sequential(net, nn.Sigmoid()), (x, many)\n"
        "def loss(o, t):\n    p = torch.sigmoid(o)\n    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())",
    ],
)
def test_sigmoid_twice_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS104").severity == "error", told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        "model, loss = net, lambda o, t: F.cross_entropy(30 * torch.tanh(o / 30), t)",
        "model, loss = net, lambda o, t: F.cross_entropy(o.clamp(-50, 50), t)",
        "model, batch = net, (x, many)\n"
        "loss = lambda o, t: F.binary_cross_entropy_with_logits(8 * torch.tanh(o / 8), t)",
        "layers = nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)\n"
        "model = nn.Sequential(*layers, nn.Flatten())\nbatch = torch.randn(32, 3, 12, 12), y",
        "model, loss = nn.Sequential(nn.LeakyReLU(), net), nn.CrossEntropyLoss()",
        "model, batch = net, (x, many)\n"
        "loss = lambda o, t: F.binary_cross_entropy_with_logits(torch.cat([o[:, :5].sigmoid(), o[:, 5:]], 1)[:, 5:],"
        " t[:, 5:])",
        "model, batch = net, (x, many)\n"
        "loss = lambda o, t: F.binary_cross_entropy_with_logits(torch.cat([o[:, :5].sigmoid(), o[:, 5:]], 1)[:, 4:],"
        " t[:, 4:])",
        "proto = torch.randn(10, 10)\nmodel, loss = net, lambda o, t: F.cross_entropy(-torch.cdist(o, proto) / 3, t)",
        "model, loss, batch = one, nn.BCEWithLogitsLoss(), (x, flags)\nnn.init.constant_(one.bias, 0.5)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.BCELoss(), (x, flags)",
        "model, loss, batch = one, losses.HingeLoss(), (x, 2 * flags - 1)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.MSELoss(), (x, flags)",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    silent(lines, seed, "FS103", "FS104")
