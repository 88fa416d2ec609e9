"""A matrix of similarities: which rows were multiplied with which, and what the products were scaled by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._origin import named, through

_LONGEST = 16
_LARGEST = 2**22


@dataclass(frozen=True, slots=True)
class Similar:
    """Scores that are a product of two sets of embeddings.

    Args:
        norms: the least and the greatest length of the embeddings of either set.
        factor: what the products were multiplied by since.
        unit: whether all embeddings have the same length, as those that were normalized do.
    """

    norms: tuple[tuple[float, float], tuple[float, float]]
    factor: float
    unit: bool

    @property
    def scale(self) -> float:
        """What a cosine was multiplied by, where the embeddings are of one length: 1 / T."""
        return abs(self.factor) * self.norms[0][1] * self.norms[1][1]


def similar(tensor: Tensor) -> Similar | None:
    """How a matrix of scores was made; None where it is no product of two sets of activations.

    >>> x = torch.nn.functional.normalize(torch.randn(4, 3, requires_grad=True))
    >>> made = similar(x @ x.T / 0.1)
    >>> made.unit, round(made.scale, 3)
    (True, 10.0)
    """
    if tensor.ndim != 2 or not tensor.numel():
        return None
    try:
        with torch.no_grad():
            return _similar(tensor)
    except RuntimeError:  # what the graph had saved was freed or written over
        return None


def _similar(tensor: Tensor) -> Similar | None:
    node, factor = tensor.grad_fn, 1.0
    for _ in range(_LONGEST):
        if node is None:
            return None
        name = named(node)
        before = [one for one, _ in node.next_functions if one is not None]
        if (through(node) or name == "masked_fill") and len(before) == 1:
            node = before[0]
        elif name in ("mul", "div"):
            by, node = _scaled(node, name)
            factor *= by
        elif name in ("add", "sub") and len(before) == 1:  # a bias, or a mask of one side
            node = before[0]
        else:
            break
    lengths = None if node is None else _lengths(node)
    if lengths is None:
        return None
    norms = tuple((float(each.min()), float(each.max())) for each in lengths)
    unit = all(low > 0 and high - low <= 1e-2 * high for low, high in norms)
    return Similar((norms[0], norms[1]), factor, unit)


def _lengths(node: Any) -> tuple[Tensor, Tensor] | None:
    """Of the embeddings on either side of a product, or of a sum over products of elements."""
    name = named(node)
    if name in ("linear", "matmul"):
        sides = _sides(node, "_saved_self", "_saved_mat2")
        axes = (-1, -2)
    elif name == "sum" and node.next_functions[0][0] is not None and named(node.next_functions[0][0]) == "mul":
        node = node.next_functions[0][0]
        sides = _sides(node, "_saved_self", "_saved_other")
        axes = (-1, -1)
        if any(isinstance(side, Tensor) and side.ndim != 3 for side in sides):
            return None
    else:
        return None
    if any(side is None or (isinstance(side, Tensor) and not 0 < side.numel() <= _LARGEST) for side in sides):
        return None
    one, two = (torch.ones(1) if side is True else side for side in sides)
    if not isinstance(one, Tensor) or not isinstance(two, Tensor) or min(one.ndim, two.ndim) < 1:
        return None
    first = one if sides[0] is True else one.float().norm(dim=axes[0])
    return first, two if sides[1] is True else two.float().norm(dim=axes[1])


def _sides(node: Any, *names: str) -> tuple[Tensor | bool | None, ...]:
    """What a node saved of either side; True where it saved nothing and that side was normalized, None where not."""
    found: list[Tensor | bool | None] = []
    for name, (before, _) in zip(names, node.next_functions, strict=False):
        saved = getattr(node, name, None)
        found.append(saved if isinstance(saved, Tensor) else True if _normalized(before) else None)
    return tuple(found)


def _normalized(node: Any) -> bool:
    """Whether a tensor was divided by its own length."""
    while node is not None and through(node) and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    if node is None or named(node) != "div":
        return False
    length = node.next_functions[1][0]
    while length is not None and (through(length) or named(length) in ("clamp_min", "clamp")):
        length = length.next_functions[0][0]
    return length is not None and named(length) in ("linalg_vector_norm", "norm")


def _scaled(node: Any, name: str) -> tuple[float, Any]:
    """The one number that this node multiplies by, and the node of what it multiplies; no node where there is none."""
    first, second = (one for one, _ in node.next_functions[:2])
    for other, kept in ((node._saved_other, first), (node._saved_self, second)):
        if isinstance(other, Tensor) and other.numel() == 1 and kept is not None:
            if name == "div" and kept is second:
                break
            return (1 / float(other) if name == "div" else float(other)), kept
    return 1.0, None
