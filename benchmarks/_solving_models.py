"""Small models of many kinds, each with an example batch, for the benchmark of solved scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from _nets import Last
from torch import Tensor, nn

WIDTH, HEADS, BLOCKS, WORDS, TOKENS = 128, 4, 6, 512, 64


def mlp(activation: type[nn.Module]) -> nn.Module:
    """30 layers of 256 units."""
    return nn.Sequential(*[one for _ in range(30) for one in (nn.Linear(256, 256), activation())])


def cnn() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for out in (32, 32, 64, 64):
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if out == 64 else []
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity, or beside a strided 1x1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm1, self.norm2 = norm(outputs), norm(outputs)
        self.short = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride=stride)
        self.relu, self.out = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.out(self.short(x) + branch)


def resnet(norm: Callable[[int], nn.Module]) -> nn.Module:
    blocks = [ResidualBlock(32, 32, norm) for _ in range(4)] + [ResidualBlock(32, 64, norm)]
    blocks += [ResidualBlock(64, 64, norm) for _ in range(3)]
    stem = nn.Conv2d(3, 32, 3, padding=1), norm(32), nn.ReLU()
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def encoder(norm_first: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, norm_first=norm_first, batch_first=True)
    return nn.TransformerEncoder(layer, BLOCKS, enable_nested_tensor=False)


class CausalBlock(nn.Module):
    """A pre-norm block with scaled_dot_product_attention, as in GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.gelu, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in self.qkv(self.norm1(x)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.proj(mixed)
        return x + self.down(self.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """A head tied to the token embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(WORDS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.blocks = nn.ModuleList(CausalBlock() for _ in range(BLOCKS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def two_convolutions(inputs: int, outputs: int) -> nn.Module:
    layers = nn.Conv2d(inputs, outputs, 3, padding=1), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.SiLU()
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.down1, self.down2 = two_convolutions(3, width), two_convolutions(width, 2 * width)
        self.middle, self.pool = two_convolutions(2 * width, 4 * width), nn.MaxPool2d(2)
        self.up2, self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2), nn.Upsample(scale_factor=2)
        self.merge2, self.merge1 = two_convolutions(4 * width, 2 * width), two_convolutions(3 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(self.pool(a))
        y = self.merge2(torch.cat([self.up2(self.middle(self.pool(b))), b], 1))
        return self.out(self.merge1(torch.cat([self.up1(y), a], 1)))


class MixerBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.tokens = nn.Sequential(nn.Linear(TOKENS, 2 * TOKENS), nn.GELU(), nn.Linear(2 * TOKENS, TOKENS))
        self.channels = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches, self.blocks = nn.Conv2d(3, WIDTH, 4, stride=4), nn.Sequential(*[MixerBlock() for _ in range(6)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.patches(x).flatten(2).transpose(1, 2))).mean(1))


class RmsNorm(nn.Module):
    """Written out, as model code often does."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def rotated(x: Tensor) -> Tensor:
    """Rotary positions."""
    tokens, width = x.shape[-2:]
    angle = torch.arange(tokens)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
    angle = torch.cat([angle, angle], -1)
    a, b = x.chunk(2, -1)
    return x * angle.cos() + torch.cat([-b, a], -1) * angle.sin()


class LlamaBlock(nn.Module):
    """Attention written out with a mask, and SwiGLU."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = RmsNorm(), RmsNorm()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(WIDTH, 2 * WIDTH, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        q, k, v = (layer(y).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        scores = rotated(q) @ rotated(k).transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        closed = ~torch.tril(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool))
        weights = scores.masked_fill(closed, float("-inf")).softmax(-1)
        x = x + self.o((weights @ v).transpose(1, 2).flatten(2))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.blocks = nn.Embedding(WORDS, WIDTH), nn.ModuleList(LlamaBlock() for _ in range(BLOCKS))
        self.norm, self.head = RmsNorm(), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Branching(nn.Module):
    """Control flow on shapes and on numbers, a shared layer, and a dict for an output."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.shared = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(6)), nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        if x.dim() == 2 and x.shape[0] > 1:
            for i, layer in enumerate(self.layers):
                x = F.gelu(layer(x))
                if i % 2:
                    x = x + self.shared(x)
        if x.abs().mean() > 1e6:
            x = x / 1e6
        return {"logits": self.head(x)}


def images() -> Tensor:
    return torch.randn(16, 3, 32, 32)


def ids() -> Tensor:
    return torch.randint(0, WORDS, (16, TOKENS))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    **{
        f"MLP 30 {name}": (lambda kind=kind: mlp(kind), lambda: torch.randn(64, 256))
        for name, kind in {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}.items()
    },
    "CNN": (cnn, images),
    "ResNet without norm": (lambda: resnet(lambda _: nn.Identity()), images),
    "ResNet with BatchNorm": (lambda: resnet(nn.BatchNorm2d), images),
    "TransformerEncoder 6 pre-norm": (lambda: encoder(True), lambda: torch.randn(16, 32, WIDTH)),
    "TransformerEncoder 6 post-norm": (lambda: encoder(False), lambda: torch.randn(16, 32, WIDTH)),
    "GPT-2-like, tied": (Gpt, ids),
    "LSTM": (lambda: Last(nn.LSTM(32, WIDTH, 2, batch_first=True), 10), lambda: torch.randn(32, 20, 32)),
    "U-Net": (UNet, images),
    "MLP-Mixer": (Mixer, images),
    "LLaMA-like": (Llama, ids),
    "control flow": (Branching, lambda: torch.randn(64, WIDTH)),
}
"""By name: how to build one, and an example batch for it."""
