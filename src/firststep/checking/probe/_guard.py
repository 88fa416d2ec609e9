"""Looking never changes: everything a forward or backward pass could touch is put back, also after an error."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def untouched(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, the modules work on copies of their numbers; afterwards on their own again.

    Parameters, buffers, gradients, attributes, modes, hooks and random states are as before when the block is left, by
    whatever way. The numbers themselves are never written to, so that no graph that holds them becomes invalid.
    """
    everything = list({id(one): one for module in modules for one in module.modules()}.values())
    undo = [_random_state(), *(_attributes(module) for module in everything)]
    try:
        undo.append(_parameters({id(one): one for module in everything for one in module._parameters.values()}))
        _replaced(everything)
        yield
    finally:
        for step in reversed(undo):
            step()


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, everything is in evaluation mode."""
    modes = [(module, module.training) for whole in modules for module in whole.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


def _parameters(tensors: Mapping[int, Tensor | None]) -> Callable[[], None]:
    """Parameters on copies of their numbers, without their gradients; what puts both back is returned.

    The parameter itself stays, because others hold it: the optimizer, the loss, a closure.
    """
    kept = [(one, one.data, one.grad, one.requires_grad) for one in tensors.values() if one is not None]

    def back() -> None:
        for tensor, numbers, gradient, wanted in kept:
            tensor.data = numbers
            tensor.requires_grad_(wanted)
            tensor.grad = gradient

    try:
        for tensor, numbers, _, _ in kept:
            tensor.grad = None
            tensor.data = numbers.clone()
    except BaseException:
        back()
        raise
    return back


def _replaced(modules: Iterable[nn.Module]) -> None:
    """Copies in the place of buffers and of tensors kept as attributes: batch norm writes to its own in every pass."""
    copies: dict[int, Tensor] = {}
    for module in modules:
        for store in (module._buffers, module.__dict__):
            for name, value in store.items():
                if isinstance(value, Tensor):
                    if id(value) not in copies:
                        copies[id(value)] = value.detach().clone().requires_grad_(value.requires_grad)
                    store[name] = copies[id(value)]


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
