"""A value as mean-field theory sees it: a few moments over its features, and what it is a function of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ._axes import Axes


@dataclass(frozen=True, slots=True)
class Moments4:
    """Moments over the features of a value.

    Args:
        mean: E[x].
        second: E[x^2].
        same: E[x x'] of one feature at two positions of the same example.
        other: E[x x'] of one feature in two examples.
    """

    mean: float
    second: float
    same: float
    other: float

    @property
    def variance(self) -> float:
        """E[x^2] - E[x]^2."""
        return max(self.second - self.mean**2, 0.0)

    @property
    def std(self) -> float:
        """Standard deviation over all elements."""
        return self.variance**0.5

    def scaled(self, mean: float, second: float) -> Moments4:
        """After multiplication by independent numbers, one for each feature, of these moments."""
        return Moments4(self.mean * mean, self.second * second, self.same * second, self.other * second)

    def times(self, one: Moments4) -> Moments4:
        """Moments of the product of independent values."""
        return Moments4(self.mean * one.mean, self.second * one.second, self.same * one.same, self.other * one.other)

    def plus(self, one: Moments4, cross: Moments4 | None = None) -> Moments4:
        """Moments of the sum. ``cross`` holds E[x y]; of independent values that is the product of their means."""
        product = self.mean * one.mean
        pairs = (getattr(cross, kind) if cross else product for kind in OVERLAPS)
        sums = (getattr(self, kind) + getattr(one, kind) for kind in OVERLAPS)
        return Moments4(self.mean + one.mean, *(both + 2 * pair for both, pair in zip(sums, pairs, strict=True)))

    def likeness(self, kind: str) -> float:
        """The correlation of two places, ``same`` or ``other``; 1 where nothing varies."""
        return (getattr(self, kind) - self.mean**2) / self.variance if self.variance else 1.0

    @staticmethod
    def constant(value: float) -> Moments4:
        """Of a number that is the same everywhere."""
        return Moments4(value, value**2, value**2, value**2)


OVERLAPS = ("second", "same", "other")
"""The moments of two x: of one place, of two positions, of two examples."""

MASKED = -50.0
"""Numbers below this, added to logits, stand for minus infinity: e^-50 is nothing, and some models add -100."""

UNIT = Moments4(0.0, 1.0, 0.0, 0.0)
"""Of a value that nothing is known of."""


def blend(weights: Sequence[float], moments: Sequence[Moments4]) -> Moments4:
    """Moments of a value that consists of parts of these shares; what is missing to 1 is zeros."""
    return Moments4(
        *(
            sum(weight * getattr(one, kind) for weight, one in zip(weights, moments, strict=True))
            for kind in ("mean", *OVERLAPS)
        )
    )


@dataclass(frozen=True, slots=True)
class Function:
    """An elementwise function, known by its spelling."""

    key: Hashable
    of: Callable[[Tensor], Tensor] = field(compare=False)


SIGMOID, TANH, RELU = (Function(f.__name__, f) for f in (torch.sigmoid, torch.tanh, torch.relu))
ITSELF = Function("x", lambda x: x)


@dataclass(frozen=True, slots=True)
class Base:
    """A value that others are functions of. It is taken as normally distributed unless its quantiles are known.

    Args:
        value: its position in the record.
        moments: its moments.
        mirrored: whether its features come in pairs (u, -u).
        points: its values at the normal quantiles of ``grid(1025)``.
    """

    value: int
    moments: Moments4
    mirrored: bool = False
    points: Tensor | None = None

    def at(self, z: Tensor) -> Tensor:
        """Its values at normal quantiles, equally spaced ones of the same reach."""
        if self.points is None:
            return self.moments.mean + self.moments.std * z
        return self.points[:: (len(self.points) - 1) // (len(z) - 1)]


@dataclass(frozen=True, slots=True)
class Logits:
    """What a value that enters a softmax, or left one, has besides.

    Args:
        allowed: how many entries of each row are not masked, and in which part of the rows; empty for all.
        across: E[x x'] of one column in two rows.
        sums_to_one: whether each row sums to 1.
    """

    allowed: tuple[tuple[int, float], ...] = ()
    across: float | None = None
    sums_to_one: bool = False


def rows_allowed(allowed: Tensor, columns: int) -> tuple[tuple[int, float], ...]:
    """``Logits.allowed`` of a mask that is true where a column counts."""
    counts = allowed.expand(*allowed.shape[:-1], columns).sum(-1).flatten().clamp(min=1)
    sizes, times = counts.unique(return_counts=True)
    return tuple(zip(sizes.tolist(), (times / times.sum()).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Value:
    """One value.

    Args:
        axes: what its dimensions index.
        moments: its moments.
        base: what it is a function of.
        function: which one; ``None`` for the base itself.
        terms: weights of independent values that sum up to it, up to a constant; tells what two values share.
        parameter: the name of the parameter it is a view of.
        offset: what has been added to the parameter, as in ``1 + weight``.
        constant: its numbers, if it depends on neither inputs nor parameters.
        logits: see :class:`Logits`.
        known: whether a rule says what it is; otherwise it is assumed.
    """

    axes: Axes
    moments: Moments4
    base: Base
    function: Function | None = None
    terms: Mapping[int, float] = field(default_factory=dict)
    parameter: str | None = None
    offset: float = 0.0
    constant: Tensor | None = None
    logits: Logits | None = None
    known: bool = True

    @property
    def fixed(self) -> bool:
        """Whether it is a parameter or a constant, no signal."""
        return self.parameter is not None or self.constant is not None

    @property
    def law(self) -> Function:
        """What it is as a function of its base."""
        return self.function or ITSELF

    def viewed(self, axes: Axes) -> Value:
        """The same value in another shape."""
        return replace(self, axes=axes)
