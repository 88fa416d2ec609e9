"""Shapes that broadcast, signs, probabilities: FS201, FS208, FS209."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from .examples import report
from .targets import channels, judged, silent, start, words

HALF = "torch.arange(16).remainder(2).float().unsqueeze(1)"
PAIR = """
class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)
    def forward(self, one, two):
        return self.layer(one), self.layer(two)
model = Pair()
loss = {}
batch = (torch.randn(16, 5), torch.randn(16, 5)), {}
"""


def test_broadcast_word_for_word() -> None:
    assert words(start(1, "nn.MSELoss()", 16, "torch.randn(16)"), "FS201") == (
        "error",
        "targets",
        "output (16, 1) against targets (16,): (16, 16) differences",
        "one shape for both: MSELoss compares element by element",
        "targets.unsqueeze(1), or output.squeeze(1)",
    )


def test_the_numbers_of_the_metamorphic_clue_are_the_losses() -> None:
    lines = start(1, "nn.MSELoss()", 16, "torch.randn(16)")
    asked = report(lines).evidence.asked
    output, target = asked.model(asked.inputs)[:, 0].detach(), asked.targets
    clue = next(one for one in judged(lines, "FS201").evidence if one.channel == "metamorphic")
    pairs = (output[:, None] - target[None, :]).square().mean()
    for number in (pairs, F.mse_loss(output, target), F.mse_loss(output.roll(1), target)):
        assert f"{float(number):.4g}" in clue.text


ELEMENTWISE = (
    "nn.L1Loss()",
    "nn.HuberLoss()",
    "nn.SmoothL1Loss()",
    "nn.PoissonNLLLoss()",
    "nn.MSELoss(reduction='sum')",
    "nn.BCEWithLogitsLoss()",
    "nn.SoftMarginLoss()",
    "losses.MSELoss()",
    "losses.QuantileLoss()",
    "lambda o, t: F.mse_loss(o, t, reduction='none').mean()",
    "lambda o, t: F.gaussian_nll_loss(o, t, torch.ones_like(o))",
    "lambda o, t: losses.functional.gaussian_nll_loss(o, t, torch.zeros_like(o))",
    "lambda o, t: ((o - t) ** 2).mean()",
    "lambda o, t: (o - t).abs().mean()",
    "lambda o, t: ((o - t) ** 2).mean().sqrt()",
    "lambda o, t: (o - t).cosh().log().mean()",
    "lambda o, t: ((t - o) * (0.9 - (t < o).float())).mean()",
)


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_a_column_against_a_row(loss: str) -> None:
    assert judged(start(1, loss, 16, "torch.rand(16)"), "FS201").severity == "error"
    silent(start(1, loss, 16, "torch.rand(16, 1)"), "FS201")


@pytest.mark.parametrize(
    "lines",
    [
        start(1, "lambda o, t: F.mse_loss(o.squeeze(1), t)", 16, "torch.rand(16, 1)"),
        start(1, "lambda o, t: ((o.squeeze(1) - t) ** 2).mean()", 16, "torch.rand(16, 1)"),
        start(1, "lambda o, t: (o.squeeze(1) - t).abs().mean()", 16, "torch.rand(16, 1)"),
        start(8, "nn.MSELoss()", 8, "torch.rand(8)"),
        start(1, "nn.MSELoss()", 8, "torch.rand(8, 3)"),
        start(1, "losses.L1Loss()", 8, "torch.rand(8, 3)"),
        "model = nn.Conv2d(3, 1, 3, padding=1); loss = nn.L1Loss()\n"
        "batch = torch.randn(4, 3, 8, 8), torch.rand(4, 8, 8)",
        "model = nn.Conv1d(3, 1, 3, padding=1); loss = nn.MSELoss(); batch = torch.randn(4, 3, 9), torch.rand(4, 9)",
        "model = nn.Sequential(nn.Linear(5, 1), nn.Flatten(0)); loss = lambda o, t: ((o - t) ** 2).mean()\n"
        "batch = torch.randn(16, 5), torch.randn(16, 1)",
        "model = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid()); loss = nn.BCELoss()\n"
        "batch = torch.randn(16, 5), torch.rand(16)",
        PAIR.format("lambda o, t: F.margin_ranking_loss(o[0][:, :1], o[1][:, :1], t)", "torch.ones(16)"),
    ],
)
def test_other_layouts_that_broadcast(lines: str) -> None:
    judged(lines, "FS201")


def test_a_loss_of_ours_is_explained() -> None:
    assert channels(start(1, "losses.HuberLoss()", 16, "torch.rand(16)"), "FS201") == {"values", "run"}


@pytest.mark.parametrize(
    "lines",
    [
        start(1, "lambda o, t: F.mse_loss(o, torch.tensor(0.0))", 16, "torch.rand(16, 1)"),
        start(1, "lambda o, t: F.mse_loss(o, torch.ones(1, 1))", 16, "torch.rand(16, 1)"),
        start(3, "lambda o, t: F.mse_loss(o, t.mean(0))", 16, "torch.rand(16, 3)"),
        start(1, "lambda o, t: (o.sort(0)[0] - t.sort(0)[0]).abs().mean()", 16, "torch.rand(16, 1)"),
        start(1, "nn.MSELoss()", 1, "torch.rand(1)"),
    ],
    ids=["number", "one number", "shared", "sorted", "one example"],
)
def test_what_keeps_its_pairs(lines: str) -> None:
    silent(lines, "FS201")


def test_equal_predictions_prove_nothing() -> None:
    lines = (
        "model = nn.Linear(5, 1); nn.init.zeros_(model.weight); loss = lambda o, t: ((o.squeeze(1) - t) ** 2).mean()"
    )
    found = report(f"{lines}; batch = torch.randn(16, 5), torch.rand(16)")
    assert found.evidence.trials.shuffled == 0
    assert "FS201" not in found.codes


@pytest.mark.parametrize("targets", ["torch.rand(16, 1)", "torch.ones(16)"])
def test_what_may_be_meant_is_only_told(targets: str) -> None:
    features = 5 if targets.endswith("1)") else 1
    silent(start(features, "nn.MSELoss()", 16, targets), "FS201", info=True)


def test_signs_word_for_word() -> None:
    assert words(start(1, "nn.SoftMarginLoss()", 16, HALF), "FS208") == (
        "error",
        "targets",
        "targets of 8 zeros and 8 ones",
        "-1 or 1: SoftMarginLoss knows no other target",
        "targets = 2 * targets - 1",
    )


SIGNED = (
    start(1, "nn.SoftMarginLoss()", 16, "{}.unsqueeze(1)"),
    start(1, "losses.HingeLoss()", 16, "{}.unsqueeze(1)"),
    PAIR.format("nn.CosineEmbeddingLoss()", "{}"),
    PAIR.format("lambda o, t: F.margin_ranking_loss(o[0][:, 0], o[1][:, 0], t, margin=0.1)", "{}"),
    PAIR.format("lambda o, t: F.hinge_embedding_loss(0.1 * (o[0] - o[1]).norm(dim=1), t)", "{}"),
)


@pytest.mark.parametrize("lines", SIGNED)
def test_zeros_and_ones_for_signs(lines: str) -> None:
    flags = "torch.arange(16).remainder(2).float()"
    assert channels(lines.replace("{}", flags), "FS208") >= {"values", "metamorphic"}
    silent(lines.replace("{}", f"(2 * {flags} - 1)"), "FS208")
    silent(lines.replace("{}", "torch.ones(16)"), "FS208")


def test_classes_for_signs() -> None:
    found = judged(start(1, "nn.SoftMarginLoss()", 16, "(torch.arange(16) % 3).float().unsqueeze(1)"), "FS208")
    assert found.measured == "targets from 0 to 2"


def test_a_tie_beside_signs_is_sound() -> None:
    silent(SIGNED[3].replace("{}", "(torch.arange(16) % 3 - 1.0)"), "FS208")


def test_probabilities_word_for_word() -> None:
    assert words(start(1, "nn.BCEWithLogitsLoss()", 16, f"255 * {HALF}"), "FS209") == (
        "error",
        "targets",
        "8 of 16 targets lie outside of [0, 1]: 8-bit numbers from 0 to 255",
        "targets from 0 to 1, probabilities of yes, for BCEWithLogitsLoss",
        "targets = targets / 255",
    )


def test_class_indices_word_for_word() -> None:
    lines = start(3, "nn.BCEWithLogitsLoss()", 15, "torch.arange(15) % 3")
    assert words(lines, "FS209") == (
        "error",
        "targets",
        "class indices of shape (15,) beside output (15, 3)",
        "a yes or no, 0 or 1, for every one of the outputs (15, 3)",
        "loss = nn.CrossEntropyLoss(), or targets = F.one_hot(targets.long(), 3).float()",
    )
    assert "FS201" not in report(lines).codes


BINARY = (
    "nn.BCEWithLogitsLoss()",
    "losses.BCEWithLogitsLoss()",
    "losses.SigmoidFocalLoss()",
    "lambda o, t: F.binary_cross_entropy(o.sigmoid(), t)",
)
OUTSIDE = {
    f"2 * {HALF} - 1": "targets = (targets + 1) / 2",
    "(torch.arange(16) % 3 - 1.0).unsqueeze(1)": "leave padding out: weight = (targets != -1).float()",
    "255 * torch.rand(16, 1)": "targets = targets / 255",
    "torch.tensor([0.0, 1.0, 255.0, 1.0]).repeat(4).unsqueeze(1)": "leave it out: weight = (targets != 255).float()",
}


@pytest.mark.parametrize("loss", BINARY)
@pytest.mark.parametrize("targets", OUTSIDE)
def test_targets_outside(loss: str, targets: str) -> None:
    found = judged(start(1, loss, 16, targets), "FS209")
    assert found.fix == OUTSIDE[targets]


@pytest.mark.parametrize(
    ("loss", "second"), [(BINARY[0], "metamorphic"), (BINARY[1], "metamorphic"), (BINARY[3], "run")]
)
def test_the_loss_falls_below_zero(loss: str, second: str) -> None:
    assert channels(start(1, loss, 16, f"2 * {HALF} - 1"), "FS209") >= {"values", second}


UNKNOWN = "(torch.arange(16) % 3 - 1.0).unsqueeze(1)"


@pytest.mark.parametrize(
    "lines",
    [
        *(start(1, loss, 16, HALF) for loss in BINARY[:3]),
        start(1, "nn.BCEWithLogitsLoss()", 16, "torch.rand(16, 1)"),
        start(1, "nn.BCEWithLogitsLoss()", 16, f"0.9 * {HALF} + 0.05"),
        start(1, "lambda o, t: F.binary_cross_entropy_with_logits(o, t, weight=(t >= 0).float())", 16, UNKNOWN),
        start(1, "lambda o, t: losses.functional.binary_cross_entropy_with_logits(o, t, mask=t >= 0)", 16, UNKNOWN),
    ],
)
def test_sound_probabilities(lines: str) -> None:
    silent(lines, "FS209")


def test_padding_that_is_masked_afterwards_is_only_told() -> None:
    loss = "lambda o, t: (F.binary_cross_entropy_with_logits(o, t, reduction='none') * (t >= 0)).sum() / (t >= 0).sum()"
    silent(start(1, loss, 16, UNKNOWN), "FS209", info=True)


def test_a_discriminator_is_sound() -> None:
    silent(
        """
