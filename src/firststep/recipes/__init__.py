"""Named tables of rules, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import RuleError, did_you_mean
from ..planning import Recipe
from ._default import default
from ._torch import torch_defaults
from ._tutorial import tutorial

_MAKERS: dict[str, Callable[[], Recipe]] = {"default": default, "torch": torch_defaults, "tutorial": tutorial}


def names() -> tuple[str, ...]:
    """The recipes' names.

    >>> "default" in names()
    True
    """
    return tuple(_MAKERS)


def get(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        RuleError: when there is none, with the nearest name.

    >>> get("tutorial").rules[0]
    rule(Conv2d, weight=xavier_normal(), bias=constant(value=0.3))
    """
    if name not in _MAKERS:
        raise RuleError(
            f"no recipe is called {name!r}: expected {', '.join(map(repr, _MAKERS))}, or a path that ends in .yaml or "
            f".json.{did_you_mean(name, _MAKERS)}"
        )
    return _MAKERS[name]()
