"""Rules of layers that are one operation: convolutions, lookups, bilinear layers, gated linear units."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ._axes import axis_of, feature_axes, input_axes, resized
from ._contraction import biased, contracted, mirrored
from ._record import Call
from ._value import SIGMOID, Moments4, Value
from ._walk import Spread, Walk, mapped_moments


def convolution(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)``."""
    value, weight, bias = (walk.argument(call, position) for position in range(3))
    if not isinstance(value, Value) or not isinstance(weight, Value) or weight.parameter is None:
        return None
    stride, padding, dilation, transposed, _, groups = call.args[3:9]
    shape, kernel = walk.shape(call), walk.shape_of(call.inputs[1])[2:]
    channels, *extents = walk.shape_of(call.inputs[0])[1:]
    taps = math.prod(kernel)
    axes = ((value.axes[0][0],), axis_of("feature", shape[1]), *(axis_of("position", size) for size in shape[2:]))
    if transposed:
        spatial = math.prod(extents) / math.prod(shape[2:])
        fan = channels // groups * taps * spatial
        inside = _inside(shape[2:], extents, kernel, stride, padding, dilation)  # of the taps that each input sends out
    else:
        fan, inside = float(channels // groups * taps), _inside(extents, shape[2:], kernel, stride, padding, dilation)
    spread = walk.spread(weight.parameter, "sum", fan=fan, second=value.moments.second)
    inside = 1.0 if spread.centred else inside
    made = _convolved(walk, call, value, spread, fan * inside)
    return [biased(walk, call, made.viewed(axes), bias, feature_axes((1,)))]


def _convolved(walk: Walk, call: Call, value: Value, spread: Spread, fan: float) -> Value:
    output = call.outputs[0]
    width = fan * walk.size(output) / walk.size(call.inputs[0])
    if spread.mirrored_in and value.base.mirrored:
        return mirrored(walk, output, value, spread, fan, width, value.axes)
    moments = contracted(value.moments, spread, fan, "feature")
    walk.link(output, call.inputs[0], width * spread.second)
    return walk.normal(output, value.axes, moments, mirrored=spread.mirrored_out)


def _inside(
    extents: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> float:
    """The part of the taps that do not fall on the padding, over all outputs."""
    part = 1.0
    for dim, (extent, out, taps) in enumerate(zip(extents, outputs, kernel, strict=True)):
        by, pad, apart = (each[dim % len(each)] for each in (stride, padding, dilation))
        hits = sum(0 <= o * by - pad + t * apart < extent for o in range(out) for t in range(taps))
        part *= hits / (out * taps)
    return part


def embedding(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``embedding(table, indices)``: rows of independent features; two positions seldom hold the same index."""
    table, indices = walk.argument(call, 0), walk.argument(call, 1)
    if not isinstance(table, Value) or table.parameter is None:
        return None
    spread = walk.spread(table.parameter, "table")
    square = spread.mean**2
    shape, position = walk.shape(call), call.outputs[0]
    known = indices.constant if isinstance(indices, Value) else None
    looked = indices.axes if isinstance(indices, Value) else ()
    looked = looked if known is None else input_axes(known.shape, channels_first=False, integer=True)
    if known is not None and known.dim() < 2:
        looked = tuple(axis_of("position", size) for size in known.shape)
    axes = (*looked, axis_of("feature", shape[-1]))
    repeated = 0.0 if known is None else _repeated(known)
    if len(axes) != len(shape):
        axes = resized(
            (axis_of("example", 1), *(axis_of("position", 1),) * (len(shape) - 2), axis_of("feature", 1)), shape
        )
    same = square + repeated * (spread.second - square)
    moments = Moments4(spread.mean, spread.second, same, square if known is None else spread.second)
    return [walk.normal(position, axes, moments)]


def _repeated(indices: Tensor) -> float:
    """The part of the pairs of positions that hold the same index."""
    row = indices.reshape(-1, indices.shape[-1])[0] if indices.dim() else indices.reshape(1)
    times = row.unique(return_counts=True)[1].double()
    pairs = len(row) * (len(row) - 1)
    return ((times * (times - 1)).sum() / pairs).item() if pairs else 1.0


def bilinear(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``_trilinear(x1, weight, x2)``, as nn.Bilinear calls it: a sum over pairs of features."""
    first, weight, second = (walk.argument(call, position) for position in range(3))
    if not (isinstance(first, Value) and isinstance(second, Value) and isinstance(weight, Value)):
        return None
    if weight.parameter is None:
        return None
    _, left, right = walk.shape_of(call.inputs[1])
    product = first.moments.times(second.moments)
    spread = walk.spread(weight.parameter, "sum", fan=left * right, second=product.second)
    width, output = walk.shape(call)[-1], call.outputs[0]
    walk.link(output, call.inputs[0], width * right * spread.second * second.moments.second)
    walk.link(output, call.inputs[2], width * left * spread.second * first.moments.second)
    axes = resized(first.axes[: len(walk.shape(call)) - 1], walk.shape(call)[:-1])
    moments = contracted(product, spread, left * right, "feature")
    return [walk.normal(output, (*axes, axis_of("feature", width)), moments)]


def glu(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``a sigmoid(b)``, a and b being halves of the input."""
    value = walk.value(call, 0)
    moments = value.moments
    gate, slope = mapped_moments(SIGMOID, moments)
    made = moments.times(gate)
    walk.link(call.outputs[0], call.inputs[0], (gate.second + slope * moments.second) / 2)
    return [walk.normal(call.outputs[0], resized(value.axes, walk.shape(call)), made)]
