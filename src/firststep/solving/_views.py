"""Rules of operations that move values and change none: views, slices, concatenations; and of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch.utils._pytree import tree_flatten

from ._axes import Axes, axis_of, input_axes, reshaped, resized
from ._record import Call, Ref
from ._value import Moments4, Value, blend
from ._walk import Walk


def view(walk: Walk, call: Call) -> Sequence[Value] | None:
    """The same elements in another shape."""
    value = walk.value(call, 0)
    walk.link(call.outputs[0], call.inputs[0], 1.0)
    return [value.viewed(reshaped(value.axes, walk.shape(call)))]


def unchanged(walk: Walk, call: Call) -> Sequence[Value] | None:
    """A copy, or a conversion."""
    value = walk.value(call, 0)
    walk.link(call.outputs[0], call.inputs[0], 1.0)
    return [value]


def transpose(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``transpose``, ``t``, ``permute``, ``movedim``."""
    value = walk.value(call, 0)
    order = list(range(len(value.axes)))
    if "permute" in call.op:
        order = [dim % len(order) for dim in call.args[1]]
    elif len(order) > 1:
        a, b = call.args[1:3] if len(call.args) > 2 else (0, 1)
        order[a], order[b] = order[b], order[a]
    walk.link(call.outputs[0], call.inputs[0], 1.0)
    return [value.viewed(tuple(value.axes[dim] for dim in order))]


