"""Class indices, the axis of the classes, the form of targets, soft targets: FS202, FS205, FS206, FS207."""

from __future__ import annotations

import pytest

from .examples import report
from .targets import channels, judged, silent, start, words

CE = "nn.CrossEntropyLoss()"


def test_range_word_for_word() -> None:
    assert words(start(10, CE, 32, "torch.arange(32) % 10 + 1"), "FS202") == (
        "error",
        "targets",
        "classes from 1 to 10: 3 of 32 are not among the 10 there are",
        "0 to 9 for 10 classes",
        "targets - 1: they are numbered from 1",
    )


LOSSES = (
    CE,
    "nn.MultiMarginLoss()",
    "losses.FocalLoss()",
    "losses.DiceLoss()",
    "losses.Poly1CrossEntropyLoss()",
    "losses.GeneralizedCrossEntropyLoss()",
    "lambda o, t: F.cross_entropy(o, t, reduction='none').mean()",
    "lambda o, t: F.nll_loss(o.log_softmax(1), t)",
    "lambda o, t: -o.log_softmax(1)[torch.arange(len(t)), t].mean()",
    "lambda o, t: -o.log_softmax(1).gather(1, t[:, None]).mean()",
)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_class_too_many(loss: str) -> None:
    assert judged(start(10, loss, 32, "torch.arange(32) % 10 + 1"), "FS202").fix.startswith("targets - 1")
    assert channels(start(10, loss, 32, "torch.arange(32) % 12"), "FS202") == {"values", "run"}
    silent(start(10, loss, 32, "torch.arange(32) % 10"), "FS202")


@pytest.mark.parametrize("loss", ["losses.CORALLoss()", "losses.CORNLoss()"])
def test_ordinal_losses_that_raise_nothing(loss: str) -> None:
    found = judged(start(4, loss, 30, "torch.arange(30) % 5 + 1"), "FS202")
    assert found.expected == "0 to 4 for 5 classes"
    silent(start(4, loss, 30, "torch.arange(30) % 5"), "FS202")


IMAGE = "model = nn.Conv2d(3, 5, 3, padding=1); loss = {}; batch = torch.randn(2, 3, 8, 8), {}"
VOID = "torch.cat([torch.full((2, 1, 8), 255), torch.arange(112).view(2, 7, 8) % 5], 1)"


@pytest.mark.parametrize("loss", [CE, "losses.DiceLoss()", "losses.FocalLoss()"])
def test_void(loss: str) -> None:
    found = judged(IMAGE.format(loss, VOID), "FS202")
    assert found.fix == "ignore_index=255 in the loss, if it marks what does not count"
    silent(IMAGE.format(loss.replace("()", "(ignore_index=255)"), VOID), "FS202")


@pytest.mark.parametrize(
    "lines",
    [
        start(5, CE, 16, "torch.arange(16) % 5 - 1"),
        start(4, "losses.ArcFaceLoss(num_classes=3, embedding_dim=4)", 16, "torch.arange(16) % 4"),
        "model = nn.Sequential(nn.Embedding(11, 8), nn.Linear(8, 11)); loss = losses.LanguageModelCrossEntropyLoss()\n"
        "batch = torch.randint(11, (4, 7)), torch.full((4, 7), 11)",
    ],
    ids=["from -1", "centers", "tokens"],
)
def test_other_classes_out_of_range(lines: str) -> None:
    judged(lines, "FS202")


@pytest.mark.parametrize(
    "lines",
    [
        start(100, CE, 4, "torch.tensor([2, 2, 5, 99])"),
        start(3, CE, 1, "torch.tensor([2])"),
        start(4, CE, 16, "(torch.arange(16) % 4).byte()"),
        start(4, "losses.FocalLoss()", 16, "(torch.arange(16) % 4).int()"),
        start(4, CE, 16, "torch.where(torch.arange(16) < 4, -100, torch.arange(16) % 4)"),
    ],
)
def test_sound_classes(lines: str) -> None:
    silent(lines, "FS202")


