"""Models that the tests of the prediction share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Op(nn.Module):
    """A random linear map to 256 features, then an operation."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: int = 256) -> None:
        super().__init__()
        self.layer, self.end, self.function = nn.Linear(inputs, 256), nn.Identity(), function
        self.other, self.third = nn.Linear(inputs, 256), nn.Linear(inputs, 256)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.function(self.layer(x), self.other(x), self.third(x)))