def expand(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Copies of a value."""
    value = walk.value(call, 0)
    walk.link(call.outputs[0], call.inputs[0], walk.size(call.outputs[0]) / walk.size(call.inputs[0]))
    return [value.viewed(resized(value.axes, walk.shape(call)))]


def pieces(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Parts of a value: as strong as the whole, each a value of its own."""
    value = walk.value(call, 0)
    found = []
    for output in call.outputs:
        shape = walk.shape_of(output)
        axes = _cut(call, value.axes, shape)
        if value.fixed:
            found.append(value.viewed(axes))
            continue
        walk.link(output, call.inputs[0], walk.size(output) / walk.size(call.inputs[0]))
        found.append(walk.normal(output, axes, value.moments, logits=value.logits))
    return found


def _cut(call: Call, axes: Axes, shape: tuple[int, ...]) -> Axes:
    """The axes of a part; ``select`` and ``unbind`` take one away."""
    if len(shape) == len(axes):
        return resized(axes, shape)
    if call.op in ("aten.select", "aten.unbind") and axes:
        dim = (call.args[1] if len(call.args) > 1 else 0) % len(axes)
        return axes[:dim] + axes[dim + 1 :]
    return reshaped(resized(axes, shape), shape) if len(axes) >= len(shape) else resized(axes, shape)


def joined(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``cat`` and ``stack``: a mixture of the parts."""
    refs = [one for one in tree_flatten(call.args[0])[0] if isinstance(one, Ref) and walk.size(one.value)]
    parts = [walk.values.get(one.value) for one in refs]
    signals = [one for one in parts if one is not None and not one.fixed]
    if not signals or (len(signals) != len(parts) and any(one is None for one in parts)):
        return None
    output, shape = call.outputs[0], walk.shape(call)
    axes = signals[0].axes
    if call.op == "aten.stack":
        dim = (call.args[1] if len(call.args) > 1 else 0) % len(shape)
        axes = (*axes[:dim], axis_of("position", shape[dim]), *axes[dim:])
    axes = resized(axes, shape)
    total = walk.size(output)
    weights, moments = [], []
    for ref, part in zip(refs, parts, strict=True):
        assert part is not None
        weights.append(walk.size(ref.value) / total)
        moments.append(walk.beside(part, axes, "join", signals[0].moments.second) if part.fixed else part.moments)
        if not part.fixed:
            walk.link(output, ref.value, 1.0)
    return [walk.normal(output, axes, blend(weights, moments))]


def padded(walk: Walk, call: Call) -> Sequence[Value] | None:
    """A value with zeros around it, or part of which is set to zero."""
    value = walk.value(call, 0)
    if value.fixed:
        return None
    if "tri" in call.op:
        part = factor = _triangle(call, walk.shape(call))
    else:
        part, factor = min(walk.size(call.inputs[0]) / walk.size(call.outputs[0]), 1.0), 1.0
    walk.link(call.outputs[0], call.inputs[0], factor)
    moments = blend([part], [value.moments])
    return [walk.normal(call.outputs[0], resized(value.axes, walk.shape(call)), moments)]


def _triangle(call: Call, shape: tuple[int, ...]) -> float:
    """The part of a matrix that ``tril`` or ``triu`` keeps."""
    upper = "triu" in call.op
    below = (call.args[1] if len(call.args) > 1 else 0) + (0 if upper else 1)
    rows, columns = shape[-2:]
    lower = sum(min(max(row + below, 0), columns) for row in range(rows)) / max(rows * columns, 1)
    return 1 - lower if upper else lower


def written(walk: Walk, call: Call) -> Sequence[Value] | None:
    """A value a part of which was overwritten through a view; the part held zeros, or as much as the rest."""
    before, after = (walk.values.get(one) for one in call.inputs)
    if after is None or after.fixed:
        return None if before is None or before.fixed else [before]
    shape = walk.shape(call)
    part = min(walk.size(call.inputs[1]) / walk.size(call.outputs[0]), 1.0)
    if before is None or (before.constant is not None and not before.constant.any()):
        moments, rest = blend([part], [after.moments]), None
    else:
        rest = before.moments if not before.fixed else walk.beside(before, before.axes, "join")
        more = part if rest.second < after.moments.second else 0.0
        moments = blend([1.0, more], [rest, after.moments])
        moments = replace(moments, second=min(moments.second, max(rest.second, after.moments.second)))
        if not before.fixed:
            walk.link(call.outputs[0], call.inputs[0], 1.0)
    walk.link(call.outputs[0], call.inputs[1], 1.0)
    axes = resized(before.axes if before is not None else after.axes, shape)
    if before is not None and before.fixed:
        axes = input_axes(shape, channels_first=False, integer=False)
    return [walk.normal(call.outputs[0], axes, moments)]


def copied(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``a.copy_(b)``: b in a's shape."""
    source = walk.argument(call, 1)
    if not isinstance(source, Value) or source.fixed:
        return None
    walk.link(call.outputs[0], call.inputs[-1], walk.size(call.outputs[0]) / walk.size(call.inputs[-1]))
    return [source.viewed(resized(source.axes, walk.shape(call)))]


def dropout(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``native_dropout(x, p, train)``: E[x^2] / (1 - p)."""
    value, drop, train = walk.value(call, 0), call.args[1], call.args[2]
    keep = 1 - drop if train else 1.0
    walk.link(call.outputs[0], call.inputs[0], 1 / keep if keep else 0.0)
    moments = replace(value.moments, second=value.moments.second / keep) if keep else Moments4.constant(0.0)
    return [walk.normal(call.outputs[0], value.axes, moments)]


def random(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Random numbers, and memory that is about to be filled."""
    shape = walk.shape(call)
    axes = input_axes(shape, channels_first=False, integer=False)
    if "bernoulli" in call.op:
        p = call.args[1] if len(call.args) > 1 and isinstance(call.args[1], float) else 0.5
        mean, second = p, p
    elif "randn" in call.op or "normal" in call.op:
        mean, second = 0.0, 1.0
    elif "rand" in call.op or "uniform" in call.op:
        mean, second = 0.5, 1 / 3
    else:
        mean, second = 0.0, 0.0
    return [walk.normal(call.outputs[0], axes, Moments4(mean, second, mean**2, mean**2))]


def filled(walk: Walk, call: Call) -> Sequence[Value] | None:
    """A large constant whose numbers were not kept."""
    number = 1.0 if "ones" in call.op else 0.0
    if "full" in call.op or "fill" in call.op or "scalar" in call.op:
        given = next((one for one in call.args[1:] if isinstance(one, (int, float))), None)
        if given is None:
            return None
        number = float(given)
    axes = input_axes(walk.shape(call), channels_first=False, integer=False)
    return [walk.normal(call.outputs[0], axes, Moments4.constant(number))]


def as_strong(walk: Walk, call: Call) -> Sequence[Value] | None:
    """What no rule covers: as strong as the strongest input."""
    inputs = [walk.values[one] for one in call.inputs if one in walk.values]
    signals = [one for one in inputs if not one.fixed]
    if not signals:
        return None
    strongest = max(signals, key=lambda one: one.moments.second)
    source = walk.source(call, strongest)
    found = []
    for output in call.outputs:
        axes = resized(strongest.axes, walk.shape_of(output))
        walk.link(output, source, walk.size(output) / max(walk.size(source), 1))
        found.append(walk.normal(output, axes, strongest.moments, known=False))
    return found
