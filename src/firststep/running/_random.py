"""Random states of torch on all devices, of Python and of NumPy, kept together."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


def random_states(*generators: torch.Generator) -> list[Callable[[], object]]:
    """How to put back every global random state as it is now, and those of ``generators``."""
    actions: list[Callable[[], object]] = []

    def keep(state: Any, put: Callable[[Any], object]) -> None:
        actions.append(lambda: put(state))

    keep(torch.get_rng_state(), torch.set_rng_state)
    keep(random.getstate(), random.setstate)
    if torch.cuda.is_initialized():
        keep(torch.cuda.get_rng_state_all(), torch.cuda.set_rng_state_all)
    if torch.backends.mps.is_available():
        keep(torch.mps.get_rng_state(), torch.mps.set_rng_state)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        keep(numpy.random.get_state(), numpy.random.set_state)
    for one in generators:
        keep(one.get_state(), one.set_state)
    return actions


@contextmanager
def kept(*generators: torch.Generator) -> Iterator[None]:
    """A block after which every global random state, and those of ``generators``, are as they were before it."""
    undo = random_states(*generators)
    try:
        yield
    finally:
        for step in undo:
            step()
