"""Recurrent layers: by how much a step multiplies the state."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ..probe._parameter import Parameter
from ._chain import RECURRENT, leaves, module, typed

_MOST, _RELU, _FAR, _LEAST, _LONG = 3.0, 1.3, 30.0, 0.05, 5
"""Per step for gates and tanh; per step and over all of them for a ReLU; and what forgets, from so many steps."""


def _recurrent(evidence: Evidence) -> Iterator[Found]:
    for layer in leaves(evidence):
        of = module(evidence, layer)
        own = [one for one in evidence.parameters if one.module == layer.place and one.local.startswith("weight_hh")]
        own = [one for one in own if len(one.shape) == 2 and one.largest < math.inf]
        if isinstance(of, RECURRENT) and own:
            found = _multiplied(evidence, layer, of, own)
            if found is not None:
                yield found
            yield from _forgetful(evidence, layer)


def _multiplied(evidence: Evidence, layer: Layer, of: nn.Module, own: list[Parameter]) -> Found | None:
    """One step of the recurrent matrix alone, of all directions and layers the one that is furthest off."""
    steps, relu = _steps(evidence, layer), getattr(of, "nonlinearity", "tanh") == "relu"
    gains = [one.rms * math.sqrt(one.shape[-1]) for one in own]
    rates = [_rectified(getattr(of, one.local)) for one in own] if relu else gains
    most = max(range(len(own)), key=lambda i: rates[i])
    if rates[most] > _RELU and rates[most] ** steps > _FAR if relu else rates[most] > _MOST:
        name, rate = own[most].name, rates[most]
        how = "without inputs its ReLU multiplies the state" if relu else "its rms times the root of its width is"
        clues = [Clue("values", f"{name}: {how} by {rate:.3g}" if relu else f"{name}: {how} {rate:.3g}")]
        if layer.rms > (10 if relu else 0.4):
            clues.append(Clue("signals", f"the rms of the states of {layer.name} is {layer.rms:.3g}"))
        return _told(name, rate, clues)
    least = max(range(len(own)), key=lambda i: gains[i])
    plain = isinstance(of, (nn.RNN, nn.RNNCell))
    if plain and gains[least] < _LEAST and steps >= _LONG:
        name, rate = own[least].name, gains[least]
        text = f"{name}: its rms times the root of its width is {rate:.3g}, and the sequences are {steps} long"
        return _told(name, rate, [Clue("values", text)])
    return None


def _told(name: str, rate: float, clues: list[Clue]) -> Found:
    return Found(
        place=name,
        measured=f"each step multiplies the state by about {rate:.3g}",
        expected="about 1: nn.init.orthogonal_ gives 1, torch's default 0.58",
        fix=f"nn.init.orthogonal_({typed(name)})",
        clues=clues,
    )


def _steps(evidence: Evidence, layer: Layer) -> int:
    """How long the sequences are; of packed ones the mean."""
    of, shape = module(evidence, layer), layer.shape
    if not isinstance(of, nn.RNNBase):
        return sum(one.place == layer.place and not one.function for one in evidence.layers)
    if len(shape) == 3:
        return shape[1 if of.batch_first else 0]
    return max(1, shape[0] // max(1, evidence.n or 1)) if shape else 1


def _rectified(matrix: Tensor, count: int = 20) -> float:
    """By how much a step of ``relu(W h)`` multiplies a state of positive numbers, once it has settled."""
    weight = matrix.detach().double()
    state = torch.linspace(0.5, 1.5, weight.shape[-1], dtype=weight.dtype, device=weight.device)
    log = 0.0
    for i in range(2 * count):
        state = (weight @ state).relu()
        size = float(state.norm())
        if not 0 < size < math.inf:
            return 0.0
        state /= size
        log += math.log(size) if i >= count else 0.0
    return math.exp(log / count)


def _forgetful(evidence: Evidence, layer: Layer) -> Iterator[Found]:
    lstm = module(evidence, layer)
    if not isinstance(lstm, nn.LSTM) or not lstm.bias:
        return
    width = lstm.hidden_size
    forget = [getattr(lstm, name).detach()[width : 2 * width] for name in ("bias_ih_l0", "bias_hh_l0")]
    if bool((torch.stack(forget) == 0).all()):
        yield Found(
            place=layer.name,
            measured="the biases of the forget gates are 0: half of the state is forgotten at every step",
            expected="1 in the sum of both biases, where the sequences are long",
            fix=f"{typed(layer.place)}.bias_hh_l0.data[{width}:{2 * width}] = 1",
            clues=[Clue("values", f"all {2 * width} of them are 0")],
            sure=False,
        )


RECURRENCE = Check(
    code="FS613",
    title=Text("The state of a recurrent layer explodes or is forgotten", "循环层的状态爆炸或被遗忘"),
    why=Text(
        "A state is multiplied by the recurrent matrix at every step: above 1 it saturates or overflows, near 0 "
        "nothing is left of it after one step, and of the gradient through time neither.",
        "状态在每一步都乘以循环矩阵：大于 1 时它会饱和或溢出，接近 0 时一步之后就所剩无几，随时间传播的梯度也是如此。",
    ),
    sound=Text(
        "Orthogonal matrices have a factor of 1, torch's default 0.58, and even echo state networks stay below 2; the "
        "rule begins at 3. For a ReLU, whose identity has 1, the step itself is made: it begins at 1.3 where this "
        "makes 30 over the sequence. Too small is below 0.05, in layers without gates only.",
        "正交矩阵的因子为 1，torch 默认为 0.58，回声状态网络也低于 2；规则从 3 开始。ReLU（单位矩阵为 1）直接计算一步："
        "超过 1.3 且整个序列累计超过 30 倍才报告。低于 0.05 才算过小，且只看没有门的层。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(8, 64, batch_first=True), nn.Linear(64, 3)
        nn.init.normal_(self.rnn.weight_hh_l0)
    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])
model, loss = Model(), nn.CrossEntropyLoss()
batch = torch.randn(30, 20, 8), torch.arange(30) % 3
""",
    cure="""
nn.init.orthogonal_(model.rnn.weight_hh_l0)
nn.init.zeros_(model.head.weight)
""",
    find=_recurrent,
)

CHECKS = (RECURRENCE,)
