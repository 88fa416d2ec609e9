"""One scale per tensor, learned by gradient: the loss as a function of the scales."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import CalibrationError
from ..planning import Slot, Through, measure
from ._asked import Asked
from ._lever import Lever
from ._report import CalibrationRow, Level, Range
from ._target import Job


class Scales:
    """The tensors of a model that have a scale each, and those that have none.

    Args:
        job: the model and the chosen layers.
        fits: why a parameter has no scale, for reasons of the method; empty when it has one.
    """

    def __init__(self, job: Job, fits: Callable[[Lever], str]) -> None:
        self._job = job
        modules = {id(owner.module) for owner in job.chosen.owners}
        meant = [slot for slot in job.stock.slots if any(id(place.owner.module) in modules for place in slot.places)]
        levers = [Lever(slot, job.bench) for slot in meant]
        reasons = [_no_scale(lever) or fits(lever) for lever in levers]
        self.levers = [lever for lever, why in zip(levers, reasons, strict=True) if not why]
        self._left = [(lever, why) for lever, why in zip(levers, reasons, strict=True) if why]
        if not self.levers:
            told = "; ".join(f"{lever.name}: {why}" for lever, why in self._left) or "no layer of them has any"
            raise CalibrationError(f"calibrate: none of the chosen parameters can be given a scale ({told})")
        self._call = _Cost(job.asked)
        self._names = {id(tensor): name for name, tensor in self._call.named_parameters()}
        scaled = {id(lever.tensor) for lever in self.levers}
        everything = {id(one): one for one in self._call.parameters() if one.requires_grad}
        self.others = [one for key, one in everything.items() if key not in scaled]
        self._before = [_level(slot) for slot in meant]
        self._meant = meant

    def tensors(self, scales: Sequence[Tensor]) -> list[Tensor]:
        """The scaled tensors."""
        return [lever.value * scale for lever, scale in zip(self.levers, scales, strict=True)]

    def loss(self, tensors: Sequence[Tensor], others: Sequence[Tensor] | None = None) -> Tensor:
        """The loss with these tensors in place of the scaled ones, and of all others that are trained."""
        parts = dict(zip([lever.tensor for lever in self.levers], tensors, strict=True))
        parts.update(zip(self.others, self.others if others is None else others, strict=True))
        named = {self._names[id(tensor)]: value for tensor, value in parts.items()}
        return functional_call(self._call, named, ())

    def write(self, scales: Sequence[float]) -> tuple[CalibrationRow, ...]:
        """Multiply the tensors, on the bench; what was done to each parameter."""
        reasons = {lever.name: why for lever, why in self._left}
        done: dict[str, float] = {}
        for lever, scale in zip(self.levers, scales, strict=True):
            why = lever.times(torch.tensor(scale, dtype=torch.float64, device=lever.value.device))
            if why:
                reasons[lever.name] = why
            else:
                done[lever.name] = scale
        return tuple(
            self._row(slot, before, done.get(slot.name), reasons.get(slot.name, ""))
            for slot, before in zip(self._meant, self._before, strict=True)
        )

    def _row(self, slot: Slot, before: Level, scale: float | None, why: str) -> CalibrationRow:
        changed = scale is not None and scale != 1
        factor = Range(scale, scale) if scale is not None and changed else None
        names = (slot.name,) if changed else ()
        return CalibrationRow(slot.name, slot.owner.layer, names, factor, None, before, _level(slot), int(changed), why)


class _Cost(nn.Module):
    """The loss of the batch, as a module, for torch.func to call with other parameters."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.model = asked.model
        if isinstance(asked.loss, nn.Module):
            self.criterion = asked.loss
        self._asked = asked

    def forward(self) -> Tensor:
        return self._asked.cost(self._asked.run())


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Inside, operations are done by kernels whose gradient has a gradient."""
    with ExitStack() as settings:
        settings.enter_context(torch.enable_grad())
        settings.enter_context(sdpa_kernel(SDPBackend.MATH))
        settings.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield


def finite(value: Tensor, what: str) -> Tensor:
    """``value``, or an error when it is not finite."""
    if not bool(torch.isfinite(value.detach())):
        raise CalibrationError(
            f"calibrate: {what} is not finite. Initialize the model first, with fs.initialize(model, seed=0), or look "
            "at it with fs.check(model, loss, batch)"
        )
    return value


def gradients(value: Tensor, of: Sequence[Tensor], **options: Any) -> list[Tensor]:
    """The gradients, zeros where there is no path."""
    if not value.requires_grad:
        raise CalibrationError(
            "calibrate: the loss does not depend on any trained parameter by a path with gradients. "
            "Give a loss without .item(), .detach() or argmax in it"
        )
    found = torch.autograd.grad(value, of, allow_unused=True, **options)
    return [torch.zeros_like(one) if part is None else part for one, part in zip(of, found, strict=True)]


def _no_scale(lever: Lever) -> str:
    if lever.tensor is None:
        return f"its {lever.slot.writer.kind} parametrization stands between a scale and its layer"
    if lever.frozen:
        return "frozen (requires_grad=False)"
    return "" if lever.value.any() else "all zero: a scale changes nothing"


def _level(slot: Slot) -> Level:
    writer = slot.writer
    found = measure(writer.effect() if isinstance(writer, Through) else writer.tensors[0])
    return Level(found.mean, found.std)
