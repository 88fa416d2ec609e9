"""A walk through a record: the moments of every value from those of its inputs, one rule for each operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from torch import Tensor

from ._axes import Axes, feature_axes, label
from ._gaussian import Response, overlaps, response_at
from ._record import Call, Record, Ref
from ._value import OVERLAPS, UNIT, Base, Function, Logits, Moments4, Value


@dataclass(frozen=True, slots=True)
class Spread:
    """What a walk knows of a parameter's numbers.

    Args:
        mean, second: E[w] and E[w^2].
        mirrored_in, mirrored_out: whether columns, or rows, come in pairs (a, -a).
        centred: whether a kernel is zero off its centre.
        gates: (mean, second) of equal blocks of rows, where they differ.
    """

    mean: float
    second: float
    mirrored_in: bool = False
    mirrored_out: bool = False
    centred: bool = False
    gates: tuple[tuple[float, float], ...] = ()

    def gate(self, position: int, count: int) -> Spread:
        """One of ``count`` blocks of rows."""
        return Spread(*self.gates[position]) if len(self.gates) == count else Spread(self.mean, self.second)


@dataclass(frozen=True, slots=True)
class Use:
    """How an operation uses a parameter.

    Args:
        kind: ``sum`` over ``fan`` inputs, ``table`` that is looked up, ``add`` or ``scale`` elementwise, ``offset``
            of a scale from a number, or ``gates``.
        call: the operation's position.
        fan: terms in each sum.
        second: second moment of what it is multiplied with or added to.
        steps: time steps of a recurrent layer.
    """

    kind: str
    call: int
    fan: float = 1.0
    second: float = 1.0
    steps: int = 1


class Source(Protocol):
    """Where a walk learns the moments of parameters: measured, or chosen on the way."""

    def spread(self, name: str, use: Use) -> Spread:
        """The moments of a parameter."""
        ...


Rule = Callable[["Walk", Call], Sequence[Value] | None]
"""Values of a call's outputs; ``None`` when the rule does not cover the case."""


class MissingError(LookupError):
    """An argument of which nothing is known, such as a number computed from indices."""


