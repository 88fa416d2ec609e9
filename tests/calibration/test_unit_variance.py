"""Every layer's output has the standard deviation asked for, measured here with hooks of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from firststep import init, rule
from firststep.calibration import CalibrationReport, calibrate, unit_variance
from firststep.planning import initialize


def outputs(model: nn.Module, run: Callable[[], Any], kinds: tuple[type, ...]) -> dict[str, list[Tensor]]:
    """What every module of these types gives in one run without dropout, in the order of the run."""
    found: dict[str, list[Tensor]] = {}
    names = {module: name for name, module in model.named_modules()}

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        found.setdefault(names[module], []).append(output[0] if isinstance(output, tuple) else output)

    handles = [module.register_forward_hook(hook) for module in names if isinstance(module, kinds)]
    training = model.training
    with torch.no_grad():
        model.eval()
        run()
        model.train(training)
    for handle in handles:
        handle.remove()
    return found


def std(value: Tensor) -> float:
    """Of all elements, in float64."""
    return float(value.detach().double().std(correction=0))


def stds(model: nn.Module, x: Tensor, *kinds: type) -> dict[str, float]:
    """The std of each layer's outputs, in float64, over all its calls."""
    found = outputs(model, lambda: model(x), kinds)
    return {name: std(torch.cat([one.flatten() for one in many])) for name, many in found.items()}


def deep(width: int = 32, depth: int = 12) -> nn.Sequential:
    """A deep chain from torch's own start, whose signal dies out."""
    torch.manual_seed(0)
    inner = [layer for _ in range(depth) for layer in (nn.Tanh(), nn.Linear(width, width))]
    return nn.Sequential(nn.Linear(10, width), *inner)


X = torch.randn(200, 10, generator=torch.Generator().manual_seed(1))


def test_every_linear_layer_of_a_deep_chain_has_unit_std() -> None:
    net = deep()
    assert max(abs(one - 1) for one in stds(net, X, nn.Linear).values()) > 0.8

    report = calibrate(net, X, unit_variance(tol=1e-3))

    measured = stds(net, X, nn.Linear)
    assert len(measured) == 13
    assert max(abs(one - 1) for one in measured.values()) <= 1e-3
    assert (*report.left, *report.off) == ()
    for row in report.rows:
        assert row.after is not None
        assert row.after.std == pytest.approx(measured[row.layer], abs=1e-6)


def test_only_scales_change_and_the_report_tells_them_exactly() -> None:
    net, before = deep(), deep()

    report = calibrate(net, X)

    for row in report.rows:
        old, new = before.get_submodule(row.layer), net.get_submodule(row.layer)
        assert isinstance(old, nn.Linear)
        assert isinstance(new, nn.Linear)
        assert row.parameters == (f"{row.layer}.weight",)
        assert row.factor is not None
        assert row.factor.low == pytest.approx(row.factor.high, rel=1e-6)
        torch.testing.assert_close(new.weight, old.weight * row.factor.low)
        assert torch.equal(new.bias, old.bias)


def test_before_is_what_the_untouched_model_gave() -> None:
    net = deep()
    measured = stds(net, X, nn.Linear)

    report = calibrate(net, X)

    told = {row.layer: row.before.std for row in report.rows if row.before}
    assert told == {name: pytest.approx(one, rel=1e-6) for name, one in measured.items()}


