"""Trained tensors that made the output, and that neither the model nor the optimizer knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._asked import Asked
from ._broadcast import address
from ._hidden import hidden
from ._origin import named as name_of
from ._origin import through
from ._parameter import named
from ._tree import fresh, leaves


@dataclass(frozen=True, slots=True)
class Stray:
    """A leaf of the output's graph that asks for a gradient and belongs to nobody.

    Args:
        shape: its own.
        function: what used it: "linear", "convolution".
        parameter: whether it is an nn.Parameter, as those of layers are.
        made: whether another pass uses another tensor: it is created in forward.
        drawn: whether the values of that one differ.
        copied: whether its values are those of a parameter that the model knows.
    """

    shape: tuple[int, ...]
    function: str
    parameter: bool
    made: bool
    drawn: bool
    copied: bool


def strays(asked: Asked, output: Any, optimized: frozenset[int] | None) -> tuple[Stray, ...]:
    """What a graph ends at, less what the model, the loss and the optimizer know.

    Args:
        asked: what to run once more, where there is any.
        output: of the model, with its graph.
        optimized: the identities of what the optimizer holds.
    """
    first = _leaves(asked, output, optimized)
    if not first:
        return ()
    state = torch.get_rng_state()
    torch.rand(1)  # else what is drawn in forward could be the same
    try:
        with torch.enable_grad():
            second = _leaves(asked, asked.run(fresh(asked.inputs)), optimized)
    except Exception:  # what ran once and does not run again: nothing is known
        return ()
    finally:
        torch.set_rng_state(state)
    if len(second) != len(first):
        return ()
    own = [one.detach() for one in named(asked.model, asked.loss).values()]
    pairs = zip(first, second, strict=True)
    return tuple(_stray(one, other, function, own) for (one, function), (other, _) in pairs)


def _stray(one: Tensor, other: Tensor, function: str, own: list[Tensor]) -> Stray:
    values = one.detach()
    return Stray(
        shape=tuple(one.shape),
        function=function,
        parameter=isinstance(one, nn.Parameter),
        made=one is not other,
        drawn=not _equal(values, other.detach()),
        copied=any(_equal(values, known) for known in own),
    )


def _equal(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape and one.device == other.device and one.dtype == other.dtype
    return alike and torch.equal(one, other)


def _leaves(asked: Asked, output: Any, optimized: frozenset[int] | None) -> list[tuple[Tensor, str]]:
    """In the order in which the walk from the output meets them, with the functions that use them."""
    own = [*named(asked.model, asked.loss).values(), *asked.model.buffers()]
    own += [tensor for one in hidden(asked.model) for tensor in one.tensors]
    known = {id(one) for one in own} | (optimized or frozenset())
    places = {address(one) for one in own if one.layout == torch.strided} - {0}
    found = []
    for variable, function in _ends([one.grad_fn for _, one in leaves(output)]):
        strange = id(variable) not in known and variable.layout == torch.strided
        if strange and variable.numel() and address(variable) not in places:
            found.append((variable, function))
    return found


def _ends(nodes: list[Any]) -> Iterator[tuple[Tensor, str]]:
    seen: set[Any] = set()
    waiting = [(node, "") for node in nodes]
    while waiting:
        node, function = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            yield variable, function
        function = function if through(node) else name_of(node)
        waiting += [(one, function) for one, _ in node.next_functions]