SEQUENCE = "model = {}; loss = {}; batch = torch.randn({}), torch.randint(4, {})"


def test_axis_word_for_word() -> None:
    lines = SEQUENCE.format("nn.Linear(5, 4)", CE, "2, 7, 5", "(2, 7)")
    assert words(lines, "FS205") == (
        "error",
        "targets",
        "output (2, 7, 4) with the classes on axis 2, beside targets (2, 7)",
        "the classes on axis 1, which CrossEntropyLoss takes for them",
        "output.movedim(-1, 1)",
    )


def test_silent_axis_word_for_word() -> None:
    lines = SEQUENCE.format("nn.Sequential(nn.Linear(5, 4))", CE, "2, 4, 5", "(2, 4)")
    assert words(lines, "FS205") == (
        "warning",
        "targets",
        "CrossEntropyLoss takes axis 1 of (2, 4, 4) for the classes; 0 put them on axis 2 of (2, 4, 4)",
        "the classes of one place together, on the axis that the loss takes",
        "output.movedim(-1, 1)",
    )


FLAT = "lambda o, t: F.cross_entropy(o.reshape(-1, 4), t.reshape(-1))"
WRONG_AXIS = (
    ("nn.Linear(5, 4)", "losses.FocalLoss()", "2, 7, 5", "(2, 7)"),
    ("nn.Linear(5, 4)", "losses.FocalLoss()", "2, 4, 5", "(2, 4)"),
    ("nn.Linear(5, 4)", "lambda o, t: F.nll_loss(o.log_softmax(-1), t)", "2, 4, 5", "(2, 4)"),
    ("nn.Linear(5, 4)", "lambda o, t: F.cross_entropy(o / 0.5, t)", "2, 4, 5", "(2, 4)"),
    ("nn.Linear(5, 4)", "lambda o, t: F.cross_entropy(o.view(2, 4, 7), t)", "2, 7, 5", "(2, 7)"),
    ("nn.Conv1d(5, 4, 1)", FLAT, "2, 5, 9", "(2, 9)"),
    ("nn.Conv2d(5, 4, 1)", FLAT, "2, 5, 6, 6", "(2, 6, 6)"),
    ("nn.Conv1d(5, 4, 1)", "losses.LanguageModelCrossEntropyLoss()", "2, 5, 9", "(2, 9)"),
    ("nn.Linear(5, 4)", CE, "2, 3, 3, 5", "(2, 3, 3)"),
)


@pytest.mark.parametrize("parts", WRONG_AXIS)
def test_the_other_axis(parts: tuple[str, ...]) -> None:
    judged(SEQUENCE.format(*parts), "FS205")


RIGHT_AXIS = (
    ("nn.Linear(5, 4)", FLAT, "2, 4, 5", "(2, 4)"),
    ("nn.Linear(5, 4)", "lambda o, t: F.cross_entropy(o.transpose(1, 2), t)", "2, 4, 5", "(2, 4)"),
    ("nn.Linear(5, 4)", "lambda o, t: F.cross_entropy(o.movedim(-1, 1).contiguous(), t)", "2, 4, 5", "(2, 4)"),
    ("nn.Conv1d(5, 4, 1)", CE, "2, 5, 4", "(2, 4)"),
    ("nn.Conv2d(5, 4, 1)", CE, "2, 5, 4, 4", "(2, 4, 4)"),
    (
        "nn.Conv2d(5, 4, 1)",
        "lambda o, t: " + FLAT[13:].replace("o.re", "o.movedim(1, -1).re"),
        "2, 5, 6, 6",
        "(2, 6, 6)",
    ),
    ("nn.Linear(5, 8)", "lambda o, t: F.cross_entropy(o.view(6, 4, 2), t)", "6, 5", "(6, 2)"),
    (
        "nn.Linear(5, 4)",
        "lambda o, t: F.cross_entropy(torch.stack([o[:, i] for i in range(4)], 2), t)",
        "2, 4, 5",
        "(2, 4)",
    ),
    ("nn.Linear(5, 4)", "losses.LanguageModelCrossEntropyLoss()", "2, 4, 5", "(2, 4)"),
)


