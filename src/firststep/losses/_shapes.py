"""Static checks of shapes and dtypes: what the arguments are declared to be against what they are.

A pattern is a row of axes: a letter is a size shared by all arguments, a number stands for itself, and ``*`` for any
number of axes that all arguments share. Values are never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor

from ..errors import LossError

Dtype = Literal["float", "integer", "bool", "any"]


class Kind(NamedTuple):
    """What an argument holds: the dtype that says so, and the words for it."""

    dtype: Dtype
    en: str
    zh: str


KINDS: Mapping[str, Kind] = {
    "logits": Kind(
        "float", "logits: raw scores, before any softmax or sigmoid", "logits：未经 softmax 或 sigmoid 的原始得分"
    ),
    "probabilities": Kind("float", "probabilities in [0, 1]", "[0, 1] 内的概率"),
    "log-probabilities": Kind("float", "log-probabilities, at most 0", "对数概率，不大于 0"),
    "values": Kind("float", "real numbers", "实数"),
    "positive": Kind("float", "positive numbers", "正数"),
    "embeddings": Kind("float", "embeddings, one row per sample", "嵌入向量，每个样本一行"),
    "boxes": Kind("float", "boxes as (x1, y1, x2, y2)", "以 (x1, y1, x2, y2) 表示的框"),
    "images": Kind("float", "images", "图像"),
    "signals": Kind("float", "signals, time last", "信号，最后一维为时间"),
    "class": Kind("integer", "class indices, 0 to C - 1", "类别序号，从 0 到 C - 1"),
    "labels": Kind("integer", "labels: equal means the same group", "标签：相同表示同一组"),
    "counts": Kind("integer", "whole numbers", "整数"),
    "flags": Kind("any", "yes or no, as bool, integer or float", "是或否，可为布尔、整数或浮点数"),
    "signs": Kind("float", "-1 or 1", "-1 或 1"),
    "parameters": Kind("float", "parameters of the loss", "损失函数自身的参数"),
    "distribution": Kind("any", "a torch.distributions.Distribution", "torch.distributions.Distribution 对象"),
}


@dataclass(frozen=True, slots=True)
class Argument:
    """A tensor that a loss takes.

    Args:
        name: as in the function's signature.
        kind: a key of ``KINDS``.
        shape: the pattern, such as ``"N C *"``.
        en, zh: what it is, where the kind does not say enough.
        otherwise: what it may be instead; a floating tensor is taken for the alternative that holds one.
    """

    name: str
    kind: str
    shape: str
    en: str = ""
    zh: str = ""
    otherwise: Argument | None = None

    @property
    def dtype(self) -> Dtype:
        """The dtype that its kind has."""
        return KINDS[self.kind].dtype

    def holds(self, kind: str) -> bool:
        """Whether it or its alternative is of that kind."""
        return self.kind == kind or (self.otherwise is not None and self.otherwise.holds(kind))

    def form(self, tensor: Tensor) -> Argument:
        """This, or the alternative that the tensor's dtype speaks for."""
        if self.otherwise is None or _is(self.dtype, tensor):
            return self
        return self.otherwise.form(tensor)

    def forms(self) -> tuple[Argument, ...]:
        """This and its alternatives."""
        return (self,) if self.otherwise is None else (self, *self.otherwise.forms())


