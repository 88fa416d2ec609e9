"""Unit variance of layers of every kind, measured here with hooks of the test's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from firststep.calibration import calibrate, unit_variance

from .measured import X, farthest, std, stds


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
    assert farthest(measured) <= 1e-3


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
    assert farthest(measured) <= 1e-3
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


def test_the_output_projection_of_an_attention_by_its_name() -> None:
    """torch never calls it as a module: what it gives is what the attention gives."""
    torch.manual_seed(0)
    net, x = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(4, 5, 8)
    before = {name: one.clone() for name, one in net.state_dict().items()}

    report = calibrate(net, x, unit_variance(tol=1e-3), layers="*.out_proj")

    assert [row.layer for row in report.rows] == ["self_attn.out_proj"]
    assert std(net.eval().self_attn(x, x, x)[0]) == pytest.approx(1, abs=1e-3)
    changed = [name for name, one in net.state_dict().items() if not torch.equal(one, before[name])]
    assert changed == ["self_attn.out_proj.weight"]


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


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_recurrent_layer_that_is_given_its_first_state(kind: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    net, x = kind(6, 5, num_layers=2), torch.randn(2, 9, 6)
    h, c = torch.randn(2, 9, 5) * 3, torch.randn(2, 9, 5) * 3

    calibrate(net, ((x, (h, c) if kind is nn.LSTM else h), None), unit_variance(tol=1e-3))

    lowest = kind(6, 5)
    lowest.load_state_dict({name: one for name, one in net.state_dict().items() if "l0" in name})
    given = lowest(x, (h[:1], c[:1]) if kind is nn.LSTM else h[:1])[0]
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
