"""What convolutional nets add: gates on channels, norms with an activation in them, stages of a single block, heads
that are convolutions."""

from __future__ import annotations

import pytest
from torch import nn

from ..recipes.libraries import library, timm, torchvision
from .read import anatomy


class SELayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 4, 1), nn.Linear(4, width)


class NormAct(nn.BatchNorm2d):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.act = nn.ReLU()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = nn.Conv2d(8, 8, 3), NormAct(8), nn.Conv2d(8, 8, 3), NormAct(8)
        self.gate = SELayer(8)
        self.downsample = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))


class Before(nn.Module):
    """Norms before the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv1, self.bn2, self.conv2 = (
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 8, 3),
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 8, 3),
        )


def test_a_gate_on_channels_ends_no_branch() -> None:
    found = anatomy(nn.Sequential(Block(), Block()))
    assert found.roles("1.conv2") == {"conv.last", "residual_out"}
    assert found.roles("1.gate.fc1") == found.roles("1.gate.fc2") == {"other"}
    assert found.symbols("1.conv1") == {"l": 1, "L": 2, "R": 1, "m": 2, "d": 8}


def test_a_norm_with_its_activation_is_a_norm() -> None:
    found = anatomy(nn.Sequential(Block(), Block()))
    assert found.roles("0.bn1") == {"norm", "norm.first"}
    assert found.roles("0.bn2") == {"norm", "norm.last", "norm.out"}
    assert found.roles("0.downsample.1") == {"norm"}


def test_a_norm_before_the_last_layer_ends_no_branch() -> None:
    found = anatomy(nn.Sequential(Before(), Before()))
    assert found.roles("0.bn2") == {"norm", "norm.last"}


def test_a_norm_of_a_transformer_ends_no_branch() -> None:
    found = anatomy(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2))
    assert found.roles("layers.0.norm2") == {"norm", "norm.last"}


class Stage(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        for i in range(depth):
            setattr(self, f"b{i + 1}", Block())


class Staged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s1, self.s2, self.s3 = Stage(1), Stage(1), Stage(3)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(8, 10, 1))


def test_a_stage_of_one_block_is_of_the_stack() -> None:
    found = anatomy(Staged())
    assert {name: block.layers for name, block in found.blocks.items()} == dict.fromkeys(
        ("s1.b1", "s2.b1", "s3.b1", "s3.b2", "s3.b3"), 5
    )


def test_a_head_may_be_a_convolution() -> None:
    assert anatomy(Staged()).roles("classifier.1") == {"head"}


@pytest.mark.parametrize(
    ("name", "last", "blocks", "layers"),
    [
        ("seresnet50", "layer1.0.conv3", 16, 3),
        ("regnety_002", "s4.b1.conv3.conv", 13, 3),
        ("eca_nfnet_l0", "stages.0.0.conv3", 12, 4),
    ],
)
def test_nets_of_timm(name: str, last: str, blocks: int, layers: int) -> None:
    found = anatomy(timm(name)())
    assert found.roles(last) == {"conv.last", "residual_out"}
    symbols = found.symbols(last)
    assert (symbols["L"], symbols["R"], symbols["m"]) == (blocks, 1, layers)


def test_squeezenet_ends_in_a_convolution() -> None:
    library("torchvision")
    assert anatomy(torchvision("squeezenet1_0")()).roles("classifier.1") == {"head"}
