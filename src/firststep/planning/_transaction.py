"""All or nothing: what is about to be overwritten is remembered, and put back when the block fails."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import torch
from torch import Tensor

from ..running import random_states


class Transaction:
    """A block that leaves tensors and random states as they were if it ends in any exception, Ctrl-C included.

    >>> weight = torch.zeros(2)
    >>> try:
    ...     with Transaction() as undo:
    ...         undo.keep(weight)
    ...         _ = weight.fill_(1.0)
    ...         raise KeyboardInterrupt
    ... except KeyboardInterrupt:
    ...     print(weight)
    tensor([0., 0.])
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self._undo: list[Callable[[], object]] = random_states(*([] if generator is None else [generator]))

    def keep(self, tensor: Tensor) -> None:
        """Remember a tensor's elements."""
        saved = tensor.detach().clone()
        self._undo.append(lambda: tensor.detach().copy_(saved))

    def undo(self, action: Callable[[], object]) -> None:
        """Remember what to do if the block fails."""
        self._undo.append(action)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with torch.no_grad():
                for action in reversed(self._undo):
                    action()
