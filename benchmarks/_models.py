"""Models with the parameters of known ones, made by hand so that nothing else need be installed."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def gpt2(blocks: int = 12) -> nn.Module:
    """GPT-2 124M: 124,439,808 parameters with 12 blocks."""
    return _allocated(lambda: gpt2_layers(blocks))


def gpt2_layers(blocks: int = 12) -> nn.Module:
    """Its layers, with the memory that torch gives them."""
    return nn.ModuleDict(
        {
            "wte": nn.Embedding(50257, 768),
            "wpe": nn.Embedding(1024, 768),
            "blocks": nn.ModuleList(_Block(768) for _ in range(blocks)),
            "ln_f": nn.LayerNorm(768),
        }
    )


def vit(blocks: int = 12) -> nn.Module:
    """ViT-B/16: 86 million parameters with 12 blocks."""
    return _allocated(
        lambda: nn.ModuleDict(
            {
                "patch": nn.Conv2d(3, 768, 16, 16),
                "position": nn.Embedding(197, 768),
                "blocks": nn.ModuleList(_Block(768) for _ in range(blocks)),
                "norm": nn.LayerNorm(768),
                "head": nn.Linear(768, 1000),
            }
        )
    )


def resnet(blocks: Iterable[int] = (3, 4, 6, 3)) -> nn.Module:
    """ResNet-50: 25.6 million parameters in 161 tensors with (3, 4, 6, 3) blocks."""
    return _allocated(lambda: _resnet(blocks))


def many(count: int = 5000) -> nn.Module:
    """``count`` tensors of 1,000 elements, each a layer's."""
    return _allocated(lambda: nn.ModuleList(nn.Linear(25, 40, bias=False) for _ in range(count)))


class _Block(nn.Module):
    """The parameters of one transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)


def _resnet(blocks: Iterable[int]) -> nn.Module:
    layers = [nn.Conv2d(3, 64, 7, 2, bias=False), nn.BatchNorm2d(64)]
    width = 64
    for stage, count in enumerate(blocks):
        inner, outer = 64 * 2**stage, 256 * 2**stage
        for block in range(count):
            shapes = [(width, inner, 1), (inner, inner, 3), (inner, outer, 1)]
            for fan_in, fan_out, kernel in shapes + ([(width, outer, 1)] if block == 0 else []):
                layers += [nn.Conv2d(fan_in, fan_out, kernel, bias=False), nn.BatchNorm2d(fan_out)]
            width = outer
    return nn.Sequential(*layers, nn.Linear(width, 1000))


def _allocated(make) -> nn.Module:
    """Made without numbers, then given memory whose pages are touched, so that neither side pays for them."""
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.zero_()
    return model
