"""Orthogonal matrices whose scale is given by the size of their elements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ._formula import OF_FANS, symbols_in, value_at
from ._orthogonal import Haar, _matrix_shape
from ._scheme import spelled
from ._site import Part, Site


@dataclass(frozen=True, repr=False)
class OrthogonalRms(Haar):
    """An orthonormal matrix rescaled to a root mean square that a formula gives."""

    formula: ClassVar[str] = "c Q with Q orthonormal and c such that sqrt(E[w^2]) = rms"

    rms: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "uses_model", bool(symbols_in(self.rms) - OF_FANS))

    def _scale(self, part: Part, site: Site) -> float:
        return value_at(self.rms, part, site, repr(self)) * math.sqrt(max(*_matrix_shape(part, site), 1))


@spelled
def orthogonal_rms(rms: str = "1/sqrt(fan_in)") -> OrthogonalRms:
    """A (semi-)orthogonal matrix with a root mean square given by a formula, in every draw.

    ``w = c Q``, ``E[w^2] = c^2 / max(rows, columns) = rms^2``. With the default a signal of independent features keeps
    its second moment, whichever of the two sides is the longer.

    Args:
        rms: a formula in ``fan_in``, ``fan_out`` and the numbers of the model that :func:`scaled` knows.

    Raises:
        SchemeError: for a formula that cannot be read; when used, for a number that is not known, and on a site with
            less than 2 dimensions.

    Source: RWKV's ``orthogonal_(gain=sqrt(max(1, out / in)))`` has the default's law.

    >>> w = orthogonal_rms("0.5/sqrt(fan_in)").sample((6, 4), seed=0)
    >>> round(w.square().mean().sqrt().item(), 6)
    0.25
    """
    symbols_in(rms)
    return OrthogonalRms(rms)
