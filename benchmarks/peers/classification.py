"""Classification, imbalance and noisy labels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

COUNTS = torch.logspace(4, 1, 1000).round()


def scores(n: int = 8192, classes: int = 1000) -> tuple[Tensor, Tensor]:
    """Logits and classes."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, classes, generator=generator), torch.randint(classes, (n,), generator=generator)


def labels(n: int = 50_000, count: int = 80) -> tuple[Tensor, Tensor]:
    """Logits and yes-or-no labels, a tenth of them positive."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, count, generator=generator), (torch.rand(n, count, generator=generator) < 0.1).float()


def distributions() -> tuple[Tensor, Tensor]:
    """Logits and soft targets."""
    input, _ = scores()
    return input, torch.randn(input.shape, generator=torch.Generator().manual_seed(1)).softmax(1)


def softmax_focal(input: Tensor, target: Tensor) -> Tensor:
    """kornia's: of log-probabilities for all classes, times a one-hot target."""
    log_p = F.log_softmax(input, 1)
    weight = torch.pow(1.0 - log_p.exp(), 2.0)
    label = torch.zeros_like(input).scatter_(1, target.unsqueeze(1), 1.0)
    return (-weight * log_p * label).sum(1).mean()


def cross_entropy_focal(input: Tensor, target: Tensor) -> Tensor:
    """The short form: of the cross-entropy of each sample."""
    cost = F.cross_entropy(input, target, reduction="none")
    return ((1 - torch.exp(-cost)) ** 2 * cost).mean()


