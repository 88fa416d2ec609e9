"""Watching a run: a dispatch mode that writes every operation into a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from ._record import Call, Item, Layer, Ref

_LARGEST_CONSTANT = 1 << 22
"""Constants of more elements are not computed."""

WHOLE: dict[Callable[..., Any], str] = {
    torch.lstm: "lstm",
    torch.gru: "gru",
    torch.rnn_tanh: "rnn_tanh",
    torch.rnn_relu: "rnn_relu",
}
"""Recorded as one call each, not as the thousands they consist of."""

_RANDOM = ("rand", "bernoulli", "normal", "uniform", "multinomial", "exponential", "dropout", "empty")


class Book:
    """What has been recorded so far. Tensors are known by identity and kept alive until the end."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.calls: list[Call] = []
        self.layers: list[Layer] = []
        self.modules: list[str] = [""]
        self.paused = False
        self._known: dict[int, int] = {}
        self._kept: list[Any] = []
        self._bases: dict[int, Any] = {}

    def value(self, tensor: Tensor) -> int:
        """The value that ``tensor`` now holds; a tensor from nowhere, such as a literal, is a constant."""
        known = self._known.get(id(tensor))
        return self.enter(tensor, constant=_numbers(tensor)) if known is None else known

    def enter(self, tensor: Tensor, parameter: str | None = None, constant: Tensor | None = None) -> int:
        """A new value, held by ``tensor`` from now on."""
        self.items.append(Item(tuple(tensor.shape), tensor.dtype, parameter, constant))
        self._known[id(tensor)] = len(self.items) - 1
        self._kept.append(tensor)
        return len(self.items) - 1

    def add(self, op: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """One operation that has run."""
        read: list[int] = []
        spelled_args = tuple(self._spelled(one, read) for one in args)
        spelled_kwargs = {key: self._spelled(one, read) for key, one in kwargs.items()}
        inputs = tuple(read)
        made = [result] if isinstance(result, Tensor) else [one for one in result or () if isinstance(one, Tensor)]
        if not made:
            return
        constants = self._constants(function, op, spelled_args, spelled_kwargs, inputs, made)
        outputs = tuple(self.enter(one, constant=number) for one, number in zip(made, constants, strict=True))
        self.calls.append(Call(op, function, spelled_args, spelled_kwargs, inputs, outputs, self.modules[-1]))
        self._alias(function, args, made, outputs)

    def _spelled(self, one: Any, read: list[int]) -> Any:
        """An argument with references in place of tensors, which are noted as read."""
        if isinstance(one, Tensor):
            read.append(self.value(one))
            return Ref(read[-1])
        if isinstance(one, (list, tuple)):
            return type(one)([self._spelled(each, read) for each in one]) if type(one) in (list, tuple) else one
        return one

    def _constants(
        self, function: Any, op: str, args: Any, kwargs: Any, inputs: tuple[int, ...], made: list[Tensor]
    ) -> list[Tensor | None]:
        """The numbers of the outputs, where the inputs' are known."""
        nothing: list[Tensor | None] = [None] * len(made)
        sizes = [one.numel() for one in made] + [self.items[one].numel for one in inputs]
        if any(word in op for word in _RANDOM) or any(self.items[one].constant is None for one in inputs):
            return nothing
        if max(sizes) > _LARGEST_CONSTANT or op in WHOLE.values():
            return nothing
        with unset_fake_temporarily():
            real_args, real_kwargs = tree_map(self._real, (args, kwargs))
            real_kwargs = {key: torch.device("cpu") if key == "device" else one for key, one in real_kwargs.items()}
            found = [one for one in tree_flatten(function(*real_args, **real_kwargs))[0] if isinstance(one, Tensor)]
        return list(found)

    def _real(self, one: Any) -> Any:
        constant = self.items[one.value].constant if isinstance(one, Ref) else None
        return one if constant is None else constant.clone()

    def _alias(self, function: Any, args: Any, made: list[Tensor], outputs: tuple[int, ...]) -> None:
        """A write through a view changes what it is a view of."""
        if not args or not isinstance(args[0], Tensor):
            return
        mutable = getattr(getattr(function, "_schema", None), "is_mutable", False)
        if mutable and made[0] is args[0]:
            part, written = made[0], outputs[0]
            while id(part) in self._bases:
                part = self._bases[id(part)]
                before, now = self.value(part), self.enter(part)
                self.calls.append(Call("write", torch.clone, (), {}, (before, written), (now,), self.modules[-1]))
                written = now
        elif getattr(function, "is_view", False):
            self._bases.update({id(one): args[0] for one in made})


def _numbers(tensor: Tensor) -> Tensor | None:
    """The numbers of a tensor that the run did not make."""
    if type(tensor) is Tensor and not tensor.is_meta and tensor.numel() <= _LARGEST_CONSTANT:
        with unset_fake_temporarily():
            return tensor.detach().cpu().clone()
    constant = getattr(tensor, "constant", None)  # what a fake tensor remembers of a literal
    return constant if isinstance(constant, Tensor) else None


class Watch(TorchDispatchMode):
    """Writes every ATen operation into the book."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._book.paused and func.namespace != "prim":
            self._book.add(f"{func.namespace}.{func._schema.name.split('::')[1]}", func, args, kwargs or {}, result)
        return result


class Whole(TorchFunctionMode):
    """Writes a recurrent layer into the book as one call."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        op = WHOLE.get(func)
        if op is None:
            return func(*args, **(kwargs or {}))
        with paused(self._book):
            result = func(*args, **(kwargs or {}))
        self._book.add(op, func, args, kwargs or {}, result)
        return result


@contextmanager
def paused(book: Book) -> Iterator[None]:
    """Inside, nothing is recorded."""
    book.paused = True
    try:
        yield
    finally:
        book.paused = False
