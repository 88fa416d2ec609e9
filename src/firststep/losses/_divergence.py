"""Divergences of two distributions from their log-probabilities, classes on axis 1. A log-probability may be -inf.

The gradients are written by hand: autograd would keep and select with tensors of that size, and take twice as long as
the formulas that peers use. They are right for log-probabilities, of rows whose probabilities sum to 1.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """``KL(p || q)``, where a class of p = 0 counts nothing, whatever q is."""
    if torch.compiler.is_compiling():  # the compiler fuses what by hand is below
        return (log_p.exp() * _gap(log_p, log_q)).sum(1)
    values: Any = _KL.apply(log_p, log_q)
    return values


def js_divergence(log_p: Tensor, log_q: Tensor, beta: float) -> Tensor:
    """``beta KL(p || m) + (1 - beta) KL(q || m)``, m = beta p + (1 - beta) q."""
    if torch.compiler.is_compiling():
        return sum(_parts(log_p, log_q, beta)).sum(1)  # pyright: ignore
    values: Any = _JS.apply(log_p, log_q, beta)
    return values


def _gap(log_p: Tensor, log_q: Tensor) -> Tensor:
    """``log p - log q``; 0 where p is 0, as large as can be where q alone is."""
    return (log_p - log_q).nan_to_num_(nan=0.0, neginf=0.0)


class _KL(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, log_q: Tensor) -> Tensor:
        return _gap(log_p, log_q).mul_(log_p.exp()).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        log_p, log_q = ctx.saved_tensors
        by_p, by_q = ctx.needs_input_grad
        share = log_p.exp() * gradients[0].unsqueeze(1)
        return share * _gap(log_p, log_q) if by_p else None, -share if by_q else None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        log_p, log_q = ctx.saved_tensors
        return (log_p.exp() * (_gap(log_p, log_q) * tangents[0] - tangents[1])).sum(1)


def _parts(log_p: Tensor, log_q: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """``beta p log(p / m)`` and ``(1 - beta) q log(q / m)``: the terms, and the gradients by log p and log q too.

    With u the log-odds of q's share in m, ``p / m = sigmoid(-u) / beta`` and ``q / m = sigmoid(u) / (1 - beta)``.
    """
    u = (log_q - log_p).nan_to_num_(nan=0.0)
    if beta != 0.5:
        u = u + math.log((1 - beta) / beta)
    of_p = (F.logsigmoid(-u) - math.log(beta)) * log_p.exp()
    of_q = (F.logsigmoid(u) - math.log1p(-beta)) * log_q.exp()
    return of_p * beta, of_q * (1 - beta)


class _JS(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, log_q: Tensor, beta: float) -> Tensor:
        of_p, of_q = _parts(log_p, log_q, beta)
        return of_p.add_(of_q).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.save_for_forward(*inputs[:2])
        ctx.beta = inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        of_p, of_q = _parts(*ctx.saved_tensors, ctx.beta)
        gradient = gradients[0].unsqueeze(1)
        by_p, by_q, _ = ctx.needs_input_grad
        return of_p * gradient if by_p else None, of_q * gradient if by_q else None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        of_p, of_q = _parts(*ctx.saved_tensors, ctx.beta)
        return (of_p * tangents[0] + of_q * tangents[1]).sum(1)
