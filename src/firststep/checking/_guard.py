"""Looking never changes: everything a forward or backward pass could touch is put back, also after an error."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def untouched(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, every tensor of the modules stands on a copy of its numbers; afterwards on its own again.

    Parameters, buffers, gradients, attributes, modes, hooks and random states are as before when the block is left, by
    whatever way. The numbers themselves are never written to, so that no graph that holds them becomes invalid.
    """
    everything = list({id(one): one for module in modules for one in module.modules()}.values())
    undo = [_random_state(), *(_attributes(module) for module in everything)]
    tensors = {id(one): one for module in everything for one in _tensors(module)}
    undo += [_numbers(list(tensors.values()))]
    try:
        yield
    finally:
        for step in reversed(undo):
            step()


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers, and tensors kept as plain attributes."""
    for store in (module._parameters, module._buffers, module.__dict__):
        yield from (value for value in store.values() if isinstance(value, Tensor))


def _numbers(tensors: list[Tensor]) -> Callable[[], None]:
    """Tensors on copies of their numbers, without their gradients; what puts both back is returned."""
    kept = [(tensor, tensor.data, tensor.grad if tensor.is_leaf else None, tensor.requires_grad) for tensor in tensors]

    def back() -> None:
        for tensor, numbers, gradient, wanted in kept:
            tensor.data = numbers
            if tensor.is_leaf:
                tensor.requires_grad_(wanted)
                tensor.grad = gradient

    try:
        for tensor, numbers, _, _ in kept:
            if tensor.is_leaf:
                tensor.grad = None
            tensor.data = numbers.clone()
    except BaseException:
        back()
        raise
    return back


def _attributes(module: nn.Module) -> Callable[[], None]:
    """What puts a module's attributes back: the same objects, and the same items in dicts, lists and sets."""
    kept = {name: (value, _copied(value)) for name, value in module.__dict__.items()}

    def back() -> None:
        module.__dict__.clear()
        for name, (value, items) in kept.items():
            module.__dict__[name] = value
            _refill(value, items)

    return back


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    return value.copy() if isinstance(value, (dict, list, set)) else None


def _refill(value: Any, items: Any) -> None:
    if isinstance(value, torch.Generator):
        value.set_state(items)
    elif isinstance(value, list):
        value[:] = items
    elif isinstance(value, (dict, set)):
        value.clear()
        value.update(items)


def _random_state() -> Callable[[], None]:
    """What puts the random states of torch on all devices, of Python and of NumPy back."""
    restore: list[Callable[[], None]] = []

    def keep(state: Any, put: Callable[[Any], Any]) -> None:
        restore.append(lambda: put(state))

    keep(torch.get_rng_state(), torch.set_rng_state)
    keep(random.getstate(), random.setstate)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        keep(torch.cuda.get_rng_state_all(), torch.cuda.set_rng_state_all)
    if torch.backends.mps.is_available():
        keep(torch.mps.get_rng_state(), torch.mps.set_rng_state)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        keep(numpy.random.get_state(), numpy.random.set_state)

    def back() -> None:
        for step in restore:
            step()

    return back
