"""Layer after layer, in the order in which they run: each is brought to its goal before the next is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..planning import Slot, Tell
from ._lever import Lever
from ._observe import Enough, Seen, by_module, hooked, observe, run, watching
from ._ports import Port
from ._report import CalibrationRow
from ._spread import Spread
from ._state import Goal, State
from ._target import Job

Look = Callable[[], "Spread | None"]
"""Measures a port's signal as its weights are now."""


def settle(
    job: Job, goal: Goal, tell: Tell, prepare: Callable[[Sequence[State]], object] | None = None
) -> tuple[CalibrationRow, ...]:
    """Bring every chosen layer to the goal, and tell what was done to each.

    A layer that runs once is settled where it runs: its output is measured, its weight changed, its output computed
    again and handed on, so that one run of the model settles all of them. A layer that runs several times is measured
    over all its calls, with a run for every try. At the end all are measured anew, and those that others have moved
    are settled again.

    Args:
        job: the model and its chosen layers.
        goal: what they are brought to.
        tell: told of each layer.
        prepare: called with the layers that will be settled, before the first is.
    """
    return _Work(job, goal, tell).done(prepare)


class _Work:
    def __init__(self, job: Job, goal: Goal, tell: Tell) -> None:
        self._job, self._goal, self._tell = job, goal, tell
        self._levers: dict[int, Lever] = {}

    def done(self, prepare: Callable[[Sequence[State]], object] | None) -> tuple[CalibrationRow, ...]:
        ports = self._job.chosen.ports
        before = self._observe(ports)
        states = self._states(before)
        working = [state for state in states if not state.why]
        if prepare is not None:
            prepare(working)
        self._in_order(working, before.calls)
        after = self._again(working, ports, before.calls)
        rows = [self._row(state, before, after) for state in states]
        rows += [
            CalibrationRow(port.name, port.kind, note="the batch does not reach it")
            for port in ports
            if port not in before.spreads
        ]
        left = [CalibrationRow(one.name, one.kind, note=one.why) for one in self._job.chosen.left]
        return (*rows, *left)

    def _states(self, before: Seen) -> list[State]:
        """The ports that have a signal, in order of the run; those that must be left know why."""
        states: list[State] = []
        taken: dict[tuple[int, int], Port] = {}
        for port in before.order:
            weight, bias = self._lever(port.weight), None if port.bias is None else self._lever(port.bias)
            state = State(port, weight, None if bias is None or bias.frozen else bias)
            owner = taken.setdefault((id(port.weight), port.rows.start if port.rows else 0), port)
            if weight.frozen:
                state.why = "frozen (requires_grad=False)"
            elif owner is not port:
                state.why = f"tied to {owner.name!r}, which sets it"
            elif port.form is None and not weight.value.any():
                state.why = "its weight is all zero"
            states.append(state)
        return states

    def _in_order(self, waiting: Sequence[State], calls: Mapping[nn.Module, int]) -> None:
        """Settle the layers once, in the order of their first call."""
        while waiting:
            first = next((i for i, state in enumerate(waiting) if calls[state.port.module] > 1), len(waiting))
            if first:
                self._where_they_run(waiting[:first])
            for state in waiting[first : first + 1]:
                self._run_by_run(state, calls)
                self._tell(1, state.port.name)
            waiting = waiting[first + 1 :]

    def _where_they_run(self, states: Sequence[State]) -> None:
        """Settle layers that run once, all in one run of the model."""
        of = {state.port: state for state in states}
        ports, waiting, busy = by_module(of), set(states), False

        def visit(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Any:
            nonlocal busy
            if busy:
                return None
            busy = True
            try:
                for port in ports[module]:
                    output = self._here(of[port], module, args, kwargs, output)
                    waiting.discard(of[port])
                    self._tell(1, port.name)
            finally:
                busy = False
            if not waiting:
                raise Enough
            return output

        with torch.no_grad(), watching(self._job.asked.model), hooked(ports, visit):
            run(self._job.asked)

    def _here(
        self, state: State, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> Any:
        """Settle a layer inside one of its calls; returns what it then gives."""
        current = [output]

        def look() -> Spread | None:
            return self._measure(state.port, args, kwargs, current[0])

        def written() -> None:
            current[0] = module(*args, **kwargs)

        self._settle(state, look, written)
        return current[0]

    def _run_by_run(self, state: State, calls: Mapping[nn.Module, int]) -> None:
        """Settle a layer with a run of the model for every look, up to its last call."""
        port = state.port
        last = {port.module: calls[port.module]}
        self._settle(
            state, lambda: observe(self._job.asked, [port], self._measure, last).spreads.get(port), lambda: None
        )

    def _settle(self, state: State, look: Look, written: Callable[[], object]) -> None:
        """Look and change until the goal is reached; put the layer back when it is not within the steps."""
        for tries in range(self._goal.steps + 1):
            spread = look()
            if spread is None:
                return
            state.why = self._goal.hindrance(state.port, spread) if not state.tries else ""
            change = self._goal.change(state.port, spread, state.bias is not None)
            if state.why or change is None:
                return
            out_of_tries = tries == self._goal.steps
            why = (
                f"after {tries} {'try' if tries == 1 else 'tries'} {self._goal.short_of(spread)}; it was put back"
                if out_of_tries
                else state.apply(change)
            )
            if why:
                state.give_up(why)
            written()
            if why:
                return

    def _again(self, states: Sequence[State], ports: Iterable[Port], calls: Mapping[nn.Module, int]) -> Seen:
        """Measure all, and settle those that later layers have moved; what was measured last."""
        for _ in range(self._goal.steps):
            seen = self._observe(ports)
            off = [state for state in states if not state.why and self._change(state, seen) is not None]
            if not off:
                return seen
            for state in off:
                self._run_by_run(state, calls)
        seen = self._observe(ports)
        for state in states:
            if not state.why and self._change(state, seen) is not None:
                state.why = f"{self._goal.short_of(seen.spreads[state.port])}: layers between its calls move it"
        return seen

    def _row(self, state: State, before: Seen, after: Seen) -> CalibrationRow:
        port, now = state.port, after.spreads.get(state.port)
        remark = "" if now is None or state.why else self._goal.remark(port, now, state.bias is not None)
        return state.row(before.spreads.get(port), now, remark)

    def _change(self, state: State, seen: Seen) -> object:
        return self._goal.change(state.port, seen.spreads[state.port], state.bias is not None)

    def _observe(self, ports: Iterable[Port]) -> Seen:
        return observe(self._job.asked, ports, self._measure)

    def _measure(self, port: Port, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Spread | None:
        value = port.see(args, kwargs, output)
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.numel():
            return None
        return Spread.of(value, self._goal.axis(port, value))

    def _lever(self, slot: Slot) -> Lever:
        if id(slot) not in self._levers:
            self._levers[id(slot)] = Lever(slot, self._job.bench)
        return self._levers[id(slot)]
