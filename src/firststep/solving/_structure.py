"""The shape of a run: which weights end residual branches, feed activations, norms, attention or the output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ._contraction import attention, matrix_product, softmax
from ._pointwise import pointwise
from ._record import Call, Record
from ._rules import rule_of
from ._statistics import average_pool, batch_norm, group_norm, layer_norm, max_pool, mean, rms_norm, upsample
from ._value import Function
from ._views import copied, dropout, expand, joined, padded, pieces, random, transpose, unchanged, view, written
from ._walk import Spread, Use, Walk

_PASSING = frozenset({view, unchanged, transpose, expand, pieces, copied, dropout, joined, padded, written})
_POOLING = frozenset({average_pool, max_pool, mean, upsample})
_NORMS = frozenset({layer_norm, rms_norm, group_norm, batch_norm})


class Unit:
    """A source under which every weight gives its output the second moment 1; it writes down every use.

    Args:
        run: the record that is walked.
    """

    def __init__(self, run: Record) -> None:
        self.uses: list[tuple[str, Use]] = []
        self._run = run

    def spread(self, name: str, use: Use) -> Spread:
        """See :class:`Source`."""
        self.uses.append((name, use))
        if use.kind in ("sum", "gates", "state"):
            return Spread(0.0, 1.0 / (use.fan * use.second) if use.second > 0 else 1.0)
        if use.kind == "scale":
            return Spread(1.0, 1.0)
        zero = "bias" in use.kind or use.kind == "offset" or (use.kind == "add" and is_bias(self._run, name))
        return Spread(0.0, 0.0 if zero else 1.0)


def is_bias(run: Record, name: str) -> bool:
    """Whether a parameter that is added has one number for each feature."""
    return sum(size > 1 for size in run.shapes[name]) < 2


@dataclass(eq=False)
class Residual:
    """A sum of a trunk and a branch.

    Args:
        call: its position.
        trunk, branch: the values added.
        group: the sums on the same trunk, shared by all of them.
    """

    call: int
    trunk: int
    branch: int
    group: list[int] = field(default_factory=list)


class Structure:
    """What follows what in a record.

    Args:
        run: the record.
        walk: a walk through it under :class:`Unit`.
        uses: what that walk asked for.

    Attributes:
        uses, weights: how a call sums over features, and with which parameter, by the call's position.
        residuals: the residual sums, by the call's position.
        ending: the sums whose branch a call is at the end of; see :meth:`back`.
        length: for each weight, how long the plain chain is that it is in.
    """

    def __init__(self, run: Record, walk: Walk, uses: list[tuple[str, Use]]) -> None:
        self.run, self.walk = run, walk
        self.uses = {use.call: use for _, use in uses if use.kind == "sum"}
        self.weights = {use.call: name for name, use in uses if use.kind == "sum"}
        self._users = run.users()
        self._makers = {value: i for i, call in enumerate(run.calls) for value in call.outputs}
        self._above = self._ancestors()
        self.residuals = {one.call: one for one in self._residuals()}
        self._group()
        self.ending: dict[int, list[Residual]] = {}
        for one in self.residuals.values():
            for position in self.back(one.branch):
                self.ending.setdefault(position, []).append(one)
        self.length = self._lengths()

    def users(self, value: int) -> list[int]:
        """The calls that read a value."""
        return self._users.get(value, [])

    def joined(self, value: int) -> list[int]:
        """The other parts of the concatenations that a value goes into, looking through views, biases and dropout."""
        found = []
        for position in self.users(value):
            call = self.run.calls[position]
            if rule_of(call) is joined:
                found += [one for one in call.inputs if one != value and not self.fixed(one)]
            elif self.kind(position) == "pass":
                found += [other for output in call.outputs for other in self.joined(output)]
        return found

    def ends(self, value: int) -> Iterator[tuple[str, int]]:
        """What a value comes to: (kind, call) for each way it is read, looking through views, biases and dropout."""
        if value in self.run.outputs:
            yield "output", len(self.run.calls)
        for position in self.users(value):
            call, kind = self.run.calls[position], self.kind(position)
            if kind == "pass":
                for output in call.outputs:
                    if self.run.items[output].dtype.is_floating_point:
                        yield from self.ends(output)
            else:
                yield kind, position

    def kind(self, position: int) -> str:
        """What an operation does to a signal."""
        call = self.run.calls[position]
        rule = rule_of(call)
        if position in self.residuals:
            return "residual"
        if position in self.weights:
            return "weight"
        if rule in _NORMS:
            return "norm"
        if rule in _PASSING or rule in _POOLING:
            return "pass"
        if rule in (attention, matrix_product, softmax) or call.op.endswith("baddbmm"):
            return "attention"
        if rule is pointwise:
            return self._pointwise(call)
        return "other"

    def _pointwise(self, call: Call) -> str:
        made = self.walk.values.get(call.outputs[0])
        if made is None:
            return "other"
        if made.function is not None and made.terms.keys() == {call.outputs[0]}:
            return "norm" if call.op == "aten.pow" and self._averaged(call.outputs[0]) else "activation"
        if len(self._signals(call)) <= 1:
            return "pass"
        return "add" if call.op.removesuffix("_") in ("aten.add", "aten.sub") else "gate"

    def _averaged(self, value: int) -> bool:
        return any(rule_of(self.run.calls[user]) is mean for user in self.users(value))

    def fixed(self, value: int) -> bool:
        """Whether a value is a parameter, a constant, or nothing that is known."""
        known = self.walk.values.get(value)
        return known is None or known.fixed

    def _signals(self, call: Call) -> list[int]:
        """The signals that a call reads: neither parameters nor constants nor random numbers."""
        known = [one for one in call.inputs if one in self._above and not self.fixed(one)]
        return [one for one in known if not self._is_random(one)]

    def _is_random(self, value: int) -> bool:
        """Whether a value depends on no input and no parameter: a dropout mask."""
        above = self._above[value]
        return not above & self._inputs_mask and not above & self._parameters_mask

    def _ancestors(self) -> dict[int, int]:
        """For each value, the values it depends on as bits."""
        above: dict[int, int] = {}
        for position, item in enumerate(self.run.items):
            if position in self.run.inputs or item.parameter is not None:
                above[position] = 1 << position
        for call in self.run.calls:
            bits = 0
            for one in () if rule_of(call) is random else call.inputs:  # which reads a shape only
                bits |= above.get(one, 0)
            for output in call.outputs:
                above[output] = bits | (1 << output)
        self._inputs_mask = sum(1 << one for one in self.run.inputs)
        self._parameters_mask = sum(1 << i for i, one in enumerate(self.run.items) if one.parameter is not None)
        integer = sum(1 << i for i, one in enumerate(self.run.items) if not one.dtype.is_floating_point)
        self._signal_mask = ~(self._parameters_mask | integer)
        return above

    def _residuals(self) -> Iterator[Residual]:
        """Sums of two values one of which depends on the other, or both on a third."""
        for position, call in enumerate(self.run.calls):
            if call.op.removesuffix("_") != "aten.add" or len(call.inputs) != 2:
                continue
            a, b = call.inputs
            if a == b or any(self.fixed(one) or one not in self._above for one in (a, b)):
                continue
            above_a, above_b = self._above[a], self._above[b]
            if not above_a & above_b & self._signal_mask:
                continue
            made = self.walk.values.get(call.outputs[0])
            if made is None or made.function is not None:
                continue
            if above_b >> a & 1:
                yield Residual(position, a, b)
            elif above_a >> b & 1:
                yield Residual(position, b, a)
            else:
                shorter = self._weighted(above_a) <= self._weighted(above_b)
                yield Residual(position, *((a, b) if shorter else (b, a)))

    def _weighted(self, above: int) -> int:
        """How many parameters a value depends on."""
        return (above & self._parameters_mask).bit_count()

    def _group(self) -> None:
        """Sums whose trunk comes from another sum share that one's group."""
        for one in self.residuals.values():
            before = self._sum_before(one.trunk)
            if before is not None:
                one.group = before.group
            one.group.append(one.call)

    def _sum_before(self, value: int) -> Residual | None:
        """The residual sum that a value comes from, looking back through views, norms, activations and weights."""
        while value in self._makers:
            position = self._makers[value]
            if self.kind(position) not in ("pass", "norm", "activation", "weight"):
                return self.residuals.get(position)
            signals = self._signals(self.run.calls[position])
            if not signals:
                return None
            value = signals[0]
        return None

    def back(self, value: int) -> Iterator[int]:
        """The calls a branch ends with, last first, up to its last weight."""
        while value in self._makers:
            position = self._makers[value]
            yield position
            if self.kind(position) not in ("pass", "norm", "activation"):
                return
            signals = self._signals(self.run.calls[position])
            if len(signals) != 1:
                return
            value = signals[0]

    def functions(self, call: int) -> list[Function]:
        """The activations that a weight's output goes through."""
        output = self.run.calls[call].outputs[0]
        found: dict[object, Function] = {}
        bases = {output}
        for later in self.run.calls[call + 1 :]:
            if rule_of(later) in _PASSING and later.inputs and later.inputs[0] in bases:
                bases.update(later.outputs)
            for one in later.outputs:
                value = self.walk.values.get(one)
                if value is None or value.function is None or value.base.value not in bases:
                    continue
                if one in self.run.outputs or any(not self._goes_on(user, bases) for user in self.users(one)):
                    found[value.function.key] = value.function
        return list(found.values())

    def _goes_on(self, call: int, bases: set[int]) -> bool:
        """Whether an operation makes another function of the same values, as parts of a written-out GELU do."""
        made = [self.walk.values.get(one) for one in self.run.calls[call].outputs]
        return any(one is not None and one.function is not None and one.base.value in bases for one in made)

    def _lengths(self) -> dict[int, int]:
        """For each weight, the number of weights on the longest plain way through it: no norm, no residual sum."""
        ahead: dict[int, int] = {}
        behind: dict[int, int] = {}
        calls = list(enumerate(self.run.calls))

        def level(position: int, known: dict[int, int], values: tuple[int, ...]) -> int:
            if self.kind(position) in ("norm", "residual"):
                return 0
            return max((known.get(one, 0) for one in values), default=0) + (position in self.weights)

        for position, call in calls:
            behind.update(dict.fromkeys(call.outputs, level(position, behind, call.inputs)))
        for position, call in reversed(calls):
            here = level(position, ahead, call.outputs)
            for one in call.inputs:
                ahead[one] = max(ahead.get(one, 0), here)
        outputs = {position: self.run.calls[position].outputs[0] for position in self.weights}
        return {position: behind.get(one, 1) + ahead.get(one, 0) for position, one in outputs.items()}
