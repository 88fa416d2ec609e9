"""Triplet and angular losses beside torch's, and the formulas that their best known implementations compute."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def distances(rows: Tensor) -> Tensor:
    """All distances, with a small number under the root where it would be 0."""
    product = rows @ rows.T
    square = product.diagonal()
    squared = (square.unsqueeze(0) - 2 * product + square.unsqueeze(1)).clamp(min=0)
    zero = squared.eq(0).float()
    return (1 - zero) * (squared + zero * 1e-16).sqrt()


def batch_hard(rows: Tensor, labels: Tensor) -> Tensor:
    """Maximum and minimum of masked distances."""
    apart = distances(rows)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    positive = (same & ~torch.eye(len(rows), dtype=torch.bool)).float()
    hardest = (positive * apart).max(1, keepdim=True).values
    top = apart.max(1, keepdim=True).values
    nearest = (apart + top * same.float()).min(1, keepdim=True).values
    return F.relu(hardest - nearest + 0.2).mean()


def semi_hard(rows: Tensor, labels: Tensor) -> Tensor:
    """All triplets, N^3 of them, in one tensor."""
    n = len(rows)
    apart = distances(rows)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    tiled = apart.repeat(n, 1)
    mask = ~same.repeat(n, 1) & (tiled > apart.T.reshape(-1, 1))
    has_one = mask.any(1).reshape(n, n).T
    top = tiled.max(1, keepdim=True).values
    outside = (((tiled - top) * mask).min(1, keepdim=True).values + top).reshape(n, n).T
    low = apart.min(1, keepdim=True).values
    inside = (((apart - low) * ~same).max(1, keepdim=True).values + low).repeat(1, n)
    gap = 0.2 + apart - torch.where(has_one, outside, inside)
    positive = same.float() - torch.eye(n)
    return (gap * positive).clamp(min=0).sum() / positive.sum()


def arcface(rows: Tensor, target: Tensor, centers: Tensor) -> Tensor:
    """The margin for all classes, and a one-hot matrix that chooses."""
    cosine = F.linear(F.normalize(rows), F.normalize(centers))
    sine = (1.0 - cosine.pow(2)).clamp(0, 1).sqrt()
    moved = cosine * math.cos(0.5) - sine * math.sin(0.5)
    moved = torch.where(cosine > math.cos(math.pi - 0.5), moved, cosine - math.sin(math.pi - 0.5) * 0.5)
    chosen = torch.zeros_like(cosine).scatter_(1, target.view(-1, 1), 1)
    return F.cross_entropy(64 * (chosen * moved + (1.0 - chosen) * cosine), target)


def cosface(rows: Tensor, target: Tensor, centers: Tensor) -> Tensor:
    """A one-hot matrix times the margin."""
    cosine = F.linear(F.normalize(rows), F.normalize(centers))
    margin = torch.zeros_like(cosine).scatter_(1, target.view(-1, 1), 0.35)
    return F.cross_entropy(64 * (cosine - margin), target)


def faces() -> tuple[Tensor, Tensor, Tensor]:
    """A batch of 128 of 5000 identities."""
    return torch.randn(128, 256), torch.randint(5000, (128,)), torch.randn(5000, 256)


PEERS = (
    Peer(
        "triplet_margin_loss",
        lambda: (torch.randn(8192, 128), torch.randn(8192, 128), torch.randn(8192, 128)),
        F.triplet_margin_loss,
        "torch.nn.functional.triplet_margin_loss",
    ),
    Peer(
        "batch_hard_triplet_loss",
        lambda: (torch.randn(512, 256), torch.arange(512) % 64),
        batch_hard,
        "sentence-transformers' formula",
    ),
    Peer(
        "semi_hard_triplet_loss",
        lambda: (torch.randn(128, 256), torch.arange(128) % 16),
        semi_hard,
        "TensorFlow Addons' and sentence-transformers' formula",
    ),
    Peer("arcface_loss", faces, arcface, "arcface-pytorch's formula"),
    Peer("cosface_loss", faces, cosface, "insightface's formula"),
)
