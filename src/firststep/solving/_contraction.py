"""Rules of sums over features or positions: linear layers, convolutions, products of two values, lookups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._axes import Axes, Label, axis_of, extent, label
from ._gaussian import softmax_overlap
from ._record import Call
from ._value import MASKED, UNIT, Function, Logits, Moments4, Value, rows_allowed
from ._walk import Spread, Walk, mapped_moments


def contracted(one: Moments4, spread: Spread, fan: float, along: Label) -> Moments4:
    """``sum over fan of w x`` for independent weights w.

        E[y^2] = n E[w^2] E[x^2] + n (n - 1) E[w]^2 o

    o is the overlap of two different x of the sum: E[x]^2 of two features, ``same`` or ``other`` of two positions or
    examples. The same holds for the overlaps of y, with those of x in the place of E[x^2].
    """
    square = spread.mean**2
    pairs = fan * (fan - 1) * square

    def over(kind: str) -> float:
        apart = {"feature": one.mean**2, "position": min(one.same, getattr(one, kind)), "example": one.other}[along]
        return fan * spread.second * getattr(one, kind) + pairs * apart

    mean = fan * one.mean * spread.mean
    same = over("same")
    if along == "position":  # two outputs that stand for positions have weights of their own
        same = square * (fan * one.second + fan * (fan - 1) * one.same)
    return Moments4(mean, over("second"), same, over("other"))


def weighted(walk: Walk, call: Call, value: Value, name: str, fan: int, width: int, axes: Axes, along: Label) -> Value:
    """A value times a weight matrix."""
    spread = walk.spread(name, "sum", fan=fan, second=value.moments.second)
    output = call.outputs[0]
    if spread.mirrored_in and value.base.mirrored:
        return mirrored(walk, output, value, spread, fan, width, axes)
    moments = contracted(value.moments, spread, fan, along)
    walk.link(output, walk.source(call, value), width * spread.second)
    return walk.normal(output, axes, moments, mirrored=spread.mirrored_out)


def mirrored(walk: Walk, output: int, value: Value, spread: Spread, fan: float, width: float, axes: Axes) -> Value:
    """Columns (a, -a) read features (f(u), f(-u)): the sum is that of a (f(u) - f(-u)), over half as many."""
    inner = value.law
    function = Function(("odd", inner.key), lambda x: inner.of(x.clone()) - inner.of(-x))
    odd, slope = mapped_moments(function, value.base.moments)
    walk.link(output, value.base.value, width * spread.second * slope / 2)
    return walk.normal(output, axes, odd.scaled(0.0, fan / 2 * spread.second), mirrored=spread.mirrored_out)


def matrix_product(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``mm``, ``bmm``, ``mv``: a weight and a value, or two values."""
    a, b = walk.argument(call, 0), walk.argument(call, 1)
    return None if not (isinstance(a, Value) and isinstance(b, Value)) else _product(walk, call, a, b)


