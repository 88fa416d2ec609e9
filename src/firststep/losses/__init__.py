"""Losses: ``losses.FocalLoss`` modules, ``losses.functional`` functions, ``losses.catalog`` to look them up.

The classes are made from the declarations in the files of this folder; ``__init__.pyi`` tells editors of them.
"""

from __future__ import annotations

from typing import Any

from . import functional as functional
from ._build import Loss as Loss
from ._build import module as _module
from ._catalog import Catalog as Catalog
from ._curves import curves as curves
from ._facts import LANGUAGES as LANGUAGES
from ._facts import Language as Language
from ._facts import say as say
from ._families import FAMILIES as FAMILIES
from ._families import POINTERS as _POINTERS
from ._families import SPECS as _SPECS
from ._markdown import page as page
from ._reduce import Total as Total
from ._reduce import reduce as reduce
from ._shapes import sizes as sizes
from ._show import listing as listing
from ._show import text as text
from ._spec import LossSpec as LossSpec
from ._spec import Text as Text

catalog = Catalog((*_SPECS, *_POINTERS))
"""Every loss by name: firststep's own, torch's, and well-kept ones elsewhere."""

_MODULES: dict[str, Any] = {_spec.module: _module(_spec) for _spec in _SPECS}

__all__ = [
    "FAMILIES",
    "Catalog",
    "Loss",
    "LossSpec",
    "Total",
    "catalog",
    "curves",
    "functional",
    "reduce",
    "sizes",
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _MODULES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
