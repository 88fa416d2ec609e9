"""Zero mean and unit variance of every channel, measured by hooks and compared with the papers' formulas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from firststep.calibration import actnorm, calibrate

from .measured import weight_normed

X = torch.randn(300, 6, generator=torch.Generator().manual_seed(1)) * torch.arange(1.0, 7) + 2


def channels(value: Tensor, axis: int) -> Tensor:
    """Mean and std of each channel, float64, as two rows."""
    rows = value.detach().double().movedim(axis, 0).flatten(1)
    return torch.stack([rows.mean(1), rows.std(1, correction=0)])


def assert_standard(value: Tensor, axis: int = -1, atol: float = 1e-3) -> None:
    mean, std = channels(value, axis)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=atol, rtol=0)
    torch.testing.assert_close(std, torch.ones_like(std), atol=atol, rtol=0)


@pytest.mark.parametrize("old", [False, True])
def test_weight_norm_gets_the_g_and_b_of_salimans_and_kingma(old: bool) -> None:
    """Section 3: t = v x / |v|, g = 1 / std(t), b = -mean(t) / std(t); v stays."""
    torch.manual_seed(0)
    layer, g, kept = weight_normed(nn.Linear(6, 4), old=old)
    v = kept.detach().clone()
    t = X.double() @ (v.double() / v.double().norm(dim=1, keepdim=True)).T
    mean, std = t.mean(0), t.std(0, correction=0)

    report = calibrate(layer, X, "actnorm")

    assert torch.equal(kept, v)
    torch.testing.assert_close(g.detach().double().flatten(), 1 / std, rtol=1e-5, atol=0)
    torch.testing.assert_close(layer.bias.detach().double(), -mean / std, rtol=1e-4, atol=1e-5)
    assert (*report.left, *report.off) == ()
    assert_standard(layer(X))


def test_plain_rows_get_the_same_function() -> None:
    torch.manual_seed(0)
    layer, normed = nn.Linear(6, 4), nn.Linear(6, 4)
    normed.load_state_dict(layer.state_dict())
    normed = nn.utils.parametrizations.weight_norm(normed)
    y = layer(X).detach().double()

    (row,) = calibrate(layer, X, "actnorm").rows
    calibrate(normed, X, "actnorm")

    torch.testing.assert_close(layer(X).double(), (y - y.mean(0)) / y.std(0, correction=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(X), normed(X), rtol=1e-4, atol=1e-5)
    assert row.factor is not None
    factors = 1 / y.std(0, correction=0)
    assert (row.factor.low, row.factor.high) == (
        pytest.approx(float(factors.min()), rel=1e-5),
        pytest.approx(float(factors.max()), rel=1e-5),
    )


def test_every_layer_of_a_chain_in_the_order_of_the_run() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Unflatten(1, (2, 3)),
        nn.Conv1d(2, 8, 2),
        nn.ReLU(),
        nn.Conv1d(8, 8, 1, groups=4),
        nn.Tanh(),
        nn.ConvTranspose1d(8, 6, 2, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(18, 5),
    )
    seen: list[tuple[Tensor, int]] = []
    for layer, axis in ((1, 1), (3, 1), (5, 1), (8, 1)):
        net[layer].register_forward_hook(lambda module, args, output, axis=axis: seen.append((output, axis)))

    report = calibrate(net, X, "actnorm")

    assert (*report.left, *report.off) == ()
    assert [row.tries for row in report.rows] == [1, 1, 1, 1]
    seen.clear()
    net(X)
    assert len(seen) == 4
    for value, axis in seen:
        assert_standard(value, axis)


def test_attention_and_recurrence() -> None:
    torch.manual_seed(0)
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(20, 5, 8) + 1
    calibrate(attention, ((x, x, x), None), actnorm())
    q, k, v = (x @ attention.in_proj_weight.T + attention.in_proj_bias).split(8, dim=-1)
    for value in (q, k, v, attention(x, x, x)[0]):
        assert_standard(value)
    rnn = nn.GRU(8, 4, batch_first=True)
    calibrate(rnn, x, actnorm())
    assert_standard(x @ rnn.weight_ih_l0.T + rnn.bias_ih_l0)


class Outside(nn.Module):
    """y = s x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.s, self.t = nn.Parameter(torch.rand(6) + 0.5), nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        return self.s * x + self.t


