"""Every loss of firststep as a function: ``losses.functional.NAME(*tensors, *, options)``.

The functions are made from the declarations in the files beside this one; ``functional.pyi`` tells editors of them.
"""

from __future__ import annotations

from typing import Any

from ._build import function as _function
from ._distribution import distribution_nll_loss as distribution_nll_loss
from ._families import SPECS as _SPECS
from ._reduce import reduce as reduce

_FUNCTIONS: dict[str, Any] = {_spec.name: _function(_spec) for _spec in _SPECS}

__all__ = ["distribution_nll_loss", "reduce", *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
