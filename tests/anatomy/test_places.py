"""Roles by place in the whole model, and what is told of layers outside of the blocks."""

from __future__ import annotations

import pytest
from torch import nn

from .read import anatomy


def having(model: nn.Module, role: str) -> set[str]:
    told = anatomy(model)
    return {name for name, _ in model.named_modules() if role in (told.roles(name) or ())}


def tree(**children: nn.Module) -> nn.Module:
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


def encoder(layers: int) -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), layers)


def test_the_first_weight_layer_of_all() -> None:
    model = tree(norm=nn.LayerNorm(4), a=nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), b=nn.Linear(4, 4))
    assert having(model, "first") == {"a.0"}
    assert having(tree(a=nn.Linear(8, 8), body=encoder(2)), "first") == set()


def test_convolutions_before_a_shuffle_of_pixels() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.Conv2d(8, 32, 3),
        nn.PixelShuffle(2),
        nn.Conv2d(8, 18, 3),
        nn.ReLU(),
        nn.PixelShuffle(3),
        nn.Conv2d(2, 4, 1),
        nn.BatchNorm2d(4),
        nn.PixelShuffle(2),
    )
    assert having(model, "subpixel") == {"1", "3"}


@pytest.mark.parametrize(
    ("model", "policy", "value"),
    [
        (tree(actor=nn.Linear(4, 2), critic=nn.Linear(4, 1)), {"actor"}, {"critic"}),
        (
            tree(pi=nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), baseline=nn.Linear(4, 1)),
            {"pi.2"},
            {"baseline"},
        ),
        (tree(mlp_extractor=tree(policy_net=nn.Linear(4, 4)), value_net=nn.Linear(4, 1)), set(), {"value_net"}),
        (tree(policy=tree(body=nn.Linear(4, 4), action_head=nn.Linear(4, 2))), {"policy.action_head"}, set()),
        (tree(attn=tree(query=nn.Linear(4, 4), value=nn.Linear(4, 4))), set(), set()),
    ],
)
def test_actors_and_critics(model: nn.Module, policy: set[str], value: set[str]) -> None:
    assert having(model, "head.policy") == policy
    assert having(model, "head.value") == value


def test_layers_beside_one_stack_are_told_its_depth() -> None:
    model = tree(embed=nn.Embedding(9, 8), body=encoder(3))
    assert anatomy(model).symbols("embed") == {"L": 3, "d": 8}


def test_layers_beside_an_encoder_and_a_decoder_are_told_both() -> None:
    body = nn.Transformer(8, 2, 2, 3, 16, batch_first=True)
    body.decoder.tokens = nn.Embedding(9, 8)  # type: ignore[assignment]
    told = anatomy(tree(shared=nn.Embedding(9, 8), body=body))
    assert told.symbols("shared") == {"N": 2, "M": 3}
    assert told.symbols("body.decoder.tokens") == {"L": 3, "d": 8, "N": 2, "M": 3}
    assert told.roles("shared") == {"embedding.token"}
    assert told.roles("body.decoder.tokens") == {"embedding.token", "decoder"}


def test_layers_beside_two_stacks_are_told_nothing() -> None:
    towers = {name: encoder(2) for name in ("text", "image")}
    assert anatomy(tree(scale=nn.Linear(8, 8), **towers)).symbols("scale") == {}
