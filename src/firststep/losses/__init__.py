"""Losses: ``losses.FocalLoss`` modules, ``losses.functional`` functions, ``losses.catalog`` to look them up.

The classes are made from the declarations in the files of this folder; ``__init__.pyi`` tells editors of them.
"""

from __future__ import annotations

from typing import Any

from . import functional as functional
from ._build import Loss as Loss
from ._build import module as _module
from ._call import Asked as Asked
from ._call import watching as watching
from ._catalog import Catalog as Catalog
from ._combine import Combined as Combined
from ._combine import UncertaintyWeighting as UncertaintyWeighting
from ._combine import WeightedSum as WeightedSum
from ._crf import crf_decode as crf_decode
from ._curves import curves as curves
from ._distribution import DistributionNLLLoss as DistributionNLLLoss
from ._facts import LANGUAGES as LANGUAGES
from ._facts import Language as Language
from ._facts import say as say
from ._families import FAMILIES as FAMILIES
from ._families import POINTERS as _POINTERS
from ._families import SPECS as _SPECS
from ._gather import gather_with_gradient as gather_with_gradient
from ._grpo import group_advantage as group_advantage
from ._kto import kto_reference_point as kto_reference_point
from ._language import sequence_log_prob as sequence_log_prob
from ._long_tail import class_balanced_weight as class_balanced_weight
from ._markdown import page as page
from ._mixup import mixup_loss as mixup_loss
from ._ordinal import coral_decode as coral_decode
from ._ordinal import corn_decode as corn_decode
from ._reduce import Total as Total
from ._reduce import reduce as reduce
from ._shapes import sizes as sizes
from ._show import listing as listing
from ._show import text as text
from ._spec import LossSpec as LossSpec
from ._spec import Text as Text

catalog = Catalog((*_SPECS, *_POINTERS))
"""Every loss by name: firststep's own, torch's, and well-kept ones elsewhere."""

_BY_NAME = {_spec.module: _spec for _spec in _SPECS}
_MADE: dict[str, Any] = {}

__all__ = [
    "FAMILIES",
    "Catalog",
    "Combined",
    "DistributionNLLLoss",
    "Loss",
    "LossSpec",
    "Total",
    "UncertaintyWeighting",
    "WeightedSum",
    "catalog",
    "class_balanced_weight",
    "coral_decode",
    "corn_decode",
    "crf_decode",
    "curves",
    "functional",
    "gather_with_gradient",
    "group_advantage",
    "kto_reference_point",
    "mixup_loss",
    "reduce",
    "sequence_log_prob",
    "sizes",
    *_BY_NAME,
]


def __getattr__(name: str) -> Any:
    if name not in _BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _MADE:  # made when it is first asked for
        _MADE.setdefault(name, _module(_BY_NAME[name]))
    return _MADE[name]


def __dir__() -> list[str]:
    return __all__
