"""What would stop an accelerator is refused in words before it gets there, as the CPU refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._calls import LossCall
from ._targets import classes


def refuse_loss(call: Mapping[str, Any]) -> None:
    """A kernel that meets an impossible class or probability ends the process's use of the device: it is not started.

    Raises:
        IndexError: for a class that does not exist.
        RuntimeError: for a probability outside of 0 to 1.
    """
    given = [one for one in call["given"] if isinstance(one, Tensor)]
    if len(given) < len(call["given"]) or not any(_accelerated(one) for one in given):
        return
    tensors = tuple(one.detach() for one in given)
    if call["spec"].name.endswith(".BCELoss"):
        for name, one in zip(("input", "target"), tensors, strict=False):
            if one.numel() and not bool(((one >= 0) & (one <= 1)).all()):
                raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    seen = classes(
        LossCall(
            spec=call["spec"],
            function=call["function"],
            tensors=tensors,
            seen=(),
            origins=(),
            options=call["options"],
            inside="loss",
        )
    )
    valid = None if seen is None else seen.valid
    if seen is not None and valid is not None and valid.numel():
        outside = valid[(valid < 0) | (valid >= seen.count)]
        if outside.numel():
            raise IndexError(f"Target {int(outside[0])} is out of bounds.")


def refuse_index(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """The same of an embedding.

    Raises:
        IndexError: for a row that does not exist.
    """
    if function not in (F.embedding, F.embedding_bag):
        return
    ids, table = (kwargs[name] if name in kwargs else args[i] for i, name in enumerate(("input", "weight")))
    if not isinstance(ids, Tensor) or not _accelerated(ids) or not ids.numel():
        return
    low, high = (int(one) for one in torch.aminmax(ids))
    if low < 0 or high >= table.shape[0]:
        raise IndexError("index out of range in self")


def _accelerated(tensor: Tensor) -> bool:
    return tensor.device.type not in ("cpu", "meta")
