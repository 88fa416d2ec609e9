"""The head's bias from the targets: closed forms of the start's loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from firststep.calibration import calibrate, head_bias
from firststep.errors import CalibrationError

X = torch.randn(60, 5, generator=torch.Generator().manual_seed(1))
Y = torch.tensor([0] * 30 + [1] * 18 + [2] * 12)
COUNTS = (30, 18, 12)


def zeroed(outputs: int) -> nn.Sequential:
    """A net whose head has weight 0: its outputs are the bias alone."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, outputs))
    nn.init.zeros_(net[2].weight)
    return net


def entropy(*p: float) -> float:
    return -math.fsum(one * math.log(one) for one in p)


@pytest.mark.parametrize("centered", [False, True])
def test_cross_entropy_starts_at_the_entropy_of_the_priors(centered: bool) -> None:
    net = zeroed(3)

    report = calibrate(net, (X, Y), head_bias(smoothing=0.0, centered=centered), loss=nn.CrossEntropyLoss())

    expected = entropy(0.5, 0.3, 0.2)
    assert F.cross_entropy(net(X), Y).item() == pytest.approx(expected, rel=1e-6)
    assert report.figures[0].name == "loss"
    assert report.figures[0].after == pytest.approx(expected, rel=1e-6)
    logs = [math.log(p) for p in (0.5, 0.3, 0.2)]
    mean = sum(logs) / 3 if centered else 0
    assert net[2].bias.tolist() == [pytest.approx(one - mean, rel=1e-6) for one in logs]
    (row,) = report.rows
    assert (row.layer, row.parameters, row.tries, row.note) == ("2", ("2.bias",), 1, "")


def test_smoothing_is_laplaces_rule_and_keeps_a_missing_class() -> None:
    net = zeroed(4)

    calibrate(net, (X, Y), "head-bias")

    assert net[2].bias.tolist() == [pytest.approx(math.log((n + 1) / 64), rel=1e-6) for n in (*COUNTS, 0)]


def test_the_loss_before_and_after_are_the_models_own() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    before = F.cross_entropy(net(X), Y).item()

    (figure,) = calibrate(net, (X, Y), "head-bias").figures

    assert figure.before == pytest.approx(before, rel=1e-6)
    assert figure.after == pytest.approx(F.cross_entropy(net(X), Y).item(), rel=1e-6)
    assert figure.after < figure.before


def test_sigmoid_starts_at_the_sum_of_binary_entropies() -> None:
    net, y = zeroed(2), torch.zeros(60, 2)
    y[:6, 0], y[:45, 1] = 1, 1

    calibrate(net, (X, y), head_bias(smoothing=0.0), loss=nn.BCEWithLogitsLoss())

    assert net[2].bias.tolist() == [pytest.approx(math.log(0.1 / 0.9), rel=1e-6), pytest.approx(math.log(3), rel=1e-6)]
    expected = (entropy(0.1, 0.9) + entropy(0.75, 0.25)) / 2
    assert F.binary_cross_entropy_with_logits(net(X), y).item() == pytest.approx(expected, rel=1e-6)


def test_regression_starts_at_the_targets_variance() -> None:
    net, y = zeroed(2), torch.randn(60, 2) * torch.tensor([1.0, 3.0]) + 5

    calibrate(net, (X, y), "head-bias", loss=nn.MSELoss())

    torch.testing.assert_close(net[2].bias.detach(), y.mean(0))
    assert F.mse_loss(net(X), y).item() == pytest.approx(float(y.var(0, correction=0).mean()), rel=1e-5)


