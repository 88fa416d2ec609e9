"""What every loss may be asked for beside its own options."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ._reduce import Denominator, Reduction


class Asked(NamedTuple):
    """What every loss may be asked for beside its own options."""

    reduction: Reduction = "mean"
    weight: Tensor | None = None
    mask: Tensor | None = None
    denominator: Denominator = "weight"
    empty: float = 0.0
    ignore_index: int | None = -100
    class_weight: Tensor | None = None
