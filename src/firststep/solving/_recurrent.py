"""Rules of recurrent layers: the moments of the state, step by step, until they settle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._axes import axis_of, resized
from ._contraction import contracted
from ._record import Call, Ref
from ._value import OVERLAPS, RELU, SIGMOID, TANH, UNIT, Function, Moments4, Value, blend
from ._walk import Spread, Walk, mapped_moments

_ZERO = Moments4.constant(0.0)


@dataclass(frozen=True, slots=True)
class _Gate:
    """What feeds one gate: parameters of the input, of the state, and the two biases."""

    inputs: Spread
    state: Spread
    bias: tuple[Spread, Spread]

    def before(self, x: Moments4, fan_x: int, h: Moments4, fan_h: int) -> Moments4:
        """The gate's input."""
        return self.from_input(x, fan_x).plus(self.from_state(h, fan_h))

    def from_input(self, x: Moments4, fan: int) -> Moments4:
        return _affine(x, self.inputs, fan, self.bias[0])

    def from_state(self, h: Moments4, fan: int) -> Moments4:
        return _affine(h, self.state, fan, self.bias[1])


def _affine(x: Moments4, weight: Spread, fan: int, bias: Spread) -> Moments4:
    return contracted(x, weight, fan, "feature").plus(Moments4(bias.mean, *[bias.second] * 3))


def _of(function: Function, one: Moments4) -> Moments4:
    return mapped_moments(function, _rounded(one))[0]


def _rounded(one: Moments4) -> Moments4:
    """Close enough to be remembered."""
    return Moments4(*(float(f"{getattr(one, kind):.7g}") for kind in ("mean", *OVERLAPS)))


def _slope(function: Function, one: Moments4) -> float:
    return mapped_moments(function, _rounded(one))[1]


@dataclass(frozen=True, slots=True)
class _Step:
    """The state after a step.

    Args:
        hidden, cell: moments of the state; ``cell`` is ``hidden`` where there is none.
        gain: what one element of the input's gradient gets from each row of the input's weight, squared slopes.
        memory: how much of the state one step keeps.
        ahead: E[c u] of the state and what the next step adds to it: what is the same at every step, such as a bias.
    """

    hidden: Moments4
    cell: Moments4
    gain: float = 0.0
    memory: float = 0.0
    ahead: tuple[float, float] = (0.0, 0.0)


def _kept(keep: Moments4, state: Moments4, new: Moments4, last: _Step) -> tuple[Moments4, tuple[float, float]]:
    """``f c + u`` and the next ``ahead``: ``E[c_t u_(t+1)] = E[f] E[c_(t-1) u_t] + E[u_t u_(t+1)]``."""
    same, other = (keep.mean * one for one in last.ahead)
    made = keep.times(state).plus(new, Moments4(0.0, same, same, other))
    ahead = keep.mean * last.ahead[0] + new.same, keep.mean * last.ahead[1] + new.other
    return made, ahead


def _lstm(gates: Sequence[_Gate], x: Moments4, fan_x: int, last: _Step, fan_h: int) -> _Step:
    """``c = f c + i g``, ``h = o tanh(c)``."""
    i, f, g, o = (gate.before(x, fan_x, last.hidden, fan_h) for gate in gates)
    into, keep, new, out = _of(SIGMOID, i), _of(SIGMOID, f), _of(TANH, g), _of(SIGMOID, o)
    cell, ahead = _kept(keep, last.cell, into.times(new), last)
    shown = _of(TANH, cell)
    through = out.second * _slope(TANH, cell)
    gain = through * (
        _slope(SIGMOID, i) * new.second + _slope(TANH, g) * into.second + _slope(SIGMOID, f) * last.cell.second
    )
    gain += _slope(SIGMOID, o) * shown.second
    return _Step(out.times(shown), cell, gain / 4, keep.mean, ahead)


def _gru(gates: Sequence[_Gate], x: Moments4, fan_x: int, last: _Step, fan_h: int) -> _Step:
    """``n = tanh(W x + r (U h))``, ``h = (1 - z) n + z h``."""
    r, z = (gate.before(x, fan_x, last.hidden, fan_h) for gate in gates[:2])
    reset, update = _of(SIGMOID, r), _of(SIGMOID, z)
    n = gates[2].from_input(x, fan_x).plus(reset.times(gates[2].from_state(last.hidden, fan_h)))
    new = _of(TANH, n)
    rest = Moments4.constant(1.0).plus(update.scaled(-1.0, 1.0))
    hidden, ahead = _kept(update, last.hidden, rest.times(new), last)
    gain = (_slope(TANH, n) * rest.second + _slope(SIGMOID, z) * (new.second + last.hidden.second)) / 3
    return _Step(hidden, hidden, gain, update.mean, ahead)