@pytest.mark.parametrize("option", ["weight", "label_smoothing"])
def test_no_constant_is_better_whatever_the_loss_weighs(option: str) -> None:
    """The best bias of a head with weight 0, found by an optimizer that knows nothing of priors."""
    value = {"weight": torch.tensor([1.0, 2.0, 5.0]), "label_smoothing": 0.2}[option]
    wide = {"weight": torch.tensor([1.0, 2.0, 5.0]).double(), "label_smoothing": 0.2}[option]
    best = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([best], max_iter=200, tolerance_grad=1e-12)

    def closure() -> Tensor:
        optimizer.zero_grad()
        cost = F.cross_entropy(best.expand(60, -1), Y, **{option: wide})
        cost.backward()
        return cost

    optimizer.step(closure)
    net, loss = zeroed(3), nn.CrossEntropyLoss(**{option: value})

    calibrate(net, (X, Y), head_bias(smoothing=0.0), loss=loss)

    assert loss(net(X), Y).item() == pytest.approx(closure().item(), rel=1e-6)


def test_ignored_targets_do_not_count() -> None:
    net, y = zeroed(3), torch.cat([Y[:48], torch.full((12,), -1)])
    y[47] = 2

    calibrate(net, (X, y), head_bias(smoothing=0.0), loss=nn.CrossEntropyLoss(ignore_index=-1))

    assert net[2].bias.exp().tolist() == [pytest.approx(n / 48, rel=1e-5) for n in (30, 17, 1)]


def test_pos_weight_multiplies_the_odds() -> None:
    net, y = zeroed(1), (Y == 2).float()[:, None]

    calibrate(net, (X, y), head_bias(smoothing=0.0), loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor([4.0])))

    assert net[2].bias.item() == pytest.approx(0.0, abs=1e-6)  # 0.2 / 0.8 * 4 = 1


