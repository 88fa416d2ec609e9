"""What the dimensions of a tensor index: examples, positions or features, followed through views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Label = Literal["example", "position", "feature"]
Factor = tuple[Label, int]
Axis = tuple[Factor, ...]
"""A dimension as a product of factors: (batch, heads) viewed as one keeps both."""

Axes = tuple[Axis, ...]


def axis_of(label: Label, size: int) -> Axis:
    """A dimension of one factor."""
    return ((label, size),)


def input_axes(shape: Sequence[int], *, channels_first: bool, integer: bool) -> Axes:
    """The reading of an example input: (example, ..., feature), or (example, feature, ...) before a convolution."""
    labels: list[Label] = ["position"] * len(shape)
    if shape:
        labels[0] = "example"
    if not integer and len(shape) > 1:
        labels[1 if channels_first else -1] = "feature"
    return tuple(axis_of(one, size) for one, size in zip(labels, shape, strict=True))


def feature_axes(shape: Sequence[int]) -> Axes:
    """All dimensions index features, as those of a parameter do."""
    return tuple(axis_of("feature", size) for size in shape)


def label(axis: Axis) -> Label:
    """What an axis indexes: features, if any factor does; else what its largest factor does."""
    wide = [factor for factor in axis if factor[1] > 1] or list(axis)
    if not wide or any(name == "feature" for name, _ in wide):
        return "feature"
    return max(wide, key=lambda factor: factor[1])[0]


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """``axes`` after a view to ``shape``: factors are joined and split in order.

    >>> reshaped(((("example", 2),), (("position", 3),), (("feature", 8),)), (6, 2, 4))
    ((('example', 2), ('position', 3)), (('feature', 2),), (('feature', 4),))
    """
    left = [factor for axis in axes for factor in axis if factor[1] != 1]
    found: list[Axis] = []
    for size in shape:
        axis, rest = [], size
        while rest > 1 and left:
            name, extent = left.pop(0)
            shared = math.gcd(extent, rest)
            if shared == 1:  # a view that cuts across: what was next is as good a guess as any
                axis.append((name, rest))
                rest = 1
                break
            axis.append((name, shared))
            rest //= shared
            if extent > shared:
                left.insert(0, (name, extent // shared))
        found.append(tuple(axis) or ((axes[-1][0][0] if axes and axes[-1] else "feature", size),))
    return tuple(found)


def resized(axes: Axes, shape: Sequence[int]) -> Axes:
    """``axes`` with other sizes, each of the same kind: after a slice, a concatenation or an expansion."""
    return tuple(axis_of(label(axis), size) for axis, size in zip(resized_front(axes, len(shape)), shape, strict=False))


def broadcast(a: Axes, b: Axes, shape: Sequence[int]) -> Axes:
    """The axes of an elementwise operation's result: of whichever operand is not broadcast along each."""
    a, b = resized_front(a, len(shape)), resized_front(b, len(shape))
    return tuple(x if extent(x) >= extent(y) else y for x, y in zip(a, b, strict=True))


def resized_front(axes: Axes, dims: int) -> Axes:
    """``axes`` with dimensions of size 1 added in front, as broadcasting does."""
    return (*(axis_of("position", 1),) * (dims - len(axes)), *axes)


def extent(axis: Axis) -> int:
    """The size of a dimension."""
    return math.prod(size for _, size in axis)
