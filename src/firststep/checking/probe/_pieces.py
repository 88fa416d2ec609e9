"""Which of the tensors that were joined a part is from: the way through slices, selections, cats and stacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_SIGN = 2**63


class Part(NamedTuple):
    """A node of the graph and what is wanted of its output.

    Args:
        node: it; None where there is no graph.
        output: which of its outputs.
        window: from where to where along an axis, for axes of which only a part is wanted; None where nobody knows.
    """

    node: Any
    output: int = 0
    window: Mapping[int, tuple[int, int]] | None = {}


def sources(part: Part, kind: str) -> tuple[Part, ...]:
    """What a node that only moves numbers has what is wanted of its output from; none where that cannot be told.

    Args:
        part: the node.
        kind: its name: "slice", "cat".
    """
    node, window = part.node, part.window
    ways = [Part(one, output, None) for one, output in node.next_functions]
    if len(ways) == 1:
        try:
            return (ways[0]._replace(window=None if window is None else _within(node, kind, part.output, window)),)
        except (AttributeError, RuntimeError, IndexError, TypeError):
            return (ways[0],)
    if kind not in ("cat", "stack") or window is None or any(one.node is None for one in ways):
        return ()
    try:
        return _joined(node, kind, ways, window)
    except (AttributeError, RuntimeError, IndexError, TypeError):
        return ()


def _within(
    node: Any, kind: str, output: int, window: Mapping[int, tuple[int, int]]
) -> dict[int, tuple[int, int]] | None:
    """The window on the input of a node that has one."""
    if kind in ("slice", "split", "split_with_sizes", "select"):
        shape = tuple(node._saved_self_sym_sizes)
        axis = _signed(node._saved_dim) % len(shape)
        if kind == "select":
            at = _signed(node._saved_index) % shape[axis]
            return {k + (k >= axis): ends for k, ends in window.items()} | {axis: (at, at + 1)}
        if kind == "slice":
            start, end, _ = slice(_signed(node._saved_start), _end(node._saved_end), 1).indices(shape[axis])
            if _signed(node._saved_step) != 1:
                return {**window, axis: (start, end)} if axis not in window else None
        elif kind == "split":
            start = output * int(node._saved_split_size)
            end = min(start + int(node._saved_split_size), shape[axis])
        else:
            start, end = sum(node._saved_split_sizes[:output]), sum(node._saved_split_sizes[: output + 1])
        low, high = window.get(axis, (0, end - start))
        return {**window, axis: (start + low, start + high)}
    if kind in ("clone", "to_copy", "alias", "contiguous", "detach"):
        return dict(window)
    return None if window else {}


def _joined(node: Any, kind: str, ways: list[Part], window: Mapping[int, tuple[int, int]]) -> tuple[Part, ...]:
    """Those of several inputs in which a part of the window lies."""
    shapes = [tuple(one.node._input_metadata[one.output].shape) for one in ways]
    axis = _signed(node._saved_dim) % (len(shapes[0]) + (kind == "stack"))
    others = {k - (kind == "stack" and k > axis): ends for k, ends in window.items() if k != axis}
    low, high = window.get(axis, (0, 2**62))
    found, start = [], 0
    for way, shape in zip(ways, shapes, strict=True):
        size = 1 if kind == "stack" else shape[axis]
        inside = max(low - start, 0), min(high - start, size)
        if inside[0] < inside[1]:
            whole = kind == "stack" or inside == (0, size)
            found.append(way._replace(window=others if whole else {**others, axis: inside}))
        start += size
    return tuple(found)


def _signed(number: int) -> int:
    """torch shows negative numbers without their sign."""
    return int(number) - 2 * _SIGN if number >= _SIGN else int(number)


def _end(number: int) -> int | None:
    """The end of a slice, where the largest number is none."""
    signed = _signed(number)
    return None if number == _SIGN - 1 else signed
