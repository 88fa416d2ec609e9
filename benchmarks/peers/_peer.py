"""A loss beside what people would otherwise use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Peer:
    """One line of the table.

    Args:
        loss: the name of our function.
        tensors: makes the arguments, float32, of a size at which a call takes some milliseconds.
        peer: the mean of the same loss, of the same tensors: torch's own function, or a peer's formula.
        source: whose it is.
        options: ours.
        same: whether it is the same number.
    """

    loss: str
    tensors: Callable[[], tuple[Tensor, ...]]
    peer: Callable[..., Tensor]
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    same: bool = True
