"""Distillation in two parts: how sure the teacher is of the target class, and what it thinks of the others."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._distillation import AGREED, FROZEN, SHIFT_TEACHER, STUDENT, TEACHER, TEACHER_GIVES, TEMPERATURE, two_classes
from ._divergence import kl_divergence
from ._draw import classes, logits
from ._invariances import SHIFT
from ._numerics import pick
from ._spec import Args, Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


class _Parts(NamedTuple):
    """The target class against the rest, (N, 2, *), and the rest among themselves, (N, C, *): log-probabilities."""

    target: Tensor
    others: Tensor


def decoupled_distillation_loss(
    student: Tensor, teacher: Tensor, target: Tensor, *, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
) -> Tensor:
    """The target's log-odds are its logit less the log-sum-exp of the others: no probability is formed and logged."""
    p, q = (_parts(scores, target, temperature) for scores in (teacher, student))
    value = (temperature**2 * alpha) * kl_divergence(p.target, q.target)
    return value if beta == 0 else value + (temperature**2 * beta) * kl_divergence(p.others, q.others)


def _parts(scores: Tensor, target: Tensor, temperature: float) -> _Parts:
    scores = scores if temperature == 1 else scores / temperature
    others = scores.scatter(1, target.unsqueeze(1), -math.inf)
    rest = others.logsumexp(1, keepdim=True)
    odds = pick(scores, target).unsqueeze(1) - rest
    return _Parts(F.logsigmoid(torch.cat((odds, -odds), 1)), others - rest)


SPECS: tuple[LossSpec, ...] = ()