class Walk:
    """The state of a walk. Rules read arguments and return values; edges say how gradients come back.

    An edge (output, input, factor): the second moment of the gradient per element of the input gains ``factor`` times
    that of the output. ``carried`` is what a recurrent cell tells its next step. A ``sketch`` tells what is a function
    or a sum of what; what takes quadrature is not computed.
    """

    def __init__(
        self,
        record: Record,
        source: Source,
        given: dict[int, Moments4],
        axes: dict[int, Axes],
        *,
        sketch: bool = False,
    ) -> None:
        self.record = record
        self.values: dict[int, Value] = {}
        self.edges: list[tuple[int, int, float]] = []
        self.unknown: dict[str, list[str]] = {}
        self.atoms: dict[int, Moments4] = {}
        self.carried: dict[int, Any] = {}
        self.call = 0
        self.sketch = sketch
        self._source = source
        for position, item in enumerate(record.items):
            if item.parameter is not None or item.constant is not None:
                base = Base(position, Moments4.constant(0.0))
                self.values[position] = Value(
                    feature_axes(item.shape), base.moments, base, parameter=item.parameter, constant=item.constant
                )
        for position, moments in given.items():
            self.values[position] = self.normal(position, axes[position], moments)

    def run(self, rule_of: Callable[[Call], Rule], fallback: Rule) -> Walk:
        """Every call in order, by its rule, or by ``fallback`` where that does not cover the case."""
        for position, call in enumerate(self.record.calls):
            self.call = position
            items = [self.record.items[one] for one in call.outputs]
            if all(one.constant is not None or not one.dtype.is_floating_point for one in items):
                continue
            try:
                found = rule_of(call)(self, call)
            except MissingError:
                found = None
            if found is None:
                self.unknown.setdefault(call.op, []).append(call.module)
                found = fallback(self, call) or ()
            self.values.update(zip(call.outputs, found, strict=False))
        return self

    def argument(self, call: Call, position: int, name: str = "", default: Any = None) -> Any:
        """An argument: a value where it is a tensor."""
        given = call.args[position] if position < len(call.args) else call.kwargs.get(name, default)
        return self.values.get(given.value, default) if isinstance(given, Ref) else given

    def value(self, call: Call, position: int) -> Value:
        """An argument that is a tensor with a value."""
        found = self.argument(call, position)
        if not isinstance(found, Value):
            raise MissingError(f"argument {position} of {call.op}")
        return found

    def source(self, call: Call, value: Value) -> int:
        """Which of the values that a call read ``value`` is."""
        return next(one for one in call.inputs if self.values.get(one) is value)

    def spread(self, name: str, kind: str, *, fan: float = 1.0, second: float = 1.0, steps: int = 1) -> Spread:
        """The moments of a parameter."""
        return self._source.spread(name, Use(kind, self.call, fan, second, steps))

    def shape(self, call: Call) -> tuple[int, ...]:
        """The shape of the first output."""
        return self.shape_of(call.outputs[0])

    def shape_of(self, position: int) -> tuple[int, ...]:
        """The shape of a value."""
        return self.record.items[position].shape

    def size(self, position: int) -> int:
        """Number of elements of a value."""
        return self.record.items[position].numel

    def link(self, output: int, source: int, factor: float) -> None:
        """An edge."""
        if source != output:
            self.edges.append((output, source, factor))

    def normal(
        self,
        position: int,
        axes: Axes,
        moments: Moments4,
        *,
        terms: dict[int, float] | None = None,
        mirrored: bool = False,
        logits: Logits | None = None,
        known: bool = True,
        points: Tensor | None = None,
    ) -> Value:
        """A value taken as normally distributed over its features, or with these quantiles: a new base."""
        self.atoms[position] = moments
        base = Base(position, moments, mirrored, points)
        return Value(axes, moments, base, terms=terms or {position: 1.0}, logits=logits, known=known)

    def mapped(self, position: int, axes: Axes, base: Base, function: Function, *, exact: bool = True) -> Value:
        """``function`` of ``base``; of unit moments unless ``exact``."""
        moments, slope = mapped_moments(function, base.moments) if exact else (UNIT, 1.0)
        if base.points is not None:
            moments, slope = _at_points(function, base.points, moments)
        self.atoms[position] = moments
        self.link(position, base.value, slope)
        return Value(axes, moments, base, function, {position: 1.0})

    def shared(self, a: Value, b: Value) -> Moments4:
        """Cross moments: E[a b], at the same place, at two positions and in two examples; the mean is left at 0."""
        both = [(a.terms[one] * b.terms[one], self.atoms[one]) for one in a.terms.keys() & b.terms.keys()]
        product = a.moments.mean * b.moments.mean
        second, same, other = (
            product + sum(weight * (getattr(atom, kind) - atom.mean**2) for weight, atom in both) for kind in OVERLAPS
        )
        return Moments4(0.0, second, same, other)

    def beside(self, value: Value, axes: Axes, kind: str, second: float = 1.0) -> Moments4:
        """Moments of a parameter or constant broadcast to ``axes``: it differs only where it has a dimension."""
        if value.parameter is not None:
            spread = self.spread(value.parameter, "offset" if value.offset else kind, second=second)
            offset = value.offset
            mean, square = spread.mean + offset, spread.second + offset * (2 * spread.mean + offset)
        else:
            assert value.constant is not None
            numbers = value.constant.double()
            mean, square = numbers.mean().item(), numbers.square().mean().item()
        own = value.axes[::-1]
        varies = {label(axis) for axis, there in zip(axes[::-1], own, strict=False) if _long(there)}
        return Moments4(
            mean,
            square,
            mean**2 if "position" in varies else square,
            mean**2 if "example" in varies else square,
        )


def _long(axis: tuple[tuple[str, int], ...]) -> bool:
    return any(size > 1 for _, size in axis)


@lru_cache(maxsize=8192)
def responded(function: Function, base: Moments4) -> tuple[Response, Moments4]:
    """What a function makes of a normal value, and the moments of it."""
    square = base.mean**2
    found, (same, other) = overlaps(function.of, base.mean, base.variance, (base.same - square, base.other - square))
    return found, Moments4(found.mean, found.second, same, other)


def mapped_moments(function: Function, base: Moments4) -> tuple[Moments4, float]:
    """Moments of a function of a normal value, and its mean squared slope."""
    found, moments = responded(function, base)
    return moments, found.slope


def _at_points(function: Function, points: Tensor, normal: Moments4) -> tuple[Moments4, float]:
    """:func:`mapped_moments` of a value that is not normal; two places are taken as alike as if it were."""
    found = response_at(function.of, points)
    variance = found.second - found.mean**2
    same, other = (found.mean**2 + variance * normal.likeness(kind) for kind in ("same", "other"))
    return Moments4(found.mean, found.second, same, other), found.slope


def numbers(value: Any) -> Tensor | None:
    """The numbers of a constant."""
    return value.constant if isinstance(value, Value) else None
