"""The net: the tutorial's layers (Conv2d, BatchNorm2d, ReLU, Linear), with enough of them for the start to matter."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ._data import CLASSES

_WIDTH = 64
_HIDDEN = 6


def build() -> nn.Sequential:
    """Three convolutions with batch norm, then six hidden linear layers without, then ten logits.

    Batch norm rescales whatever the convolutions are given, so what tells the starts apart is the linear part: each
    layer there multiplies the signal by a factor that its weights' std sets, and six factors multiply up.

    >>> sum(parameter.numel() for parameter in build().parameters())
    43914
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 1
    for i, (width, stride) in enumerate([(16, 1), (32, 2), (32, 2)], start=1):
        layers[f"conv{i}"] = nn.Conv2d(channels, width, 3, stride=stride, padding=1)
        layers[f"norm{i}"] = nn.BatchNorm2d(width)
        layers[f"relu{i}"] = nn.ReLU()
        channels = width
    layers["flatten"] = nn.Flatten()
    features = channels * 2 * 2
    for i in range(1, _HIDDEN + 1):
        layers[f"linear{i}"] = nn.Linear(features, _WIDTH)
        layers[f"act{i}"] = nn.ReLU()
        features = _WIDTH
    layers["head"] = nn.Linear(features, CLASSES)
    return nn.Sequential(layers)


def stages(model: nn.Sequential) -> dict[str, str]:
    """Where to look at the signal: each layer's name, and that of the module whose output counts as the layer's.

    >>> stages(build())["conv1"], stages(build())["linear6"], stages(build())["head"]
    ('relu1', 'act6', 'head')
    """
    found: dict[str, str] = {}
    layer = ""
    for name, module in model.named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer = name
        if isinstance(module, nn.ReLU) or name == "head":
            found[layer] = name
    return found
