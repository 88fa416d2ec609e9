"""The libraries whose models the recipes are held to, imported where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch


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
