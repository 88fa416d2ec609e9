"""Rules of operations that take an average, a variance or a largest value: norms, pooling, reductions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ._axes import Axes, axis_of, feature_axes, resized
from ._gaussian import largest, rearranged
from ._record import Call
from ._value import OVERLAPS, Moments4, Value
from ._walk import Walk


def _scaled(walk: Walk, call: Call, value: Value, scale: float, moments: Moments4, weight: Any, bias: Any) -> Value:
    """A normalized value times weight plus bias, each one number per feature."""
    axes = feature_axes((1,))
    factor = Moments4.constant(1.0)
    if isinstance(weight, Value):
        factor = walk.beside(weight, axes, "scale", moments.second)
    moments = moments.scaled(factor.mean, factor.second)
    if isinstance(bias, Value):
        moments = moments.plus(walk.beside(bias, axes, "add", moments.second))
    walk.link(call.outputs[0], call.inputs[0], scale**2 * factor.second)
    return walk.normal(call.outputs[0], value.axes, moments)


def layer_norm(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``native_layer_norm(x, shape, weight, bias, eps)``: mean and variance over the features of one position."""
    value, eps = walk.value(call, 0), call.args[4]
    return [_normalized(walk, call, value, value.moments.mean**2, eps, walk.argument(call, 2), walk.argument(call, 3))]


