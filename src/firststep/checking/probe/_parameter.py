"""The parameters at the start: their values, whether the loss reaches them, and whether two steps wake them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._histogram import Histogram, histogram
from ._sample import LARGEST, bad, directions, real, rms


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter.

    Args:
        name: its first qualified name; "loss." stands before those of the loss.
        names: all of them, for a tied one.
        owner: the type of the layer.
        module: the qualified name of the layer.
        local: its name in the layer, such as "weight".
        shape: its own.
        trains: whether it asks for a gradient.
        mean, std: of its values.
        constant: whether all values are the same.
        bad: how many are NaN or infinite.
        largest: the greatest size of a value; NaN or infinite where one is.
        alike: the share of rows (output units) that equal another row exactly.
        alike_after: the same after the virtual steps; NaN where there were none.
        reached: whether the loss's graph reaches it.
        gradient: the rms of its gradient; NaN where it has none.
        gradient_bad: how many elements of the gradient are NaN or infinite.
        woken: the rms of its gradient after the virtual steps; NaN where there were none or it has none.
        optimized: whether the optimizer holds it; None without an optimizer.
        histogram: of its values; None where there are none to count.
    """

    name: str
    names: tuple[str, ...]
    owner: str
    module: str
    local: str
    shape: tuple[int, ...]
    trains: bool
    mean: float
    std: float
    constant: bool
    bad: int
    alike: float
    largest: float = math.nan
    alike_after: float = math.nan
    reached: bool = False
    gradient: float = math.nan
    gradient_bad: int = 0
    woken: float = math.nan
    optimized: bool | None = None
    histogram: Histogram | None = None

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def rms(self) -> float:
        """The root of the mean square of its values."""
        return math.hypot(self.mean, self.std)

    @property
    def of_loss(self) -> bool:
        """Whether it belongs to the loss."""
        return self.name.startswith("loss.")


def named(model: nn.Module, loss: object) -> dict[str, Tensor]:
    """Every parameter once, by its first name; those of the loss after the model's."""
    found: dict[str, Tensor] = dict(model.named_parameters())
    known = {id(one) for one in found.values()}
    if isinstance(loss, nn.Module):
        found |= {f"loss.{name}": one for name, one in loss.named_parameters() if id(one) not in known}
    return found


def optimized(optimizer: Any) -> frozenset[int] | None:
    """The identities of the tensors that an optimizer holds."""
    groups = getattr(optimizer, "param_groups", None)
    return None if groups is None else frozenset(id(one) for group in groups for one in group["params"])


def looked_at(
    model: nn.Module,
    loss: object,
    gradients: Mapping[str, Tensor | None],
    held: frozenset[int] | None,
) -> Iterator[Parameter]:
    """The parameters as they stand, with their first gradients."""
    names = _names(model)
    owners = dict(model.named_modules())
    if isinstance(loss, nn.Module):
        owners |= {f"loss.{name}" if name else "loss": one for name, one in loss.named_modules()}
    for name, tensor in named(model, loss).items():
        module, _, local = name.rpartition(".")
        values = tensor.detach()
        gradient = gradients.get(name)
        mean, std, constant, largest = _moments(real(values))
        owner = type(owners[module]).__name__ if module in owners else ""
        yield Parameter(
            name=name,
            names=names.get(id(tensor), (name,)),
            owner=owner,
            module=module,
            local=local,
            shape=tuple(values.shape),
            trains=tensor.requires_grad,
            mean=mean,
            std=std,
            constant=constant,
            bad=bad(values),
            alike=alike_units(values, owner),
            largest=largest,
            reached=gradient is not None,
            gradient=rms(gradient),
            gradient_bad=0 if gradient is None else bad(gradient),
            optimized=None if held is None else id(tensor) in held,
            histogram=histogram(values),
        )


def _names(model: nn.Module) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        found.setdefault(id(tensor), []).append(name)
    return {key: tuple(value) for key, value in found.items()}


def alike_units(weight: Tensor, owner: str) -> float:
    """:func:`alike`, of columns too where it may be these that are units: in matrices of no layer of torch's."""
    if weight.ndim == 2 and not hasattr(nn, owner):
        return max(alike(weight), alike(weight.mT))
    return alike(weight)


def alike(weight: Tensor) -> float:
    """The share of rows that equal another row exactly.

    >>> alike(torch.tensor([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [0.0, 0.0]]))
    0.5
    """
    if weight.ndim < 2 or weight.shape[0] < 2 or weight.numel() == 0:
        return 0.0
    rows = real(weight).flatten(1)
    share = _equal(rows[:, :_COLUMNS])
    return _equal(rows) if share and rows.shape[1] > _COLUMNS else share


_COLUMNS = 16
"""Rows that are equal are so in their first columns."""


def _equal(rows: Tensor) -> float:
    """By one projection on fixed directions, which only equal rows share."""
    _, counts = (rows.double() * directions(rows.shape[1], rows.device)).sum(1).unique(return_counts=True)
    return float(counts[counts > 1].sum()) / rows.shape[0]


def _moments(values: Tensor) -> tuple[float, float, bool, float]:
    """Mean, std, whether all are the same, and the greatest size; the first two of large tensors from sums over all."""
    if values.numel() == 0:
        return 0.0, 0.0, True, 0.0
    low, high = (float(one) for one in values.aminmax())
    largest = max(abs(low), abs(high))
    if low == high:
        return low, 0.0, True, largest
    if values.numel() <= LARGEST or not math.isfinite(low + high):
        std, mean = (float(one) for one in torch.std_mean(values.float(), correction=0))
        return mean, std, False, largest
    mean, size = float(values.mean(dtype=torch.float32)), rms(values)
    return mean, math.sqrt(max(size**2 - mean**2, 0.0)), False, largest
