"""Watching a run: a dispatch mode that writes every operation into a record."""

from __future__ import annotations

import functools
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

RECURRENT: dict[Callable[..., Any], str] = {
    torch.lstm: "lstm",
    torch.gru: "gru",
    torch.rnn_tanh: "rnn_tanh",
    torch.rnn_relu: "rnn_relu",
}
CELLS: dict[Callable[..., Any], str] = {
    torch.lstm_cell: "lstm_cell",
    torch.gru_cell: "gru_cell",
    torch.rnn_tanh_cell: "rnn_tanh_cell",
    torch.rnn_relu_cell: "rnn_relu_cell",
}
ATTENTION = "scaled_dot_product_attention"
UNPACK = "pad_packed_sequence"
WHOLE = {
    **RECURRENT,
    **CELLS,
    torch.nn.functional.scaled_dot_product_attention: ATTENTION,
    torch._VF._pad_packed_sequence: UNPACK,  # pyright: ignore[reportAttributeAccessIssue]
}
"""Recorded as one call each, not as the many they consist of, which differ from device to device."""

_WHOLE_NAMES = frozenset(WHOLE.values())

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

    def keep(self, one: Any) -> None:
        """Keep an object, so that its identity is not another's."""
        self._kept.append(one)

    def add(self, op: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """One operation that has run."""
        read: list[int] = []
        spelled_args = tuple(self._spelled(one, read) for one in args)
        spelled_kwargs = {key: self._spelled(one, read) for key, one in kwargs.items()}
        inputs = tuple(read)
        several = result if isinstance(result, (list, tuple)) else [result]
        made = [one for one in several if isinstance(one, Tensor)]
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
        if max(sizes) > _LARGEST_CONSTANT or op in _WHOLE_NAMES:
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
    """Writes every ATen operation into the book.

    Args:
        book: what is written into.
        meta: whether the run is on meta. Then numbers from outside are entered as constants, and what is made is made
            there; a question for a number (``if mask.all()``) is answered from the constants, if it can be.
    """

    def __init__(self, book: Book, *, meta: bool) -> None:
        super().__init__()
        self._book, self._meta = book, meta
        self._twins: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._meta:
            args = [self._on_meta(one) for one in args]
            kwargs = {key: self._on_meta(one) for key, one in kwargs.items()}
            if "device" in kwargs or _makes(func):
                kwargs = {**kwargs, "device": _META}
            if func is torch.ops.aten._local_scalar_dense.default:
                return self._number(args[0])
        result = func(*args, **kwargs)
        if not self._book.paused and func.namespace != "prim":
            self._book.add(_spelling(func), func, args, kwargs, result)
        return result

    def _on_meta(self, one: Any) -> Any:
        """The twin of a tensor with numbers."""
        if isinstance(one, (list, tuple)):
            return [self._on_meta(each) for each in one]
        if not isinstance(one, Tensor) or one.is_meta:
            return one
        twin = self._twins.get(id(one))
        if twin is None:
            twin = self._twins[id(one)] = torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device=_META)
            self._book.enter(twin, constant=_numbers(one))
            self._book.keep(one)
        return twin

    def _number(self, one: Tensor) -> Any:
        constant = self._book.items[self._book.value(one)].constant
        if constant is None:
            raise UnknownNumberError("a number that depends on inputs or parameters was asked for")
        return constant.item()


class UnknownNumberError(RuntimeError):
    """A model on meta looks at a number that is not known."""


_META = torch.device("meta")


@functools.cache
def _spelling(func: Any) -> str:
    return f"{func.namespace}.{func._schema.name.split('::')[1]}"


@functools.cache
def _makes(func: Any) -> bool:
    """Whether an operation makes a tensor on a device of its choice."""
    names = [one.name for one in func._schema.arguments]
    tensors = any("Tensor" in str(one.type) for one in func._schema.arguments)
    return "device" in names and not tensors


class Whole(TorchFunctionMode):
    """Writes recurrent layers, their cells and attention into the book as one call each."""

    def __init__(self, book: Book, *, real: bool) -> None:
        super().__init__()
        self._book, self._real = book, real

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        op = WHOLE.get(func)
        if op is None:
            return func(*args, **kwargs)
        with paused(self._book):
            result = func(*args, **kwargs) if self._real or op == UNPACK else _shaped(op, args, kwargs)
        self._book.add(op, func, args, kwargs, result)
        return result


def _shaped(op: str, args: Any, kwargs: Any) -> Any:
    """Empty tensors of the shapes that an operation returns."""
    x = args[0] if args else kwargs["query"]
    if op == ATTENTION:
        value = args[2] if len(args) > 2 else kwargs["value"]
        return x.new_empty((*x.shape[:-1], value.shape[-1]))
    packed = op in RECURRENT.values() and isinstance(args[3], (list, tuple))
    states = args[2 if packed else 1]
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    new = [one.new_empty(one.shape) for one in states]
    if op in CELLS.values():
        return tuple(new) if len(new) > 1 else new[0]
    directions = 2 if args[7] else 1
    return x.new_empty((*x.shape[:-1], directions * states[0].shape[-1])), *new


@contextmanager
def paused(book: Book) -> Iterator[None]:
    """Inside, nothing is recorded."""
    book.paused = True
    try:
        yield
    finally:
        book.paused = False
