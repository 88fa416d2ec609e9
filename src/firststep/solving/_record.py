"""The record of one run of a model: which operations made which values, from which parameters, in which modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for a value in the arguments of a call."""

    value: int


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One tensor of the run.

    Args:
        shape, dtype: of the tensor.
        parameter: canonical name, for a parameter.
        constant: the numbers, where they do not depend on the inputs or the parameters (masks, positions, buffers).
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    parameter: str | None = None
    constant: Tensor | None = field(default=None, repr=False)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return torch.Size(self.shape).numel()


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One operation of the run.

    Args:
        op: its name, such as ``aten.addmm``.
        function: what was called, to be called again.
        args, kwargs: its arguments, with a :class:`Ref` in the place of each tensor.
        inputs, outputs: the values it read and made.
        module: canonical name of the innermost module it ran in.
    """

    op: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    module: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One run of a module that owns parameters, or that has no children: an activation, a norm, a pooling.

    Args:
        name: canonical name of the module.
        kind: its type's name.
        output: the value it returned, the first if there are several.
        owns: names of its parameters.
    """

    name: str
    kind: str
    output: int
    owns: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What one run of a model did.

    Args:
        items: every tensor; calls refer to them by position.
        calls: the operations, in the order they ran.
        layers: the modules, in the order they returned.
        inputs: the values of the example inputs.
        outputs: the values the model returned.
        parameters: every parameter of the model, by canonical name, with the names it is tied to.
        shapes: shape of each.
    """

    items: tuple[Item, ...]
    calls: tuple[Call, ...]
    layers: tuple[Layer, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: dict[str, tuple[str, ...]]
    shapes: dict[str, tuple[int, ...]]

    def users(self) -> dict[int, list[int]]:
        """The calls that read each value, by position in ``calls``."""
        found: dict[int, list[int]] = {}
        for position, call in enumerate(self.calls):
            for value in call.inputs:
                found.setdefault(value, []).append(position)
        return found

    def reached(self) -> set[str]:
        """The parameters that some operation read."""
        read = {value for call in self.calls for value in call.inputs}
        return {item.parameter for value in read if (item := self.items[value]).parameter is not None}
