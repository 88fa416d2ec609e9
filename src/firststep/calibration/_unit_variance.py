"""Layer-sequential unit variance (LSUV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..init import orthogonal, site_of
from ..planning import Tell
from ._ports import Port
from ._settle import settle
from ._spread import Spread
from ._state import Change, Goal, State
from ._target import Job, Outcome, Target, positive, truth, whole


@dataclass(frozen=True, repr=False)
class UnitVariance(Target):
    """Every layer's output has standard deviation 1; made by :func:`unit_variance`."""

    name: ClassVar[str] = "unit-variance"
    tol: float = 0.01
    steps: int = 10
    center: bool = False
    orthonormal: bool = False

    def work(self, job: Job, tell: Tell) -> Outcome:
        def orthonormal(states: Sequence[State]) -> None:
            for state in {id(state.weight): state for state in states}.values():
                _make_orthonormal(state, job)

        goal = _UnitVariance(self.tol, self.steps, self.center)
        return Outcome(settle(job, goal, tell, orthonormal if self.orthonormal else None))

    def length(self, job: Job) -> int:
        return len(job.chosen.ports)


def unit_variance(
    *, tol: float = 0.01, steps: int = 10, center: bool = False, orthonormal: bool = False
) -> UnitVariance:
    """LSUV: rescale each layer's weight until its output has standard deviation 1 on the batch.

        w <- w / std(y),  layer by layer in the order in which they run,  until |std(y) - 1| <= tol

    The standard deviation is that of all elements of the output, over all calls where a layer runs several times. A
    layer whose output is constant, and one that is not there after ``steps`` tries, stays as it was, and the report
    says so. A recurrent layer's output is bounded, so there it is what its input adds to the gates, ``W_ih x + b_ih``.
    nn.MultiheadAttention is treated as the four linear layers that it is. Embeddings are left unless ``layers=`` names
    them, as are matrices beside layers, such as position embeddings.

    Args:
        tol: allowed distance of the standard deviation from 1.
        steps: how often one layer's weight is rescaled at most, the paper's T_max; counted anew for a layer that runs
            several times and that layers between its calls have moved. One that still moves is told as off.
        center: also shift each layer's bias by one number, so that the output's mean is 0 to within ``tol``.
        orthonormal: first draw each weight anew as :func:`firststep.init.orthogonal`, as the paper does. Off, so that
            the weights keep the directions that they have.

    Returns:
        A target for :func:`firststep.calibrate`.

    Raises:
        CalibrationError: for a number out of range.

    >>> unit_variance(tol=0.1)
    unit_variance(tol=0.1)

    Source: Mishkin and Matas 2016 (arXiv 1511.06422, algorithm 1). The paper bounds the variance's distance by 0.1.
    """
    positive("unit_variance", tol=tol)
    whole("unit_variance", steps=steps)
    truth("unit_variance", center=center, orthonormal=orthonormal)
    return UnitVariance(float(tol), steps, center, orthonormal)


@dataclass(frozen=True)
class _UnitVariance(Goal):
    tol: float
    steps: int
    center: bool

    def axis(self, port: Port, value: Tensor) -> int | None:
        return None

    def hindrance(self, port: Port, spread: Spread) -> str:
        if port.form is not None:
            return "its scales are per channel: calibrate it to 'actnorm'"
        return "its output is constant" if bool(spread.is_constant) else ""

    def change(self, port: Port, spread: Spread, has_bias: bool) -> Change | None:
        if not abs(float(spread.std) - 1) <= self.tol:
            return Change(factor=1 / spread.std)
        if self.center and has_bias and abs(float(spread.mean)) > self.tol:
            return Change(shift=-spread.mean)
        return None

    def short_of(self, spread: Spread) -> str:
        if abs(float(spread.std) - 1) <= self.tol:
            return f"the mean of its output is {float(spread.mean):.3g}"
        return f"the std of its output is {float(spread.std):.3g}"

    def remark(self, port: Port, spread: Spread, has_bias: bool) -> str:
        off_center = self.center and not has_bias and abs(float(spread.mean)) > self.tol
        return "it has no trained bias to centre its output with" if off_center else ""


def _make_orthonormal(state: State, job: Job) -> None:
    """Draw a weight anew, with the values that a plan with this scheme would give it."""
    slot = state.port.weight
    place, writer = slot.owner, slot.writer
    value = torch.empty(writer.shape, dtype=job.bench.dtype(writer.tensors[0]), device=writer.device)
    site = site_of(place.plain, slot.local_name, shape=writer.shape)
    orthogonal().fill_(value, seed=job.asked.seed, name=slot.name, site=site)
    why = state.weight.redraw(value.to(writer.dtype))
    if why:
        state.give_up(why)
