"""How a model is called with its inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def called(model: nn.Module, inputs: Any) -> Any:
    """A model's output for a tensor, a dict of keyword arguments, or a tuple of positional ones.

    A list is spread as a tuple is, unless the model's forward has room for it as its one argument.
    """
    if isinstance(inputs, Mapping):
        return model(**inputs)
    spread = isinstance(inputs, tuple) or (isinstance(inputs, list) and not takes(model, (inputs,)))
    return model(*inputs) if spread else model(inputs)


def takes(function: Callable[..., Any], arguments: Sequence[Any]) -> bool:
    """Whether its signature has room for these arguments; True where it has none to read."""
    try:
        signature = inspect.signature(function.forward if isinstance(function, nn.Module) else function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def unwrapped(module: Any) -> Any:
    """Without torch.compile, inside of which hooks see nothing, and without data parallelism."""
    while isinstance(module, nn.Module):
        if hasattr(module, "_orig_mod"):
            module = module._orig_mod
        elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        else:
            break
    return module


@contextmanager
def layer_by_layer() -> Iterator[None]:
    """Without attention's fast path, which runs whole layers at once, so that the layers inside are not called."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