def sigmoid_focal(input: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """torchvision's."""
    p = torch.sigmoid(input)
    cost = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    p_t = p * target + (1 - p) * (1 - target)
    return ((alpha * target + (1 - alpha) * (1 - target)) * (cost * (1 - p_t) ** gamma)).mean()


def poly1(input: Tensor, target: Tensor) -> Tensor:
    """The paper's, with a gather where it has a one-hot product."""
    p = F.softmax(input, 1).gather(1, target.unsqueeze(1)).squeeze(1)
    return (F.cross_entropy(input, target, reduction="none") + (1 - p)).mean()


def signs() -> tuple[Tensor, Tensor]:
    """Logits and labels -1 and 1."""
    input, target = labels()
    return input, 2 * target - 1


def hinge(input: Tensor, target: Tensor) -> Tensor:
    """A maximum with 0."""
    return torch.clamp(1 - target * input, min=0).mean()


def sparsemax(input: Tensor, target: Tensor) -> Tensor:
    """By a sort and a cumulative sum, of which the support gathers its threshold; the gradient is p less the label."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input, target):  # type: ignore[no-untyped-def]
            z = input - input.amax(1, keepdim=True)
            ordered = z.sort(1, descending=True).values
            total = ordered.cumsum(1) - 1
            rank = torch.arange(1, z.shape[1] + 1, dtype=z.dtype)
            size = (rank * ordered > total).sum(1, keepdim=True)
            p = (z - total.gather(1, size - 1) / size).clamp(min=0)
            cost = (1 - p.square().sum(1)) / 2
            p.scatter_add_(1, target.unsqueeze(1), torch.full_like(p[:, :1], -1.0))
            ctx.save_for_backward(p)
            return cost + (p * z).sum(1)

        @staticmethod
        def backward(ctx, *gradients):  # type: ignore[no-untyped-def]
            return gradients[0].unsqueeze(1) * ctx.saved_tensors[0], None

    cost: Tensor = Loss.apply(input, target)
    return cost.mean()


def asymmetric(input: Tensor, target: Tensor) -> Tensor:
    """The authors', which timm follows."""
    p = torch.sigmoid(input)
    q = (1 - p + 0.05).clamp(max=1)
    cost = target * torch.log(p.clamp(min=1e-8)) + (1 - target) * torch.log(q.clamp(min=1e-8))
    p_t = p * target + q * (1 - target)
    return -(cost * torch.pow(1 - p_t, 1 * target + 4 * (1 - target))).mean()


def logit_adjusted(input: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the shifted logits."""
    return F.cross_entropy(input + COUNTS.log(), target)


def ldam(input: Tensor, target: Tensor) -> Tensor:
    """The authors': a one-hot mask, and a matrix product to look the margins up."""
    margins = COUNTS**-0.25
    margins = margins * (0.5 / margins.max())
    mask = torch.zeros_like(input, dtype=torch.bool).scatter_(1, target.unsqueeze(1), True)
    lowered = input - torch.matmul(margins[None], mask.float().T).view(-1, 1)
    return F.cross_entropy(30 * torch.where(mask, lowered, input), target)


def class_balanced(input: Tensor, target: Tensor) -> Tensor:
    """Weights as the authors make them, on torch's cross-entropy, over samples."""
    weight = (1 - 0.9999) / (1 - 0.9999**COUNTS)
    weight = weight / weight.sum() * len(COUNTS)
    return F.cross_entropy(input, target, weight=weight, reduction="sum") / len(target)


def generalized(input: Tensor, target: Tensor) -> Tensor:
    """Of the softmax, as written in the paper."""
    p = F.softmax(input, 1).gather(1, target.unsqueeze(1)).squeeze(1)
    return ((1 - p**0.7) / 0.7).mean()


def symmetric(input: Tensor, target: Tensor) -> Tensor:
    """The authors': a clamped one-hot label and its logarithm."""
    p = F.softmax(input, 1).clamp(min=1e-7, max=1.0)
    label = F.one_hot(target, input.shape[1]).float().clamp(min=1e-4, max=1.0)
    return 0.1 * F.cross_entropy(input, target) + (-(p * label.log()).sum(1)).mean()


def active_passive(input: Tensor, target: Tensor) -> Tensor:
    """The authors' NCE + RCE."""
    log_p = F.log_softmax(input, 1)
    label = F.one_hot(target, input.shape[1]).float()
    normalized = -(label * log_p).sum(1) / -log_p.sum(1)
    p = F.softmax(input, 1).clamp(min=1e-7, max=1.0)
    reverse = -(p * label.clamp(min=1e-4, max=1.0).log()).sum(1)
    return normalized.mean() + reverse.mean()


class _TemperedLevel(torch.autograd.Function):
    """The authors' five steps of a fixed-point iteration, with the gradient they give it."""

    @staticmethod
    def forward(ctx, input, t, steps):  # type: ignore[no-untyped-def]
        top = input.amax(1, keepdim=True)
        first = input - top
        now = first
        for _ in range(steps):
            total = _exp_t(now, t).sum(1, keepdim=True)
            now = first * total.pow(1 - t)
        total = _exp_t(now, t).sum(1, keepdim=True)
        level = -_log_t(1 / total, t) + top
        ctx.save_for_backward(input, level)
        ctx.t = t
        return level

    @staticmethod
    def backward(ctx, *gradients):  # type: ignore[no-untyped-def]
        input, level = ctx.saved_tensors
        escort = _exp_t(input - level, ctx.t).pow(ctx.t)
        return escort / escort.sum(1, keepdim=True) * gradients[0], None, None


def _log_t(x: Tensor, t: float) -> Tensor:
    return (x.pow(1 - t) - 1) / (1 - t)


def _exp_t(x: Tensor, t: float) -> Tensor:
    return (1 + (1 - t) * x).relu().pow(1 / (1 - t))


def bi_tempered(input: Tensor, target: Tensor) -> Tensor:
    """The authors', over all classes of a one-hot label."""
    t1, t2 = 0.8, 1.4
    level: Tensor = _TemperedLevel.apply(input, t2, 5)
    p = _exp_t(input - level, t2)
    label = torch.zeros_like(input).scatter_(1, target.unsqueeze(1), 1.0)
    cost = label * _log_t(label + 1e-10, t1) - label * _log_t(p, t1)
    return (cost - label.pow(2 - t1) / (2 - t1) + p.pow(2 - t1) / (2 - t1)).sum(1).mean()


def smoothed(input: Tensor, target: Tensor) -> Tensor:
    """torch's, with smoothing."""
    return F.cross_entropy(input, target, label_smoothing=0.1)


def errors() -> tuple[Tensor, Tensor]:
    """Predictions and targets."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1_000_000, generator=generator), torch.randn(1_000_000, generator=generator)


def log_cosh(input: Tensor, target: Tensor) -> Tensor:
    """The stable form that keras has."""
    error = input - target
    return (error + F.softplus(-2 * error) - math.log(2)).mean()


PEERS = (
    Peer("cross_entropy", scores, F.cross_entropy, "torch.nn.functional.cross_entropy"),
    Peer(
        "cross_entropy",
        scores,
        smoothed,
        "torch.nn.functional.cross_entropy, not stable with a -inf logit",
        {"label_smoothing": 0.1},
    ),
    Peer("soft_target_cross_entropy", distributions, F.cross_entropy, "torch.nn.functional.cross_entropy"),
    Peer(
        "binary_cross_entropy_with_logits",
        labels,
        F.binary_cross_entropy_with_logits,
        "torch.nn.functional.binary_cross_entropy_with_logits",
    ),
    Peer("focal_loss", scores, softmax_focal, "kornia's formula"),
    Peer("focal_loss", scores, cross_entropy_focal, "the short formula, of cross-entropies"),
    Peer("sigmoid_focal_loss", labels, sigmoid_focal, "torchvision's formula", {"alpha": 0.25}),
    Peer("poly1_cross_entropy", scores, poly1, "the authors' formula"),
    Peer("sparsemax_loss", scores, sparsemax, "the formula with its gradient by hand"),
    Peer("asymmetric_loss", labels, asymmetric, "the authors' formula, as in timm"),
    Peer("logit_adjusted_cross_entropy", scores, logit_adjusted, "the formula", {"prior": COUNTS}),
    Peer("balanced_softmax_loss", scores, logit_adjusted, "the formula", {"counts": COUNTS}),
    Peer("ldam_loss", scores, ldam, "the authors' formula", {"counts": COUNTS}),
    Peer("class_balanced_cross_entropy", scores, class_balanced, "the formula", {"counts": COUNTS}),
    Peer("generalized_cross_entropy", scores, generalized, "the formula"),
    Peer("symmetric_cross_entropy", scores, symmetric, "the authors' formula", {"log_zero": -9.210340371976182}),
    Peer("active_passive_loss", scores, active_passive, "the authors' formula", {"log_zero": -9.210340371976182}),
    Peer("hinge_loss", signs, hinge, "keras' formula"),
    Peer("log_cosh_loss", errors, log_cosh, "keras' formula"),
    Peer("bi_tempered_logistic_loss", scores, bi_tempered, "the authors' formula, 5 steps"),
)
