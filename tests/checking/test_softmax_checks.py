"""FS101, FS102, FS109 and FS110: a softmax before a loss over classes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from .examples import told
from .outputs import silent, started, the


def test_softmax_twice_word_for_word() -> None:
    one = the(started("model = nn.Sequential(net, nn.Softmax(dim=1))"), "FS101")
    p = math.e / (math.e + 9)
    onehot = F.one_hot(torch.arange(10), 10).float()
    floor = F.cross_entropy(onehot, torch.arange(10))
    assert one.place == "1 (softmax)"
    assert one.severity == "error"
    assert one.measured == "the input of CrossEntropyLoss is probabilities"
    assert one.expected == (
        f"logits; of probabilities a softmax gives the right one of 10 classes at most {p:.3g}, and cross-entropy "
        f"cannot fall below {floor:.3f}"
    )
    assert one.fix == "leave out the softmax: the loss makes its own"
    assert [clue.channel for clue in one.evidence] == ["graph", "values"]
    assert one.evidence[1].text == "all 32 rows lie in [0, 1] and sum to 1 within 0.001"


BY_HAND = "lambda o, t: (torch.logsumexp(o, 1) - o.gather(1, t[:, None])[:, 0]).mean()"


def test_softmax_twice_in_a_loss_that_is_written_out() -> None:
    one = the(started(f"model, loss = nn.Sequential(net, nn.Softmax(dim=1)), {BY_HAND}"), "FS101")
    assert (one.severity, one.place) == ("error", "loss")
    assert one.measured == "the loss makes a softmax of outputs that are probabilities"
    assert [clue.channel for clue in one.evidence] == ["graph", "metamorphic", "expected value", "values"]
    assert one.evidence[1].text == "adding a number to all outputs of an example does not change the loss"
    assert one.evidence[2].text == f"of exactly right outputs it makes {math.log1p(9 / math.e):.4g}, as ln(1 + 9/e)"


@pytest.mark.parametrize(
    "lines",
    [
        f"model, loss = net, {BY_HAND}",
        # A margin between probabilities forgets what is added to all of them as well.
        "model = nn.Sequential(net, nn.Softmax(dim=1))\n"
        "loss = lambda o, t: (1.5 + o - o.gather(1, t[:, None])).clamp(min=0).mean()",
        "model = nn.Sequential(net, nn.Softmax(dim=1))\n"
        "loss = lambda o, t: -(o.gather(1, t[:, None]) / o.sum(1, keepdim=True)).log().mean()",
    ],
)
def test_losses_that_are_written_out_and_sound(lines: str) -> None:
    silent(lines, 0, "FS101")


@pytest.mark.parametrize(
    "lines",
    [
        "model, loss = net, lambda o, t: F.cross_entropy(o.softmax(1), t)",
        "model, loss = net, lambda o, t: F.cross_entropy(torch.softmax(o, -1).clamp(1e-7, 1), t)",
        "model, loss = nn.Sequential(net, nn.Softmax(-1)), losses.FocalLoss()",
        "model, loss = nn.Sequential(net, nn.Softmax(-1)), losses.CrossEntropyLoss(label_smoothing=0.1)",
        "model = nn.Sequential(net, nn.Softmax(-1)); batch = x, F.one_hot(y, 10).float()",
        "model = nn.Sequential(net, nn.Softmax(-1)).double(); batch = x.double(), y",
        "model = nn.Sequential(net, nn.Softmax(-1)).bfloat16(); batch = x.bfloat16(), y",
        "model = nn.Sequential(conv, nn.Softmax(1)); batch = images, labels",
        "model = nn.Sequential(conv, nn.Softmax2d()); batch = images, labels\nloss = losses.DiceLoss()",
        "model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, stride=2), nn.Softmax(1), nn.Upsample(scale_factor=2))\n"
        "batch = images, labels",
        "model, loss = nn.Sequential(words, nn.Softmax(-1)), losses.LanguageModelCrossEntropyLoss()\n"
        "batch = ids[:, :-1], ids[:, 1:]",
        "model, loss = nn.Sequential(words, nn.Softmax(-1)), lambda o, t: F.cross_entropy(o.transpose(1, 2), t)\n"
        "batch = ids[:, :-1], ids[:, 1:]",
        "model, loss, batch = nn.Sequential(net, nn.Softmax(1)), losses.DistillationLoss(), (x, torch.randn(32, 10))",
        "model = nn.Sequential(net, nn.Softmax(1))\nloss = lambda o, t: -o.log_softmax(1).gather(1, t[:, None]).mean()",
        "model = nn.Sequential(net, nn.Softmax(1))\n"
        "loss = lambda o, t: F.cross_entropy(o, t) + 0.1 * o.square().mean()",
    ],
)
def test_softmax_twice_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS101").severity == "error", told(found)


@pytest.mark.parametrize(
    "lines",
    [
        "model, loss = nn.Sequential(net, nn.Softmax(1), nn.LogSoftmax(1)), nn.NLLLoss()",
        "model, loss, batch = net, losses.DistillationLoss(), (x, torch.randn(32, 10).softmax(1))",
        "class Own(nn.Module):\n    def forward(self, x):\n        return x.exp() / x.exp().sum(1, keepdim=True)\n"
        "model = nn.Sequential(net, Own())",
    ],
)
def test_softmax_twice_by_one_channel_warns(lines: str) -> None:
    assert the(started(lines), "FS101").severity == "warning"


def test_log_softmax_before_is_a_remark() -> None:
    found = started("model = nn.Sequential(net, nn.LogSoftmax(dim=1))")
    one = the(found, "FS102")
    assert found.ok
    assert one.severity == "info"
    assert one.place == "1 (log_softmax)"
    assert one.measured == "the input of CrossEntropyLoss is log-probabilities already"
    assert one.expected == "logits: a second log-softmax changes nothing and costs time"
    assert one.fix == "leave out the log-softmax, or use nn.NLLLoss()"


def test_the_logarithm_of_a_softmax_is_the_same() -> None:
    found = started("model, loss = net, lambda o, t: F.cross_entropy((o.softmax(1) + 1e-8).log(), t)")
    assert found.ok
    assert the(found, "FS102").measured == "the input of CrossEntropyLoss is log-probabilities already"


def test_a_teacher_over_the_batch() -> None:
    lines = "model, batch = net, (x, teacher)\n"
    lines += "loss = lambda o, t: F.kl_div(o.log_softmax(1), t.softmax(0), reduction='batchmean')"
    one = the(started(lines), "FS110")
    assert one.severity == "warning"
    assert one.place == "targets"
    assert one.measured == "the target sums to 1 along axis 0 of (32, 10), over the batch"
    assert one.expected == "a target that sums to 1 along axis 1, as the exponentials of the input do"


def test_one_unit_word_for_word() -> None:
    one = the(started("model, batch = nn.Linear(20, 1), (x, torch.zeros(32).long())"), "FS109")
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "CrossEntropyLoss is over 1 class"
    assert one.expected == "2 units or more under a softmax; one unit goes with a sigmoid"
    assert one.fix == "loss = nn.BCEWithLogitsLoss()  # and no softmax; targets as float, of the output's shape"
    assert {clue.text for clue in one.evidence} == {
        "the class axis of (32, 1) has length 1",
        "the loss is exactly 0, whatever the output",
    }


@pytest.mark.parametrize(
    "lines",
    [
        "model, batch = nn.Linear(20, 1), (x, (y > 4).float()[:, None])",
        "model, batch = nn.Sequential(one, nn.Sigmoid()), (x, (y > 4).long())",
        "model, batch, loss = nn.Sequential(one, nn.Softmax(1)), (x, flags), nn.MSELoss()",
        "model, batch = nn.Sequential(one, nn.Softmax(-1)), (x, (y > 4).float())\n"
        "loss = lambda o, t: F.binary_cross_entropy(o.squeeze(1), t)",
        "model, batch = nn.Sequential(one, nn.Softmax(-1)), (x, (y > 4).float()[:, None])\n"
        "loss = lambda o, t: -(t * o.log() + (1 - t) * (1 - o + 1e-6).log()).mean()",
        "model, loss = nn.Sequential(one, nn.LogSoftmax(1)), nn.NLLLoss()\nbatch = x, 0 * y",
        "model, loss = nn.Conv2d(3, 1, 3, padding=1), losses.DiceLoss()\nbatch = images, labels.clamp(max=1)",
    ],
)
def test_one_unit_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS109").severity == "error", told(found)


def test_wrong_axis_word_for_word() -> None:
    one = the(started("model, loss = nn.Sequential(net, nn.LogSoftmax(dim=0)), nn.NLLLoss()"), "FS110")
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "log_softmax along axis 0, over the batch"
    assert one.expected == "log_softmax along axis 1, over the classes of each example"
    assert one.fix == "F.log_softmax(x, dim=1)"
    assert {clue.channel for clue in one.evidence} == {"graph", "values", "metamorphic"}
    assert one.evidence[1].text == "the probabilities sum to 1 along axis 0 of (32, 10), not along classes"


@pytest.mark.parametrize(
    "lines",
    [
        "model = nn.Sequential(net, nn.Softmax(0))",
        "model, loss = nn.Sequential(one, nn.Softmax(0)), nn.BCELoss()\nbatch = x, (y > 4).float()[:, None]",
        "model, loss = nn.Sequential(one, nn.Flatten(0), nn.Softmax(0)), nn.BCELoss()\nbatch = x, (y > 4).float()",
        "model, loss = nn.Sequential(conv, nn.LogSoftmax(-1)), nn.NLLLoss()\nbatch = images, labels",
        "model = nn.Sequential(words, nn.Softmax(0))\n"
        "loss = lambda o, t: F.nll_loss((o + 1e-9).log().flatten(0, 1), t.flatten())\nbatch = ids[:, :-1], ids[:, 1:]",
        "model = nn.Sequential(nn.Linear(20, 6), nn.LogSoftmax(1))\n"
        "lengths = torch.full((4,), 12), torch.full((4,), 3)\n"
        "loss = lambda o, t: F.ctc_loss(o.transpose(0, 1), t, *lengths)\n"
        "batch = torch.randn(4, 12, 20), torch.tensor([[1, 2, 3]] * 4)",
    ],
)
def test_wrong_axis_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS110").severity == "error", told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        "model = net",
        "model, loss = nn.Sequential(net, nn.LogSoftmax(1)), nn.NLLLoss()",
        "model, loss = nn.Sequential(net, nn.LogSoftmax(1)), nn.NLLLoss()\nbatch = x[:1], y[:1]",
        "model, loss = nn.Sequential(net, nn.LogSoftmax(1)).bfloat16(), nn.NLLLoss()\nbatch = x.bfloat16(), y",
        "model, loss = net, lambda o, t: F.nll_loss((0.5 * o.softmax(1) + 0.5 / 10).log(), t)",
        "model, loss = net, lambda o, t: -(t.softmax(1) * o.log_softmax(1)).sum(1).mean()\nbatch = x, teacher",
        "model, loss = nn.Sequential(net, nn.Softmax(1)), nn.BCELoss()\nbatch = x, F.one_hot(y, 10).float()",
        "model = nn.Sequential(nn.Linear(20, 2), nn.Softmax(1))\n"
        "loss = lambda o, t: F.binary_cross_entropy(o[:, 1], t)\nbatch = x[:2], torch.tensor([0.0, 1.0])",
        "model = conv; batch = images, torch.randn(4, 5, 8, 8)\n"
        "loss = lambda o, t: F.kl_div(o.flatten(2).log_softmax(-1), t.flatten(2).softmax(-1), reduction='batchmean')",
        "model = nn.Conv2d(3, 1, 3, padding=1); batch = images, torch.randn(4, 1, 8, 8)\n"
        "loss = lambda o, t: F.kl_div(o.flatten(2).log_softmax(-1), t.flatten(2).softmax(-1), reduction='batchmean')",
        "class Attention(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.q, self.out = nn.Linear(20, 20), nn.Linear(20, 10)\n"
        "    def forward(self, x):\n        a = (self.q(x) @ x.transpose(1, 2) / 20**0.5).softmax(-1)\n"
        "        return self.out((a @ x).mean(1))\nmodel, batch = Attention(), (torch.randn(32, 3, 20), y)",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    silent(lines, seed, "FS101", "FS109", "FS110")


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ("o - torch.logsumexp(o, {}, keepdim=True)", "logsumexp"),
        ("o.log_softmax({})", "log_softmax"),
        ("F.softmax(o, dim={}).log()", "softmax"),
    ],
)
def test_a_softmax_over_the_batch_by_hand(over: str, code: str) -> None:
    lines = "model, loss = net, lambda o, t: -({}).gather(1, t[:, None]).mean()"
    found = the(started(lines.format(over.format(0))), "FS110")
    assert found.severity == "warning"
    assert found.measured == f"the loss makes a {code} along axis 0 of (32, 10), over the batch"
    for axis in (1, -1):
        silent(lines.format(over.format(axis)), 0, "FS110")
