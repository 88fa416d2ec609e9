"""Convolutional networks: classifiers, and those with an output for every pixel."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, classes


def cnn(norm: bool = False, n: int = 16) -> Start:
    """Convolutions and a linear head on images in [0, 1]."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), *([nn.BatchNorm2d(after)] if norm else []), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 3, 32, 32), classes(n))


class _Block(nn.Module):
    def __init__(self, width: int, zero: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        if zero:
            nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


def resnet(zero: bool = False, blocks: int = 6, n: int = 16) -> Start:
    """A ResNet, its last norms' weights zero or one, Kaiming's fan_out."""
    stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    model = nn.Sequential(*stem, *(_Block(16, zero) for _ in range(blocks)), *head)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


class _Inverted(nn.Module):
    """MBConv with squeeze and excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 4 * width
        self.expand = nn.Sequential(nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU())
        self.depth = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.SiLU()
        )
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 8, 1), nn.SiLU(), nn.Conv2d(8, wide, 1), nn.Sigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depth(self.expand(x))
        return x + self.project(y * self.squeeze(y))


def efficient(n: int = 8, relu6: bool = False) -> Start:
    """EfficientNet-like: SiLU, depthwise convolutions, gates; ReLU6 instead as MobileNet has it."""
    stem = [
        nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6() if relu6 else nn.SiLU(),
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    model = nn.Sequential(*stem, *(_Inverted(16) for _ in range(4)), *head)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


def squeeze(n: int = 8) -> Start:
    """Gates of squeeze and excitation with as few as two units, in a network without norms."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.down, self.up = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 2), nn.Linear(2, 16)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.conv(x))
            return x + y * torch.sigmoid(self.up(F.relu(self.down(y.mean((2, 3))))))[..., None, None]

    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), *(Block() for _ in range(6)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 12, 12), classes(n, 5))


def convnext(n: int = 8) -> Start:
    """Depthwise convolutions, channels last inside, LayerScale of 1e-6."""

    class Block(nn.Module):
        def __init__(self, d: int) -> None:
            super().__init__()
            self.depth, self.norm = nn.Conv2d(d, d, 7, padding=3, groups=d), nn.LayerNorm(d)
            self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.gamma = nn.Parameter(torch.full((d,), 1e-6))

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.depth(x).permute(0, 2, 3, 1))
            return x + (self.gamma * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)

    model = nn.Sequential(nn.Conv2d(3, 24, 2, 2), *(Block(24) for _ in range(4)))
    model.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(24), nn.Linear(24, 10)))
    for one in model.modules():
        if isinstance(one, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(one.weight, std=0.02)
            nn.init.zeros_(one.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


def alex(n: int = 4) -> Start:
    """Convolutions with N(0, 0.01) as in 2012, dropout, wide layers."""
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(192, 256, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(256 * 36, 512), nn.ReLU(),
        nn.Dropout(), nn.Linear(512, 10),
    )  # fmt: skip
    for one in model.modules():
        if isinstance(one, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(one.weight, std=0.01)
            nn.init.zeros_(one.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 60, 60), classes(n))


def decibels(n: int = 8) -> Start:
    """A spectrogram in decibels, that batch norm scales behind the first convolution."""
    x = torch.randn(n, 1, 32, 32) * 15 - 40
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )
    return model, nn.CrossEntropyLoss(), (x, classes(n, 5))


def unet(norm: bool = False, n: int = 4) -> Start:
    """Two levels with skips."""

    def double(before: int, after: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in ((before, after), (after, after)):
            layers += [nn.Conv2d(a, b, 3, padding=1), *([nn.BatchNorm2d(b)] if norm else []), nn.ReLU()]
        return nn.Sequential(*layers)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = double(3, 16), double(16, 32), double(32, 64)
            self.up1, self.up0 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
            self.d, self.e, self.head = double(64, 32), double(32, 16), nn.Conv2d(16, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            a = self.a(x)
            b = self.b(F.max_pool2d(a, 2))
            c = self.c(F.max_pool2d(b, 2))
            d = self.d(torch.cat([self.up1(c), b], 1))
            return self.head(self.e(torch.cat([self.up0(d), a], 1)))

    return Model(), nn.BCEWithLogitsLoss(), (torch.randn(n, 3, 16, 16), (torch.rand(n, 1, 16, 16) > 0.5).float())


def tiny_conv(n: int = 1) -> Start:
    """A segmentation network on a single image."""
    layers = [one for a, b in ((3, 16), (16, 16), (16, 16)) for one in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Conv2d(16, 4, 1))
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 3, 24, 24), torch.randint(4, (n, 24, 24)))


DESIGNS: dict[str, Callable[[], Start]] = {
    "cnn": cnn, "cnn norm": lambda: cnn(True), "resnet": resnet, "resnet zero": lambda: resnet(True),
    "resnet deep": lambda: resnet(blocks=9), "efficient": efficient, "mobile": lambda: efficient(relu6=True),
    "squeeze": squeeze, "convnext": convnext, "alex": alex, "decibels": decibels, "unet": unet,
    "unet norm": lambda: unet(True), "one image": tiny_conv,
}  # fmt: skip
