"""Recurrent nets gate by gate, against Keras', Flax's, AllenNLP's and the papers' numbers."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

import firststep as fs
from firststep import recipes
from firststep.errors import RuleError

from .twins import tree

IN, H = 24, 16


def model() -> nn.Module:
    return tree(embed=nn.Embedding(40, IN), rnn=nn.LSTM(IN, H, 2, bidirectional=True), head=nn.Linear(2 * H, 5))


def started(name: str, net: nn.Module | None = None, **options: float) -> dict[str, Tensor]:
    net = model() if net is None else net
    fs.initialize(net, recipes.get(name, **options), seed=0)
    return {key: p.detach().double() for key, p in net.named_parameters()}


def bounds(name: str, net: nn.Module) -> dict[str, float]:
    return {row.name: row.expected.high for row in fs.plan(net, name).rows if row.expected}


def biases(found: dict[str, Tensor]) -> Tensor:
    """The sum of both biases of the first layer, gate by gate: input, forget, cell, output."""
    return (found["rnn.bias_ih_l0"] + found["rnn.bias_hh_l0"]).view(4, H)


def is_orthogonal(matrix: Tensor) -> bool:
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows < columns else matrix.T @ matrix
    return torch.allclose(product, torch.eye(min(rows, columns), dtype=torch.float64), atol=1e-5)


def test_keras() -> None:
    """keras.layers.LSTM: kernel (in, 4 H) glorot_uniform, recurrent_kernel (H, 4 H) orthogonal; Dense, Embedding."""
    found, high = started("lstm.keras"), bounds("lstm.keras", model())
    assert high["rnn.weight_ih_l0"] == pytest.approx(math.sqrt(6 / (IN + 4 * H)))
    assert high["rnn.weight_ih_l1"] == pytest.approx(math.sqrt(6 / (2 * H + 4 * H)))
    assert high["head.weight"] == pytest.approx(math.sqrt(6 / (2 * H + 5)))
    assert high["embed.weight"] == pytest.approx(0.05)
    recurrent = found["rnn.weight_hh_l1_reverse"]
    assert is_orthogonal(recurrent)
    assert not is_orthogonal(recurrent[:H])
    assert biases(found).tolist() == [[0.0] * H, [1.0] * H, [0.0] * H, [0.0] * H]


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_kerass_other_recurrent_layers(kind: type[nn.RNNBase]) -> None:
    gates = 3 if kind is nn.GRU else 1
    net = tree(rnn=kind(IN, H))
    found = started("lstm.keras", net)
    assert bounds("lstm.keras", net)["rnn.weight_ih_l0"] == pytest.approx(math.sqrt(6 / (IN + gates * H)))
    assert is_orthogonal(found["rnn.weight_hh_l0"])
    assert not found["rnn.bias_ih_l0"].any()


def test_flax() -> None:
    """nn.Dense of each gate: lecun_normal, its std 1 / sqrt(in) and its bound 2 / 0.8796 std; orthogonal; zeros."""
    found, high = started("lstm.flax"), bounds("lstm.flax", model())
    assert high["rnn.weight_ih_l0"] == pytest.approx(2 / 0.87962566103423978 / math.sqrt(IN))
    assert all(is_orthogonal(gate) for gate in found["rnn.weight_hh_l0"].split(H))
    assert not biases(found).any()
    gru = started("lstm.flax", tree(rnn=nn.GRU(IN, H)))
    assert all(is_orthogonal(gate) for gate in gru["rnn.weight_hh_l0"].split(H))


def test_jozefowicz() -> None:
    found, high = started("lstm.jozefowicz"), bounds("lstm.jozefowicz", model())
    assert high["rnn.weight_ih_l0"] == high["rnn.weight_hh_l1"] == pytest.approx(1 / math.sqrt(H))
    assert high["head.weight"] == pytest.approx(1 / math.sqrt(2 * H))
    assert biases(found).tolist() == [[0.0] * H, [1.0] * H, [0.0] * H, [0.0] * H]
    assert biases(started("lstm.jozefowicz", forget=2.5))[1].tolist() == [2.5] * H


def test_block() -> None:
    found = started("lstm.block")
    for key in ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.weight_ih_l1_reverse"):
        assert all(is_orthogonal(gate) for gate in found[key].split(H)), key
    assert biases(found).tolist() == [[0.0] * H, [1.0] * H, [0.0] * H, [0.0] * H]
    gru = started("lstm.block", tree(rnn=nn.GRU(IN, H)))
    assert all(is_orthogonal(gate) for gate in gru["rnn.weight_hh_l0"].split(H))
    assert not gru["rnn.bias_hh_l0"].any()


def test_chrono() -> None:
    """exp(b_forget) is uniform on [1, 99], b_input = -b_forget: 2000 units, Kolmogorov-Smirnov at 1e-6."""
    found = started("lstm.chrono", tree(rnn=nn.LSTM(2, 2000)), t_max=100)
    inputs, forget, cell, output = (found["rnn.bias_ih_l0"] + found["rnn.bias_hh_l0"]).view(4, 2000)
    assert stats.kstest(forget.exp().numpy(), stats.uniform(1, 98).cdf).pvalue > 1e-6
    assert torch.equal(inputs, -forget)
    assert not cell.any()
    assert not output.any()


def test_chrono_asks_for_the_time() -> None:
    with pytest.raises(RuleError, match=r"needs t_max: fs.recipes.get\('lstm.chrono', t_max=...\)"):
        recipes.get("lstm.chrono")


@pytest.mark.parametrize("name", ["lstm.keras", "lstm.flax", "lstm.jozefowicz", "lstm.block"])
def test_a_cell_starts_like_its_layer(name: str) -> None:
    cell = bounds(name, tree(rnn=nn.LSTMCell(IN, H)))
    layer = bounds(name, tree(rnn=nn.LSTM(IN, H)))
    assert {f"{key}_l0": value for key, value in cell.items()} == layer


def test_a_projected_state() -> None:
    for name in ("lstm.keras", "lstm.flax", "lstm.jozefowicz", "lstm.block"):
        assert fs.initialize(tree(rnn=nn.LSTM(IN, H, proj_size=6)), name, seed=0).ok
