"""The gradients of a loss, also through checkpoints that only a whole backward pass can go through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor


def gradients(loss: Tensor, wanted: Sequence[Tensor]) -> list[Tensor | None]:
    """By each of the tensors; None for those that it does not reach. The graph is used up.

    ``torch.autograd.grad`` does not see parameters inside ``torch.utils.checkpoint(..., use_reentrant=True)``; there
    a backward pass is made, and the parameters' ``grad`` is None before and after it.
    """
    if not _reentrant(loss):
        return list(torch.autograd.grad(loss, list(wanted), allow_unused=True))
    for one in wanted:
        if one.is_leaf:
            one.grad = None
        else:
            one.retain_grad()
    try:
        loss.backward()
        return [one.grad for one in wanted]
    finally:
        for one in wanted:
            one.grad = None


def _reentrant(loss: Tensor) -> bool:
    """Whether a checkpoint that runs a part of the model again in the backward pass is in the graph."""
    return any(type(node).__name__ == "CheckpointFunctionBackward" for node in nodes(loss))


def nodes(loss: Tensor) -> Iterator[Any]:
    """Every node of the graph that made a tensor, once."""
    seen: set[Any] = set()
    waiting: list[Any] = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [one for one, _ in node.next_functions]
