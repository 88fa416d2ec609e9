"""GANs and upsampling: nets built like the sources against their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import recipes
from firststep.errors import RuleError

from .twins import constants, raw, stds, tree


def test_dcgan() -> None:
    model = nn.Sequential(
        nn.ConvTranspose2d(10, 8, 4, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 4), nn.Linear(4, 2)
    )
    plan = fs.plan(model, "dcgan")
    means = {row.name: row.expected.mean for row in plan.rows if row.expected}
    assert stds(plan) == pytest.approx(
        {
            "0.weight": 0.02,
            "1.weight": 0.02,
            "3.weight": 0.02,
            "3.bias": 1 / math.sqrt(3 * 8 * 16),
            "4.weight": 1 / math.sqrt(12),
            "4.bias": 1 / math.sqrt(12),
        }
    )
    assert means == {"0.weight": 0, "1.weight": 1, "1.bias": 0, "3.weight": 0, "3.bias": 0, "4.weight": 0, "4.bias": 0}


def synthesis_layer(inputs: int, outputs: int) -> nn.Module:
    layer = raw("SynthesisLayer", weight=(outputs, inputs, 3, 3), bias=(outputs,), noise_strength=())
    layer.affine = raw("FullyConnectedLayer", weight=(inputs, 16), bias=(inputs,))
    return layer


def test_stylegan2() -> None:
    block = raw("SynthesisBlock", const=(8, 4, 4))
    block.conv1 = synthesis_layer(8, 8)
    layers = {f"fc{i}": raw("FullyConnectedLayer", weight=(16, 16), bias=(16,)) for i in range(2)}
    mapping = tree(embed=raw("FullyConnectedLayer", weight=(16, 5), bias=(16,)), **layers)
    model = tree(synthesis=tree(b4=block), mapping=mapping)
    plan = fs.plan(model, "stylegan2")
    assert stds(plan) == {
        "synthesis.b4.const": 1,
        "synthesis.b4.conv1.weight": 1,
        "synthesis.b4.conv1.affine.weight": 1,
        "mapping.embed.weight": 1,
        "mapping.fc0.weight": pytest.approx(100),
        "mapping.fc1.weight": pytest.approx(100),
    }
    assert {name for name, value in constants(plan).items() if value == 1} == {"synthesis.b4.conv1.affine.bias"}
    assert {name for name, value in constants(plan).items() if value == 0} == {
        "synthesis.b4.conv1.bias",
        "synthesis.b4.conv1.noise_strength",
        *(f"mapping.{name}.bias" for name in ("embed", "fc0", "fc1")),
    }
    assert stds(fs.plan(model, recipes.get("stylegan2", lr_multiplier=0.5)))["mapping.fc0.weight"] == 2


def test_stylegan2_of_rosinality() -> None:
    convolution = raw("ModulatedConv2d", weight=(1, 8, 8, 3, 3))
    convolution.modulation = raw("EqualLinear", weight=(8, 16), bias=(8,))
    styled = tree(conv=convolution, noise=raw("NoiseInjection", weight=(1,)), activate=raw("FusedLeakyReLU", bias=(8,)))
    style = nn.Sequential(nn.Identity(), raw("EqualLinear", weight=(16, 16), bias=(16,)))
    plan = fs.plan(tree(style=style, input=raw("ConstantInput", input=(1, 8, 4, 4)), conv1=styled), "stylegan2")
    assert stds(plan) == {
        "style.1.weight": pytest.approx(100),
        "input.input": 1,
        "conv1.conv.weight": 1,
        "conv1.conv.modulation.weight": 1,
    }
    assert constants(plan) == {
        "style.1.bias": 0,
        "conv1.conv.modulation.bias": 1,
        "conv1.noise.weight": 0,
        "conv1.activate.bias": 0,
    }


def test_stylegan3() -> None:
    source = raw("SynthesisInput", weight=(8, 8))
    source.affine = raw("FullyConnectedLayer", weight=(4, 16), bias=(4,))
    layer = synthesis_layer(8, 8)
    fc = raw("FullyConnectedLayer", weight=(16, 16), bias=(16,))
    model = tree(synthesis=tree(input=source, L0_36_8=layer), mapping=tree(fc0=fc))
    fs.initialize(model, "stylegan3", seed=0)
    assert source.affine.bias.tolist() == [1, 0, 0, 0]
    assert not source.affine.weight.any()
    assert layer.affine.bias.eq(1).all()
    assert {name: value for name, value in stds(fs.plan(model, "stylegan3")).items() if "bias" not in name} == {
        "synthesis.input.weight": 1,
        "synthesis.L0_36_8.weight": 1,
        "synthesis.L0_36_8.affine.weight": 1,
        "mapping.fc0.weight": pytest.approx(100),
    }


@pytest.mark.parametrize("multiplier", [0.0, -1.0, True, "a", float("nan")])
def test_a_multiplier_of_no_use(multiplier: Any) -> None:
    with pytest.raises(RuleError, match=r"lr_multiplier=.*: expected a number > 0, such as 0.01"):
        recipes.get("stylegan2", lr_multiplier=multiplier)


# icnr


def test_icnr_goes_before_another_recipe() -> None:
    """Two upscalings as in EDSR: the kernels of each square of outputs are one, drawn with std sqrt(2 / (8 * 9))."""
    up = nn.Sequential(nn.Conv2d(8, 32, 3), nn.PixelShuffle(2), nn.Conv2d(8, 32, 3), nn.PixelShuffle(2))
    model = nn.Sequential(nn.Conv2d(3, 8, 3), up, nn.Conv2d(8, 3, 3))
    plan = fs.plan(model, ["icnr", "torch"])
    assert [row.rule for row in plan.rows if row.name.endswith("weight")] == [
        "linear and conv",
        "before the shuffle",
        "before the shuffle",
        "linear and conv",
    ]
    plan.apply(seed=0)
    weight = up[2].weight
    assert isinstance(weight, nn.Parameter)
    squares = weight.detach().view(8, 4, 8, 3, 3)
    assert torch.equal(squares, squares[:, :1].expand_as(squares))
    assert stds(plan)["1.2.weight"] == pytest.approx(math.sqrt(2 / 72))


def test_icnr_for_a_layer_that_is_named() -> None:
    model = tree(body=nn.Conv2d(8, 8, 3), up=nn.Conv2d(8, 72, 3))
    recipe = recipes.get("icnr", scale=3, roles={"up": "subpixel"})
    assert [row.rule for row in fs.plan(model, [recipe, "torch"]).rows][2] == "before the shuffle"
