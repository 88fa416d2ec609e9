"""From one value per unit to one number: the only place where a mean is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import LossError

Reduction = Literal["mean", "sum", "none", "total"]
Denominator = Literal["weight", "valid", "elements", "batch"] | float | Tensor

REDUCTIONS = ("mean", "sum", "none", "total")
DENOMINATORS = ("weight", "valid", "elements", "batch")


class Total(NamedTuple):
    """A sum and what it is to be divided by. Totals add, so that parts of a batch give the mean of the whole.

    >>> parts = [Total(torch.tensor(6.0), torch.tensor(2.0)), Total(torch.tensor(1.0), torch.tensor(5.0))]
    >>> sum(parts).mean()
    tensor(1.)
    """

    sum: Tensor
    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]

    def __add__(self, other: Any) -> Total:
        return Total(self.sum + other.sum, self.count + other.count)

    def __radd__(self, other: Any) -> Total:
        return self + other if isinstance(other, Total) else self  # sum() begins with 0

    def mean(self, *, empty: float = 0.0) -> Tensor:
        """The sum over the count; ``empty``, with a zero gradient, where the count is zero. It reads no value."""
        nothing = self.count == 0
        mean = self.sum / torch.where(nothing, 1, self.count)
        return mean if empty == 0 else torch.where(nothing, self.sum * 0 + empty, mean)

    def all_reduce(self, group: Any = None) -> Total:
        """The total over all ranks of a process group, the same on each.

        Its gradient is that of this rank's own sum: gradients summed over the ranks are those of the whole. Where they
        are averaged instead, as DistributedDataParallel does, multiply the mean by the number of ranks.
        """
        from torch import distributed

        both = torch.stack((self.sum.detach(), self.count.detach().to(self.sum)))
        distributed.all_reduce(both, group=group)
        return Total(self.sum + (both[0] - self.sum.detach()), both[1])


def reduce(
    values: Tensor,
    *,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    name: str = "reduce",
) -> Any:
    """Reduce one value per unit.

        mean = sum_i m_i w_i v_i / d

    Args:
        values: v, of any shape.
        reduction: "mean"; "sum", the numerator; "none", the terms ``m_i w_i v_i``; "total", numerator and denominator.
        weight: w, of the values' shape or of its first axes; 1 by default.
        mask: m, bool, of the values' shape or of its first axes; True counts. All count by default. What stands where
            it is False has no influence, neither on the value nor on the gradient, as long as it is finite.
        denominator: d. "weight" is the sum of the weights that count, "valid" the number of values that count,
            "elements" the number of all values, "batch" the size of the first axis; or a number or a tensor of your
            own, such as the tokens of all ranks and steps that make one update.
        empty: the mean where d is zero; its gradient is zero.
        name: whose values they are, for messages.

    Returns:
        A scalar; a tensor like ``values`` for "none"; a :class:`Total` for "total".

    Raises:
        LossError: for an unknown word, or a weight or mask whose shape does not fit.

    >>> values = torch.tensor([1.0, 2.0, 30.0])
    >>> reduce(values, mask=torch.tensor([True, True, False]))
    tensor(1.5000)
    >>> reduce(values, weight=torch.tensor([3.0, 1.0, 0.0]))
    tensor(1.2500)
    """
    if reduction not in REDUCTIONS:
        raise LossError(f"{name}(reduction={reduction!r}): expected one of {', '.join(map(repr, REDUCTIONS))}")
    if isinstance(denominator, str) and denominator not in DENOMINATORS:
        expected = ", ".join(map(repr, DENOMINATORS))
        raise LossError(f"{name}(denominator={denominator!r}): expected one of {expected}, a number or a tensor")
    mean = _plain_mean(values, mask, denominator, empty) if reduction == "mean" and weight is None else None
    if mean is not None:
        return mean
    shape = values.shape
    if mask is not None:
        mask = fit(name, "mask", mask, shape)
    if weight is not None:
        weight = fit(name, "weight", weight, shape)
        values = values * weight
    if mask is not None:
        values = torch.where(mask, values, 0.0)
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum":
        return total
    count = _count(denominator, values, shape, weight, mask)
    return Total(total, count) if reduction == "total" else Total(total, count).mean(empty=empty)


def _plain_mean(values: Tensor, mask: Tensor | None, denominator: Denominator, empty: float) -> Tensor | None:
    """The mean of the usual call in as few steps as there can be; None where more is asked for.

    Without a mask it is torch's mean to the last bit, and its gradient takes a pass over memory less.
    """
    if not isinstance(denominator, str) or denominator == "batch" or not values.numel():
        return None
    if mask is None:
        return values.sum() / values.numel()
    if mask.shape != values.shape or mask.dtype != torch.bool or denominator == "elements" or empty != 0:
        return None
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)


def fit(name: str, what: str, given: Tensor, shape: Sequence[int]) -> Tensor:
    """A weight or a mask, with axes of size 1 added at its end until it has as many as the values' shape."""
    if what == "mask" and given.dtype != torch.bool:
        kind = str(given.dtype).removeprefix("torch.")
        raise LossError(f"{name}: mask is {kind}, expected bool, True where a value counts. Type mask.bool()")
    if tuple(given.shape) != tuple(shape[: given.ndim]) or given.ndim == 0 < len(shape):
        raise LossError(
            f"{name}: {what} has shape {tuple(given.shape)} for values of shape {tuple(shape)}: expected that "
            "shape or its first axes"
        )
    return given.reshape(given.shape + (1,) * (len(shape) - given.ndim))


def _count(
    denominator: Denominator, values: Tensor, shape: torch.Size, weight: Tensor | None, mask: Tensor | None
) -> Tensor:
    if isinstance(denominator, Tensor):
        return denominator
    if not isinstance(denominator, str):
        return values.new_full((), float(denominator))
    if denominator == "weight" and weight is not None:
        counted = weight.to(values.dtype).expand(shape)
        return (counted if mask is None else torch.where(mask, counted, 0.0)).sum()
    if denominator in ("weight", "valid") and mask is not None:
        return mask.expand(shape).sum().to(values.dtype)
    count = shape[0] if denominator == "batch" and len(shape) else values.numel()
    return values.new_full((), float(count))
