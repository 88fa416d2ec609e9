"""Small sound designs of many kinds, by name: a model, a loss and a batch on which a check must be silent."""

from __future__ import annotations

from collections.abc import Callable

from . import adapters, attention, dense, generation, images, pairs, sequences
from .start import Start

DESIGNS: dict[str, Callable[[], Start]] = {
    **dense.DESIGNS,
    **images.DESIGNS,
    **attention.DESIGNS,
    **sequences.DESIGNS,
    **generation.DESIGNS,
    **adapters.DESIGNS,
    **pairs.DESIGNS,
}
