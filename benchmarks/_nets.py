"""Small nets whose start matters: deep chains without norms, recurrent nets, transformers of either order of norms."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(inputs: int, outputs: int, depth: int, activation: Callable[[], nn.Module], width: int = 64) -> nn.Module:
    """So many hidden layers, each with its activation, and a head."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(width if i else inputs, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def cnn(depth: int, width: int = 16) -> nn.Module:
    """A plain chain of 3 x 3 convolutions with ReLU and no norm, on images of 8 x 8, halved once."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Conv2d(width if i else 1, width, 3, 2 if i == depth // 2 else 1, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class Block(nn.Module):
    """Two convolutions around a skip; no norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, 1, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


def resnet(blocks: int, width: int = 16) -> nn.Module:
    """Residual blocks without norms, on images of 8 x 8, halved at the stem."""
    body = [Block(width) for _ in range(blocks)]
    stem = [nn.Conv2d(1, width, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class Last(nn.Module):
    """A recurrent net read at its last step."""

    def __init__(self, body: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(body.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[0][:, -1])


class Encoder(nn.Module):
    """torch's transformer encoder with token and position embeddings, and logits for every place."""

    def __init__(self, vocabulary: int, length: int, depth: int, *, norm_first: bool, width: int = 32) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=norm_first)
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.encoder = nn.TransformerEncoder(
            layer, depth, nn.LayerNorm(width) if norm_first else None, enable_nested_tensor=False
        )
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.head(self.encoder(self.tokens(tokens) + self.positions(places))).flatten(0, 1)
