"""MetaInit: the scales for which the gradient changes least along itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import CalibrationError
from ..planning import Tell
from ._lever import Lever
from ._report import Figure
from ._scales import Scales, finite, gradients, twice_differentiable
from ._target import Job, Outcome, Target, positive, whole


@dataclass(frozen=True, repr=False)
class MetaInit(Target):
    """Scales that minimise the gradient quotient; made by :func:`metainit`."""

    name: ClassVar[str] = "metainit"
    of: ClassVar[str] = "parameter"
    needs_loss: ClassVar[bool] = True
    lr: float = 0.1
    momentum: float = 0.9
    steps: int = 200
    eps: float = 1e-5

    def length(self, job: Job) -> int:
        return self.steps

    def work(self, job: Job, tell: Tell) -> Outcome:
        with twice_differentiable():
            scales = Scales(job, _is_matrix)
            figures, best = self._learn(scales, tell)
        return Outcome(scales.write(best), figures)

    def _learn(self, scales: Scales, tell: Tell) -> tuple[tuple[Figure, ...], list[float]]:
        """signSGD with momentum on the norms; the figures at the start and at the best scales seen."""
        starts = [float(lever.value.double().norm()) for lever in scales.levers]
        norms, speeds = list(starts), [0.0] * len(starts)
        first: tuple[float, float] | None = None
        best, kept = (float("inf"), float("inf")), [1.0] * len(starts)
        for step in range(self.steps + 1):
            m = [norm / start for norm, start in zip(norms, starts, strict=True)]
            quotient, loss, slopes = self._look(scales, m)
            first = first or (quotient, loss)
            if quotient < best[0]:
                best, kept = (quotient, loss), m
            if step == self.steps:
                break
            for i, slope in enumerate(slopes):
                speeds[i] = self.momentum * speeds[i] - self.lr * (slope > 0) + self.lr * (slope < 0)
                norms[i] = min(max(norms[i] + speeds[i], norms[i] / 2), norms[i] * 2)
            tell(1, f"gradient quotient {quotient:.4g}")
        assert first is not None
        return (Figure("gradient quotient", first[0], best[0]), Figure("loss", first[1], best[1])), kept

    def _look(self, scales: Scales, m: Sequence[float]) -> tuple[float, float, list[float]]:
        """The gradient quotient, the loss, and the quotient's slope along each scale."""
        knobs = [
            torch.tensor(one, dtype=lever.value.dtype, device=lever.value.device, requires_grad=True)
            for one, lever in zip(m, scales.levers, strict=True)
        ]
        tensors = scales.tensors(knobs)
        loss = finite(scales.loss(tensors), "the loss")
        quotient = finite(gradient_quotient(loss, tensors, self.eps), "the gradient quotient")
        slopes = [float(slope) for slope in gradients(quotient, knobs)] if quotient.requires_grad else [0.0] * len(m)
        return float(quotient.detach()), float(loss.detach()), slopes


def metainit(*, lr: float = 0.1, momentum: float = 0.9, steps: int = 200, eps: float = 1e-5) -> MetaInit:
    """MetaInit: learn the norm of each weight so that the gradient changes least where one step along it leads.

        min over norms of GQ = mean |(g - H g) / (g + eps sign(g)) - 1|,   g the gradient, H the Hessian

    over the weights of two dimensions and more, by signSGD with momentum on their norms. The best norms seen are kept.
    A norm changes by a factor of at most 2 in one step, so that it cannot become negative, which the paper leaves
    open. Biases have no scale, and are 0 in the paper.

    Args:
        lr: how far one step moves a norm.
        momentum: of the steps.
        steps: how many; each costs about three forward and backward passes. The paper takes 500.
        eps: keeps the quotient finite where the gradient is 0; ``sign(0)`` counts as 1.

    Returns:
        A target for :func:`firststep.calibrate`, which needs a loss then.

    Raises:
        CalibrationError: for a number out of range.

    >>> metainit(steps=50)
    metainit(steps=50)

    Source: Dauphin and Schoenholz 2019, "MetaInit: initializing learning by learning to initialize", equation 1 and
    algorithm 1.
    """
    positive("metainit", lr=lr, eps=eps)
    whole("metainit", steps=steps)
    if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum < 1:
        raise CalibrationError(f"metainit(momentum={momentum!r}): expected a number with 0 <= momentum < 1")
    return MetaInit(float(lr), float(momentum), steps, float(eps))


def gradient_quotient(loss: Tensor, tensors: Sequence[Tensor], eps: float) -> Tensor:
    """``mean |(g - H g) / (g + eps sign(g)) - 1|``, over all elements; H g is the gradient of ``|g|^2 / 2``."""
    slopes = gradients(loss, tensors, create_graph=True)
    half_square = torch.stack([slope.square().sum() for slope in slopes]).sum() / 2
    products = gradients(half_square, tensors, create_graph=True) if half_square.requires_grad else slopes
    parts = []
    for slope, product in zip(slopes, products, strict=True):
        sign = torch.where(slope.detach() >= 0, 1.0, -1.0).to(slope)
        parts.append(((slope - product) / (slope + eps * sign) - 1).abs().sum())
    return torch.stack(parts).sum() / sum(tensor.numel() for tensor in tensors)


def _is_matrix(lever: Lever) -> str:
    return "" if len(lever.shape) >= 2 else "fewer than two dimensions"
