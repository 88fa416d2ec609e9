"""The anatomy of a model put together for a test."""

from __future__ import annotations

from torch import nn

from firststep.anatomy import Anatomy


def anatomy(model: nn.Module) -> Anatomy:
    return Anatomy(dict(model.named_modules()))
