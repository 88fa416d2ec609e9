"""A model on copies of its numbers: what stands in their place, and what puts them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Copy = Callable[[Tensor], Tensor]
"""Makes the copy of a tensor's numbers."""


def on_copies(parameters: Iterable[Tensor], copy: Copy) -> Callable[[], None]:
    """Put parameters on copies of their numbers, without gradients; what puts both back is returned.

    The parameter itself stays, because others hold it: the optimizer, the loss, a closure. Parameters that are the same
    elements of the same memory share one copy.
    """
    kept = [(one, one.data, one.grad, one.requires_grad) for one in parameters]

    def back() -> None:
        for parameter, numbers, gradient, wanted in kept:
            parameter.grad = None  # one of another dtype would not stand the numbers of the old
            parameter.data = numbers
            parameter.requires_grad_(wanted)
            parameter.grad = gradient

    copies: dict[object, Tensor] = {}
    try:
        for parameter, numbers, _, _ in kept:
            key = _memory(numbers)
            if key not in copies:
                copies[key] = copy(numbers)
            parameter.grad = None
            parameter.data = copies[key]
    except BaseException:
        back()
        raise
    return back


def replaced(modules: Iterable[nn.Module], copy: Copy) -> None:
    """Copies in the place of buffers and of tensors kept as attributes: batch norm writes to its own in every pass."""
    copies: dict[int, Tensor] = {}
    for module in modules:
        for store in (module._buffers, module.__dict__):
            for name, value in store.items():
                if isinstance(value, Tensor):
                    if id(value) not in copies:
                        copies[id(value)] = copy(value)
                    store[name] = copies[id(value)]


def attributes(module: nn.Module) -> Callable[[], None]:
    """What puts a module's attributes back: the same objects, and the same items in dicts, lists and sets."""
    kept = {name: (value, _items(value)) for name, value in module.__dict__.items()}

    def back() -> None:
        module.__dict__.clear()
        for name, (value, items) in kept.items():
            module.__dict__[name] = value
            _refill(value, items)

    return back


def _memory(numbers: Tensor) -> object:
    """Equal for tensors that are the same elements of the same memory."""
    strided = numbers.layout == torch.strided and numbers.numel() and not numbers.is_nested
    return (numbers.data_ptr(), numbers.shape, numbers.stride(), numbers.dtype) if strided else object()


def _items(value: Any) -> Any:
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
