"""Fixup by its formula, and the scales of residual branches, which are put before another recipe."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import timm
from .twins import constants, stds


class FixupBlock(nn.Module):
    """Two or three convolutions without norms, a scalar before and after each, as the paper draws it."""

    def __init__(self, inputs: int, width: int, kernels: tuple[int, ...]) -> None:
        super().__init__()
        sizes = [inputs, *[width] * len(kernels)]
        for i, kernel in enumerate(kernels):
            self.register_parameter(f"bias{i}a", nn.Parameter(torch.full((1,), 7.0)))
            setattr(self, f"conv{i}", nn.Conv2d(sizes[i], sizes[i + 1], kernel, bias=False))
            self.register_parameter(f"bias{i}b", nn.Parameter(torch.full((1,), 7.0)))
        self.scale = nn.Parameter(torch.full((1,), 7.0))
        if inputs != width:
            self.downsample = nn.Conv2d(inputs, width, 1, bias=False)


class FixupNet(nn.Module):
    def __init__(self, kernels: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1, self.bias1 = nn.Conv2d(3, 8, 3, bias=False), nn.Parameter(torch.ones(1))
        inputs = 8
        for stage, depth in enumerate(depths):
            width = 8 * 2**stage
            blocks = [FixupBlock(inputs if i == 0 else width, width, kernels) for i in range(depth)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            inputs = width
        self.fc = nn.Linear(inputs, 10)


@pytest.mark.parametrize(
    ("kernels", "power"), [((3, 3), -1 / 2), ((1, 3, 1), -1 / 4), ((3, 3, 3, 3), -1 / 6)], ids=["m=2", "m=3", "m=4"]
)
def test_fixup(kernels: tuple[int, ...], power: float) -> None:
    """The first m - 1 layers of a branch are He's, times L^(-1/(2m - 2)); L = 9 over all stages."""
    model = FixupNet(kernels, (2, 3, 4))
    plan = fs.plan(model, "fixup")
    found, fixed = stds(plan), constants(plan)
    for stage, depth in enumerate((2, 3, 4)):
        for i in range(depth):
            block, width = f"layer{stage}.{i}", 8 * 2**stage
            for j, kernel in enumerate(kernels[:-1]):
                expected = math.sqrt(2 / (width * kernel**2)) * 9**power
                assert found.pop(f"{block}.conv{j}.weight") == pytest.approx(expected)
            assert fixed[f"{block}.conv{len(kernels) - 1}.weight"] == 0
            assert fixed[f"{block}.scale"] == 1
            if stage and i == 0:
                assert found.pop(f"{block}.downsample.weight") == pytest.approx(math.sqrt(2 / width))
    assert found == pytest.approx({"conv1.weight": math.sqrt(2 / (8 * 9))})
    assert fixed["fc.weight"] == fixed["fc.bias"] == fixed["bias1"] == fixed["layer0.0.bias0a"] == 0
    plan.apply(seed=0)
    assert model.layer0[0].scale.item() == 1  # type: ignore[union-attr]


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 32), nn.Linear(32, 8)


def test_fixup_on_linear_layers() -> None:
    """Two layers in a branch: L^(-1/2), L = 4."""
    model = nn.Sequential(nn.Linear(5, 8), nn.ModuleList([Residual() for _ in range(4)]), nn.Linear(8, 2))
    plan = fs.plan(model, "fixup")
    expected = {f"1.{i}.fc1.weight": math.sqrt(2 / 32) / 2 for i in range(4)}
    assert stds(plan) == pytest.approx({"0.weight": math.sqrt(2 / 8), **expected})


class LayerNorm(nn.Module):
    """As BERT's first code in TensorFlow names its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))


class Branches(nn.Module):
    """A block with everything that is called like a branch's scale, and is not."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.norm, self.act, self.fc = LayerNorm(), nn.PReLU(), nn.Linear(8, 8)
        self.register_parameter(name, nn.Parameter(torch.full(shape, 7.0)))


@pytest.mark.parametrize(
    ("recipe", "name", "value"),
    [
        *(("rezero", name, 0.0) for name in ("alpha", "resweight", "rezero_alpha", "residual_weight")),
        *(("skipinit", name, 0.0) for name in ("skipinit_gain", "skip_init", "alpha")),
        *(("layer_scale", name, 1e-5) for name in ("gamma", "gamma_1", "gamma2", "lambda_1", "lambda1", "layer_scale")),
        ("layer_scale", "layer_scale_parameter", 1e-5),
    ],
)
def test_scales_before_another_recipe(recipe: str, name: str, value: float) -> None:
    model = Branches(name, (8,) if recipe == "layer_scale" else ())
    norm = fs.rule("norm", gamma=fs.init.ones(), beta=fs.init.zeros())
    fs.initialize(model, [recipe, norm, "torch"], seed=0)
    assert getattr(model, name).unique().tolist() == pytest.approx([value])
    assert model.norm.gamma.unique().tolist() == [1.0]
    assert model.act.weight.item() == 0.25


def test_layer_scale_by_its_value() -> None:
    model = Branches("gamma", (8,))
    fs.initialize(model, [fs.recipes.get("layer_scale", value=0.1), fs.rule("norm", **{"*": fs.keep}), "torch"], seed=0)
    assert model.gamma.unique().tolist() == pytest.approx([0.1])


def test_skipinit_before_resnet() -> None:
    """The convolutions of resnet, and its norms, with a scalar at the end of each branch."""
    model = nn.Sequential(*[Branches("skip_gain", ()) for _ in range(2)])
    for block in model:
        block.norm, block.fc = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3)  # type: ignore[assignment]
    prelu = fs.rule(nn.PReLU, weight=fs.init.constant(0.25))
    plan = fs.plan(model, ["skipinit", prelu, "resnet"])
    assert constants(plan)["1.skip_gain"] == 0
    assert stds(plan)["1.fc.weight"] == pytest.approx(math.sqrt(2 / 72))


def test_layer_scale_of_timm() -> None:
    """The scales alone: of every other parameter nothing is asked."""
    build = timm("cait_xxs24_224", num_classes=10, depth=2, embed_dim=48, num_heads=2)
    model = build()
    plan = fs.plan(model, "layer_scale", strict=False)
    scales = {name for name, _ in model.named_parameters() if "gamma" in name}
    assert constants(plan) == dict.fromkeys(scales, pytest.approx(1e-5))
    theirs = [parameter.unique().item() for name, parameter in model.named_parameters() if name in scales]
    assert theirs == pytest.approx([1e-5] * len(scales))


def test_skipinit_of_timm() -> None:
    options = {"depths": (1, 1, 1, 1), "channels": (64, 64, 64, 64), "group_size": 16, "stem_chs": 32}
    build = timm("dm_nfnet_f0", num_classes=10, num_features=64, **options)
    assert differences(build, ["skipinit", "nfnet"], seeds=1) == []
