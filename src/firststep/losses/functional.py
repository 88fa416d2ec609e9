"""Every loss of firststep as a function: ``losses.functional.NAME(*tensors, *, options)``.

The functions are made from the declarations in the files beside this one; ``functional.pyi`` tells editors of them.
"""

from __future__ import annotations

from typing import Any

from ._build import function as _function
from ._distribution import distribution_nll_loss as distribution_nll_loss
from ._families import SPECS as _SPECS
from ._reduce import reduce as reduce

_BY_NAME = {_spec.name: _spec for _spec in _SPECS}
_MADE: dict[str, Any] = {}

__all__ = ["distribution_nll_loss", "reduce", *_BY_NAME]


def __getattr__(name: str) -> Any:
    if name not in _BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _MADE:  # made when it is first asked for
        _MADE.setdefault(name, _function(_BY_NAME[name]))
    return _MADE[name]


def __dir__() -> list[str]:
    return __all__