def test_without_biases_one_try_is_the_exact_answer() -> None:
    """A layer without a bias is proportional to its weight: the factor is 1 / std, by hand."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 20, bias=False), nn.ReLU(), nn.Linear(20, 5, bias=False))
    with torch.no_grad():
        first = (X @ net[0].weight.T).double()  # pyright: ignore[reportOptionalOperand, reportCallIssue]
        one = 1 / first.std(correction=0)
        second = (first * one).relu() @ net[2].weight.double().T  # pyright: ignore[reportCallIssue]
        two = 1 / second.std(correction=0)

    report = calibrate(net, X, unit_variance(tol=1e-6))

    assert [row.tries for row in report.rows] == [1, 1]
    assert [row.factor.low for row in report.rows if row.factor] == [
        pytest.approx(float(one), rel=1e-5),
        pytest.approx(float(two), rel=1e-5),
    ]


def test_convolutions_of_every_kind() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=4),
        nn.GELU(),
        nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2),
        nn.SiLU(),
        nn.Flatten(2),
        nn.Conv1d(6, 4, 5),
        nn.ReLU(),
        nn.Unflatten(2, (4, 5, 7)),
        nn.Conv3d(4, 2, 2),
    )
    x = torch.randn(4, 3, 8, 8)

    calibrate(net, x, unit_variance(tol=1e-3))

    measured = stds(net, x, nn.modules.conv._ConvNd)
    assert len(measured) == 5
    assert max(abs(one - 1) for one in measured.values()) <= 1e-3


class Conv1D(nn.Module):
    """Like that of transformers: ``x @ weight + bias``."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(10, 7) * 0.02), nn.Parameter(torch.zeros(7))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Homemade(nn.Module):
    """A matrix of its own under another name, used with a nonlinearity inside."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(7, 7) * 0.3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": F.softplus(x @ self.kernel)}


class Odd(nn.Module):
    """Layers of several kinds, with dict outputs between them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.own, self.pair = Conv1D(), Homemade(), nn.Bilinear(7, 7, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv(x)
        return self.pair(hidden, self.own(hidden)["y"])


def test_layers_of_ones_own_and_bilinear() -> None:
    torch.manual_seed(0)
    net = Odd()

    report = calibrate(net, X, unit_variance(tol=1e-3, steps=30))

    assert [row.layer for row in report.rows] == ["conv", "own", "pair"]
    assert (*report.left, *report.off) == ()
    assert std(net.conv(X)) == pytest.approx(1, abs=1e-3)
    assert std(net.own(net.conv(X))["y"]) == pytest.approx(1, abs=1e-3)
    assert std(net(X)) == pytest.approx(1, abs=1e-3)


def test_execution_order_counts_not_the_order_of_registration() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(16, 4), nn.Linear(10, 16)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.tanh(self.first(x)))

    torch.manual_seed(0)
    net = Backwards()

    report = calibrate(net, X)

    assert [row.layer for row in report.rows] == ["first", "last"]
    assert max(abs(one - 1) for one in stds(net, X, nn.Linear).values()) <= 0.01


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_encoder_of_torch(norm_first: bool) -> None:
    """Its fast path would run whole layers at once; its attention never calls its output projection."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=norm_first)
    net = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x = torch.randn(8, 5, 16)
    net.eval()
    seen: dict[str, list[Tensor]] = {}
    for name, one in net.named_modules():
        if isinstance(one, nn.MultiheadAttention):
            one.register_forward_hook(
                lambda module, args, kwargs, output, name=name: seen.__setitem__(name, [args[0], output[0]]),
                with_kwargs=True,
            )

    report = calibrate(net, x, unit_variance(tol=1e-3))

    assert (*report.left, *report.off) == ()
    assert {row.layer for row in report.rows} == {
        f"layers.{i}.{part}"
        for i in range(2)
        for part in ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.out_proj", "linear1", "linear2")
    }
    seen.clear()
    measured = stds(net, x, nn.Linear)
    assert max(abs(one - 1) for one in measured.values()) <= 1e-3
    assert len(seen) == 2
    for name, (given, out) in seen.items():
        attention = net.get_submodule(name)
        assert isinstance(attention, nn.MultiheadAttention)
        for rows in attention.in_proj_weight.split(16):
            assert std(given @ rows.T) == pytest.approx(1, abs=1e-3)
        assert std(out) == pytest.approx(1, abs=1e-3)


def test_a_padded_batch_in_a_transformer_encoder_of_torch() -> None:
    """In evaluation mode its fast path would pack the batch into nested tensors."""
    torch.manual_seed(0)
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 1).eval()
    x, mask = torch.randn(4, 6, 16), torch.zeros(4, 6, dtype=torch.bool)
    mask[1, 4:] = True

    report = calibrate(net, ({"src": x, "src_key_padding_mask": mask}, None), unit_variance(tol=1e-3))

    assert (*report.left, *report.off) == ()
    assert [row.after.std for row in report.rows if row.after] == [pytest.approx(1, abs=1e-3)] * 6
    assert torch.backends.mha.get_fastpath_enabled()


def test_an_attention_with_keys_and_values_of_other_widths() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=True)

        def forward(self, query: Tensor, memory: Tensor) -> Tensor:
            return self.attn(query, key=memory, value=memory[..., :4])[0]

    torch.manual_seed(0)
    net, query, memory = Cross(), torch.randn(3, 5, 8), torch.randn(3, 7, 6)

    report = calibrate(net, ((query, memory), None), unit_variance(tol=1e-3))

    assert (*report.left, *report.off) == ()
    attn = net.attn
    for value, weight in (
        (query, attn.q_proj_weight),
        (memory, attn.k_proj_weight),
        (memory[..., :4], attn.v_proj_weight),
    ):
        assert std(value @ weight.T) == pytest.approx(1, abs=1e-3)
    assert std(net(query, memory)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_take_unit_gates_from_their_inputs(kind: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    net = kind(6, 5, num_layers=2, bidirectional=True, batch_first=True)
    x = torch.randn(9, 7, 6) * 3

    report = calibrate(net, x, unit_variance(tol=1e-3))

    assert [row.layer for row in report.rows] == ["l0", "l0_reverse", "l1", "l1_reverse"]
    lowest = kind(6, 5, num_layers=1, bidirectional=True, batch_first=True)
    lowest.load_state_dict({name: one for name, one in net.state_dict().items() if "l0" in name})
    given = {"l0": x, "l1": lowest(x)[0]}
    for layer, value in given.items():
        for end in ("", "_reverse"):
            weight, bias = getattr(net, f"weight_ih_{layer}{end}"), getattr(net, f"bias_ih_{layer}{end}")
            assert std(value @ weight.T + bias) == pytest.approx(1, abs=1e-3)


def test_a_recurrent_layer_that_is_given_its_first_state() -> None:
    torch.manual_seed(0)
    net = nn.LSTM(6, 5, num_layers=2)
    x, state = torch.randn(2, 9, 6), (torch.randn(2, 9, 5) * 3, torch.randn(2, 9, 5) * 3)

    calibrate(net, ((x, state), None), unit_variance(tol=1e-3))

    lowest = nn.LSTM(6, 5)
    lowest.load_state_dict({name: one for name, one in net.state_dict().items() if "l0" in name})
    given = lowest(x, (state[0][:1], state[1][:1]))[0]
    assert std(given @ net.weight_ih_l1.T + net.bias_ih_l1) == pytest.approx(1, abs=1e-3)


def test_packed_sequences_and_cells() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.cell = nn.LSTM(4, 5, num_layers=2), nn.GRUCell(5, 3)

        def forward(self, x: nn.utils.rnn.PackedSequence) -> Tensor:
            return self.cell(self.rnn(x)[1][0][-1])

    torch.manual_seed(0)
    net = Net()
    x = nn.utils.rnn.pack_sequence([torch.randn(n, 4) for n in (6, 5, 2)])

    report = calibrate(net, x, unit_variance(tol=1e-3), forward=lambda model, packed: model(packed))

    assert (*report.left, *report.off) == ()
    assert std(x.data @ net.rnn.weight_ih_l0.T + net.rnn.bias_ih_l0) == pytest.approx(1, abs=1e-3)
    last = net.rnn(x)[1][0][-1]
    gates = last @ net.cell.weight_ih.T + net.cell.bias_ih
    assert std(gates) == pytest.approx(1, abs=1e-3)


def test_a_layer_that_runs_several_times_is_measured_over_all_its_calls() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.again, self.between = nn.Linear(10, 16), nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            x = self.enter(x)
            for _ in range(3):
                x = self.between(torch.tanh(self.again(x)))
            return x

    torch.manual_seed(0)
    net = Loop()

    report = calibrate(net, X, unit_variance(tol=1e-3, steps=20))

    assert (*report.left, *report.off) == ()
    assert max(abs(one - 1) for one in stds(net, X, nn.Linear).values()) <= 1e-3


def test_a_tied_weight_is_scaled_once_by_the_layer_that_runs_first() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 10))
    net[2].weight = net[0].weight

    report = calibrate(net, X)

    assert net[2].weight is net[0].weight
    assert [row.note for row in report.rows] == ["", "tied to '0', which sets it"]
    assert stds(net, X, nn.Linear)["0"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("old", [False, True])
def test_weight_norm_is_scaled_by_its_magnitude_alone(old: bool) -> None:
    torch.manual_seed(0)
    if old:
        with pytest.warns(FutureWarning, match="weight_norm"):
            net = nn.Sequential(nn.utils.weight_norm(nn.Linear(10, 20)), nn.Tanh(), nn.Linear(20, 3))
        v = net[0].weight_v
    else:
        net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(10, 20)), nn.Tanh(), nn.Linear(20, 3))
        v = net[0].parametrizations.weight.original1
    direction = v.detach().clone()

    report = calibrate(net, X, unit_variance(tol=1e-3))

    assert (*report.left, *report.off) == ()
    assert torch.equal(v, direction)
    if old:  # what the older hook keeps of the weight, before any forward
        torch.testing.assert_close(net[0].weight, net[0].weight_g * v / v.norm(dim=1, keepdim=True))
    assert max(abs(one - 1) for one in stds(net, X, nn.Linear).values()) <= 1e-3


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


def test_an_embedding_that_is_named() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(50, 8, padding_idx=0), nn.Linear(8, 4))
    tokens = torch.arange(50).reshape(5, 10)
    with torch.no_grad():
        net[0].weight.mul_(0.02)

    report = calibrate(net, tokens, unit_variance(tol=1e-3), layers=nn.Embedding)

    assert [row.layer for row in report.rows] == ["0"]
    assert std(net[0](tokens)) == pytest.approx(1, abs=1e-3)
    assert not net[0].weight[0].any()


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


def test_center_shifts_each_bias_by_one_number() -> None:
    net, before = deep(), deep()

    report = calibrate(net, X + 2, unit_variance(tol=1e-3, center=True))

    assert (*report.left, *report.off) == ()
    for name, (y,) in outputs(net, lambda: net(X + 2), (nn.Linear,)).items():
        assert abs(float(y.double().mean())) <= 1e-3
        assert std(y.double()) == pytest.approx(1, abs=1e-3)
        shift = net.get_submodule(name).bias - before.get_submodule(name).bias  # pyright: ignore[reportOperatorIssue]
        assert std(shift) < 1e-6
    no_bias = nn.Linear(10, 4, bias=False)
    assert [row.note for row in calibrate(no_bias, X + 2, unit_variance(center=True)).rows] == [
        "it has no trained bias to centre its output with"
    ]


def test_orthonormal_draws_what_a_plan_would_and_scales_it() -> None:
    net, planned = deep(), deep()
    initialize(planned, [rule(nn.Linear, weight=init.orthogonal(), bias=init.zeros())], seed=3)

    report = calibrate(net, X, unit_variance(tol=1e-3, orthonormal=True), seed=3)

    assert (*report.left, *report.off) == ()
    for row in report.rows:
        new, drawn = net.get_submodule(row.layer).weight, planned.get_submodule(row.layer).weight
        assert isinstance(new, Tensor)
        assert isinstance(drawn, Tensor)
        scale = new.norm() / drawn.norm()
        torch.testing.assert_close(new, drawn * scale, rtol=1e-4, atol=1e-6)
    assert max(abs(one - 1) for one in stds(net, X, nn.Linear).values()) <= 1e-3


def test_dropout_is_off_and_batch_norm_uses_the_batch() -> None:
    """The layer after batch norm sees a signal of unit variance in training; its own running statistics say 0 and 1."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4))

    calibrate(net, 5 * X + 3, unit_variance(tol=1e-3))

    net[3].eval()  # only dropout off
    assert std(net(5 * X + 3)) == pytest.approx(1, abs=1e-3)
    net = net.eval()
    report = calibrate(net, 5 * X + 3, unit_variance(tol=1e-3))
    assert std(net(5 * X + 3)) == pytest.approx(1, abs=1e-3)
    assert isinstance(report, CalibrationReport)


def test_a_run_ends_with_the_last_layer_that_is_looked_for() -> None:
    """Two runs of the whole model measure it before and after; the run that settles layer 0 goes no further."""
    net, runs = deep(depth=3), {"0": 0, "2": 0}
    for name in runs:
        net.get_submodule(name).register_forward_hook(lambda *_, name=name: runs.__setitem__(name, runs[name] + 1))

    report = calibrate(net, X, layers="0")

    assert runs == {"0": 3 + report.rows[0].tries, "2": 2}


def test_selectors_choose_layers() -> None:
    net, before = deep(depth=3), deep(depth=3)

    report = calibrate(net, X, layers=lambda name, module: name in ("2", "6"))

    assert [row.layer for row in report.rows] == ["2", "6"]
    changed = [name for name, one in net.named_parameters() if not torch.equal(one, before.get_parameter(name))]
    assert changed == ["2.weight", "6.weight"]