class Segmenter(nn.Module):
    """A convolution as head, channels first, and a dict as output."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.body(x).relu())}


def test_a_convolution_as_head_with_a_dict_as_output() -> None:
    torch.manual_seed(0)
    net, y = Segmenter(), torch.zeros(2, 4, 4, dtype=torch.long)
    nn.init.zeros_(net.head.weight)
    y[0, :2] = 1  # 8 of 32
    y[1, 3] = 2  # 4 of 32

    calibrate(net, (torch.randn(2, 1, 4, 4), y), head_bias(smoothing=0.0), loss=nn.CrossEntropyLoss())

    assert net.head.bias.tolist() == [pytest.approx(math.log(p), rel=1e-6) for p in (20 / 32, 8 / 32, 4 / 32)]


def test_one_output_without_an_axis() -> None:
    class Squeezed(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input).squeeze(-1)

    net, y = Squeezed(nn.Linear(5, 1)), (Y == 0).float()

    calibrate(net, (X, y), head_bias(smoothing=0.0))

    assert net[0].bias.item() == pytest.approx(0.0, abs=1e-6)  # p = 1/2


def test_probabilities_as_targets() -> None:
    net = zeroed(3)
    soft = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]]).repeat(30, 1)

    calibrate(net, (X, soft), head_bias(smoothing=0.0), loss=nn.CrossEntropyLoss())

    assert net[2].bias.exp().tolist() == [pytest.approx(one, rel=1e-5) for one in (0.5, 0.3, 0.2)]


def test_probabilities_as_targets_without_a_loss() -> None:
    """The loss that is told is the cross-entropy, written out: at the start, and the entropy of the mean afterwards."""
    net, soft = zeroed(3), torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]]).repeat(30, 1)
    before = -(soft * net(X).log_softmax(1)).sum(1).mean().item()

    (figure,) = calibrate(net, (X, soft), head_bias(task="softmax", smoothing=0.0)).figures

    assert (figure.name, figure.before) == ("loss", pytest.approx(before, rel=1e-6))
    assert figure.after == pytest.approx(entropy(0.5, 0.3, 0.2), rel=1e-6)


class Ids(nn.Sequential):
    """A model that returns choices, not scores."""

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        return {"ids": super().forward(input).argmax(-1)}


def test_the_head_is_found_though_it_is_not_registered_last() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.body, self.side = nn.Linear(8, 3), nn.Linear(5, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.body(x)
            out = self.head(x.relu())
            self.side(x)
            return out

    net = Net()
    assert [row.layer for row in calibrate(net, (X, Y), "head-bias").rows] == ["head"]


def test_a_frozen_bias_is_left() -> None:
    net = zeroed(3)
    net[2].bias.requires_grad_(False)
    before = net[2].bias.clone()

    report = calibrate(net, (X, Y), "head-bias")

    assert [row.note for row in report.rows] == ["frozen (requires_grad=False)"]
    assert torch.equal(net[2].bias, before)
    assert report.figures == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: calibrate(nn.Sequential(zeroed(3), nn.Softmax(-1)), (X, Y), "head-bias"),
            "calibrate(target='head-bias'): no bias of the model is simply added to the model's output, not even that "
            "of '0.2', the last one. The output must be the scores of a layer with a bias, before softmax or sigmoid: "
            "leave that out, with a loss that takes scores, or type "
            "forward=lambda model, inputs: ... that returns them",
        ),
        (
            lambda: calibrate(Ids(zeroed(3)), (X, Y), "head-bias"),
            "calibrate: the model returned dict, in which there is no tensor of floating-point numbers. "
            "Type forward=lambda model, inputs: model(inputs).scores",
        ),
        (
            lambda: calibrate(nn.Linear(5, 3, bias=False), (X, Y), "head-bias"),
            "calibrate(target='head-bias'): no layer of the model has a bias to set. Build the head with bias=True",
        ),
        (
            lambda: calibrate(zeroed(2), (X, Y), "head-bias"),
            "calibrate(target='head-bias'): the targets hold class 2, and the head has 2 outputs, for classes 0 to 1",
        ),
        (
            lambda: calibrate(zeroed(4), (X, Y), head_bias(smoothing=0.0)),
            "calibrate(target='head-bias'): output 3 has no targets in this batch, which would make its bias infinite. "
            "Give a larger batch, or type calibration.head_bias(smoothing=1.0)",
        ),
        (
            lambda: calibrate(zeroed(1), (X, torch.ones(60, 1)), head_bias(task="sigmoid", smoothing=0.0)),
            "calibrate(target='head-bias'): output 0 has only zeros or only ones in this batch, which would make its "
            "bias infinite. Give a larger batch, or type calibration.head_bias(smoothing=1.0)",
        ),
        (
            lambda: calibrate(zeroed(3), (X, torch.randn(60)), "head-bias"),
            "calibrate(target='head-bias'): targets of shape (60,) and torch.float32 beside scores of shape (60, 3) do "
            "not tell the task. Type calibration.head_bias(task='softmax'), 'sigmoid' or 'regression'",
        ),
        (
            lambda: calibrate(zeroed(3), (X, torch.randn(60)), head_bias(task="regression")),
            "calibrate(target='head-bias'): targets of shape (60,) do not fit scores of shape (60, 3): expected one "
            "number for each",
        ),
        (
            lambda: calibrate(zeroed(3), (X, {"y": Y}), "head-bias"),
            "calibrate(target='head-bias'): expected targets to be one tensor, was given dict. "
            "Type fs.calibrate(model, (inputs, labels), 'head-bias')",
        ),
        (
            lambda: calibrate(zeroed(3), X, "head-bias"),
            "calibrate(target='head-bias') needs targets, and batch has none. "
            "Type fs.calibrate(model, (inputs, targets), 'head-bias')",
        ),
        (
            lambda: head_bias(task="classes"),  # pyright: ignore[reportArgumentType]
            "head_bias(task='classes'): expected one of 'softmax', 'sigmoid', 'regression'",
        ),
        (lambda: head_bias(smoothing=-1.0), "head_bias(smoothing=-1.0): expected a finite number >= 0"),
    ],
)
def test_messages(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        call()
    assert str(caught.value) == message