critic = nn.Sequential(nn.Linear(5, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
model, bce = critic, F.binary_cross_entropy_with_logits
loss = lambda real, fake: bce(real, torch.ones_like(real)) + bce(critic(fake), torch.zeros_like(real))
batch = torch.randn(16, 5), torch.randn(16, 5)
""",
        "FS209",
    )


def test_seeds_do_not_matter() -> None:
    for seed in range(5):
        found = report(start(1, "lambda o, t: ((o - t) ** 2).mean()", 32, "torch.randn(32)"), seed)
        assert "FS201" in found.codes


def test_nan_targets_are_left_to_others() -> None:
    found = report(start(1, "nn.BCEWithLogitsLoss()", 4, "torch.full((4, 1), torch.nan)"))
    assert not {"FS201", "FS208", "FS209"} & set(found.codes)
    assert torch.tensor(found.evidence.loss).isnan()


ACTOR_CRITIC = """
class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.policy, self.value = nn.Linear(6, 32), nn.Linear(32, 3), nn.Linear(32, 1)
    def forward(self, x):
        h = self.body(x).tanh()
        return self.policy(h), self.value(h)
model = ActorCritic()
batch = torch.randn(40, 6), (torch.randint(3, (40,)), torch.randn(40))
def loss(output, target):
    (logits, value), (action, returns) = output, target
    value = {value}
    advantage = (returns - value).detach()
    log_p = torch.distributions.Categorical(logits=logits).log_prob(action)
    return -(log_p * advantage).mean() + (returns - value).square().mean()
"""


def test_broadcasts_inside_of_a_loss_of_several_tensors_word_for_word() -> None:
    found = report(ACTOR_CRITIC.format(value="value"))
    one = next(one for one in found.findings if one.code == "FS201")
    assert (one.severity, one.place) == ("warning", "loss")
    assert one.measured == "output (40, 1) against a tensor (40,): (40, 40) differences"
    assert one.expected == "one shape for both: sub compares element by element"
    assert one.evidence[0].text == "sub in the loss made (40, 40) of an output and a tensor"
    assert "FS201" not in report(ACTOR_CRITIC.format(value="value.squeeze(1)")).codes


def test_all_pairs_of_scores_are_meant() -> None:
    lines = """
model = nn.Linear(6, 1)
batch = torch.randn(20, 6), torch.randn(20)
def loss(score, target):
    better = (target.unsqueeze(1) > target).float()
    return (better * F.softplus(score.squeeze(1) - score)).mean()
"""
    assert "FS201" not in report(lines).codes
