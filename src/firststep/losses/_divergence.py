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
    """``KL(p || q)``, where a class of p = 0 counts nothing, and one of q = 0 alone a large finite number."""
    return _divergence(log_p, log_q, 0.0)


def js_divergence(log_p: Tensor, log_q: Tensor, beta: float) -> Tensor:
    """``beta KL(p || m) + (1 - beta) KL(q || m)``, m = beta p + (1 - beta) q and 0 < beta < 1."""
    return _divergence(log_p, log_q, beta)


def _divergence(log_p: Tensor, log_q: Tensor, beta: float) -> Tensor:
    if torch.compiler.is_compiling():  # the compiler fuses what by hand is below
        first, second = _parts(log_p, log_q, beta)
        return (first if beta == 0 else first + second).sum(1)
    values: Any = _Divergence.apply(log_p, log_q, beta)
    return values[0]


def _parts(log_p: Tensor, log_q: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """``beta p log(p / m)`` and ``(1 - beta) q log(q / m)``, the terms and at once the gradients by log p and log q.

    With u the log-odds of q's share in m, ``p / m = sigmoid(-u) / beta`` and ``q / m = sigmoid(u) / (1 - beta)``. For
    beta = 0: ``p log(p / q)``, the term and the gradient by log p, and p, minus the gradient by log q.
    """
    if beta == 0:
        p, most = log_p.exp(), torch.finfo(log_p.dtype).max ** 0.5
        return (log_p - log_q).nan_to_num_(nan=0.0, posinf=most, neginf=0.0).mul_(p), p
    u = (log_q - log_p).nan_to_num_(nan=0.0)
    if beta != 0.5:
        u = u + math.log((1 - beta) / beta)
    of_p = (F.logsigmoid(-u) - math.log(beta)) * log_p.exp()
    of_q = (F.logsigmoid(u) - math.log1p(-beta)) * log_q.exp()
    return of_p * beta, of_q * (1 - beta)


class _Divergence(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, log_q: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
        first, second = _parts(log_p, log_q, beta)
        return (first if beta == 0 else first + second).sum(1), first, second

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        needed = zip(ctx.needs_input_grad, output[1:], strict=False)
        ctx.save_for_backward(*inputs[:2], *(part if needs else None for needs, part in needed))
        ctx.save_for_forward(*inputs[:2])
        ctx.beta = inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        log_p, log_q, first, second = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is differentiated in turn
            first, second = _parts(log_p, log_q, ctx.beta)
        by_p, by_q, _ = ctx.needs_input_grad
        gradient = gradients[0].unsqueeze(1)
        of_q = -gradient if ctx.beta == 0 else gradient
        return gradient * first if by_p else None, of_q * second if by_q else None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, None, None]:
        log_p, log_q = ctx.saved_tensors[:2]
        first, second = _parts(log_p, log_q, ctx.beta)
        by_q = -second if ctx.beta == 0 else second
        return (first * tangents[0] + by_q * tangents[1]).sum(1), None, None
