"""GradInit: the scales for which one step of the optimizer lowers the loss most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import CalibrationError
from ..planning import Tell
from ._report import Figure
from ._scales import Scales, finite, gradients, twice_differentiable
from ._target import Job, Outcome, Target, positive, whole

OPTIMIZERS = ("sgd", "adam")


@dataclass(frozen=True, repr=False)
class GradInit(Target):
    """Scales that minimise the loss after one step; made by :func:`gradinit`."""

    name: ClassVar[str] = "gradinit"
    of: ClassVar[str] = "parameter"
    needs_loss: ClassVar[bool] = True
    optimizer: Literal["sgd", "adam"] = "sgd"
    eta: float = 0.1
    gamma: float = 1.0
    lr: float = 0.02
    steps: int = 200
    least: float = 0.01

    def length(self, job: Job) -> int:
        return self.steps

    def work(self, job: Job, tell: Tell) -> Outcome:
        with twice_differentiable():
            scales = Scales(job, lambda lever: "")
            first, best, m = self._learn(scales, tell)
        rows = scales.write(m)
        norm = "gradient norm (L2)" if self.optimizer == "sgd" else "gradient norm (L1)"
        above = "" if best.norm <= self.gamma else f", above gamma={self.gamma:g}: more steps, or a larger gamma"
        figures = (
            Figure("loss", first.loss, best.loss),
            Figure("loss after one step", first.next_loss, best.next_loss),
            Figure(norm + above, first.norm, best.norm),
        )
        return Outcome(rows, figures)

    def _learn(self, scales: Scales, tell: Tell) -> tuple[_Point, _Point, list[float]]:
        """Adam on the scales; what it began with, and the best of all points it saw with its scales."""
        m = torch.ones(len(scales.levers), dtype=torch.float64, requires_grad=True)
        adams = {goal: torch.optim.Adam([m]) for goal in ("norm", "loss")}  # of very different slopes
        first = best = None
        kept = m.detach().clone()
        for step in range(self.steps + 1):
            point, objective = self._look(scales, m)
            first = first or point
            if best is None or point.key(self.gamma) < best.key(self.gamma):
                best, kept = point, m.detach().clone()
            if step == self.steps:
                break
            adam = adams["norm" if point.norm > self.gamma else "loss"]
            adam.param_groups[0]["lr"] = self.lr * (1 - step / self.steps)
            (m.grad,) = gradients(objective, [m])
            adam.step()
            with torch.no_grad():
                m.clamp_(min=self.least)
            tell(1, f"loss after one step {point.next_loss:.4g}")
        assert first is not None
        assert best is not None
        return first, best, kept.tolist()

    def _look(self, scales: Scales, m: Tensor) -> tuple[_Point, Tensor]:
        """The numbers at one choice of scales, and what is to be minimised there."""
        tensors = scales.tensors([one.to(lever.value) for one, lever in zip(m, scales.levers, strict=True)])
        trained = [*tensors, *scales.others]
        loss = finite(scales.loss(tensors), "the loss")
        slopes = gradients(loss, trained, create_graph=True)
        norm = _norm(slopes, self.optimizer)
        moves = slopes if self.optimizer == "sgd" else [slope.detach().sign() for slope in slopes]
        stepped = [one - self.eta * move for one, move in zip(trained, moves, strict=True)]
        later = scales.loss(stepped[: len(tensors)], stepped[len(tensors) :])
        point = _Point(*(float(one.detach()) for one in (loss, later, norm)))
        return point, norm if point.norm > self.gamma else later


class _Point(NamedTuple):
    """What is known of one choice of scales."""

    loss: float
    next_loss: float
    norm: float

    def key(self, gamma: float) -> tuple[bool, float]:
        """Orders points: within the constraint by the loss after one step, outside by the norm; NaN last."""
        outside = not self.norm <= gamma
        value = self.norm if outside else self.next_loss
        return outside, value if value == value else float("inf")


def gradinit(
    *,
    optimizer: Literal["sgd", "adam"] = "sgd",
    eta: float = 0.1,
    gamma: float = 1.0,
    lr: float = 0.02,
    steps: int = 200,
    least: float = 0.01,
) -> GradInit:
    """GradInit: learn one scale per tensor so that the first step of the optimizer lowers the loss most.

        min over m of L(w_m - eta A[g_m])  with  |g_m|_p <= gamma,   w_m = m w,  g_m = dL/dw at w_m
        A[g] = g, p = 2 for SGD;  A[g] = sign(g), p = 1 for Adam, whose first step that is

    While the norm is above gamma the norm is lowered instead of the loss. The scales are learned by Adam whose step
    falls to 0, and the best scales seen are kept. All trained parameters take the step; those that are all zero, and
    those that ``layers=`` does not name, have no scale. The loss before and after the step is of the same batch; the
    paper draws another that shares a part with the first.

    Args:
        optimizer: the one you will train with, ``"sgd"`` or ``"adam"``.
        eta: its learning rate.
        gamma: bound on the gradient's norm.
        lr: how far one step moves a scale, at first.
        steps: how many steps; each costs about four forward and backward passes.
        least: smallest scale.

    Returns:
        A target for :func:`firststep.calibrate`, which needs a loss then.

    Raises:
        CalibrationError: for an unknown optimizer, or a number out of range.

    >>> gradinit(optimizer="adam", eta=0.001)
    gradinit(optimizer='adam', eta=0.001)

    Source: Zhu et al. 2021 (arXiv 2102.08098, equation 1 and algorithm 1).
    """
    if optimizer not in OPTIMIZERS:
        raise CalibrationError(f"gradinit(optimizer={optimizer!r}): expected 'sgd' or 'adam'")
    positive("gradinit", eta=eta, lr=lr, least=least)
    if gamma != float("inf"):
        positive("gradinit", gamma=gamma)
    whole("gradinit", steps=steps)
    return GradInit(optimizer, float(eta), float(gamma), float(lr), steps, float(least))


def _norm(slopes: Sequence[Tensor], optimizer: str) -> Tensor:
    """The norm dual to the optimizer's step: L2 for SGD, L1 for Adam."""
    if optimizer == "adam":
        return torch.stack([slope.abs().sum() for slope in slopes]).sum()
    return torch.stack([slope.square().sum() for slope in slopes]).sum().sqrt()
