"""Low-rank adapters: found however they are registered, A random, B zero, everything else kept."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from firststep.planning import Recipe, plan
from firststep.recipes import _lora

from .conformance import differences
from .libraries import library

RANK = 4
UNIFORM, GAUSSIAN = (entry.recipe(None, None, {}) for entry in _lora.RECIPES)


class Own(nn.Module):
    """A layer whose adapter is two parameters of its own, as loralib has it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12, 20), requires_grad=False)
        self.bias = nn.Parameter(torch.ones(12))
        self.lora_A, self.lora_B = nn.Parameter(torch.ones(RANK, 20)), nn.Parameter(torch.ones(12, RANK))


class AsPeft(nn.Module):
    """Adapters by name in dictionaries, over a layer, a convolution and an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = nn.Linear(20, 12)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(20, RANK, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(RANK, 12)})
        self.lora_embedding_A = nn.ParameterDict({"default": nn.Parameter(torch.ones(RANK, 30))})
        self.lora_embedding_B = nn.ParameterDict({"default": nn.Parameter(torch.zeros(16, RANK))})
        self.lora_magnitude_vector = nn.ParameterDict({"default": nn.Parameter(torch.ones(12))})


class AsDiffusers(nn.Module):
    """Modules ``down`` and ``up`` inside one that is called after the adapter; and an MLP that only sounds like it."""

    def __init__(self) -> None:
        super().__init__()
        self.to_q_lora = nn.ModuleDict({"down": nn.Linear(20, RANK, bias=False), "up": nn.Linear(RANK, 12, bias=False)})
        self.conv = nn.ModuleDict(
            {"lora_down": nn.Conv2d(5, RANK, 3, bias=False), "lora_up": nn.Conv2d(RANK, 6, 1, bias=False)}
        )
        self.mlp = nn.ModuleDict({"up": nn.Linear(8, 8), "down": nn.Linear(8, 8)})


class Linears(nn.Module):
    """``lora_A`` and ``lora_B`` as plain layers."""

    def __init__(self) -> None:
        super().__init__()
        self.proj, self.lora_A, self.lora_B = nn.Linear(20, 12), nn.Linear(20, RANK, bias=False), nn.Linear(RANK, 12)


# The name, and A's fan_in: kaiming_uniform with a = sqrt 5 is U(±1/sqrt(fan_in)).
A = {
    Own: {"lora_A": 20},
    AsPeft: {"lora_A.default.weight": 20},
    AsDiffusers: {"to_q_lora.down.weight": 20, "conv.lora_down.weight": 45},
    Linears: {"lora_A.weight": 20},
}
ZERO = {
    Own: ["lora_B"],
    AsPeft: ["lora_B.default.weight", "lora_B.default.bias", "lora_embedding_A.default"],
    AsDiffusers: ["to_q_lora.up.weight", "conv.lora_up.weight"],
    Linears: ["lora_B.weight", "lora_B.bias"],
}
EACH = pytest.mark.parametrize("make", A, ids=lambda make: make.__name__)


@EACH
@pytest.mark.parametrize("recipe", [UNIFORM, GAUSSIAN], ids=lambda recipe: recipe.name)
def test_every_form_is_found_and_the_rest_is_kept(make: type[nn.Module], recipe: Recipe) -> None:
    model = make()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert plan(model, recipe).apply(seed=0).ok
    touched = {*A[make], *ZERO[make]} | ({"lora_embedding_B.default"} if make is AsPeft else set())

    for name, parameter in model.named_parameters():
        if name in ZERO[make]:
            assert not parameter.any(), name
        elif name not in touched:
            assert torch.equal(parameter, before[name]), name
        else:
            assert not torch.equal(parameter, before[name]), name


@EACH
def test_a_is_uniform_by_its_inputs(make: type[nn.Module]) -> None:
    rows = {row.name: row for row in plan(make(), UNIFORM).rows}
    for name, fan_in in A[make].items():
        expected = rows[name].expected
        assert expected is not None
        assert (expected.low, expected.high) == pytest.approx(
            (-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in)), rel=1e-12
        )


@EACH
def test_a_is_gaussian_with_std_one_over_the_rank(make: type[nn.Module]) -> None:
    """Of a convolution too, whose fan_out counts the kernel and whose rank does not."""
    rows = {row.name: row for row in plan(make(), GAUSSIAN).rows}
    for name in A[make]:
        expected = rows[name].expected
        assert expected is not None
        assert (expected.mean, expected.std, expected.kurtosis) == pytest.approx((0, 1 / RANK, 3), rel=1e-12)


def test_an_embeddings_adapter_is_the_other_way_round() -> None:
    rows = {row.name: row for row in plan(AsPeft(), UNIFORM).rows}
    a, b = rows["lora_embedding_A.default"].expected, rows["lora_embedding_B.default"].expected
    assert a is not None
    assert b is not None
    assert (a.mean, a.std, b.mean, b.std) == (0, 0, 0, 1)


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = Linears()

    def forward(self, x: Tensor) -> Tensor:
        layer = self.proj
        return layer.proj(x) + layer.lora_B(layer.lora_A(x))


@pytest.mark.parametrize("recipe", [UNIFORM, GAUSSIAN], ids=lambda recipe: recipe.name)
def test_the_adapted_model_starts_as_the_model_it_adapts(recipe: Recipe) -> None:
    model, x = Adapted(), torch.randn(3, 20)
    plan(model, recipe).apply(seed=0)
    assert torch.equal(model(x), model.proj.proj(x))
    model(x).sum().backward()
    assert model.proj.lora_B.weight.grad is not None
    assert model.proj.lora_B.weight.grad.any()


@pytest.mark.parametrize(
    ("gaussian", "recipe"), [(True, UNIFORM), ("gaussian", GAUSSIAN)], ids=["lora", "lora.gaussian"]
)
def test_adapters_of_peft(gaussian: Any, recipe: Recipe) -> None:
    peft = library("peft")

    def make() -> nn.Module:
        net = nn.ModuleDict({"fc": nn.Linear(40, 30), "conv": nn.Conv2d(8, 8, 3), "embed": nn.Embedding(50, 16)})
        config = peft.LoraConfig(r=8, target_modules=["fc", "conv", "embed"], init_lora_weights=gaussian)
        return peft.LoraModel(net, config, "default")

    assert [one for one in differences(make, recipe) if ": kept: " not in one] == []
    assert sum(row.scheme is not None for row in plan(make(), recipe).rows) == 6
