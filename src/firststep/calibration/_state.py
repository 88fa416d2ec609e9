"""One layer on its way to a goal: what is asked of its signal, what is written, and what the report says of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._affine import Form
from ._lever import Lever
from ._ports import Port
from ._report import CalibrationRow, Level, Range
from ._spread import Spread


class Change(NamedTuple):
    """What is done to a layer: ``weight * factor``, ``bias * bias_factor + shift``; vectors are per channel."""

    factor: Tensor | None = None
    bias_factor: Tensor | None = None
    shift: Tensor | None = None


class Goal(ABC):
    """What each layer's signal is brought to."""

    steps: int
    """How often a layer is written at most."""

    @abstractmethod
    def axis(self, port: Port, value: Tensor) -> int | None:
        """Along which axis of the signal the channels lie that are measured apart; ``None`` for the signal as one."""

    @abstractmethod
    def hindrance(self, port: Port, spread: Spread) -> str:
        """Why a layer that gives this signal, before it is written, is left; empty when it is not."""

    @abstractmethod
    def change(self, port: Port, spread: Spread, has_bias: bool) -> Change | None:
        """What brings the signal to the goal; ``None`` when it is there."""

    @abstractmethod
    def short_of(self, spread: Spread) -> str:
        """In words, how far the signal is from the goal."""

    @abstractmethod
    def remark(self, port: Port, spread: Spread, has_bias: bool) -> str:
        """What is not as asked though the layer has settled; empty when all is."""


class State:
    """One port while it is worked on."""

    def __init__(self, port: Port, weight: Lever, bias: Lever | None) -> None:
        self.port, self.weight, self.bias = port, weight, bias
        self.tries, self.why = 0, ""
        self._first = weight.value, None if bias is None else bias.value

    def apply(self, change: Change) -> str:
        """Write a change; returns why that can't be."""
        why = self._write_affine(change, self.port.form) if self.port.form is not None else self._write(change)
        self.tries += not why
        return why

    def _write(self, change: Change) -> str:
        why = ""
        if change.factor is not None:
            why = self.weight.times(_laid_out(change.factor, self.port, self.weight.shape))
        if not why and self.bias is not None and (change.shift is not None or change.bias_factor is not None):
            value = self.bias.value.clone()
            part = _part(value, self.port.bias_rows)
            part *= 1.0 if change.bias_factor is None else change.bias_factor.to(value)
            part += 0.0 if change.shift is None else change.shift.to(value)
            why = self.bias.put(value)
        return why

    def _write_affine(self, change: Change, form: Form) -> str:
        """``f y + shift`` of a layer ``y = s x + b`` or ``y = s (x + b)``."""
        scale = self.weight.value
        if change.factor is None or change.shift is None or self.bias is None:
            return "its bias is frozen (requires_grad=False)"
        factor, shift = (one.to(scale).reshape(scale.shape) for one in (change.factor, change.shift))
        bias = self.bias.value
        bias = bias + shift / (factor * form.factor(scale)) if form.inside else bias * factor + shift
        return self.weight.put(scale + factor.log() if form.log else scale * factor) or self.bias.put(bias)

    def give_up(self, why: str) -> None:
        """Put the layer back as it was, and leave it."""
        self.why = why
        for lever, first, rows in self._levers():
            if self._differs(lever, first, rows):
                value = lever.value.clone()
                _part(value, rows).copy_(_part(first, rows))
                lever.put(value)

    def row(self, before: Spread | None, after: Spread | None, remark: str) -> CalibrationRow:
        """What was done, in the report's form."""
        changed = [lever.name for lever, first, rows in self._levers() if self._differs(lever, first, rows)]
        return CalibrationRow(
            self.port.name,
            self.port.kind,
            tuple(changed),
            self._factor() if self.weight.name in changed else None,
            self._shift() if self.bias is not None and self.bias.name in changed else None,
            level(before),
            level(after),
            self.tries,
            self.why or remark,
        )

    def _levers(self) -> list[tuple[Lever, Tensor, slice | None]]:
        found = [(self.weight, self._first[0], self.port.rows)]
        if self.bias is not None and self._first[1] is not None:
            found.append((self.bias, self._first[1], self.port.bias_rows))
        return found

    @staticmethod
    def _differs(lever: Lever, first: Tensor, rows: slice | None) -> bool:
        return not torch.equal(_part(lever.value, rows), _part(first, rows))

    def _factor(self) -> Range | None:
        lever, first, rows = self._levers()[0]
        act = self.port.form.factor if self.port.form is not None else torch.Tensor.double
        old, new = act(_part(first, rows).double()), act(_part(lever.value, rows).double())
        ratio = (new / old)[old != 0]
        return Range(float(ratio.min()), float(ratio.max())) if ratio.numel() else None

    def _shift(self) -> Range:
        lever, first, rows = self._levers()[1]
        change = _part(lever.value, rows).double() - _part(first, rows).double()
        return Range(float(change.min()), float(change.max()))


def level(spread: Spread | None) -> Level | None:
    """The moments of a whole signal."""
    return None if spread is None else Level(*spread.whole())


def _part(value: Tensor, rows: slice | None) -> Tensor:
    return value if rows is None else value[rows]


def _laid_out(factor: Tensor, port: Port, shape: tuple[int, ...]) -> Tensor:
    """A factor, one number or one per channel, in a form that broadcasts to the weight."""
    ones = (1,) * (len(shape) - 1)
    if port.rows is not None:
        laid = torch.ones(shape[0], *ones, dtype=factor.dtype, device=factor.device)
        laid[port.rows] = factor.reshape(-1, *ones)
        return laid
    if factor.ndim == 0:
        return factor
    module = port.module
    if isinstance(module, nn.modules.conv._ConvNd) and module.transposed:  # (in, out / groups, k...), groups along in
        by_group = factor.reshape(module.groups, 1, -1).expand(-1, shape[0] // module.groups, -1)
        laid = by_group.reshape(shape[0], shape[1], *ones[1:])
        return laid[:1] if module.groups == 1 else laid
    return factor.reshape(-1, *ones) if shape[0] == len(factor) else factor.reshape(1, -1, *ones[1:])
