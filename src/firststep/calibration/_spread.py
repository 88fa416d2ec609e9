"""Mean and standard deviation of what a layer gives, whole or per channel, over all its calls."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Spread(NamedTuple):
    """Moments in float64: numbers for a whole output, vectors for its channels.

    Args:
        n: elements, of the output or of one channel.
        mean: their mean.
        squares: sum of squared distances from it.
    """

    n: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of(cls, value: Tensor, axis: int | None = None) -> Spread:
        """The moments of ``value``, or of each of the channels that lie along ``axis``."""
        wide = (value.detach().cpu() if value.device.type == "mps" else value.detach()).double()
        rows = wide.reshape(1, -1) if axis is None else wide.movedim(axis, 0).reshape(wide.shape[axis], -1)
        mean = rows.mean(1)
        squares = (rows - mean[:, None]).square().sum(1)
        return cls(rows.shape[1], *((mean[0], squares[0]) if axis is None else (mean, squares)))

    def __add__(self, other: Spread) -> Spread:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The moments of both samples together (Chan, Golub and LeVeque 1979)."""
        n, apart = self.n + other.n, other.mean - self.mean
        mean = self.mean + apart * (other.n / n)
        return Spread(n, mean, self.squares + other.squares + apart.square() * (self.n * other.n / n))

    @property
    def std(self) -> Tensor:
        """The standard deviation, over n."""
        return (self.squares / self.n).sqrt()

    @property
    def is_constant(self) -> Tensor:
        """Whether all elements are one number, to single precision."""
        return self.std <= 1e-7 * self.mean.abs()

    def whole(self) -> tuple[float, float]:
        """Mean and standard deviation of all channels together."""
        mean = self.mean.mean()
        variance = (self.squares / self.n + (self.mean - mean).square()).mean()
        return float(mean), float(torch.sqrt(variance))
