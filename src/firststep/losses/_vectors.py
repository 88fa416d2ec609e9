"""Rows as vectors: unit length, and what must not take part in a softmax over the others of a batch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ._draw import directions
from ._spec import Invariance, Text


def unit(x: Tensor) -> Tensor:
    """Rows of length 1. A row of zeros stays one, and its gradient is as large as that of a row of length 1.

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(length == 0, 1.0, length)


def without(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The scores without the columns where the mask is False.

    The least number stands there: its share of a softmax is 0, and a row of nothing else still has no NaN.
    """
    return scores if mask is None else scores.masked_fill(~mask, torch.finfo(scores.dtype).min)


def without_self(scores: Tensor) -> Tensor:
    """The scores without those of each sample with itself, as in :func:`without`; written into the scores."""
    scores.diagonal().fill_(torch.finfo(scores.dtype).min)
    return scores


def counted(values: Tensor, mask: Tensor | None) -> Tensor | tuple[Tensor, Tensor]:
    """What a kernel returns that takes the mask itself."""
    return values if mask is None else (values, mask)


def simplex(n: int, like: Tensor) -> Tensor:
    """n unit vectors as far from each other as can be: every two have the cosine ``-1 / (n - 1)``.

    >>> (simplex(3, torch.zeros(1)) @ simplex(3, torch.zeros(1)).T)[0]
    tensor([ 1.0000, -0.5000, -0.5000])
    """
    return unit(torch.eye(n, dtype=like.dtype) - 1 / n)


def pairs_at(angle: Tensor) -> tuple[Tensor, Tensor]:
    """For pictures: two pairs of vectors; an angle in degrees between those of the first, 90 between all others."""
    radians = torch.deg2rad(angle)
    first = torch.stack((radians.cos(), radians.sin(), 0 * angle))
    keys = angle.new_tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return torch.stack((first, keys[1])), keys


ANGLE = Text(
    "angle between the two of a pair, in degrees; another pair at 90°", "一对向量的夹角（度）；另一对与之成 90°"
)


def _rotation(generator: Generator, dim: int) -> Tensor:
    return torch.linalg.qr(directions(generator, dim, dim)).Q


def _rotate(generator: Generator, *tensors: Tensor) -> tuple[Tensor, ...]:
    by = _rotation(generator, tensors[0].shape[1])
    width = len(by)
    return tuple(
        one @ by if one.is_floating_point() and one.ndim == 2 and one.shape[1] == width else one for one in tensors
    )


def _translate(generator: Generator, *tensors: Tensor) -> tuple[Tensor, ...]:
    by = directions(generator, 1, tensors[0].shape[1])
    return tuple(one + by if one.is_floating_point() else one for one in tensors)


ROTATE = Invariance(Text("all vectors turned by the same rotation", "所有向量作同一旋转"), _rotate)
TRANSLATE = Invariance(Text("the same vector added to all embeddings", "给所有嵌入加上同一个向量"), _translate)
