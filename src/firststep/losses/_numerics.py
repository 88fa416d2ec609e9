"""Pieces that must not overflow, cancel or give NaN gradients, written once."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TINY = torch.finfo(torch.float32).tiny
"""The least normal float32: a floor for what is divided by or rooted."""


def log1mexp(x: Tensor) -> Tensor:
    """``log(1 - exp(x))`` for x < 0, to full relative accuracy on both ends.

    Maechler 2012, "Accurately computing log(1 - exp(-|a|))": the switch is at -log 2. Each branch is fed only what it
    can take, so that the other's gradient is not NaN.

    >>> log1mexp(torch.tensor([-1e-8, -50.0]))
    tensor([-1.8421e+01, -1.9287e-22])
    """
    near = x > -math.log(2)
    small = torch.where(near, x, -1.0)
    large = torch.where(near, -1.0, x)
    return torch.where(near, torch.log(-torch.expm1(small)), torch.log1p(-torch.exp(large)))


def safe_sqrt(x: Tensor) -> Tensor:
    """``sqrt(x)`` for x >= 0, with gradient 0 instead of infinity at 0.

    >>> x = torch.zeros(1, requires_grad=True)
    >>> torch.autograd.grad(safe_sqrt(x).sum(), x)
    (tensor([0.]),)
    """
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, 1.0)), 0.0)


def safe_pow(x: Tensor, exponent: float | Tensor) -> Tensor:
    """``x ** exponent`` for x >= 0 and exponent >= 0, with gradient 0 instead of infinity or NaN at 0.

    >>> x = torch.zeros(1, requires_grad=True)
    >>> torch.autograd.grad(safe_pow(x, 0.5).sum(), x)
    (tensor([0.]),)
    """
    positive = x > 0
    return torch.where(positive, torch.pow(torch.where(positive, x, 1.0), exponent), 0.0 if exponent != 0 else 1.0)


def divide(a: Tensor, b: Tensor) -> Tensor:
    """``a / b``, and 0 with gradient 0 where b is 0.

    >>> divide(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0]))
    tensor([0.5000, 0.0000])
    """
    zero = b == 0
    return torch.where(zero, 0.0, a / torch.where(zero, 1.0, b))


def ratio(a: Tensor, b: Tensor, least: float = TINY) -> Tensor:
    """``a / b`` for 0 <= a <= b, and 0 with gradient 0 where b is at most ``least``: too small for its reciprocal.

    >>> ratio(torch.tensor([1.0, 1e-40]), torch.tensor([2.0, 1e-40]))
    tensor([0.5000, 0.0000])
    """
    small = b <= least
    return torch.where(small, 0.0, a / torch.where(small, 1.0, b))


def pick(scores: Tensor, target: Tensor) -> Tensor:
    """``scores[n, target[n, ...], ...]``: the score of each target, classes on axis 1.

    Args:
        scores: (N, C, *).
        target: (N, *), class indices.

    Returns:
        (N, *).

    >>> pick(torch.tensor([[0.1, 0.9], [0.3, 0.7]]), torch.tensor([1, 0]))
    tensor([0.9000, 0.3000])
    """
    return scores.gather(1, target.unsqueeze(1)).squeeze(1)


def one_hot(target: Tensor, scores: Tensor) -> Tensor:
    """The targets as rows of zeros and a one, of the shape and dtype of the scores, classes on axis 1.

    >>> one_hot(torch.tensor([1]), torch.zeros(1, 3))
    tensor([[0., 1., 0.]])
    """
    return torch.zeros_like(scores).scatter(1, target.unsqueeze(1), 1.0)


def log_softmax(logits: Tensor) -> Tensor:
    """Over axis 1; -inf logits are classes that cannot be.

    >>> log_softmax(torch.zeros(1, 2)).exp()
    tensor([[0.5000, 0.5000]])
    """
    return F.log_softmax(logits, dim=1)
