"""Overlap of segmentations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def scenes(n: int = 4, classes: int = 21, side: int = 256) -> tuple[Tensor, Tensor]:
    """Logits and class indices, as of a model that has learned something."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(classes, (n, side, side), generator=generator)
    input = torch.randn(n, classes, side, side, generator=generator)
    return input.scatter_add(1, target.unsqueeze(1), torch.full((n, 1, side, side), 2.0)), target


def masks(n: int = 16, side: int = 160) -> tuple[Tensor, Tensor]:
    """Logits of one foreground and its labels."""
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(n, side, side, generator=generator) < 0.1).float()
    return torch.randn(n, side, side, generator=generator) + 2 * target - 1, target


def dense(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and one-hot labels, as MONAI makes them."""
    return torch.softmax(input, 1), torch.zeros_like(input).scatter_(1, target.unsqueeze(1), 1.0)


def dice(input: Tensor, target: Tensor) -> Tensor:
    """MONAI's."""
    p, t = dense(input, target)
    both, size = (t * p).sum((2, 3)), t.sum((2, 3)) + p.sum((2, 3))
    return (1 - (2 * both + 1e-5) / (size + 1e-5)).mean()


def jaccard(input: Tensor, target: Tensor) -> Tensor:
    """MONAI's."""
    p, t = dense(input, target)
    both, size = (t * p).sum((2, 3)), t.sum((2, 3)) + p.sum((2, 3))
    return (1 - (2 * both + 1e-5) / (2 * (size - both) + 1e-5)).mean()


def generalized(input: Tensor, target: Tensor) -> Tensor:
    """MONAI's."""
    p, t = dense(input, target)
    both, size = (t * p).sum((2, 3)), t.sum((2, 3))
    weight = size.square().reciprocal()
    weight = torch.where(weight.isinf(), 0.0, weight)
    return (1 - 2 * (both * weight).sum(1) / ((size + p.sum((2, 3))) * weight).sum(1)).mean()


def index(input: Tensor, target: Tensor) -> Tensor:
    """MONAI's Tversky, of probabilities and their complements."""
    p, t = dense(input, target)
    tp, fp, fn = (p * t).sum((2, 3)), 0.3 * (p * (1 - t)).sum((2, 3)), 0.7 * ((1 - p) * t).sum((2, 3))
    return 1 - (tp + 1e-5) / (tp + fp + fn + 1e-5)


def dice_ce(input: Tensor, target: Tensor) -> Tensor:
    """MONAI's: the two, one after the other."""
    return dice(input, target) + F.cross_entropy(input, target)


def growth(label: Tensor) -> Tensor:
    """What the Jaccard loss grows by, as the authors have it."""
    size = label.sum()
    both, union = size - label.cumsum(0), size + (1 - label).cumsum(0)
    loss = 1 - both / union
    loss[1:] = loss[1:] - loss[:-1]
    return loss


def lovasz_softmax(input: Tensor, target: Tensor) -> Tensor:
    """The authors': class by class in each image."""
    values = []
    for p, labels in zip(input.softmax(1), target, strict=True):
        p, labels = p.flatten(1), labels.flatten()
        for c, row in enumerate(p):
            label = (labels == c).float()
            if label.sum() == 0:
                continue
            errors, order = (label - row).abs().sort(0, descending=True)
            values.append(torch.dot(errors, growth(label[order])))
    return torch.stack(values).mean()


def lovasz_hinge(input: Tensor, target: Tensor) -> Tensor:
    """The authors': image by image."""
    values = []
    for z, label in zip(input.flatten(1), target.flatten(1), strict=True):
        errors, order = (1 - z * (2 * label - 1)).sort(0, descending=True)
        values.append(torch.dot(F.relu(errors), growth(label[order])))
    return torch.stack(values).mean()


ALL_PIXELS = {"ignore_index": None}
"""As in those formulas, which leave out no pixel: for that ours reads the target once more."""

PEERS = (
    Peer("dice_loss", scenes, dice, "MONAI's formula", ALL_PIXELS),
    Peer("jaccard_loss", scenes, jaccard, "MONAI's formula", ALL_PIXELS),
    Peer("generalized_dice_loss", scenes, generalized, "MONAI's formula", ALL_PIXELS),
    Peer("dice_ce_loss", scenes, dice_ce, "MONAI's formula"),
    Peer("tversky_loss", scenes, lambda input, target: index(input, target).mean(), "MONAI's formula", ALL_PIXELS),
    Peer(
        "focal_tversky_loss",
        scenes,
        lambda input, target: (index(input, target) ** 0.75).mean(),
        "MONAI's formula",
        ALL_PIXELS,
    ),
    Peer("lovasz_softmax_loss", lambda: scenes(2, 8, 96), lovasz_softmax, "the authors' formula"),
    Peer("lovasz_hinge_loss", masks, lovasz_hinge, "the authors' formula"),
)