def check(name: str, arguments: Sequence[Argument], tensors: Sequence[Tensor]) -> None:
    """Whether the tensors have the dtypes and shapes that were declared.

    Raises:
        LossError: with both shapes and what to type.
    """
    sizes: dict[str, object] = {}
    for argument, tensor in zip(arguments, tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise LossError(
                f"{name}: {argument.name} is a {type(tensor).__name__}, expected a tensor. {_wrap(argument)}"
            )
        form = argument.form(tensor)
        if not _is(form.dtype, tensor):
            raise LossError(_wrong_dtype(name, form, tensor, _class_axis(arguments[0], form)))
        if not _bind(form.shape.split(), tuple(tensor.shape), sizes):
            raise LossError(_wrong_shape(name, form, tensor, sizes, arguments, tensors))
    _same_precision(name, arguments, tensors)


def _same_precision(name: str, arguments: Sequence[Argument], tensors: Sequence[Tensor]) -> None:
    """Embeddings and parameters are multiplied as matrices, for which torch promotes no dtype. Half is widened."""
    multiplied = [i for i, one in enumerate(arguments) if one.kind in ("embeddings", "parameters") and one.shape]
    double = [str(tensors[i].dtype) == "torch.float64" for i in multiplied]
    if len(set(double)) > 1:
        i, j = multiplied[0], multiplied[double.index(not double[0])]
        raise LossError(
            f"{name}: {arguments[i].name} is {_dtype(tensors[i])} and {arguments[j].name} {_dtype(tensors[j])}, "
            f"expected one dtype. Type {arguments[j].name}.to({arguments[i].name}.dtype)"
        )


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def sizes(arguments: Sequence[Argument], tensors: Sequence[Tensor], pattern: str) -> tuple[int, ...]:
    """The pattern with the sizes that the tensors have.

    >>> import torch
    >>> sizes([Argument("input", "logits", "N C *")], [torch.zeros(2, 3, 4, 5)], "N *")
    (2, 4, 5)
    """
    known: dict[str, Any] = {}
    for argument, tensor in zip(arguments, tensors, strict=True):
        _bind(argument.form(tensor).shape.split(), tuple(tensor.shape), known)
    parts = [known[axis] for axis in pattern.split()]
    return tuple(size for part in parts for size in (part if isinstance(part, tuple) else (part,)))


def _is(dtype: Dtype, tensor: Tensor) -> bool:
    if dtype == "float":
        return tensor.dtype.is_floating_point
    if dtype == "integer":
        return not tensor.dtype.is_floating_point and not tensor.dtype.is_complex and "bool" not in str(tensor.dtype)
    return dtype == "any" or "bool" in str(tensor.dtype)


def _bind(pattern: Sequence[str], shape: tuple[int, ...], sizes: dict[str, object]) -> bool:
    """Give the pattern's letters their sizes; whether all agree."""
    if "*" in pattern:
        star = pattern.index("*")
        rest = len(pattern) - 1
        if len(shape) < rest:
            return False
        middle = shape[star : len(shape) - (rest - star)]
        if sizes.setdefault("*", middle) != middle:
            return False
        shape = shape[:star] + shape[len(shape) - (rest - star) :]
        pattern = [*pattern[:star], *pattern[star + 1 :]]
    if len(shape) != len(pattern):
        return False
    return all(
        size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
        for axis, size in zip(pattern, shape, strict=True)
    )


def axes(pattern: str) -> str:
    """A pattern as a shape is written.

    >>> axes("N C *"), axes("N")
    ('(N, C, *)', '(N,)')
    """
    return _bracketed(pattern.split())


def _bracketed(parts: Sequence[str]) -> str:
    return f"({parts[0]},)" if len(parts) == 1 and parts[0] != "*" else f"({', '.join(parts)})"


def _filled(pattern: str, sizes: Mapping[str, object]) -> str:
    """The pattern with the sizes that are known already."""
    parts: list[str] = []
    for axis in pattern.split():
        known = sizes.get(axis, axis)
        parts += map(str, known) if isinstance(known, tuple) else [str(known)]
    return _bracketed(parts)


def _wrap(argument: Argument) -> str:
    return f"Type torch.as_tensor({argument.name})"


def _wrong_dtype(name: str, argument: Argument, tensor: Tensor, axis: int) -> str:
    given = _dtype(tensor)
    head = f"{name}: {argument.name} is {given} of shape {tuple(tensor.shape)}; it holds {KINDS[argument.kind].en}"
    if argument.dtype == "integer":
        one_hot = f", {argument.name}.argmax({axis}) if it is one-hot" if argument.kind == "class" else ""
        return f"{head}, and must be an integer tensor. Type {argument.name}.long() if it holds them already{one_hot}"
    return f"{head}, and must be floating. Type {argument.name}.float()"


def _wrong_shape(
    name: str,
    argument: Argument,
    tensor: Tensor,
    sizes: Mapping[str, object],
    arguments: Sequence[Argument],
    tensors: Sequence[Tensor],
) -> str:
    shape, first = tuple(tensor.shape), arguments[0]
    wanted = axes(argument.shape)
    if argument is first or argument is first.otherwise:
        return f"{name}: {argument.name} has shape {shape}, expected {wanted}"
    beside = tuple(tensors[0].shape)
    known = {axis: size for axis, size in sizes.items() if axis in first.shape.split()}
    expected = _filled(argument.shape, known)
    message = (
        f"{name}: {argument.name} has shape {shape} beside {first.name} of shape {beside}. "
        f"For {first.name} {axes(first.shape)} it must be {wanted}, here {expected}"
    )
    fix = _fix(argument, shape, first.name, beside, _class_axis(first, argument))
    return f"{message}. {fix}" if fix else message


def _class_axis(first: Argument, argument: Argument) -> int:
    """The axis of the first argument that a class index stands for: counted from the end behind a ``*``."""
    pattern = first.shape.split()
    axis = next((i for i, letter in enumerate(pattern) if letter not in argument.shape.split()), 1)
    return axis - len(pattern) if "*" in pattern[:axis] else axis


def _fix(argument: Argument, shape: tuple[int, ...], first: str, beside: tuple[int, ...], axis: int) -> str:
    """What to type, where the shapes tell."""
    if argument.kind == "class":
        if shape == beside:
            return f"If it is one-hot, type {argument.name}.argmax({axis})"
        if axis == 1 and len(beside) > 2 and shape == beside[:-1]:
            return f"The classes stand on axis 1: type {first}.movedim(-1, 1)"
        if len(shape) == 2 and shape[1] == 1 and len(beside) == 2:
            return f"Type {argument.name}.squeeze(1)"
        return ""
    if len(beside) == len(shape) + 1 and beside == (*shape, 1):
        return f"Nothing is broadcast: type {argument.name}.unsqueeze(-1)"
    if len(shape) == len(beside) + 1 and shape == (*beside, 1):
        return f"Nothing is broadcast: type {argument.name}.squeeze(-1)"
    return "Nothing is broadcast"
