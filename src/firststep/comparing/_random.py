"""Seeds of torch, Python and NumPy, set together."""

from __future__ import annotations

import random
import sys
from typing import Any

import torch

from .. import rng


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