class InsideActNorm(nn.Module):
    """y = exp(logs) (x + b), channels first, with the log-determinant beside, as in Glow."""

    def __init__(self) -> None:
        super().__init__()
        self.bias, self.logs = nn.Parameter(torch.randn(1, 6, 1, 1)), nn.Parameter(torch.randn(1, 6, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x + self.bias) * self.logs.exp(), self.logs.sum()


def test_layers_of_a_scale_and_a_bias_alone() -> None:
    torch.manual_seed(0)
    outside = type("ActNorm", (Outside,), {})()
    report = calibrate(outside, X, "actnorm")
    assert report.rows[0].parameters == ("s", "t")
    assert_standard(outside(X))
    torch.testing.assert_close(outside.s.detach(), 1 / X.std(0, correction=0), rtol=1e-5, atol=0)

    inside, images = InsideActNorm(), torch.randn(9, 6, 4, 4) * 3 + 1
    report = calibrate(inside, images, "actnorm")
    assert (*report.left, *report.off) == ()
    assert_standard(inside(images)[0], 1)
    mean, std = channels(images, 1)
    torch.testing.assert_close(inside.bias.detach().double().flatten(), -mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(inside.logs.detach().double().flatten(), -std.log(), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_standard_is_reported() -> None:
    torch.manual_seed(0)
    bare = nn.Linear(6, 4, bias=False)
    assert [row.note for row in calibrate(bare, X, "actnorm").rows] == [
        "it has no trained bias: its channels have unit variance, and means other than 0"
    ]
    torch.testing.assert_close(channels(bare(X), -1)[1], torch.ones(4).double(), atol=1e-3, rtol=0)

    dead = nn.Linear(6, 4)
    with torch.no_grad():
        dead.weight[1] = 0
    assert [row.note for row in calibrate(dead, X, "actnorm").rows] == ["1 of its 4 channels are constant"]
    assert not dead(X)[:, 1].any()
    assert_standard(dead(X)[:, [0, 2, 3]])

    one = nn.Linear(6, 4)
    assert [row.note for row in calibrate(one, X[:1], "actnorm").rows] == [
        "a single value per channel has no variance: give a larger batch"
    ]

    odd = type("ActNorm", (Outside,), {"forward": lambda self, x: (self.s * x + self.t).tanh()})()
    net = nn.Sequential(nn.Linear(6, 6), odd)
    assert {row.layer: row.note for row in calibrate(net, X, "actnorm").rows} == {
        "0": "",
        "1": "how s and t act cannot be told",
    }


class Signs(nn.Linear):
    """Outputs of 3 and -3, whatever the weights."""

    def forward(self, input: Tensor) -> Tensor:
        return 3 * super().forward(input).sign()


class Cut(nn.Linear):
    """Fewer outputs than it has biases."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)[:, :-1]


def frozen() -> nn.Module:
    made = type("ActNorm", (Outside,), {})()
    made.t.requires_grad_(False)
    return made


@pytest.mark.parametrize(
    ("layer", "note"),
    [
        (frozen, "its bias is frozen (requires_grad=False)"),
        (lambda: Cut(6, 4), "along which axis its channels lie cannot be told"),
        (
            lambda: Signs(6, 4),
            "after 2 tries its channels have means up to 0 from 0 and stds up to 2 from 1; it was put back",
        ),
    ],
)
def test_layers_that_are_left_with_the_reason(layer: Callable[[], nn.Module], note: str) -> None:
    """On rows and their negatives as many signs are positive as are negative."""
    torch.manual_seed(0)
    net = layer()
    if isinstance(net, Signs):
        nn.init.zeros_(net.bias)
    before = [one.clone() for one in net.parameters()]

    report = calibrate(net, torch.cat([X, -X]), actnorm(steps=2))

    assert [row.note for row in report.left] == [note]
    assert all(torch.equal(one, old) for one, old in zip(net.parameters(), before, strict=True))


def test_a_magnitude_shared_by_all_channels_is_left() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(6, 4), dim=None)  # pyright: ignore[reportArgumentType]
    (row,) = calibrate(layer, X, "actnorm").rows
    assert row.note.startswith("its weight_norm has no magnitude for each channel")


def test_a_layer_whose_output_is_one_number_is_left_and_said() -> None:
    class Total(nn.Module):
        """Its output has no axis along which channels could lie."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.zeros(4))

        def forward(self, x: Tensor) -> Tensor:
            return (x @ self.weight.T + self.bias).sum()

    torch.manual_seed(0)
    net = Total()
    before = net.weight.detach().clone()
    report = calibrate(net, X, "actnorm")
    assert [row.layer for row in report.left] == [""]
    assert torch.equal(net.weight, before)
