"""Keeping functions out of torch.compile, whose fused multiply-adds would change bits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import torch

P = ParamSpec("P")
R = TypeVar("R")


def eager(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, run operation by operation even when called from compiled code (by a graph break there).

    ``torch.compiler.disable`` does the work, but is called late: it imports the whole compiler, which takes seconds.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            disabled = cast("Callable[P, R]", torch.compiler.disable(function))
            return disabled(*args, **kwargs)
        return function(*args, **kwargs)

    return guarded
