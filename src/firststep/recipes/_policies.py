"""Reinforcement learning: actors and critics."""

from __future__ import annotations

from torch import nn

from .. import init
from ..planning import Rule, role, rule
from ._entry import recipe
from ._shared import globs
from ._torch import torch_defaults
from ._types import CONVOLUTION


@recipe(
    "ppo",
    family="rl",
    summary=(
        "orthogonal: hidden layers of gain sqrt(2), the layer of the actions 0.01, that of the value 1; biases zero",
        "正交：隐藏层增益 sqrt(2)，动作层 0.01，价值层 1；偏置为零",
    ),
    source="OpenAI baselines; stable-baselines3 2.9, common/policies.py, ActorCriticPolicy; CleanRL, ppo*.py",
    differs=(
        "The last layer of a part called actor, policy, action_net, critic, value_net or the like is such a layer; "
        "name others: roles={'net.3': 'head.policy', 'net.4': 'head.value'}.",
        "名为 actor、policy、action_net、critic、value_net 等的部分，其最后一层即为输出层；其他名称须指明："
        "roles={'net.3': 'head.policy', 'net.4': 'head.value'}。",
    ),
)
def ppo(*, log_std: float = 0.0) -> tuple[Rule, ...]:
    """PPO's and A2C's agents; ``log_std`` is where a parameter called so starts. An LSTM is orthogonal of gain 1."""
    zeros = init.zeros()
    return (
        rule(role("head.policy"), name="actions", weight=init.orthogonal(gain=0.01), bias=zeros),
        rule(role("head.value"), name="value", weight=init.orthogonal(), bias=zeros),
        rule((*CONVOLUTION, nn.Linear), name="hidden", weight=init.orthogonal(gain=2**0.5), bias=zeros),
        rule(nn.RNNBase, name="memory", **globs({"weight*": init.block_orthogonal(blocks=1), "bias*": zeros})),
        rule("*", name="spread of the actions", **globs({"*log*std*": init.constant(log_std)})),
        *torch_defaults.make(),
    )


RECIPES = (ppo,)
