"""The logarithm of a uniform draw: decays whose speeds are spread evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._moments import Moments
from ._scheme import Transformed, finite, spelled
from ._site import Part, Site
from ._transformed import mapped_moments, widened


@dataclass(frozen=True, repr=False)
class LogOfUniform(Transformed):
    """log U(low, high)."""

    formula: ClassVar[str] = "exp(w) ~ U(low, high)"

    low: float
    high: float

    def law(self, part: Part, site: Site) -> rng.Law:
        return rng.Uniform(self.low, self.high)

    def part_moments(self, part: Part, site: Site) -> Moments:
        return mapped_moments(lambda t: t, math.log(self.low), math.log(self.high), density=torch.exp)

    def transform(self, values: Tensor) -> Tensor:
        return widened(values).log().to(values.dtype)


@spelled
def log_of_uniform(low: float, high: float) -> LogOfUniform:
    """``w = log u, u ~ U(low, high)``: Mamba-2's ``A_log``, whose decays ``A = -exp(w)`` are spread evenly.

    :func:`log_uniform` is the other way round: there ``log w`` is uniform.

    Raises:
        SchemeError: unless ``0 < low <= high``, both finite.

    Source: Dao and Gu 2024, Mamba-2 (arXiv 2405.21060), the authors' ``mamba2.py``: U(1, 16).

    >>> w = log_of_uniform(1.0, 16.0).sample((1000,), seed=0)
    >>> bool(w.min() >= 0 and w.exp().max() < 16.0001)
    True
    """
    finite("log_of_uniform", low=low, high=high)
    if not 0 < low <= high:
        raise SchemeError(f"log_of_uniform(low={low!r}, high={high!r}): expected 0 < low <= high")
    return LogOfUniform(float(low), float(high))
