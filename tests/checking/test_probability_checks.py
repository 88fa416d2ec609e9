"""FS105 to FS108: losses that take probabilities or log-probabilities."""

from __future__ import annotations

import pytest

from .examples import told
from .outputs import silent, started, the


def test_logits_to_bce_word_for_word() -> None:
    lines = "with torch.no_grad():\n    one.weight.zero_(), one.bias.fill_(-0.25)\n    one.weight[0, 0] = 1.0\n"
    lines += "x = torch.zeros(32, 20); x[:8, 0] = 1.5; x[8:24, 0] = 0.5\n"
    found = started(lines + "model, loss, batch = one, nn.BCELoss(), (x, flags)")
    told_of = the(found, "FS105")
    assert told_of.place == "loss"
    assert told_of.severity == "error"
    assert told_of.measured == "the input of BCELoss runs from -0.25 to 1.25"
    assert told_of.expected == "probabilities, in [0, 1]"
    assert told_of.fix == "loss = nn.BCEWithLogitsLoss()  # it takes logits and makes its own sigmoid"
    assert told_of.evidence[0].text == "16 of 32 numbers are outside of [0, 1]"
    assert [clue.channel for clue in told_of.evidence] == ["values", "graph", "run"]


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ("model, loss, batch = net, nn.BCELoss(), (x, many)", "error"),
        ("model, loss, batch = nn.Sequential(net, nn.Tanh()), nn.BCELoss(), (x, many)", "error"),
        (
            "model, batch = one, (x, flags)\nloss = lambda o, t: F.binary_cross_entropy(o.flatten(), t.flatten())",
            "error",
        ),
        (
            "model, loss, batch = one, nn.BCELoss(), (x, flags)\n"
            "nn.init.constant_(one.bias, 0.5), nn.init.normal_(one.weight, std=1e-3)",
            "warning",
        ),
    ],
)
def test_logits_to_bce_however_written(lines: str, severity: str) -> None:
    found = started(lines)
    assert the(found, "FS105").severity == severity, told(found)


def test_logits_to_nll_word_for_word() -> None:
    one = the(started("model, loss = net, nn.NLLLoss()"), "FS106")
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "the input of NLLLoss is logits"
    assert one.expected == "log-probabilities: the exponentials of each row sum to 1"
    assert one.fix == "loss = nn.CrossEntropyLoss()  # it takes logits, and the same targets"
    assert one.evidence[0].text.startswith("the exponentials of 32 of 32 rows do not sum to 1: the sums run from ")
    assert {"values", "graph"} <= {clue.channel for clue in one.evidence}


def test_probabilities_to_nll_word_for_word() -> None:
    found = started("model, loss = nn.Sequential(net, nn.Softmax(1)), nn.NLLLoss()")
    one = the(found, "FS106")
    assert one.severity == "error"
    assert one.measured == "the input of NLLLoss is probabilities"
    assert one.fix == "F.log_softmax(x, dim=1) before the loss in place of the softmax"
    assert [clue.text for clue in one.evidence] == [
        "the numbers lie in [0, 1] and sum to 1 along axis 1 of (32, 10)",
        "softmax made the input, and no log-softmax came after",
        f"the loss is {found.evidence.loss:.3g}: of log-probabilities it is 0 or more",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "model, loss = nn.Sequential(net, nn.ReLU()), nn.NLLLoss()",
        "model, loss = nn.Sequential(net, nn.LogSigmoid()), nn.NLLLoss()",
        "model, loss, batch = conv, nn.NLLLoss(), (images, labels)",
        "model, loss, batch = net, nn.KLDivLoss(reduction='batchmean'), (x, teacher.softmax(1))",
        "model, batch = net, (x, teacher)\n"
        "loss = lambda o, t: F.kl_div((o / 2).softmax(1), (t / 2).softmax(1), reduction='batchmean')",
        "model = nn.Linear(20, 6); batch = torch.randn(4, 12, 20), torch.tensor([[1, 2, 3]] * 4)\n"
        "loss = lambda o, t: F.ctc_loss(o.transpose(0, 1), t, *lengths)",
        "model = nn.Linear(20, 6); batch = torch.randn(4, 12, 20), torch.tensor([[1, 2, 3]] * 4)\n"
        "loss = lambda o, t: F.ctc_loss(o.softmax(-1).transpose(0, 1), t, *lengths)",
    ],
)
def test_no_log_probabilities_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS106").severity == "error", told(found)


