"""The libraries whose models the recipes are held to, imported where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

Build = Callable[[], nn.Module]


def library(name: str) -> ModuleType:
    """A library, or a skipped test where it is not installed."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed")
    _vision_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@cache
def _vision_operators() -> object:
    """The names of torchvision's compiled operators, so that its models can be imported beside a torch it was not
    compiled for; none of the tests runs one."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    text = (Path(found.origin).parent / "_meta_registrations.py").read_text(encoding="utf-8")
    names = {name for pair in re.findall(r'register_meta\("(\w+)"|"torchvision::(\w+)"', text) for name in pair if name}
    own = torch.library.Library("torchvision", "FRAGMENT")
    for name in sorted(names):
        if not hasattr(torch.ops.torchvision, name):
            own.define(f"{name}(Tensor a) -> Tensor")
    return own


def torchvision(name: str, **options: Any) -> Build:
    """What makes a model of torchvision's by the name of its function."""
    models = library("torchvision").models
    return lambda: getattr(models, name)(weights=None, **options)


def timm(name: str, **options: Any) -> Build:
    """What makes a model of timm's by its name."""
    create = library("timm").create_model
    return lambda: create(name, **options)


def transformers(model: str, config: str, **options: Any) -> Build:
    """What makes a model of transformers' by the names of its class and of its configuration's."""
    own = library("transformers")
    return lambda: getattr(own, model)(getattr(own, config)(**options))


class _Narrow(nn.Linear):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(min(inputs, 200), min(outputs, 200))


def narrow_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's VGG with small linear layers: 100 million numbers fewer, whose start does not depend on how many
    they are."""
    monkeypatch.setattr(library("torchvision.models.vgg"), "nn", SimpleNamespace(**{**vars(nn), "Linear": _Narrow}))
