"""What unit variance scales once, scales in part, or leaves and says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from firststep.calibration import calibrate, unit_variance

from .measured import X, farthest, std, stds, weight_normed


def test_a_tied_weight_is_scaled_once_by_the_layer_that_runs_first() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 10))
    net[2].weight = net[0].weight

    report = calibrate(net, X)

    assert net[2].weight is net[0].weight
    assert [row.note for row in report.rows] == ["", "tied to '0', which sets it"]
    assert stds(net, X, nn.Linear)["0"] == pytest.approx(1, abs=0.01)


def test_a_head_tied_to_an_embedding_is_left_unless_one_of_them_is_named() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.body, self.head = nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 20, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Tensor) -> Tensor:
            return self.head(torch.tanh(self.body(self.embed(tokens))))

    torch.manual_seed(0)
    net, tokens = Tied(), torch.arange(20)[None]
    table = net.embed.weight.detach().clone()

    report = calibrate(net, tokens)

    assert torch.equal(net.embed.weight, table)
    assert {row.layer: row.note for row in report.rows} == {
        "body": "",
        "embed": "a table of vectors is calibrated when layers= names it",
        "head": "tied to the table of 'embed': name one of them in layers=",
    }
    calibrate(net, tokens, unit_variance(tol=1e-3), layers="head")
    assert std(net(tokens)) == pytest.approx(1, abs=1e-3)
    assert net.head.weight is net.embed.weight


@pytest.mark.parametrize("old", [False, True])
def test_weight_norm_is_scaled_by_its_magnitude_alone(old: bool) -> None:
    torch.manual_seed(0)
    normed, g, v = weight_normed(nn.Linear(10, 20), old=old)
    net = nn.Sequential(normed, nn.Tanh(), nn.Linear(20, 3))
    direction = v.detach().clone()

    report = calibrate(net, X, unit_variance(tol=1e-3))

    assert (*report.left, *report.off) == ()
    assert torch.equal(v, direction)
    if old:  # what the older hook keeps of the weight, before any forward
        torch.testing.assert_close(net[0].weight, g * v / v.norm(dim=1, keepdim=True))
    assert farthest(stds(net, X, nn.Linear)) <= 1e-3


def test_a_parametrization_that_fixes_the_scale_is_left_and_reported() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(10, 10)),
        nn.utils.parametrizations.orthogonal(nn.Linear(10, 10)),
    )
    before = {name: one.clone() for name, one in net.state_dict().items()}

    report = calibrate(net, X)

    assert [row.note for row in report.rows] == [
        "its spectral_norm parametrization fixes its scale",
        "its orthogonal parametrization fixes its scale",
    ]
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())


def test_frozen_zero_and_unreached_layers_are_left_and_reported() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen, self.zero, self.spare = nn.Linear(10, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.head, self.table, self.position = nn.Linear(8, 4), nn.Embedding(3, 8), nn.Parameter(torch.randn(1, 8))

        def forward(self, x: Tensor) -> Tensor:
            x = self.frozen(x) + self.position + self.table(torch.zeros(len(x), dtype=torch.long))
            return self.head(x + self.zero(x))

    torch.manual_seed(0)
    net = Net()
    net.frozen.requires_grad_(False)
    nn.init.zeros_(net.zero.weight)
    nn.init.zeros_(net.zero.bias)
    before = {name: one.clone() for name, one in net.state_dict().items()}

    report = calibrate(net, X)

    assert {row.layer: row.note for row in report.rows} == {
        "frozen": "frozen (requires_grad=False)",
        "zero": "its weight is all zero",
        "head": "",
        "spare": "the batch does not reach it",
        "position": "it stands beside layers, and is no layer's weight",
        "table": "a table of vectors is calibrated when layers= names it",
    }
    changed = [name for name, one in net.state_dict().items() if not torch.equal(one, before[name])]
    assert changed == ["head.weight"]


def test_a_constant_output_and_a_scale_that_the_weight_does_not_set() -> None:
    class Normed(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.weight, self.factor = nn.Parameter(torch.randn(10, 10)), factor

        def forward(self, x: Tensor) -> Tensor:
            return self.factor * F.layer_norm(x @ self.weight, (10,), eps=0)

    torch.manual_seed(0)
    net = nn.Sequential(Normed(3.0), Normed(0.0))
    before = [one.clone() for one in net.parameters()]

    report = calibrate(net, X, unit_variance(steps=4))

    assert [row.note for row in report.rows] == [
        "after 4 tries the std of its output is 3; it was put back",
        "its output is constant",
    ]
    assert all(torch.equal(one, old) for one, old in zip(net.parameters(), before, strict=True))


class ActNorm(nn.Module):
    """A scale and a bias for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.s, self.t = nn.Parameter(torch.rand(10) + 0.5), nn.Parameter(torch.randn(10))

    def forward(self, x: Tensor) -> Tensor:
        return self.s * x + self.t


class TwoMatrices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(10, 4)), nn.Parameter(torch.randn(4, 10))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.a @ self.b


class OneTooMuch(nn.Linear):
    """Its bias does nothing, so that the mean stays where it is."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, 0 * self.bias) + 1


@pytest.mark.parametrize(
    ("layer", "note"),
    [
        (ActNorm, "its scales are per channel: calibrate it to 'actnorm'"),
        (TwoMatrices, "which of a, b sets its scale cannot be told"),
        (lambda: OneTooMuch(10, 10), "after 3 tries the mean of its output is 1; it was put back"),
    ],
)
def test_layers_that_are_left_with_the_reason(layer: Callable[[], nn.Module], note: str) -> None:
    """On rows and their negatives a linear layer without a bias has the mean 0."""
    torch.manual_seed(0)
    net = layer()
    before = [one.clone() for one in net.parameters()]

    report = calibrate(net, torch.cat([X, -X]), unit_variance(steps=3, center=True))

    assert [row.note for row in report.left] == [note]
    assert all(torch.equal(one, old) for one, old in zip(net.parameters(), before, strict=True))


def test_a_weight_that_would_leave_half_precision_is_left() -> None:
    """Inputs of about 1e-6 on weights of 0.5: unit variance would take weights above 65504, float16's largest."""
    net = nn.Linear(10, 4, bias=False).half()
    nn.init.constant_(net.weight, 0.5)

    report = calibrate(net, (X * 1e-6).half())

    assert [row.note for row in report.left] == ["it would hold values that float16 cannot"]
    assert net.weight.unique().tolist() == [0.5]


def test_layers_that_move_each_other_are_told_where_they_end() -> None:
    """Two layers called in turn, with two tries each: what is not at 1 is told by the number that hooks measure."""

    class Turns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = self.b(torch.tanh(self.a(x)))
            return x

    torch.manual_seed(0)
    net = Turns()

    report = calibrate(net, X, unit_variance(tol=0.1, steps=2))

    measured = stds(net, X, nn.Linear)
    assert farthest(measured) > 0.1
    assert report.off
    for row in report.off:
        assert row.note == f"the std of its output is {measured[row.layer]:.3g}: layers between its calls move it"
    assert {row.layer for row in report.off} == {name for name, one in measured.items() if abs(one - 1) > 0.1}
