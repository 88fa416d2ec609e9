"""Survival, preferences, triplets: FS216, FS217, FS218."""

from __future__ import annotations

import pytest

from .targets import channels, judged, silent, start, words


def cox(n: int, time: str, event: str) -> str:
    loss = "lambda o, t: losses.functional.cox_loss(o.squeeze(1), *t)"
    return start(1, loss, n, f"({time}, {event})")


def test_survival_word_for_word() -> None:
    assert words(cox(16, "torch.arange(16) + 1.0", "torch.zeros(16)"), "FS216") == (
        "error",
        "targets",
        "no event among 16 examples: all are censored",
        "at least one event: only events have a term in the loss",
        "a larger batch, or one drawn so that it has events",
    )


@pytest.mark.parametrize(
    ("lines", "measured"),
    [
        (cox(1, "torch.ones(1)", "torch.ones(1)"), "a batch of 1"),
        (cox(4, "torch.tensor([0, 1, 0, 1])", "torch.arange(4) + 0.5"), "times of 0 and 1, and events from 0.5 to 3.5"),
        (cox(4, "torch.arange(4) - 1.0", "torch.ones(4)"), "a least time of -1"),
        (cox(4, "torch.arange(4) + 1.0", "torch.tensor([0, 1, 2, 1])"), "events from 0 to 2"),
    ],
)
def test_survival(lines: str, measured: str) -> None:
    assert judged(lines, "FS216").measured == measured


@pytest.mark.parametrize("event", ["(torch.arange(16) % 2).bool()", "torch.ones(16)", "torch.arange(16) % 2"])
def test_sound_survival(event: str) -> None:
    silent(cox(16, "torch.rand(16) + 0.1", event), "FS216")
    silent(cox(16, "torch.arange(16) % 5 + 1", event), "FS216")


PREFERENCE = """
import copy
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy = nn.Linear(5, 3)
        self.reference = copy.deepcopy(self.policy).requires_grad_({})
    def forward(self, chosen, rejected):
        return [m(x).log_softmax(1)[:, 0] for m in (self.policy, self.reference) for x in (chosen, rejected)]
model, first = Policy(), torch.randn(16, 5)
loss = lambda o, t=None: losses.functional.{}(*{})
batch = (first, {}), None
"""
OTHER = "torch.randn(16, 5)"


def test_preferences_word_for_word() -> None:
    assert words(PREFERENCE.format(True, "dpo_loss", "o", OTHER), "FS217") == (
        "warning",
        "loss",
        "reference_chosen, reference_rejected with a gradient",
        "tensors that the step does not train",
        "compute them under torch.no_grad(), or .detach() them",
    )


@pytest.mark.parametrize(
    "lines",
    [
        PREFERENCE.format(False, "dpo_loss", "o", "first.clone()"),
        PREFERENCE.format(False, "dpo_loss", "(o[0], o[1], o[3], o[2])", OTHER),
        PREFERENCE.format(False, "simpo_loss", "o[:2]", "first.clone()"),
        PREFERENCE.format(True, "ipo_loss", "o", OTHER),
    ],
    ids=["same answers", "exchanged", "without reference", "trained reference"],
)
def test_preferences(lines: str) -> None:
    judged(lines, "FS217")


@pytest.mark.parametrize("loss", ["dpo_loss", "ipo_loss"])
def test_a_policy_at_its_reference_is_sound(loss: str) -> None:
    silent(PREFERENCE.format(False, loss, "o", OTHER), "FS217")


POLICY = """
model, action, advantage = nn.Linear(5, 3), torch.arange(16) % 3, torch.randn(16)
def loss(output, targets):
    now = output.log_softmax(1).gather(1, action[:, None])[:, 0]
    return losses.functional.ppo_clip_loss(now, {}, advantage)
batch = torch.randn(16, 5), advantage
"""


def test_the_old_policy_is_fixed() -> None:
    assert judged(POLICY.format("now"), "FS217").measured == "old_log_prob with a gradient"
    silent(POLICY.format("now.detach()"), "FS217")


TRIPLET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)
        {}
    def forward(self, *views):
        return tuple(self.layer(one) for one in views)
model, loss = Net(), {}
x, y, z = torch.randn(3, 16, 5)
batch = {}, None
"""


def test_triplets_word_for_word() -> None:
    assert words(start(8, "losses.BatchHardTripletLoss()", 16, "torch.arange(16)"), "FS218") == (
        "error",
        "targets",
        "16 of 16 anchors have no positive: their label occurs once",
        "at least two samples of a label, and at least two labels",
        "a sampler that draws several samples of each of several labels",
    )


@pytest.mark.parametrize("loss", ["nn.TripletMarginLoss()", "losses.TripletMarginLoss()"])
def test_one_tensor_twice(loss: str) -> None:
    for views, roles in (
        ("(x, x, z)", "anchor equal those of positive"),
        ("(x, y, y)", "positive equal those of negative"),
    ):
        assert judged(TRIPLET.format("", loss, views), "FS218").measured == f"all 16 rows of {roles}"
    silent(TRIPLET.format("", loss, "(x, y, z)"), "FS218")


def test_two_views_that_are_one() -> None:
    judged(TRIPLET.format("", "losses.InfoNCELoss()", "(x, x)"), "FS218")
    silent(TRIPLET.format("", "losses.InfoNCELoss()", "(x, x + 0.1 * y)"), "FS218")


BATCH = ("losses.BatchHardTripletLoss()", "losses.SemiHardTripletLoss()", "losses.SupervisedContrastiveLoss()")


@pytest.mark.parametrize("loss", BATCH)
def test_labels_without_partners(loss: str) -> None:
    assert channels(start(4, loss, 16, "torch.arange(16)"), "FS218") == {"values", "signals"}
    judged(start(4, loss, 16, "torch.ones(16).long()"), "FS218")
    silent(start(4, loss, 16, "torch.arange(16) // 4"), "FS218")
    silent(start(4, loss, 16, "torch.arange(16).clamp(min=5)"), "FS218", info=True)


SCORES = """
model = nn.Linear(5, 8)
def loss(o, t):
    z = F.normalize(o, dim=1)
    {}
batch = torch.randn(16, 5), torch.arange(16)
"""


def test_own_positive_word_for_word() -> None:
    assert words(SCORES.format("return F.cross_entropy(z @ z.T / 0.05, t)"), "FS218") == (
        "warning",
        "targets",
        "the scores are symmetric, and the target of each of 16 rows is the row itself, its largest score",
        "another view of the sample as its positive, and its score with itself left out",
        'scores.fill_diagonal_(-float("inf")), with the index of the other view as target',
    )


@pytest.mark.parametrize(
    "lines",
    [
        "return F.cross_entropy(z @ F.normalize(o + 0.3 * torch.randn_like(o), dim=1).T / 0.1, t)",
        "s = (z @ z.T / 0.1).masked_fill(torch.eye(16, dtype=torch.bool), -1e9)\n"
        "    return F.cross_entropy(s, (t + 8) % 16)",
    ],
)
def test_positives_of_another_view(lines: str) -> None:
    silent(SCORES.format(lines), "FS218")
