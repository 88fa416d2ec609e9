"""Hearing every torch function that a model calls, and which module calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Follower(TorchFunctionMode):
    """Hears functions as they return; a subclass says what to keep.

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
        """The module that is running; "model" for the whole and outside of it."""
        return (self._within[-1] if self._within else "") or "model"

    def hear(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        """A function returned."""
        raise NotImplementedError

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.hear(getattr(func, "__name__", ""), args, kwargs or {}, result)
        return result

    def enter(self, module: nn.Module, *_: Any) -> None:
        """A module begins."""
        self._within.append(self._names[id(module)])

    def leave(self, *_: Any) -> None:
        """A module returns."""
        self._within.pop()


@contextmanager
def following(follower: Follower) -> Iterator[None]:
    """Everything that runs inside is heard."""
    handles = []
    try:
        for module in dict.fromkeys(follower.model.modules()):
            handles.append(module.register_forward_pre_hook(follower.enter))
            handles.append(module.register_forward_hook(follower.leave))
        with follower:
            yield
    finally:
        for handle in handles:
            handle.remove()


def tensors(tree: Any) -> Iterator[Tensor]:
    """Every tensor in the arguments or the result of a function."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for one in tree:
            yield from tensors(one)
    elif isinstance(tree, Mapping):
        yield from tensors(list(tree.values()))