def added_product(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``addmm``, ``baddbmm``: a bias, or a mask, and a product."""
    bias, a, b = (walk.argument(call, position) for position in range(3))
    if not (isinstance(a, Value) and isinstance(b, Value)):
        return None
    found = _product(walk, call, a, b)
    if found is None or not isinstance(bias, Value) or call.kwargs.get("beta", 1) == 0:
        return found
    return [biased(walk, call, found[0], bias)]


def linear(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``linear(x, weight, bias)``, where it is one operation."""
    value, weight, bias = (walk.argument(call, position) for position in range(3))
    if not isinstance(value, Value) or not isinstance(weight, Value) or weight.parameter is None:
        return None
    width, fan = walk.shape_of(call.inputs[1])
    axes = (*value.axes[:-1], axis_of("feature", width))
    made = weighted(walk, call, value, weight.parameter, fan, width, axes, label(value.axes[-1]))
    return [biased(walk, call, made, bias)]


def biased(walk: Walk, call: Call, made: Value, bias: Any, axes: Axes | None = None) -> Value:
    """A value and a bias that is independent of it, laid along ``axes``, by default the last of the value's."""
    if not isinstance(bias, Value):
        return made
    moments = walk.beside(bias, axes or made.axes, "add", made.moments.second) if bias.fixed else bias.moments
    if moments.second == 0:
        return made
    return walk.normal(call.outputs[0], made.axes, made.moments.plus(moments), logits=made.logits)


def _product(walk: Walk, call: Call, a: Value, b: Value) -> Sequence[Value] | None:
    shape = walk.shape(call)
    fan = extent(a.axes[-1])
    if a.fixed and b.fixed:
        return None
    if b.parameter is not None or a.parameter is not None:
        weight, value = (b, a) if b.parameter is not None else (a, b)
        name = weight.parameter
        assert name is not None
        dims = list(value.axes)
        at = len(dims) - 1 if value is a or len(dims) == 1 else len(dims) - 2
        width = walk.size(call.outputs[0]) * fan // walk.size(walk.source(call, value))
        along = label(dims[at])
        dims[at] = axis_of(along, width)
        axes = tuple(dims) if len(shape) == len(dims) else tuple(dims[:at])
        return [weighted(walk, call, value, name, fan, width, axes, along)]
    return [between(walk, call, a, b, fan)]


def between(walk: Walk, call: Call, a: Value, b: Value, fan: int) -> Value:
    """A product of two values: logits, where features are summed over, or a mixture of positions."""
    shape, output = walk.shape(call), call.outputs[0]
    x, y = _numbers_of(walk, a, b), _numbers_of(walk, b, a)
    axes = (*a.axes[:-1], *b.axes[1:][-1:])
    for index, factor in ((-2, shape[-1] * y.second), (-1, (shape[-2] if len(shape) > 1 else 1) * x.second)):
        walk.link(output, call.inputs[index], factor)
    if label(a.axes[-1]) == "feature":
        made, logits = _logits(x, y, fan)
        return walk.normal(output, axes, made, logits=logits)
    return walk.normal(output, axes, mixture(a, x, y, fan))


def _numbers_of(walk: Walk, value: Value, beside: Value) -> Moments4:
    return walk.beside(value, value.axes, "scale", beside.moments.second) if value.fixed else value.moments


def _logits(x: Moments4, y: Moments4, fan: int) -> tuple[Moments4, Logits]:
    """``sum over n features of x_i y_j``: ``same`` is the overlap of two columns j of a row i.

    Of what two rows have in common only the part that varies along the row matters to a softmax, ``across``.
    """
    pairs = fan * (fan - 1) * (x.mean * y.mean) ** 2
    second, along = fan * x.second * y.second + pairs, fan * x.second * y.same + pairs
    made = Moments4(fan * x.mean * y.mean, second, along, fan * x.other * y.other + pairs)
    return made, Logits(across=fan * x.same * (y.second - y.same))


def mixture(a: Value, x: Moments4, y: Moments4, fan: int) -> Moments4:
    """``sum_j a_j y_j`` over positions j.

        E[o^2] = n E[a_j^2] E[y^2] + n (n - 1) E[a_j a_k] E[y_j y_k]

    and likewise for two rows of a, whose overlap in one column is ``across``.
    """
    across = x.same if a.logits is None or a.logits.across is None else a.logits.across
    if a.logits is not None and a.logits.sums_to_one:
        apart, rows_apart = 1 - fan * x.second, 1 - fan * across
        mean, other = y.mean, y.other
    else:
        apart, rows_apart = fan * (fan - 1) * x.same, fan * (fan - 1) * x.mean**2
        mean, other = fan * x.mean * y.mean, (fan * x.mean) ** 2 * y.other
    second = fan * x.second * y.second + apart * y.same
    same = fan * across * y.second + rows_apart * y.same
    return Moments4(mean, second, min(same, second), min(other, second))


def softmax(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``softmax(logits)``: what varies along the row decides how unequal the weights are."""
    value, dim = walk.argument(call, 0), call.args[1]
    if not isinstance(value, Value) or value.fixed:
        return None
    if walk.sketch:
        return [walk.normal(call.outputs[0], value.axes, UNIT)]
    axis = value.axes[dim]
    shared = value.moments.same if label(axis) != "feature" else value.moments.mean**2
    variance = max(value.moments.second - shared, 0.0)
    rows = 0.0 if value.logits is None or value.logits.across is None else value.logits.across
    made, logits = attended(variance, rows, extent(axis), value.logits)
    walk.link(call.outputs[0], call.inputs[0], made.second)
    return [walk.normal(call.outputs[0], value.axes, made, logits=logits)]


def log_softmax(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``x - log(sum_j e^(x_j))``, the sum taken at its mean: ``log n + E[x] + Var[x] / 2``."""
    value = walk.value(call, 0)
    count = walk.shape_of(call.inputs[0])[call.args[1]]
    away = -(torch.tensor(float(count)).log().item() + value.moments.mean + value.moments.variance / 2)
    inner = value.law
    function = Function(("less", away, inner.key), lambda x: inner.of(x) + away)
    walk.link(call.outputs[0], call.inputs[0], 1.0)
    moments = mapped_moments(function, value.base.moments)[0]
    return [walk.normal(call.outputs[0], value.axes, moments, terms=dict(value.terms))]


def attended(variance: float, across: float, count: int, logits: Logits | None) -> tuple[Moments4, Logits]:
    """Softmax weights of ``count`` columns of logits of this variance along the row.

    ``E[sum_j w_j^2]`` by :func:`softmax_overlap`, averaged over rows of different length. Two rows share
    ``E[sum_j w_ij w_kj] = e^across / n`` of their weight, n being the longer row's length.
    """
    allowed = (logits.allowed if logits else ()) or ((count, 1.0),)
    squares = sum(part * softmax_overlap(size, round(variance, 9)) for size, part in _few(allowed))
    longer = _one_over_longer(allowed)
    common = min(longer * math.exp(min(across, variance)), squares) if variance else longer
    second, mean = squares / count, 1 / count
    along = (1 - squares) / (count * (count - 1)) if count > 1 else second
    made = Moments4(mean, second, along, common / count)
    return made, Logits(logits.allowed if logits else (), common / count, sums_to_one=True)


def _few(rows: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Lengths within a twelfth of each other as one, their harmonic mean: what depends on them falls as 1 / n."""
    bins: dict[int, list[tuple[int, float]]] = {}
    for size, part in rows:
        bins.setdefault(size if size < 12 else 12 + round(12 * math.log(size / 12)), []).append((int(size), part))
    found = []
    for those in bins.values():
        part = sum(one for _, one in those)
        found.append((max(round(part / sum(one / size for size, one in those)), 1), part))
    return found


def _one_over_longer(rows: Sequence[tuple[int, float]]) -> float:
    """E[1 / max(m, n)] of the lengths of two rows."""
    total, below = 0.0, 0.0
    for size, part in sorted(rows):
        total += part * (2 * below + part) / size
        below += part
    return total


def attention(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Scaled dot-product attention as one operation: ``softmax(scale q k^T + mask) v``."""
    names = ("query", "key", "value")
    q, k, v = (walk.argument(call, position, name) for position, name in enumerate(names))
    if not (isinstance(q, Value) and isinstance(k, Value) and isinstance(v, Value)):
        return None
    if walk.sketch:
        return [walk.normal(call.outputs[0], (*q.axes[:-1], v.axes[-1]), UNIT)]
    sources = [walk.source(call, value) for value in (q, k, v)]
    shapes = [walk.shape_of(source) for source in sources]
    width, rows, tokens = shapes[0][-1], shapes[0][-2], shapes[1][-2]
    heads = math.prod(shapes[0][:-2]) / math.prod(shapes[1][:-2])  # that share one key, in grouped attention
    mask, drop, causal, scale = _options(walk, call)
    scale = 1 / math.sqrt(width) if scale is None else scale
    logits, more = _logits(q.moments, k.moments, width)
    variance = scale**2 * max(logits.second - logits.same, 0.0)
    allowed = _masked(mask, causal, rows, tokens)
    weights, made = attended(variance, scale**2 * (more.across or 0.0), tokens, Logits(allowed))
    a, output = Value(q.axes, weights, q.base, logits=made), call.outputs[0]
    through = width * weights.second * scale**2 * v.moments.second
    walk.link(output, sources[0], through * k.moments.second * tokens)
    walk.link(output, sources[1], through * q.moments.second * rows * heads)
    walk.link(output, sources[2], rows * heads * weights.second / (1 - drop))
    mixed = _dropped(a, weights, v.moments, tokens, 1 - drop)
    return [walk.normal(output, (*q.axes[:-1], v.axes[-1]), mixed)]


def _dropped(a: Value, weights: Moments4, v: Moments4, tokens: int, keep: float) -> Moments4:
    """Dropout of the weights adds to the second moment alone."""
    mixed = mixture(a, weights, v, tokens)
    more = tokens * weights.second * v.second * (1 / keep - 1)
    return Moments4(mixed.mean, mixed.second + more, mixed.same, mixed.other)


def _options(walk: Walk, call: Call) -> tuple[Any, float, bool, float | None]:
    """(mask, dropout, causal, scale); ATen's own operations order them otherwise than torch's function."""
    whole = not call.op.startswith("aten.")
    order = ("attn_mask", "dropout_p", "is_causal", "scale") if whole else ("dropout_p", "is_causal")
    given = {name: walk.argument(call, 3 + position, name) for position, name in enumerate(order)}
    mask, scale = (given[one] if one in given else walk.argument(call, 99, one) for one in ("attn_mask", "scale"))
    return mask, float(given["dropout_p"] or 0.0), bool(given["is_causal"]), scale


def _masked(mask: Any, causal: bool, rows: int, tokens: int) -> tuple[tuple[int, float], ...]:
    """How many columns are open, in which part of the rows."""
    if causal:
        return tuple((min(row + 1, tokens), 1 / rows) for row in range(rows))
    if isinstance(mask, Value) and isinstance(mask.constant, Tensor):
        return rows_allowed(mask.constant if mask.constant.dtype is torch.bool else mask.constant > MASKED, tokens)
    return ()