def rms_norm(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``_fused_rms_norm(x, shape, weight, eps)``: nothing is subtracted."""
    value, eps = walk.value(call, 0), call.args[3]
    eps = torch.finfo(torch.float32).eps if eps is None else eps
    return [_normalized(walk, call, value, 0.0, eps, walk.argument(call, 2), None)]


def group_norm(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``native_group_norm(x, weight, bias, N, C, HxW, groups, eps)``: over features and positions of one example."""
    value = walk.value(call, 0)
    channels, positions, groups, eps = call.args[4:8]
    width = channels // groups
    # The mean over a group of width features at all positions: what all share, and the pairs of one feature.
    alike = (value.moments.second + (positions - 1) * value.moments.same) / positions
    removed = value.moments.mean**2 + (alike - value.moments.mean**2) / width
    return [_normalized(walk, call, value, removed, eps, walk.argument(call, 1), walk.argument(call, 2))]


def _normalized(walk: Walk, call: Call, value: Value, removed: float, eps: float, weight: Any, bias: Any) -> Value:
    """``(x - m) / sqrt(v + eps)``, ``removed`` being E[m^2] and v what is left."""
    one = value.moments
    left = max(one.second - removed, 0.0)
    scale = 1 / math.sqrt(left + eps) if left + eps > 0 else 0.0
    mean = one.mean * scale if removed == 0.0 else 0.0
    moments = Moments4(mean, *((getattr(one, kind) - removed) * scale**2 for kind in OVERLAPS))
    return _scaled(walk, call, value, scale, moments, weight, bias)


def batch_norm(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``native_batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)``.

    In training: mean and variance of each feature over all examples and positions.
    """
    value = walk.value(call, 0)
    weight, bias = walk.argument(call, 1), walk.argument(call, 2)
    training, eps = _training(call)
    if not training:
        return [_running(walk, call, value, weight, bias, eps)]
    examples = walk.shape_of(call.inputs[0])[0]
    count = walk.size(call.inputs[0]) // walk.shape_of(call.inputs[0])[1]
    inside = count // examples
    one = value.moments
    removed = (one.second + (inside - 1) * one.same + (count - inside) * one.other) / count
    return [_normalized(walk, call, value, removed, eps, weight, bias)]


def _training(call: Call) -> tuple[bool, float]:
    if "no_training" in call.op:
        return False, call.args[6]
    if "no_stats" in str(call.function):
        return True, call.args[5]
    return bool(call.args[5]), call.args[7]


def _running(walk: Walk, call: Call, value: Value, weight: Any, bias: Any, eps: float) -> Value:
    """In evaluation: by the running statistics, which are constants."""
    centre, spread = (walk.argument(call, position) for position in (3, 4))
    if not isinstance(centre, Value) or centre.constant is None or not isinstance(spread, Value):
        mean, square, inverse = 0.0, 0.0, 1.0
    else:
        assert isinstance(spread.constant, Tensor)
        mean, square = centre.constant.double().mean().item(), centre.constant.double().square().mean().item()
        inverse = (1 / (spread.constant.double() + eps)).mean().item()
    root = math.sqrt(inverse)
    moments = value.moments.plus(Moments4(-mean, *[square] * 3)).scaled(root, inverse)
    return _scaled(walk, call, value, root, moments, weight, bias)


def averaged(one: Moments4, axes: Axes) -> Moments4:
    """Moments of the average over some dimensions.

    Over n features nothing random is left; over n positions or examples, ``(E[x^2] + (n - 1) same) / n``.
    """
    for axis in axes:
        for name, size in axis:
            if name == "feature" and size > 1:
                one = Moments4.constant(one.mean)
            else:
                pair = one.same if name == "position" else one.other
                one = replace(one, second=(one.second + (size - 1) * pair) / size)
    return one


def mean(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``mean``, ``sum``, over some dimensions or all."""
    value = walk.value(call, 0)
    if value.fixed:
        return None
    dims, axes = _reduced(walk, call, value)
    count = walk.size(call.inputs[0]) / max(walk.size(call.outputs[0]), 1)
    moments = averaged(value.moments, tuple(value.axes[dim] for dim in dims))
    factor = 1 / count
    if "sum" in call.op:
        moments, factor = moments.scaled(count, count**2), count
    walk.link(call.outputs[0], call.inputs[0], factor * (1 / count))
    return [walk.normal(call.outputs[0], axes, moments)]


def _reduced(walk: Walk, call: Call, value: Value) -> tuple[list[int], Axes]:
    """The dimensions that are reduced, and the axes that are left."""
    given = walk.argument(call, 2 if "vector_norm" in call.op else 1, "dim")
    every = given is None or given == [] or isinstance(given, torch.dtype)
    dims = list(range(len(value.axes))) if every else [given] if isinstance(given, int) else [*given]  # pyright: ignore
    dims = [dim % len(value.axes) for dim in dims]
    shape = walk.shape(call)
    if len(shape) == len(value.axes):
        return dims, resized(value.axes, shape)
    return dims, tuple(axis for dim, axis in enumerate(value.axes) if dim not in dims)


def deviation(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``var``, ``std``, ``linalg_vector_norm`` and ``var_mean``: numbers that hardly vary when there are many."""
    value = walk.value(call, 0)
    if value.fixed:
        return None
    dims, axes = _reduced(walk, call, value)
    centre = averaged(value.moments, tuple(value.axes[dim] for dim in dims))
    count = walk.size(call.inputs[0]) / max(walk.size(call.outputs[0]), 1)
    left = max(value.moments.second - centre.second, 0.0)
    if "norm" in call.op:
        order = walk.argument(call, 1, "ord", 2)
        if order != 2:
            return None
        level = math.sqrt(count * value.moments.second)
    else:
        level = math.sqrt(left) if "std" in call.op else left
    made = [walk.normal(call.outputs[0], axes, Moments4.constant(level))]
    if len(call.outputs) > 1:
        made.append(walk.normal(call.outputs[1], axes, centre))
    return made


def average_pool(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Averages over windows of positions."""
    value = walk.value(call, 0)
    window = _window(walk, call)
    moments = averaged(value.moments, (axis_of("position", int(window)),)) if window >= 1 else value.moments
    walk.link(call.outputs[0], call.inputs[0], walk.size(call.outputs[0]) / walk.size(call.inputs[0]) / window)
    return [walk.normal(call.outputs[0], resized(value.axes, walk.shape(call)), moments)]


def _window(walk: Walk, call: Call) -> float:
    """The number of positions that a pooling takes for one; on average, where it adapts to its input."""
    if "adaptive" not in call.op:
        return float(math.prod(call.args[1]))
    spatial = len(call.args[1])
    return math.prod(walk.shape_of(call.inputs[0])[-spatial:]) / math.prod(walk.shape(call)[-spatial:])


def max_pool(walk: Walk, call: Call) -> Sequence[Value] | None:
    """The largest of a window of positions of a function of a normal value; exact where they are independent."""
    value = walk.value(call, 0)
    if "amax" in call.op or call.op == "aten.max":
        window = walk.size(call.inputs[0]) // max(walk.size(call.outputs[0]), 1)
        _, axes = _reduced(walk, call, value)
    else:
        window, axes = int(_window(walk, call)), resized(value.axes, walk.shape(call))
    source = value.base.moments if value.function else value.moments
    function = rearranged(value.law.of, source.mean, source.variance)
    alike = source.same - source.mean**2
    first, second, same = largest(max(window, 1), function, source.mean, source.variance, alike)
    # Of what two windows of an example share, two examples share the part that they did before.
    share = (source.other - source.mean**2) / alike if alike > 0 else 1.0
    other = first**2 + min(max(share, 0.0), 1.0) * (same - first**2)
    walk.link(call.outputs[0], call.inputs[0], walk.size(call.outputs[0]) / walk.size(call.inputs[0]))
    return [walk.normal(call.outputs[0], axes, Moments4(first, second, same, other))]


def upsample(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Nearest neighbours repeat values; linear interpolation averages two in each dimension."""
    value, shape = walk.value(call, 0), walk.shape(call)
    one = value.moments
    if "linear" in call.op:
        before = walk.shape_of(call.inputs[0])[2:]
        kept = math.prod(_squares(old, new, bool(call.args[2])) for old, new in zip(before, shape[2:], strict=True))
        one = replace(one, second=one.same + (one.second - one.same) * kept)
    walk.link(call.outputs[0], call.inputs[0], walk.size(call.outputs[0]) / walk.size(call.inputs[0]))
    return [walk.normal(call.outputs[0], resized(value.axes, shape), one)]


def _squares(old: int, new: int, aligned: bool) -> float:
    """The mean over outputs of the sum of squared weights of linear interpolation."""
    total = 0.0
    for i in range(new):
        at = i * (old - 1) / max(new - 1, 1) if aligned else max((i + 0.5) * old / new - 0.5, 0.0)
        part = at - int(at) if int(at) + 1 < old else 0.0
        total += (1 - part) ** 2 + part**2
    return total / new
