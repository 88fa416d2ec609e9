"""Recurrent nets: kernels gate by gate or as one, and forget gates that start open."""

from __future__ import annotations

from typing import Any

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, rule
from ._entry import recipe
from ._shared import IDENTITY, globs
from ._torch import torch_defaults
from ._types import CONVOLUTION, EMBEDDING, LINEAR, LSTM, RECURRENT, TRANSPOSED

_GRU = (nn.GRU, nn.GRUCell)


def _gates(inputs: Scheme, recurrent: Scheme, bias: Scheme) -> dict[str, Any]:
    """Schemes by the names that torch's recurrent layers give their parameters; ``hr`` projects the state."""
    return globs({"weight_ih*": inputs, "weight_hh*": recurrent, "weight_hr*": inputs, "bias*": bias})


def _keras_layers() -> tuple[Rule, ...]:
    """What Keras' other layers start from: Glorot uniform, biases zero."""
    glorot, zeros = init.xavier_uniform(fans="tensor"), init.zeros()
    return (
        rule(EMBEDDING, name="embedding", weight=init.uniform_keras()),
        rule(LINEAR, name="linear", weight=init.xavier_uniform(), bias=zeros),
        rule((*CONVOLUTION, *TRANSPOSED), name="convolution", weight=glorot, bias=zeros),
        IDENTITY,
    )


@recipe(
    "lstm.keras",
    family="recurrent",
    summary=(
        "kernels Glorot uniform and recurrent kernels orthogonal, the gates as one matrix; forget bias 1",
        "输入核为 Glorot 均匀、循环核为正交，各门合为一个矩阵；遗忘门偏置为 1",
    ),
    source="keras 3.15, src/layers/rnn/lstm.py, gru.py, simple_rnn.py, unit_forget_bias=True",
    checked=("torch.nn.LSTM", "torch.nn.GRU"),
    differs=(
        "The gates share one fan_out of 4 H and one orthogonal matrix of 4 H rows, in which the block of a gate is not "
        "orthogonal: lstm.block has one for each gate. A GRU and a plain RNN start as Keras' with biases zero.",
        "四个门共用 4 H 的扇出与一个 4 H 行的正交矩阵，单个门的分块并不正交：lstm.block 为每个门各设一个。"
        "GRU 与普通 RNN 同样按 Keras，偏置为零。",
    ),
)
def lstm_keras() -> tuple[Rule, ...]:
    """Keras' recurrent layers; the layers around them are Keras' too."""
    glorot, orthogonal = init.xavier_uniform(fans="tensor"), init.block_orthogonal(blocks=1)
    return (
        rule(LSTM, name="LSTM", **_gates(glorot, orthogonal, init.gate_bias(forget=1.0))),
        rule(RECURRENT, name="recurrent", **_gates(glorot, orthogonal, init.zeros())),
        *_keras_layers(),
    )


@recipe(
    "lstm.flax",
    family="recurrent",
    summary=(
        "each gate of its own: kernels LeCun normal, recurrent kernels orthogonal; biases zero",
        "每个门各自独立：输入核为 LeCun 正态，循环核为正交；偏置为零",
    ),
    source="flax 0.12, linen/recurrent.py, LSTMCell, OptimizedLSTMCell, GRUCell",
    checked=("torch.nn.LSTM", "torch.nn.GRU"),
    differs=(
        "Flax has no open forget gate; nor a projected state, which starts LeCun normal here.",
        "Flax 不设开启的遗忘门，也没有状态投影；此处投影按 LeCun 正态。",
    ),
)
def lstm_flax() -> tuple[Rule, ...]:
    """Flax's recurrent cells; the layers around them start LeCun normal, as Flax's do."""
    lecun, zeros = init.lecun_normal(), init.zeros()
    features = init.variance_scaling(1.0, "fan_in", "normal")
    return (
        rule(RECURRENT, name="recurrent", **_gates(lecun, init.orthogonal(), zeros)),
        rule(EMBEDDING, name="embedding", weight=features),
        rule(LINEAR, name="linear", weight=lecun, bias=zeros),
        rule(CONVOLUTION, name="convolution", weight=lecun, bias=zeros),
        IDENTITY,
    )


@recipe(
    "lstm.jozefowicz",
    family="recurrent",
    summary=(
        "torch's default with a forget bias of 1, the other biases zero",
        "torch 默认初值，遗忘门偏置为 1，其余偏置为零",
    ),
    source="Jozefowicz et al. 2015, An Empirical Exploration of Recurrent Network Architectures, section 2",
    checked=("torch.nn.LSTM",),
    differs=(
        "torch adds two biases; their sum is set. AllenNLP's lstm_hidden_bias sets the second and leaves the first "
        "random.",
        "torch 会把两个偏置相加；此处设定其和。AllenNLP 的 lstm_hidden_bias 只设第二个，第一个仍为随机。",
    ),
)
def lstm_jozefowicz(*, forget: float = 1.0) -> tuple[Rule, ...]:
    """``forget`` is the bias of the forget gates; the paper tries 1."""
    default = init.torch_default_rnn()
    return (rule(LSTM, name="LSTM", **_gates(default, default, init.gate_bias(forget=forget))), *torch_defaults.make())


@recipe(
    "lstm.block",
    family="recurrent",
    summary=(
        "an orthogonal matrix for each gate, forget bias 1, the other biases zero",
        "每个门各一个正交矩阵，遗忘门偏置为 1，其余偏置为零",
    ),
    source="AllenNLP, modules/augmented_lstm.py, block_orthogonal",
    checked=("torch.nn.LSTM", "torch.nn.GRU"),
    differs=(
        "A GRU gets a matrix for each gate as well, and biases of zero.",
        "GRU 同样每个门一个矩阵，偏置为零。",
    ),
)
def lstm_block() -> tuple[Rule, ...]:
    """Orthogonal gates for inputs and states; the layers around them are torch's."""
    orthogonal = init.orthogonal()
    return (
        rule(LSTM, name="LSTM", **_gates(orthogonal, orthogonal, init.gate_bias(forget=1.0))),
        rule(_GRU, name="GRU", **_gates(orthogonal, orthogonal, init.zeros())),
        *torch_defaults.make(),
    )


@recipe(
    "lstm.chrono",
    family="recurrent",
    summary=(
        "torch's default; forget biases log U(1, t_max - 1), input biases their negatives, the others zero",
        "torch 默认初值；遗忘门偏置为 log U(1, t_max - 1)，输入门偏置为其相反数，其余为零",
    ),
    source="Tallec and Ollivier 2018 (1804.11188), section 2.4",
    checked=("torch.nn.LSTM",),
    differs=(
        "The memory of the units is spread between 2 and t_max steps, which you have to say.",
        "各单元的记忆时长分布在 2 到 t_max 步之间，t_max 须由使用者给出。",
    ),
    example={"t_max": 784},
)
def lstm_chrono(*, t_max: float) -> tuple[Rule, ...]:
    """``t_max`` is the longest time over which to remember, in steps."""
    default = init.torch_default_rnn()
    return (rule(LSTM, name="LSTM", **_gates(default, default, init.chrono_bias(t_max=t_max))), *torch_defaults.make())


RECIPES = (lstm_keras, lstm_flax, lstm_jozefowicz, lstm_block, lstm_chrono)
