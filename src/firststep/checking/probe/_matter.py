"""Whether parameters that no gradient reaches make a difference to the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ._asked import Asked
from ._parameter import Parameter, named
from ._sample import directions

_MOST = 12


def mattering(asked: Asked, parameters: Sequence[Parameter]) -> Mapping[str, bool]:
    """For every module with parameters that ask for gradients and get none: whether the loss hears it.

    Args:
        asked: what to run, in the modes of training.
        parameters: as they were seen.

    Returns:
        By the module's name; nothing where the loss is not the same twice.
    """
    tensors = named(asked.model, asked.loss)
    groups: dict[str, list[Tensor]] = {}
    for one in parameters:
        if one.trains and not one.reached and not one.of_loss:
            groups.setdefault(one.module, []).append(tensors[one.name])
    if not groups:
        return {}
    try:
        base = _cost(asked)
        if _cost(asked) != base:
            return {}
        with _moved([tensor for group in groups.values() for tensor in group]):
            if _cost(asked) == base:
                return dict.fromkeys(groups, False)
        found = {}
        for name, group in list(groups.items())[:_MOST]:
            with _moved(group):
                found[name] = _cost(asked) != base
    except Exception:  # a model that keeps state, or does not stand other weights
        return {}
    return found


def _cost(asked: Asked) -> float:
    with torch.no_grad():
        return float(asked.whole())


@contextmanager
def _moved(group: Sequence[Tensor]) -> Iterator[None]:
    """Inside, every value is another: no shift or scale of all alike, which a norm would take away."""
    kept = [tensor.data.clone() for tensor in group]
    try:
        for tensor in group:
            turn = directions(tensor.numel(), tensor.device).float().reshape(tensor.shape)
            tensor.data.add_((turn * (0.1 + tensor.data.abs().float().mean())).to(tensor.dtype))
        yield
    finally:
        for tensor, values in zip(group, kept, strict=True):
            tensor.data.copy_(values)
