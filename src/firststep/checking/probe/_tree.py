"""Batches of any form: tensors in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...running import leaves, mapped

Value = TypeVar("Value")


def attempt(trial: Callable[[], Value]) -> Value | None:
    """What a trial gives; None where the model or the loss does not stand the changed batch."""
    try:
        return trial()
    except Exception:
        return None


def fresh(tree: Any) -> Any:
    """Copies, so that what a model writes into its input is not seen outside."""
    return mapped(lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad), tree)


def detached(tree: Any) -> Any:
    """The same numbers, cut off from the graph."""
    return mapped(lambda tensor: tensor.detach(), tree)


def examples(*trees: Any) -> int | None:
    """The number of examples: the length of axis 0, where every tensor of all trees has the same; None otherwise.

    >>> examples(torch.zeros(4, 3), {"y": torch.zeros(4)}), examples(torch.zeros(4, 3), torch.zeros(5))
    (4, None)
    """
    tensors = [tensor for tree in trees for _, tensor in leaves(tree, nested=True)]
    plain = all(tensor.ndim and tensor.layout == torch.strided and not tensor.is_nested for tensor in tensors)
    lengths = {tensor.shape[0] for tensor in tensors} if plain else {-1}
    return lengths.pop() if len(lengths) == 1 and -1 not in lengths else None


def chosen(tree: Any, index: Sequence[int] | Tensor, n: int) -> Any:
    """The examples at these places, in that order: from every tensor whose axis 0 has length n, else from axis 1."""
    places = torch.as_tensor(index)

    def pick(tensor: Tensor) -> Tensor:
        axis = batch_axis(tensor, n)
        return tensor if axis is None else tensor.index_select(axis, places.to(tensor.device))

    return mapped(pick, tree)


def batch_axis(tensor: Tensor, n: int) -> int | None:
    """The axis along which n examples stand: 0, or 1 where time comes first; None where neither has that length."""
    if tensor.is_nested or tensor.layout != torch.strided:
        return None
    return next((axis for axis in (0, 1) if tensor.ndim > axis and tensor.shape[axis] == n), None)