@pytest.mark.parametrize("parts", RIGHT_AXIS)
def test_the_right_axis(parts: tuple[str, ...]) -> None:
    silent(SEQUENCE.format(*parts), "FS205")


def test_soft_targets_on_the_other_axis() -> None:
    soft = "model = nn.Linear(5, 4); loss = {}; batch = torch.randn(2, 7, 5), torch.randn(2, 7, 4).softmax(-1)"
    found = judged(soft.format(CE), "FS205")
    assert found.measured == "targets of shape (2, 7, 4) sum to 1 along axis 2, not along axis 1"
    assert "FS207" not in report(soft.format(CE)).codes
    silent(soft.format("lambda o, t: F.cross_entropy(o.mT, t.mT)"), "FS205")


def test_form_word_for_word() -> None:
    assert words(start(4, CE, 16, "torch.arange(16).view(16, 1) % 4"), "FS206") == (
        "error",
        "targets",
        "targets of dtype int64 and shape (16, 1)",
        "class indices of dtype int64 and shape (16,)",
        "targets.squeeze(1)",
    )


INDICES = "torch.arange(16) % 4"
FORMS = {
    f"({INDICES}).float()": "targets.long()",
    f"({INDICES}).int()": "targets.long()",
    f"({INDICES} > 1)": "targets.long()",
    f"({INDICES}).unsqueeze(1)": "targets.squeeze(1)",
    f"({INDICES}).float().unsqueeze(1)": "targets.squeeze(1).long()",
    f"F.one_hot({INDICES}, 4)": "targets.argmax(1)",
}


@pytest.mark.parametrize(
    "loss", [CE, "nn.MultiMarginLoss()", "nn.NLLLoss()", "losses.FocalLoss()", "losses.DiceLoss()"]
)
@pytest.mark.parametrize("targets", FORMS)
def test_forms(loss: str, targets: str) -> None:
    if targets.endswith(".int()") and "losses." in loss:
        silent(start(4, loss, 16, targets), "FS206")  # ours take any integers
    else:
        assert judged(start(4, loss, 16, targets), "FS206").fix == FORMS[targets]


@pytest.mark.parametrize(
    ("targets", "fix"),
    [
        ("torch.randint(5, (2, 1, 8, 8))", "targets.squeeze(1)"),
        ("torch.randint(5, (2, 8, 8)).float()", "targets.long()"),
        ("F.one_hot(torch.randint(5, (2, 8, 8)), 5).movedim(-1, 1)", "targets.argmax(1)"),
        ("torch.randint(5, (2, 1, 8, 8)).float()", "targets.squeeze(1).long()"),
    ],
)
def test_forms_of_masks(targets: str, fix: str) -> None:
    assert judged(IMAGE.format(CE, targets), "FS206").fix == fix


def test_several_labels_for_one_class() -> None:
    found = judged(start(4, CE, 16, "torch.ones(16, 4).long()"), "FS206")
    assert found.fix == "loss = nn.BCEWithLogitsLoss(), with targets.float(): several classes may be true"


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        (start(1, "nn.BCEWithLogitsLoss()", 16, "torch.randint(2, (16, 1))"), "targets.float()"),
        (start(1, "losses.MSELoss()", 16, "torch.randint(2, (16, 1))"), "targets.float()"),
        (
            "model = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid()); loss = nn.BCELoss()\n"
            "batch = torch.randn(16, 5), torch.rand(16, 1).double()",
            "targets.float()",
        ),
        (
            "model = nn.Linear(5, 4); batch = torch.randn(16, 5), torch.ones(16, 1)\n"
            "loss = lambda o, t: F.cosine_embedding_loss(o, o.flip(0), t)",
            "targets.squeeze(1)",
        ),
    ],
)
def test_forms_of_numbers(lines: str, fix: str) -> None:
    assert judged(lines, "FS206").fix == fix