def test_positive_log_probabilities_of_answers() -> None:
    lines = "model, batch = two, (x, None)\nnn.init.constant_(two.bias, 5.0)\n"
    lines += "loss = lambda o: losses.functional.simpo_loss(o[:, 0], o[:, 1])"
    found = started(lines)
    one = the(found, "FS106")
    assert one.severity == "warning"
    assert one.measured == f"chosen of simpo_loss runs up to {float(found.evidence.calls[0].tensors[0].max()):.3g}"
    assert one.expected == "log-probabilities, at most 0: the sum of those of an answer's tokens"


def test_log_target_word_for_word() -> None:
    head = "model = nn.Sequential(net, nn.LogSoftmax(1))\n"
    one = the(started(head + "loss = nn.KLDivLoss(log_target=True)\nbatch = x, teacher.softmax(1)"), "FS107")
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "the target is probabilities, and log_target=True"
    assert one.expected == "log-probabilities, as log_target=True says"
    assert one.fix == "nn.KLDivLoss(reduction='batchmean')  # log_target=False, the default"
    two = the(started(head + "loss = nn.KLDivLoss(reduction='sum')\nbatch = x, teacher.log_softmax(1)"), "FS107")
    assert two.severity == "error"
    assert two.measured == "the target is log-probabilities, and log_target=False"
    assert two.expected == "first the model's log-probabilities, then probabilities"
    assert two.fix == "nn.KLDivLoss(reduction='batchmean', log_target=True)"
    assert two.evidence[0].text == "320 of 320 numbers of the target are below 0, as no probability is"


def test_swapped_divergence_is_told_apart() -> None:
    lines = "model, batch = net, (x, teacher)\n"
    lines += "loss = lambda o, t: F.kl_div(t.softmax(1), o.log_softmax(1), reduction='batchmean')"
    found = started(lines)
    one = the(found, "FS107")
    assert one.severity == "error"
    assert one.measured == "the input is probabilities and the target log-probabilities: the arguments are swapped"
    assert "FS106" not in found.codes


def test_raw_logits_as_the_target_of_a_divergence() -> None:
    found = started("model = nn.Sequential(net, nn.LogSoftmax(1))\nloss = nn.KLDivLoss()\nbatch = x, teacher")
    assert the(found, "FS107").measured == "the target is logits, and log_target=False"


