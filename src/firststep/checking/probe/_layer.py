"""What passes through one layer, forward and backward, in a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._sample import LARGEST, bad, rms, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer or an activation function, in the order in which they ran.

    Args:
        place: the qualified name of the module, of the one that called the function for an activation.
        kind: "Linear", "relu".
        function: whether it is an activation.
        shape: of the output.
        rms: the root of the mean square of the output.
        predicted: the rms that independent weights of this size would give, see :func:`predicted`; NaN where unknown.
        spread: how far outputs differ from example to example: the rms of the distance from the mean example, over
            ``rms``; NaN for one example, or where examples are not along axis 0.
        low, high: the least and the greatest finite output.
        bad: how many outputs are NaN or infinite.
        zero: the share of outputs that are exactly 0.
        dead: the share of units whose output is 0 for every example and position.
        on: the share of units whose output is above 0 for every example and position.
        saturated: the share of a tanh's outputs beyond 0.97 in size, of a sigmoid's outside of 0.015 to 0.985; NaN
            for others.
        gradient: the rms of the loss's gradient by the output; NaN where none arrived.
        gradient_zero: the share of that gradient that is exactly 0; NaN likewise.
        graph: whether the output has a graph.
    """

    place: str
    kind: str
    function: bool
    shape: tuple[int, ...]
    rms: float
    spread: float
    low: float
    high: float
    bad: int
    zero: float
    dead: float
    saturated: float
    gradient: float
    gradient_zero: float
    graph: bool = True
    on: float = 0.0
    predicted: float = math.nan

    @property
    def name(self) -> str:
        """The place, and for an activation the function: ``net.1 (relu)``."""
        return f"{self.place or 'model'} ({self.kind})" if self.function else self.place or "model"


class Signal:
    """A layer that is still waiting for its gradient."""

    def __init__(
        self, place: str, kind: str, function: bool, shape: tuple[int, ...], numbers: dict[str, float]
    ) -> None:
        self.place, self.kind, self.function, self.shape, self.numbers = place, kind, function, shape, numbers
        self.predicted = self.gradient = self.gradient_zero = math.nan
        self.graph = False

    @classmethod
    def of(cls, place: str, kind: str, output: Tensor, n: int | None, *, function: bool) -> Signal:
        """Look at an output, and wait for its gradient."""
        made = cls(place, kind, function, tuple(output.shape), _numbers(output.detach(), kind, n))
        made.graph = output.requires_grad
        if output.requires_grad:
            output.register_hook(made._hear)
        return made

    def _hear(self, gradient: Tensor) -> None:
        """A hook: an output used twice gets its whole gradient once."""
        self.gradient = rms(gradient)
        self.gradient_zero = float((sample(gradient) == 0).float().mean())

    def layer(self) -> Layer:
        """All that was seen."""
        return Layer(
            place=self.place,
            kind=self.kind,
            function=self.function,
            shape=self.shape,
            bad=int(self.numbers["bad"]),
            gradient=self.gradient,
            gradient_zero=self.gradient_zero,
            graph=self.graph,
            predicted=self.predicted,
            **{name: value for name, value in self.numbers.items() if name != "bad"},
        )


def _numbers(output: Tensor, kind: str, n: int | None) -> dict[str, float]:
    count = bad(output)
    output = torch.where(output.isfinite(), output, 0) if count else output
    low, high = (float(one) for one in output.aminmax())
    size, some = rms(output), sample(output)
    return {
        "rms": size,
        "spread": _spread(output, n, size),
        "low": low,
        "high": high,
        "bad": count,
        "zero": float((some == 0).float().mean()),
        "dead": _dead(output, low, high),
        "on": _on(output, high),
        "saturated": _saturated(some, kind),
    }


def _spread(output: Tensor, n: int | None, size: float) -> float:
    """Of large outputs at a sample of the elements that each example has."""
    if n is None or n < 2 or output.ndim == 0 or output.shape[0] != n:
        return math.nan
    if not size:
        return 0.0
    each = output.reshape(n, -1)
    each = each[:, :: max(1, output.numel() // LARGEST)].float()
    whole = float(each.square().mean().sqrt())
    return float((each - each.mean(0)).square().mean().sqrt()) / whole if whole else 0.0


def _dead(output: Tensor, low: float, high: float) -> float:
    """By units, see :func:`_beside`."""
    if output.ndim < 2 or low > 0 or high < 0:
        return 0.0
    others = _beside(output)
    most = output.amax(others) if low == 0 else output.abs().amax(others)
    return float((most == 0).float().mean())


def _on(output: Tensor, high: float) -> float:
    """By units, likewise."""
    return float((output.amin(_beside(output)) > 0).float().mean()) if output.ndim > 1 and high > 0 else 0.0


def _beside(output: Tensor) -> list[int]:
    """All axes but that of units: axis 1 of images, the last axis otherwise."""
    axis = 1 if output.ndim >= 4 else output.ndim - 1
    return [i for i in range(output.ndim) if i != axis]


def _saturated(output: Tensor, kind: str) -> float:
    """Where the slope is below 0.06 of its greatest: 1 - 0.97² for tanh, 4 p (1 - p) for a sigmoid."""
    if kind == "tanh":
        return float((output.abs() > 0.97).float().mean())
    if kind == "sigmoid":
        return float(((output - 0.5).abs() > 0.485).float().mean())
    return math.nan
