"""Boxes, and the scores of a dense detector."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def boxes(n: int = 100_000) -> tuple[Tensor, Tensor]:
    """Predictions near their targets, in pixels."""
    generator = torch.Generator().manual_seed(0)
    corner = 500 * torch.rand(n, 2, generator=generator)
    target = torch.cat((corner, corner + 10 + 90 * torch.rand(n, 2, generator=generator)), 1)
    return target + torch.randn(n, 4, generator=generator), target


def scores(n: int = 12500, classes: int = 80) -> tuple[Tensor, Tensor]:
    """Logits and qualities, one in twenty of them not 0."""
    generator = torch.Generator().manual_seed(0)
    quality = torch.rand(n, classes, generator=generator)
    positive = torch.rand(n, classes, generator=generator) < 0.05
    return torch.randn(n, classes, generator=generator), torch.where(positive, quality, 0.0)


def sides(n: int = 40_000, bins: int = 17) -> tuple[Tensor, Tensor]:
    """Logits of the bins of each side, and distances."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, bins, generator=generator), 15.9 * torch.rand(n, generator=generator)


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """torchvision's: the intersection where there is one, and the union."""
    x1, y1, x2, y2 = a.unbind(-1)
    u1, v1, u2, v2 = b.unbind(-1)
    left, top, right, bottom = torch.max(x1, u1), torch.max(y1, v1), torch.min(x2, u2), torch.min(y2, v2)
    shared = torch.zeros_like(x1)
    there = (bottom > top) & (right > left)
    shared[there] = (right[there] - left[there]) * (bottom[there] - top[there])
    return shared, (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared


def around(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the box around both."""
    x1, y1, x2, y2 = a.unbind(-1)
    u1, v1, u2, v2 = b.unbind(-1)
    return torch.max(x2, u2) - torch.min(x1, u1), torch.max(y2, v2) - torch.min(y1, v1)


def iou(input: Tensor, target: Tensor) -> Tensor:
    """torchvision's."""
    shared, union = overlap(input, target)
    return (1 - shared / (union + 1e-7)).mean()


def giou(input: Tensor, target: Tensor) -> Tensor:
    """torchvision's."""
    shared, union = overlap(input, target)
    width, height = around(input, target)
    area = width * height
    return (1 - (shared / (union + 1e-7) - (area - union) / (area + 1e-7))).mean()


def distance(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """torchvision's, with the IoU."""
    shared, union = overlap(input, target)
    ratio = shared / (union + 1e-7)
    width, height = around(input, target)
    x1, y1, x2, y2 = input.unbind(-1)
    u1, v1, u2, v2 = target.unbind(-1)
    centres = ((x2 + x1) / 2 - (u1 + u2) / 2) ** 2 + ((y2 + y1) / 2 - (v1 + v2) / 2) ** 2
    return 1 - ratio + centres / (width**2 + height**2 + 1e-7), ratio


def ciou(input: Tensor, target: Tensor) -> Tensor:
    """torchvision's."""
    loss, ratio = distance(input, target)
    x1, y1, x2, y2 = input.unbind(-1)
    u1, v1, u2, v2 = target.unbind(-1)
    v = (4 / math.pi**2) * torch.pow(torch.atan((u2 - u1) / (v2 - v1)) - torch.atan((x2 - x1) / (y2 - y1)), 2)
    with torch.no_grad():
        alpha = v / (1 - ratio + v + 1e-7)
    return (loss + alpha * v).mean()


def quality_focal(input: Tensor, target: Tensor) -> Tensor:
    """The paper's."""
    cost = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    return (cost * (target - input.sigmoid()).abs().pow(2.0)).mean()


def varifocal(input: Tensor, target: Tensor) -> Tensor:
    """mmdetection's."""
    p = input.sigmoid()
    weight = target * (target > 0).float() + 0.75 * (p - target).abs().pow(2.0) * (target <= 0).float()
    return (F.binary_cross_entropy_with_logits(input, target, reduction="none") * weight).mean()


def distribution_focal(input: Tensor, target: Tensor) -> Tensor:
    """mmdetection's: two cross-entropies."""
    left = target.long()
    right = left + 1
    cost = F.cross_entropy(input, left, reduction="none") * (right.float() - target)
    return (cost + F.cross_entropy(input, right, reduction="none") * (target - left.float())).mean()


PEERS = (
    Peer("iou_loss", boxes, iou, "torchvision's formula"),
    Peer("giou_loss", boxes, giou, "torchvision's formula"),
    Peer("diou_loss", boxes, lambda input, target: distance(input, target)[0].mean(), "torchvision's formula"),
    Peer("ciou_loss", boxes, ciou, "torchvision's formula"),
    Peer("quality_focal_loss", scores, quality_focal, "the paper's formula"),
    Peer("varifocal_loss", scores, varifocal, "mmdetection's formula"),
    Peer("distribution_focal_loss", sides, distribution_focal, "mmdetection's formula"),
)
