"""Random states of torch, Python and NumPy: kept, and set together."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .. import rng


@contextmanager
def kept(*generators: torch.Generator) -> Iterator[None]:
    """A block after which every global random state, and those of ``generators``, are as they were before it."""
    undo: list[Callable[[], object]] = []

    def keep(state: Any, put: Callable[[Any], object]) -> None:
        undo.append(lambda: put(state))

    keep(torch.get_rng_state(), torch.set_rng_state)
    keep(random.getstate(), random.setstate)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        keep(torch.cuda.get_rng_state_all(), torch.cuda.set_rng_state_all)
    if torch.backends.mps.is_available():
        keep(torch.mps.get_rng_state(), torch.mps.set_rng_state)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        keep(numpy.random.get_state(), numpy.random.set_state)
    for one in generators:
        keep(one.get_state(), one.set_state)
    try:
        yield
    finally:
        for step in undo:
            step()


def seed_everything(seed: int, purpose: str = "") -> None:
    """Set the seeds of torch on all devices, of Python and, where it is loaded, of NumPy.

    Args:
        seed: as torch takes it.
        purpose: tells streams of one seed apart; without one, torch gets the seed itself, as ``torch.manual_seed``.
    """
    key = rng.derive_key(seed, purpose).philox
    torch.manual_seed(key if purpose else seed)
    random.seed(key)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(key % 2**32)
