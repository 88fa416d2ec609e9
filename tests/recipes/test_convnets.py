"""Residual convolutional nets beside torchvision's, timm's and transformers' own, and beside their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import Build, library, timm, torchvision
from .twins import constants, stds

TINY = {"embedding_size": 16, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 2, 1, 1]}


def transformers(name: str, **options: Any) -> Build:
    own = library("transformers")
    config = getattr(own, f"{name}Config")(**options)
    return lambda: getattr(own, f"{name}ForImageClassification")(config)


def small_resnet(block: str, **options: Any) -> Build:
    resnet = library("torchvision.models.resnet")
    return lambda: resnet.ResNet(getattr(resnet, block), [1, 1, 1, 1], num_classes=20, **options)


def small_timm_resnet(block: str, **options: Any) -> Build:
    resnet = library("timm.models.resnet")
    widths = (16, 32, 48, 64)
    return lambda: resnet.ResNet(
        getattr(resnet, block), layers=(1, 2, 1, 1), channels=widths, num_classes=20, **options
    )


@pytest.mark.parametrize(
    ("block", "options"),
    [("BasicBlock", {}), ("Bottleneck", {}), ("Bottleneck", {"groups": 32, "width_per_group": 4})],
)
@pytest.mark.parametrize("zero", [False, True])
def test_resnet_of_torchvision(block: str, options: dict[str, int], zero: bool) -> None:
    recipe = fs.recipes.get("resnet.torchvision", zero_init_residual=zero)
    assert differences(small_resnet(block, zero_init_residual=zero, **options), recipe, seeds=1) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ResNet", {"layer_type": "basic"}),
        ("ResNet", {"layer_type": "bottleneck"}),
        ("RegNet", {"layer_type": "x", "groups_width": 8}),
        ("RegNet", {"layer_type": "y", "groups_width": 8}),
    ],
)
def test_resnet_of_transformers(name: str, options: dict[str, Any]) -> None:
    assert differences(transformers(name, **TINY, **options), "resnet.torchvision") == []


@pytest.mark.parametrize(
    ("block", "options"),
    [
        ("BasicBlock", {}),
        ("Bottleneck", {"block_args": {"attn_layer": "se"}}),
        ("Bottleneck", {"block_args": {"attn_layer": "eca"}}),
        ("Bottleneck", {"cardinality": 8, "base_width": 4}),
        ("BasicBlock", {"stem_type": "deep", "stem_width": 8, "avg_down": True}),
    ],
)
@pytest.mark.parametrize("zero", [True, False])
def test_resnet_of_timm(block: str, options: dict[str, Any], zero: bool) -> None:
    recipe = fs.recipes.get("resnet.timm", zero_init_last=zero)
    assert differences(small_timm_resnet(block, zero_init_last=zero, **options), recipe) == []


@pytest.mark.parametrize("name", ["regnetx_002", "regnety_002"])
@pytest.mark.parametrize("zero", [True, False])
def test_regnet_of_timm(name: str, zero: bool) -> None:
    recipe = fs.recipes.get("regnet", zero_init_last=zero)
    assert differences(timm(name, num_classes=20, zero_init_last=zero), recipe, seeds=1) == []


def test_regnet_of_torchvision() -> None:
    assert differences(torchvision("regnet_y_400mf", num_classes=20), "regnet.torchvision", seeds=1) == []


SMALL_NFNET = {"depths": (1, 1, 2, 1), "channels": (64, 64, 128, 128), "group_size": 16, "stem_chs": 32}


@pytest.mark.parametrize(
    ("name", "recipe", "options"),
    [
        ("dm_nfnet_f0", "nfnet", {"num_features": 128, **SMALL_NFNET}),
        ("eca_nfnet_l0", "nf_resnet", {"num_features": 128, **SMALL_NFNET}),
        ("nf_resnet50", "nf_resnet", {**SMALL_NFNET, "group_size": None}),
        ("nf_regnet_b0", "nf_resnet", {"depths": (1, 1, 2, 1)}),
    ],
)
@pytest.mark.parametrize("zero", [False, True])
def test_nets_without_norms(name: str, recipe: str, options: dict[str, Any], zero: bool) -> None:
    made = timm(name, num_classes=20, zero_init_fc=zero, **options)
    assert differences(made, fs.recipes.get(recipe, zero_init_fc=zero)) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [("convnext_atto", {}), ("convnext_atto", {"conv_mlp": True}), ("convnextv2_atto", {}), ("convnext_atto_ols", {})],
)
def test_convnext_of_timm(name: str, options: dict[str, Any]) -> None:
    """Narrow: one in 2^24 of the values that timm draws is -2, the bound itself, 100 std away."""
    scale = {"head_init_scale": 0.001}
    made = timm(name, num_classes=20, depths=(1, 1, 2, 1), dims=(16, 24, 32, 48), **scale, **options)
    assert differences(made, fs.recipes.get("convnext", **scale)) == []


@pytest.mark.parametrize("scale", [1e-6, 0.1])
def test_convnext_of_torchvision(scale: float) -> None:
    convnext = library("torchvision.models.convnext")
    blocks = [convnext.CNBlockConfig(16, 24, 2), convnext.CNBlockConfig(24, None, 1)]
    made = lambda: convnext.ConvNeXt(blocks, layer_scale=scale, num_classes=20)  # noqa: E731
    assert differences(made, fs.recipes.get("convnext", layer_scale=scale)) == []


@pytest.mark.parametrize("name", ["ConvNext", "ConvNextV2"])
def test_convnext_of_transformers(name: str) -> None:
    made = transformers(name, hidden_sizes=[16, 24, 32, 48], depths=[1, 2, 1, 1])
    assert differences(made, "convnext") == []


class Block(nn.Module):
    """A block on signals, in four groups, with a gate on its channels, as one would write it at home."""

    def __init__(self, width: int, *, first: bool) -> None:
        super().__init__()
        norms = [nn.GroupNorm(4, width), nn.GroupNorm(4, width)]
        layers = [nn.Conv1d(width, width, 3, groups=4), nn.Conv1d(width, width, 5)]
        pairs = zip(norms, layers, strict=True) if first else zip(layers, norms, strict=True)
        self.path = nn.Sequential(*[layer for pair in pairs for layer in pair])
        self.se = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Conv1d(width, 2, 1), nn.Conv1d(2, width, 1))
        self.shortcut = nn.Conv1d(width, width, 1)


class Signals(nn.Module):
    def __init__(self, *, first: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv1d(2, 16, 7)
        self.blocks = nn.Sequential(*[Block(16, first=first) for _ in range(3)])
        self.out = nn.Linear(16, 5)


def test_a_resnet_on_signals() -> None:
    """The fans are the layer's: a convolution in 4 groups has 16/4 outputs of 3 taps."""
    plan = fs.plan(Signals(), "resnet")
    found, fixed = stds(plan), constants(plan)
    assert found["stem.weight"] == pytest.approx(math.sqrt(2 / (16 * 7)))
    assert found["blocks.1.path.0.weight"] == pytest.approx(math.sqrt(2 / (4 * 3)))
    assert found["blocks.1.path.2.weight"] == pytest.approx(math.sqrt(2 / (16 * 5)))
    assert found["blocks.1.se.2.weight"] == pytest.approx(math.sqrt(2 / 16))
    assert found["blocks.1.shortcut.weight"] == pytest.approx(math.sqrt(2 / 16))
    assert found["out.weight"] == pytest.approx(1 / math.sqrt(3 * 16))
    assert {name for name, value in fixed.items() if value == 1} == {f"blocks.{i}.path.1.weight" for i in range(3)}
    assert {f"blocks.{i}.path.3.weight" for i in range(3)} < {name for name, value in fixed.items() if value == 0}


def test_norms_before_the_layers_stay_the_identity() -> None:
    """There the last norm is followed by a layer: at zero neither would ever get a gradient."""
    plan = fs.plan(Signals(first=True), "resnet")
    assert {row.expected.mean for row in plan.rows if "path.2.weight" in row.name and row.expected} == {1.0}


def test_groups_as_torchvision_counts_them() -> None:
    assert stds(fs.plan(Signals(), "resnet.torchvision"))["blocks.1.path.0.weight"] == pytest.approx(
        math.sqrt(2 / (16 * 3))
    )