@pytest.mark.parametrize("loss", [CE, "losses.DiceLoss()"])
def test_one_hot_numbers_are_legal(loss: str) -> None:
    silent(start(4, loss, 16, f"F.one_hot({INDICES}, 4).float()"), "FS206")


def test_soft_word_for_word() -> None:
    assert words(start(2, CE, 2, "torch.tensor([[1.0, 0.5], [0.25, 0.25]])"), "FS207") == (
        "warning",
        "targets",
        "rows of the targets sum to 0.5 to 1.5",
        "probabilities of the 2 classes, rows that sum to 1",
        "targets / targets.sum(1, keepdim=True)",
    )


@pytest.mark.parametrize(
    ("loss", "targets", "fix"),
    [
        ("losses.SoftTargetCrossEntropyLoss()", "torch.rand(16, 4)", "targets / targets.sum(1, keepdim=True)"),
        (
            CE,
            "torch.ones(16, 4)",
            "nn.BCEWithLogitsLoss(), where several classes may be true; else targets / targets.sum(1, keepdim=True)",
        ),
        (CE, "torch.randn(16, 4)", "targets.softmax(1), if they are logits"),
        (
            "lambda o, t: F.kl_div(o.log_softmax(1), t, reduction='batchmean')",
            "0.2 * torch.rand(16, 4)",
            "targets / targets.sum(1, keepdim=True)",
        ),
    ],
)
def test_rows_that_do_not_sum_to_1(loss: str, targets: str, fix: str) -> None:
    assert judged(start(4, loss, 16, targets), "FS207").fix == fix


SOFT = "torch.randn(16, 4).softmax(1)"


@pytest.mark.parametrize(
    "lines",
    [
        start(4, CE, 16, SOFT),
        start(4, "nn.CrossEntropyLoss(label_smoothing=0.1)", 16, f"{SOFT}.bfloat16().float()"),
        start(4, CE, 16, f"{SOFT} * (torch.arange(16) > 3).float().unsqueeze(1)"),
        start(4, "lambda o, t: F.kl_div(o.log_softmax(1), t, reduction='batchmean')", 16, SOFT),
        start(
            4, "lambda o, t: F.kl_div(o.log_softmax(1), t, log_target=True, reduction='batchmean')", 16, f"{SOFT}.log()"
        ),
        "model = nn.Linear(5, 4); loss = lambda o, t: F.kl_div(o.log_softmax(-1), t, reduction='batchmean') / 7\n"
        "batch = torch.randn(16, 7, 5), torch.randn(16, 7, 4).softmax(-1)",
    ],
)
def test_sound_soft_targets(lines: str) -> None:
    silent(lines, "FS207")


def test_counts_given_back_are_only_told() -> None:
    silent(
        "x = (torch.rand(16, 30) > 0.8).float(); model = nn.Sequential(nn.Linear(30, 8), nn.Tanh(), nn.Linear(8, 30))\n"
        "loss, batch = nn.CrossEntropyLoss(), (x, x)",
        "FS207",
        info=True,
    )


RECURRENT = """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(5, 8, batch_first=True), nn.Linear(8, 4)
    def forward(self, x):
        return self.head(self.gru(x)[0])
model = Tagger(); loss = lambda o, t: F.cross_entropy({}, t); batch = torch.randn(6, {}, 5), torch.randint(4, (6, {}))
"""


@pytest.mark.parametrize(("output", "length"), [("o.view(6, 4, 9)", 9), ("o", 4), ("o.reshape(6, 4, -1)", 7)])
def test_the_other_axis_after_a_recurrent_layer(output: str, length: int) -> None:
    """What it puts out is not contiguous, so that the layer after it is a product and a sum of its own."""
    judged(RECURRENT.format(output, length, length), "FS205")
    silent(RECURRENT.format("o.transpose(1, 2)", length, length), "FS205")