@pytest.mark.parametrize(
    ("lines", "measured"),
    [
        (
            "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.BCELoss(), (x, flags)",
            "a sigmoid and BCELoss, each by itself",
        ),
        (
            "model, loss = net, lambda o, t: F.nll_loss((o.softmax(1) + 1e-9).log(), t)",
            "the logarithm of a softmax and NLLLoss, each by itself",
        ),
    ],
)
def test_unstable_pairs_are_a_remark(lines: str, measured: str) -> None:
    found = started(lines)
    one = the(found, "FS108")
    assert found.ok
    assert one.severity == "info"
    assert one.measured == measured


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        "model, loss = nn.Sequential(net, nn.LogSoftmax(1)), nn.NLLLoss(reduction='sum')",
        "model, loss = nn.Sequential(net, nn.LogSoftmax(1)).bfloat16(), nn.NLLLoss()\nbatch = x.bfloat16(), y",
        "model, loss = net, lambda o, t: F.nll_loss(o - o.logsumexp(1, keepdim=True), t)",
        "class Mixture(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a, self.b = nn.Linear(20, 10), nn.Linear(20, 10)\n"
        "    def forward(self, x):\n        return torch.log(0.5 * self.a(x).softmax(1) + 0.5 * self.b(x).softmax(1))\n"
        "model, loss = Mixture(), nn.NLLLoss()",
        "model, batch = net, (x, teacher)\n"
        "loss = lambda o, t: 4 * F.kl_div((o / 2).log_softmax(1), (t / 2).softmax(1), reduction='batchmean')",
        "model, batch = net, (x, teacher)\n"
        "loss = lambda o, t: F.kl_div(o.log_softmax(1), t.log_softmax(1), reduction='batchmean', log_target=True)",
        "model, batch = net, (x, teacher)\n"
        "loss = lambda o, t: F.kl_div(t.log_softmax(1), o.softmax(1), reduction='batchmean')",
        "model = nn.Sequential(nn.Linear(20, 6), nn.LogSoftmax(-1))\n"
        "batch = torch.randn(4, 12, 20), torch.tensor([[1, 2, 3], [2, 3, 4], [5, 4, 3], [1, 3, 5]])\n"
        "loss = lambda o, t: F.ctc_loss(o.transpose(0, 1), t, *lengths)",
        "model, batch = words, (ids, ids)\n"
        "def loss(o, t):\n    p = o[:, :-1].log_softmax(-1).gather(-1, t[:, 1:, None]).squeeze(-1).sum(1)\n"
        "    a, b = p.chunk(2)\n    return losses.functional.dpo_loss(a, b, a.detach(), b.detach())",
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), nn.BCELoss(), (x, many)",
        "model, batch = nn.Sequential(net, nn.Softmax(1)), (x, F.one_hot(y, 10).float())\nloss = nn.BCELoss()",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    silent(lines, seed, "FS105", "FS106", "FS107")


HAND = "model, batch = one, (x, flags)\ndef loss(o, t):\n    {}"


@pytest.mark.parametrize(
    "lines",
    [
        "return -(t * o.clamp(1e-7, 1).log() + (1 - t) * (1 - o).clamp(1e-7, 1).log()).mean()",
        "p = o.clamp(1e-6, 1 - 1e-6)\n    return -torch.where(t > 0.5, p.log(), (1 - p).log()).mean()",
        "return 1 - (2 * (o * t).sum() + 1) / (o.sum() + t.sum() + 1)",
        "both = (o * t).sum()\n    return 1 - both / (o.sum() + t.sum() - both)",
    ],
)
def test_a_layer_s_output_as_probabilities_by_hand(lines: str) -> None:
    found = the(started(HAND.format(lines)), "FS105")
    assert found.severity == "warning"
    assert found.fix == "output = torch.sigmoid(output), before it is compared"
    assert [clue.channel for clue in found.evidence] == ["metamorphic"]


@pytest.mark.parametrize(
    "lines",
    [
        "return ((o - t) ** 2).mean()",
        "return (o - t).abs().mean()",
        "return (o.clamp(min=0) - o * t + torch.log1p(torch.exp(-o.abs()))).mean()",
        "return F.softplus(o).sub(o * t).mean()",
        "return F.relu(1 - (2 * t - 1) * o).mean()",
        "return F.relu((1 - 2 * t) * o).mean()",
        "p = 1 / (1 + torch.exp(-o))\n    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)",
        "return torch.exp((1 - 2 * t) * o).mean()",
        "return (1 - F.cosine_similarity(o, t, dim=0)).mean()",
    ],
)
def test_losses_by_hand_of_logits_and_values(lines: str) -> None:
    assert "FS105" not in started(HAND.format(lines)).codes


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        ("p = o.sigmoid()\n    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()", "F.logsigmoid(logits)"),
        (
            "p = torch.cat((o, -o), 1).softmax(1)\n    return -p.log().gather(1, t.long()).mean()",
            "F.log_softmax(logits, dim=1)",
        ),
    ],
)
def test_a_logarithm_of_its_own_is_told(lines: str, fix: str) -> None:
    found = the(started(HAND.format(lines)), "FS108")
    assert (found.severity, found.fix) == ("info", fix)
    assert "FS108" not in started(HAND.format("return -(t * F.logsigmoid(o)).mean() - (1 - t).log1p().mean()")).codes
