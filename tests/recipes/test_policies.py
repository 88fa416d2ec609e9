"""Agents: orthogonal layers with the gains of stable-baselines3, in its names and in others'."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import recipes

from .twins import tree


def mlp(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def gains(model: nn.Module, **options: float) -> dict[str, float]:
    """The singular values of each weight, which must all be one number; biases must be zero."""
    fs.initialize(model, recipes.get("ppo", **options), seed=0)
    found: dict[str, float] = {}
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            assert not p.any(), name
        elif name.endswith("weight"):
            values = torch.linalg.svdvals(p.detach().flatten(1).double())
            assert values.max() == pytest.approx(values.min().item(), rel=1e-4), name
            found[name.removesuffix(".weight")] = round(values[0].item(), 5)
    return found


HIDDEN = round(math.sqrt(2), 5)


def test_stable_baselines() -> None:
    """ActorCriticPolicy: a convolutional reader, two nets inside ``mlp_extractor``, and one layer each after them."""
    cnn = nn.Sequential(nn.Conv2d(3, 8, 8), nn.ReLU(), nn.Conv2d(8, 8, 4), nn.Flatten())
    model = tree(
        features_extractor=tree(cnn=cnn, linear=nn.Sequential(nn.Linear(32, 16), nn.ReLU())),
        mlp_extractor=tree(policy_net=mlp(16, 12, 12), value_net=mlp(16, 12, 12)),
        action_net=nn.Linear(12, 4),
        value_net=nn.Linear(12, 1),
    )
    model.log_std = nn.Parameter(torch.ones(4))
    found = gains(model)
    assert (found.pop("action_net"), found.pop("value_net")) == (0.01, 1)
    assert set(found.values()) == {HIDDEN}
    assert len(found) == 7
    assert not model.log_std.any()  # type: ignore[operator, union-attr]


def test_cleanrl() -> None:
    """The last layer of each Sequential is the one of the actions, or of the value."""
    model = tree(critic=mlp(6, 16, 16, 1), actor_mean=mlp(6, 16, 16, 3))
    model.actor_logstd = nn.Parameter(torch.ones(1, 3))
    assert gains(model, log_std=-0.5) == {
        "critic.0": HIDDEN,
        "critic.2": HIDDEN,
        "critic.4": 1,
        "actor_mean.0": HIDDEN,
        "actor_mean.2": HIDDEN,
        "actor_mean.4": 0.01,
    }
    assert model.actor_logstd.eq(-0.5).all()  # type: ignore[operator, union-attr]


def test_one_reader_for_both() -> None:
    model = tree(network=mlp(6, 16, 16), actor=nn.Linear(16, 3), critic=nn.Linear(16, 1))
    assert gains(model) == {"network.0": HIDDEN, "network.2": HIDDEN, "actor": 0.01, "critic": 1}


def test_an_agent_with_a_memory() -> None:
    """CleanRL's ppo_atari_lstm: all gates in one orthogonal matrix."""
    model = tree(network=mlp(6, 16), lstm=nn.LSTM(16, 8), actor=nn.Linear(8, 3), critic=nn.Linear(8, 1))
    gains(model)
    for weight in (model.lstm.weight_ih_l0, model.lstm.weight_hh_l0):  # type: ignore[union-attr]
        values = torch.linalg.svdvals(weight.detach().double())  # type: ignore[operator, union-attr]
        assert (values.min().item(), values.max().item()) == pytest.approx((1, 1), rel=1e-4)
    assert not model.lstm.bias_ih_l0.any()  # type: ignore[operator, union-attr]


def test_a_policy_that_is_the_whole_agent() -> None:
    model = tree(policy=tree(body=mlp(6, 16), action_head=nn.Linear(16, 3), value_head=nn.Linear(16, 1)))
    assert gains(model) == {"policy.body.0": HIDDEN, "policy.action_head": 0.01, "policy.value_head": 1}


def test_layers_that_have_to_be_named() -> None:
    model = tree(body=mlp(6, 16), a=nn.Linear(16, 3), b=nn.Linear(16, 1))
    recipe = recipes.get("ppo", roles={"a": "head.policy", "b": "head.value"})
    rules = {row.name: row.rule for row in fs.plan(model, recipe).rows if re.search("weight", row.name)}
    assert rules == {"body.0.weight": "hidden", "a.weight": "actions", "b.weight": "value"}
