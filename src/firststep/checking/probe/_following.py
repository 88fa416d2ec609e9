"""Following a model as it runs: every torch function that is called, and which module calls it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Within(TorchFunctionMode):
    """Knows which module is running. Modules are told of by the hooks that :func:`following` puts up.

    Args:
        model: whose modules give the places their names.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._names = {id(module): name for name, module in model.named_modules()}
        self._within: list[str] = []

    @property
    def place(self) -> str:
        """The module that is running; empty for the model itself and outside of it."""
        return self._within[-1] if self._within else ""

    def enter(self, module: nn.Module, *_: Any) -> None:
        """A module begins."""
        self._within.append(self._names[id(module)])

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """A module returns."""
        self._within.pop()


class Follower(Within, ABC):
    """Hears functions as they return; a subclass says what to keep."""

    @abstractmethod
    def hear(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        """A function returned."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.hear(getattr(func, "__name__", ""), args, kwargs or {}, result)
        return result


@contextmanager
def following(follower: Within) -> Iterator[None]:
    """Everything that runs inside is heard."""
    handles = []
    try:
        for module in dict.fromkeys(follower.model.modules()):
            if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
                continue
            handles.append(module.register_forward_pre_hook(follower.enter))
            handles.append(module.register_forward_hook(follower.leave))
        with follower:
            yield
    finally:
        for handle in handles:
            handle.remove()
