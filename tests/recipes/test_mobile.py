"""Nets of depthwise convolutions beside timm's and torchvision's own, and beside their formulas."""

from __future__ import annotations

import math

import pytest
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import timm, torchvision
from .twins import constants, stds


@pytest.mark.parametrize(
    "name",
    ["efficientnet_b0", "efficientnet_cc_b0_4e", "mobilenetv2_050", "mobilenetv3_small_050", "mixnet_s"],
)
def test_efficientnet_of_timm(name: str) -> None:
    assert differences(timm(name, num_classes=20), "efficientnet", seeds=1) == []


@pytest.mark.parametrize("name", ["efficientnet_b0"])
def test_efficientnet_of_torchvision(name: str) -> None:
    assert differences(torchvision(name, num_classes=20), "efficientnet.torchvision", seeds=1) == []


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small"])
def test_mobilenet_of_torchvision(name: str) -> None:
    assert differences(torchvision(name, num_classes=20), "mobilenet.torchvision", seeds=1) == []


def test_mnasnet() -> None:
    assert differences(timm("mnasnet_small", num_classes=20), "mnasnet", seeds=1) == []
    assert differences(torchvision("mnasnet0_5", num_classes=20), "mnasnet.torchvision", seeds=1) == []


class Inverted(nn.Module):
    """An inverted residual, as one would write it at home."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(width, 4 * width, 1), nn.BatchNorm2d(4 * width), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(4 * width, 4 * width, 3, groups=4 * width), nn.BatchNorm2d(4 * width))
        self.project = nn.Sequential(nn.Conv2d(4 * width, width, 1), nn.BatchNorm2d(width))


class Phone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.blocks = nn.Sequential(Inverted(8), Inverted(8))
        self.head = nn.Linear(8, 50)


@pytest.mark.parametrize(
    ("recipe", "outputs", "head"),
    [
        ("efficientnet", 9, math.sqrt(1 / 50 / 3)),
        ("mnasnet", 9, math.sqrt(1 / 50 / 3)),
        ("mobilenet", 9, 0.01),
        ("efficientnet.torchvision", 9 * 32, math.sqrt(1 / 50 / 3)),
        ("mnasnet.torchvision", 9 * 32, math.sqrt(1 / 50)),
        ("mobilenet.torchvision", 9 * 32, 0.01),
    ],
)
def test_a_net_of_ones_own(recipe: str, outputs: int, head: float) -> None:
    """A depthwise kernel of 3 by 3 has 9 outputs; counted over all 32 groups, 32 times as many."""
    plan = fs.plan(Phone(), recipe)
    assert stds(plan) == pytest.approx(
        {
            "stem.weight": math.sqrt(2 / (8 * 9)),
            **{f"blocks.{i}.expand.0.weight": math.sqrt(2 / 32) for i in range(2)},
            **{f"blocks.{i}.depthwise.0.weight": math.sqrt(2 / outputs) for i in range(2)},
            **{f"blocks.{i}.project.0.weight": math.sqrt(2 / 8) for i in range(2)},
            "head.weight": head,
        }
    )
    ones = {name for name, value in constants(plan).items() if value == 1}
    assert ones == {f"blocks.{i}.{part}.1.weight" for i in range(2) for part in ("expand", "depthwise", "project")}
