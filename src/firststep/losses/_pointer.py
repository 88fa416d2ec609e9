"""The declaration of a loss that somebody else keeps."""

from __future__ import annotations

from typing import Any

from ._spec import LossSpec


def pointer(path: str, **fields: Any) -> LossSpec:
    """A loss that is described here and kept at ``path``, by which it is named.

    >>> from firststep import losses
    >>> losses.catalog["sinkhorn"].path
    'geomloss.SamplesLoss'
    """
    return LossSpec(name=path, module="", path=path, **fields)
