"""Rules of elementwise operations: functions of one value, sums, products, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from ._axes import broadcast, resized_front
from ._gaussian import grid, sum_points
from ._record import Call, Ref
from ._value import MASKED, UNIT, Function, Logits, Moments4, Value, blend, rows_allowed
from ._walk import Walk, numbers

_ARITHMETIC = frozenset(
    f"aten.{name}" for name in ("pow", "square", "rsqrt", "sqrt", "reciprocal", "mul", "div", "add")
)
"""What norms are written with; a sketch must see that they normalize."""


def pointwise(walk: Walk, call: Call) -> Sequence[Value] | None:
    """Any elementwise operation: one value, or two."""
    if torch.Tag.pointwise not in getattr(call.function, "tags", ()):
        return None
    refs = [one for one in tree_flatten((call.args, call.kwargs))[0] if isinstance(one, Ref)]
    if any(one.value not in walk.values for one in refs):
        return None
    signals = [walk.values[one.value] for one in refs if not _is_number(walk.values[one.value])]
    if not signals or len(call.outputs) != 1:
        return None
    if len(signals) == 1 and signals[0].parameter is not None:
        return _moved(walk, call, signals[0])
    axes = signals[0].axes
    for one in signals[1:]:
        axes = broadcast(axes, one.axes, walk.shape(call))
    axes = resized_front(axes, len(walk.shape(call)))
    if not any(one.fixed for one in signals) and len({one.base.value for one in signals}) == 1:
        function = _composed(walk, call)
        return None if function is None else [_affine(walk, call, signals[0], axes, function)]
    special = _SPECIAL.get(call.op.removesuffix("_"))
    return (special(walk, call, axes) if special else None) or _two(walk, call, signals, axes)


def _is_number(value: Value) -> bool:
    return value.constant is not None and value.constant.numel() == 1


def _moved(walk: Walk, call: Call, value: Value) -> Sequence[Value] | None:
    """A parameter converted, or with a number added."""
    op = call.op.removesuffix("_")
    if op == "aten._to_copy":
        return [value]
    given = [walk.argument(call, position) for position in range(2)]
    number = [one.constant.item() if isinstance(one, Value) and one.constant is not None else one for one in given]
    number = [one for one in number if isinstance(one, (int, float))]
    if op != "aten.add" or len(number) != 1 or call.kwargs.get("alpha", 1) != 1:
        return None
    return [replace(value, offset=value.offset + number[0])]


def _composed(walk: Walk, call: Call) -> Function | None:
    """The operation as a function of its one base; its numbers are written into it."""

    def key(one: Any) -> Any:
        if not isinstance(one, Ref):
            return repr(one)
        value = walk.values[one.value]
        return value.law.key if value.constant is None else repr(value.constant.item())

    leaves, spec = tree_flatten((call.args, kwargs_of(call)))

    def filled(one: Any, x: Tensor) -> Any:
        if not isinstance(one, Ref):
            return one
        value = walk.values[one.value]
        if value.constant is not None:
            return value.constant.double() if value.constant.is_floating_point() else value.constant
        return value.law.of(x.clone())

    def apply(x: Tensor) -> Tensor:
        args, kwargs = tree_unflatten([filled(one, x) for one in leaves], spec)
        return call.function(*args, **kwargs).to(torch.float64)

    spelling = f"{call.function}({', '.join(str(key(one)) for one in leaves)})"
    return Function(spelling, apply)


def kwargs_of(call: Call) -> dict[str, Any]:
    """Keyword arguments without those that place the result."""
    return {key: one for key, one in call.kwargs.items() if key not in ("dtype", "device", "layout", "memory_format")}


def _affine(walk: Walk, call: Call, value: Value, axes: Any, function: Function) -> Value:
    """A function of one value; a multiple of it is still the same sum of terms."""
    exact = not walk.sketch or call.op.removesuffix("_") in _ARITHMETIC
    made = walk.mapped(call.outputs[0], axes, value.base, function, exact=exact)
    slope = _scale(walk, call)
    if slope is None:
        return made
    terms = {one: slope * weight for one, weight in value.terms.items()}
    return Value(axes, made.moments, made.base, function, terms, logits=_scaled_logits(value.logits, slope))


def _scaled_logits(logits: Logits | None, slope: float) -> Logits | None:
    if logits is None or logits.sums_to_one:
        return None
    return Logits(logits.allowed, None if logits.across is None else logits.across * slope**2)


def _scale(walk: Walk, call: Call) -> float | None:
    """The a of ``a x + b``, when the operation is that of one tensor and one number."""
    op = call.op.removesuffix("_").removeprefix("aten.")
    tensors = [one for one in call.args if isinstance(one, Ref) and not _is_number(walk.values[one.value])]
    if op in ("neg", "_to_copy", "clone", "alias"):
        return -1.0 if op == "neg" else 1.0
    if len(tensors) != 1 or len(call.args) < 2:
        return None
    other = call.args[1] if isinstance(call.args[0], Ref) and call.args[0] == tensors[0] else call.args[0]
    number = walk.values[other.value].constant.item() if isinstance(other, Ref) else other  # pyright: ignore
    if not isinstance(number, (int, float)):
        return None
    if op == "add" or (op == "sub" and call.args[0] == tensors[0]):
        return 1.0
    if op in ("sub", "rsub"):
        return -1.0
    if op == "mul":
        return float(number)
    plain = op == "div" and call.args[0] == tensors[0] and number and "rounding_mode" not in call.kwargs
    return 1.0 / number if plain else None


def _sum(walk: Walk, call: Call, axes: Any) -> Sequence[Value] | None:
    """``a + alpha b``, ``a - alpha b``: what both share is counted."""
    a, b = walk.argument(call, 0), walk.argument(call, 1)
    if not isinstance(a, Value) or not isinstance(b, Value):
        return None
    sign = float(call.kwargs.get("alpha", 1)) * (-1.0 if "sub" in call.op else 1.0)
    masked = _mask_added(b, sign)
    if masked is not None:
        return [_with_mask(walk, call, a, axes, masked)]
    left, right = _moments(walk, a, b, axes, "add"), _moments(walk, b, a, axes, "add")
    fixed = a.fixed or b.fixed
    cross = None if fixed else walk.shared(a, b).scaled(0.0, sign)
    moments = left.plus(right.scaled(sign, sign**2), cross)
    terms = dict(a.terms) if not a.fixed else {}
    for one, weight in (b.terms if not b.fixed else {}).items():
        terms[one] = terms.get(one, 0.0) + sign * weight
    position = call.outputs[0]
    for index, factor in ((0, 1.0), (1, sign**2)):
        _link_spread(walk, call, index, factor)
    terms = terms or {position: 1.0}
    logits = a.logits if not a.fixed else b.logits
    if fixed and (a if b.fixed else b).function is None:  # a bias: still what it was, moved
        mirrored = (a if b.fixed else b).base.mirrored and moments == (left if b.fixed else right)
        return [walk.normal(position, axes, moments, terms=terms, mirrored=mirrored, logits=_open(logits))]
    apart = cross is not None and abs(cross.second - sign * left.mean * right.mean) <= 1e-9 * moments.second
    points = _law(walk, a, b, sign, moments) if apart else None
    return [walk.normal(position, axes, moments, terms=terms, logits=_open(logits), points=points)]


def _law(walk: Walk, a: Value, b: Value, sign: float, moments: Moments4) -> Tensor | None:
    """Quantiles of ``a + sign b`` for independent values one of which is not normal, such as relu(x) + b."""
    if walk.sketch or (a.function is None and b.function is None and a.base.points is None and b.base.points is None):
        return None
    z, _ = grid(129)
    x, y = (one.law.of(one.base.at(z).clone()) for one in (a, b))
    return sum_points(x, sign * y, moments.mean, moments.variance)


def _open(logits: Logits | None) -> Logits | None:
    return None if logits is None or logits.sums_to_one else logits


def _moments(walk: Walk, value: Value, beside: Value, axes: Any, kind: str) -> Moments4:
    if not value.fixed:
        return value.moments
    second = beside.moments.second if not beside.fixed else 1.0
    return walk.beside(value, axes, kind, second)


def _link_spread(walk: Walk, call: Call, index: int, factor: float) -> None:
    """The edge to an operand; one that was broadcast hears from all its copies."""
    given = call.args[index]
    if isinstance(given, Ref) and not walk.values[given.value].fixed:
        copies = walk.size(call.outputs[0]) / max(walk.size(given.value), 1)
        walk.link(call.outputs[0], given.value, factor * copies)


def _product(walk: Walk, call: Call, axes: Any) -> Sequence[Value] | None:
    """``a b`` of independent values; by a number that is the same everywhere, the value is still the sum it was."""
    a, b = walk.argument(call, 0), walk.argument(call, 1)
    if not isinstance(a, Value) or not isinstance(b, Value):
        return None
    left, right = _moments(walk, a, b, axes, "scale"), _moments(walk, b, a, axes, "scale")
    _link_spread(walk, call, 0, right.second)
    _link_spread(walk, call, 1, left.second)
    terms = None
    for value, factor in ((a, right), (b, left)):
        other = b if value is a else a
        if other.fixed and factor.variance <= 1e-12 * factor.second:
            terms = {one: factor.mean * weight for one, weight in value.terms.items()}
    logits = a.logits or b.logits
    made = left.times(right)
    dropped = logits if logits is not None and (a.moments.mean, b.moments.mean) != (0.0, 0.0) else None
    if dropped is not None and dropped.across is not None:
        factor = (right if a.logits else left).mean ** 2
        dropped = Logits(dropped.allowed, dropped.across * factor, dropped.sums_to_one)
    return [walk.normal(call.outputs[0], axes, made, terms=terms, logits=dropped)]


def _quotient(walk: Walk, call: Call, axes: Any) -> Sequence[Value] | None:
    """``a / b`` of independent values, b far from zero."""
    a, b = walk.argument(call, 0), walk.argument(call, 1)
    if not isinstance(a, Value) or not isinstance(b, Value) or b.fixed or call.kwargs:
        return None
    if b.moments.variance > 0.05 * b.moments.mean**2:
        return None
    inverse = 1.0 / b.moments.second if b.moments.second > 0 else 0.0
    _link_spread(walk, call, 0, inverse)
    moments = _moments(walk, a, b, axes, "scale").scaled(inverse**0.5, inverse)
    return [walk.normal(call.outputs[0], axes, moments)]


def _mask_added(value: Value, sign: float) -> Tensor | None:
    """The entries that survive the addition of ``sign value``, when that is a mask of minus infinities."""
    added = numbers(value)
    if added is None or not added.is_floating_point() or not (sign * added < MASKED).any():
        return None
    return sign * added >= MASKED


def _with_mask(walk: Walk, call: Call, value: Value, axes: Any, open_: Tensor) -> Value:
    """Logits some of which are minus infinity: the moments are those of the others."""
    allowed = rows_allowed(open_, walk.shape(call)[-1])
    across = value.logits.across if value.logits else None
    _link_spread(walk, call, 0, 1.0)
    return walk.normal(call.outputs[0], axes, value.moments, terms=dict(value.terms), logits=Logits(allowed, across))


def _filled(walk: Walk, call: Call, axes: Any) -> Sequence[Value] | None:
    """``masked_fill(x, mask, number)``."""
    value, mask, number = walk.argument(call, 0), numbers(walk.argument(call, 1)), walk.argument(call, 2)
    number = number.constant.item() if isinstance(number, Value) and number.constant is not None else number
    if not isinstance(value, Value) or value.fixed or isinstance(number, Value):
        return None
    if number < MASKED:
        full = torch.ones(walk.shape(call)[-1], dtype=torch.bool) if mask is None else ~mask.bool()
        return [_with_mask(walk, call, value, axes, full)]
    if mask is None:
        return None
    return [_mixed(walk, call, value, axes, mask.double().mean().item(), number, 0)]


def _where(walk: Walk, call: Call, axes: Any) -> Sequence[Value] | None:
    """``where(mask, x, number)`` and ``where(mask, number, x)`` for a mask that is known."""
    mask, a, b = (walk.argument(call, position) for position in range(3))
    known = numbers(mask)
    if known is None:
        return None
    for value, number, chosen, index in ((a, b, known.bool(), 1), (b, a, ~known.bool(), 2)):
        filler = numbers(number) if isinstance(number, Value) else number
        filler = filler.double().max().item() if isinstance(filler, Tensor) else filler
        if isinstance(value, Value) and not value.fixed and isinstance(filler, (int, float)):
            if filler < MASKED:
                return [_with_mask(walk, call, value, axes, chosen)]
            return [_mixed(walk, call, value, axes, 1 - chosen.double().mean().item(), filler, index)]
    return None


def _mixed(walk: Walk, call: Call, value: Value, axes: Any, part: float, number: float, index: int) -> Value:
    """A value of which a part is replaced by a number."""
    _link_spread(walk, call, index, 1 - part)
    return walk.normal(call.outputs[0], axes, blend([1 - part, part], [value.moments, Moments4.constant(number)]))


def _two(walk: Walk, call: Call, signals: Sequence[Value], axes: Any) -> Sequence[Value] | None:
    """A function of two independent values, by quadrature in two dimensions.

    Its overlaps are put between E[f]^2 and E[f^2] as far as those of its arguments are.
    """
    if len(signals) != 2:
        return None
    if walk.sketch:
        return [walk.normal(call.outputs[0], axes, UNIT)]
    pair = [
        _moments(walk, one, two, axes, "scale") if one.fixed else one.base.moments
        for one, two in (signals, signals[::-1])
    ]
    z, weights = grid(161)
    x = (pair[0].mean + pair[0].std * z)[:, None].expand(161, 161)
    y = (pair[1].mean + pair[1].std * z).expand(161, 161)
    both = (weights[:, None] * weights).flatten()
    with torch.enable_grad():
        points = [one.flatten().requires_grad_() for one in (x.clone(), y.clone())]
        supply = iter([_at(signal, point) for signal, point in zip(signals, points, strict=True)])
        args, kwargs = tree_map(lambda one: _supplied(walk, one, supply), (call.args, kwargs_of(call)))
        result = call.function(*args, **kwargs).double()
        slopes = torch.autograd.grad(result.sum(), points, allow_unused=True) if result.requires_grad else (None, None)
    result = result.detach()
    mean, second = (both * result).sum().item(), (both * result * result).sum().item()
    if not second < float("inf"):
        return None
    for signal, slope in zip(signals, slopes, strict=True):
        if slope is not None and not signal.fixed:
            walk.link(call.outputs[0], signal.base.value, (both * slope * slope).sum().item())
    likeness = [sum(one.likeness(kind) for one in pair) / 2 for kind in ("same", "other")]
    same, other = (mean**2 + max(0.0, part) * (second - mean**2) for part in likeness)
    return [walk.normal(call.outputs[0], axes, Moments4(mean, second, same, other))]


def prelu(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``_prelu_kernel(x, slope)``: a leaky ReLU of the mean slope."""
    value, weight = walk.value(call, 0), walk.value(call, 1)
    slope = walk.beside(weight, value.axes, "slope").mean
    inner = value.law
    key = (f"aten.leaky_relu({slope})", inner.key)
    function = Function(key, lambda x: torch.nn.functional.leaky_relu(inner.of(x), slope))
    return [walk.mapped(call.outputs[0], value.axes, value.base, function, exact=not walk.sketch)]


def _supplied(walk: Walk, one: Any, supply: Any) -> Any:
    if not isinstance(one, Ref):
        return one
    value = walk.values[one.value]
    return value.constant if _is_number(value) else next(supply)


def _at(signal: Value, point: Tensor) -> Tensor:
    """A value where its base is ``point``."""
    return signal.law.of(point.clone())


_SPECIAL: dict[str, Callable[[Walk, Call, Any], Sequence[Value] | None]] = {
    "aten.add": _sum,
    "aten.sub": _sum,
    "aten.mul": _product,
    "aten.div": _quotient,
    "aten.masked_fill": _filled,
    "aten.where": _where,
}