def _plain(function: Function) -> Callable[[Sequence[_Gate], Moments4, int, _Step, int], _Step]:
    def step(gates: Sequence[_Gate], x: Moments4, fan_x: int, last: _Step, fan_h: int) -> _Step:
        before = gates[0].before(x, fan_x, last.hidden, fan_h)
        hidden, slope = mapped_moments(function, _rounded(before))
        share = fan_h * gates[0].state.second * slope
        return _Step(hidden, hidden, slope, min(share, 1.0) ** 0.5)

    return step


CELLS: dict[str, tuple[int, Callable[..., _Step]]] = {
    "lstm": (4, _lstm),
    "gru": (3, _gru),
    "rnn_tanh": (1, _plain(TANH)),
    "rnn_relu": (1, _plain(RELU)),
}


def recurrent(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``lstm(x, states, weights, biases, layers, dropout, train, bidirectional, batch_first)`` and its like.

    For a packed sequence the second argument is the number of examples at each step, and there is no ``batch_first``.
    """
    value, shape = walk.value(call, 0), list(walk.shape_of(call.inputs[0]))
    by_step = isinstance(call.args[3], (list, tuple))
    names = _names(walk, call.args[3 if by_step else 2])
    if by_step:
        biases, layers, drop, train, both = call.args[4:9]
        counts = walk.carried.get(call.inputs[1]) or [1] * walk.shape_of(call.inputs[1])[0]
    else:
        biases, layers, drop, train, both, batch_first = call.args[3:9]
        counts = [1] * (shape[1] if batch_first and len(shape) > 2 else shape[0])
    fan_x, moments, gain, done = shape[-1], value.moments, 1.0, None
    directions = 2 if both else 1
    per = len(names) // (layers * directions)
    for layer in range(layers):
        for direction in range(directions):
            start = (layer * directions + direction) * per
            done = _layer(walk, call.op, names[start : start + per], biases, moments, fan_x, counts)
        assert done is not None
        average, _, width, factor = done
        gain *= factor
        keep = 1 - drop if train and layer < layers - 1 else 1.0
        moments = replace(average, second=average.second / keep)
        fan_x = width * directions
    walk.link(call.outputs[0], call.inputs[0], gain)
    assert done is not None
    axes = resized(value.axes, walk.shape(call))
    found = [walk.normal(call.outputs[0], axes, moments)]
    for output, state in zip(call.outputs[1:], (done[1].hidden, done[1].cell), strict=False):
        walk.link(output, call.inputs[0], gain * walk.size(output) / walk.size(call.inputs[0]))
        where = resized(value.axes, walk.shape_of(output))
        found.append(walk.normal(output, where, state))
    return found


def _names(walk: Walk, given: Any) -> list[str]:
    found = [walk.values[one.value].parameter for one in given if isinstance(one, Ref)]
    return [one for one in found if one is not None]


def _layer(
    walk: Walk, op: str, names: Sequence[str], biases: bool, x: Moments4, fan_x: int, counts: Sequence[int]
) -> tuple[Moments4, _Step, int, float]:
    """One layer in one direction: the average state, the last one, its width, and the gradient's factor.

    Args:
        counts: how many examples run at each step.
    """
    steps = len(counts)
    count, step = CELLS[op]
    rows, fan_h = walk.record.shapes[names[1]]
    gates, second = _gates(walk, names if biases else names[:2], count, x, steps)
    if walk.sketch:
        return UNIT, _Step(UNIT, UNIT), fan_h, 1.0
    states = [_Step(_ZERO, _ZERO)]
    for _ in range(steps):
        states.append(step(gates, x, fan_x, states[-1], fan_h))
        if len(states) > 3 and abs(states[-1].cell.second - states[-2].cell.second) < 1e-7 * states[-1].cell.second:
            states += [states[-1]] * (steps + 1 - len(states))
            break
    average = _over_time(states[1:], counts)
    kept = min(steps, 1 / max(1 - states[-1].memory ** 2, 1e-6))
    return average, states[-1], fan_h, rows * second * states[-1].gain * kept


def _gates(walk: Walk, names: Sequence[str], count: int, x: Moments4, steps: int) -> tuple[list[_Gate], float]:
    """What feeds each gate, and the second moment of the input's weights."""
    fans = [walk.record.shapes[one][1] for one in names[:2]]
    first = walk.spread(names[0], "gates", fan=fans[0], second=x.second, steps=steps)
    state = walk.spread(names[1], "state", fan=fans[1], steps=steps)
    a, b = [walk.spread(one, "gate bias") for one in names[2:4]] or [Spread(0.0, 0.0)] * 2
    found = [
        _Gate(first.gate(g, count), state.gate(g, count), (a.gate(g, count), b.gate(g, count))) for g in range(count)
    ]
    return found, first.second


def cell(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``lstm_cell(x, states, w_ih, w_hh, b_ih, b_hh)`` and its like: one step."""
    count, step = CELLS[call.op.removesuffix("_cell")]
    value, given = walk.value(call, 0), call.args[1]
    states: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    held = [walk.values[one.value] for one in states]
    names = _names(walk, call.args[2:])
    rows, fan_h = walk.record.shapes[names[1]]
    gates, second = _gates(walk, names, count, value.moments, 1)
    before: list[Moments4] = [walk.beside(one, one.axes, "state") if one.fixed else one.moments for one in held]
    last = walk.carried.get(call.inputs[len(held)], _Step(before[0], before[-1]))
    fan_x = walk.record.shapes[names[0]][1]
    done = _Step(UNIT, UNIT) if walk.sketch else step(gates, value.moments, fan_x, last, fan_h)
    walk.carried[call.outputs[-1]] = done
    found = []
    olds = call.inputs[1], call.inputs[len(held)]
    for output, state, old in zip(call.outputs, (done.hidden, done.cell), olds, strict=False):
        walk.link(output, call.inputs[0], rows * second * done.gain)
        walk.link(output, old, done.memory**2)
        found.append(walk.normal(output, resized(value.axes, walk.shape_of(output)), state))
    return found


def packed(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``_pack_padded_sequence(x, lengths, batch_first)``: the steps of all examples, one below the other."""
    value, data, counts = walk.value(call, 0), call.outputs[0], call.outputs[1]
    shape = walk.shape_of(data)
    walk.link(data, call.inputs[0], walk.size(data) / walk.size(call.inputs[0]))
    axes = (axis_of("position", shape[0]), *value.axes[2:])
    ends = walk.argument(call, 1)
    if isinstance(ends, Value) and ends.constant is not None:
        steps = walk.shape_of(counts)[0]
        walk.carried[counts] = [int((ends.constant > step).sum()) for step in range(steps)]
    return [walk.normal(data, axes, value.moments), walk.normal(counts, (axis_of("position", 1),), UNIT)]


def unpacked(walk: Walk, call: Call) -> Sequence[Value] | None:
    """``_pad_packed_sequence(data, counts, batch_first, number, length)``: zeros after the end of the short ones."""
    value, output = walk.value(call, 0), call.outputs[0]
    shape = walk.shape_of(output)
    part = walk.size(call.inputs[0]) / walk.size(output)
    walk.link(output, call.inputs[0], 1.0)
    axes = (axis_of("example", shape[0]), axis_of("position", shape[1]), *value.axes[1:])
    axes = axes if call.args[2] else (axes[1], axes[0], *axes[2:])
    return [walk.normal(output, resized(axes, shape), blend([part], [value.moments]))]


def _over_time(states: Sequence[_Step], counts: Sequence[int]) -> Moments4:
    """Moments over all steps; two steps are alike as far as the state is kept from one to the other."""
    count = len(states)
    whole = blend([n / sum(counts) for n in counts], [one.hidden for one in states])
    memory = states[-1].memory
    apart = sum((count - gap) * memory**gap for gap in range(1, count))
    likeness = 2 * apart / (count * (count - 1)) if count > 1 else 0.0
    settled = states[-1].hidden
    same = settled.same + likeness * max(whole.second - settled.same, 0.0)
    return replace(whole, same=min(same, whole.second))
