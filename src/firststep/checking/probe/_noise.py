"""Which functions draw random numbers while a model runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ._following import Follower

# fmt: off
DROPOUTS = frozenset({
    "dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout",
    "native_dropout",
})
_DRAWS = DROPOUTS | {
    "randn", "randn_like", "rand", "rand_like", "randint", "randint_like", "randperm", "normal", "normal_",
    "uniform_", "bernoulli", "bernoulli_", "multinomial", "poisson", "gumbel_softmax", "exponential_", "rrelu",
}
_DRAW_IN_TRAINING = DROPOUTS | {"rrelu"}
# fmt: on


@dataclass(frozen=True, slots=True)
class Drawn:
    """A function that drew random numbers.

    Args:
        place: the module that called it; "model" for the whole.
        name: the function.
        p: the probability, for a dropout.
    """

    place: str
    name: str
    p: float = 0.0

    @property
    def is_dropout(self) -> bool:
        """Whether it drops units."""
        return self.name in DROPOUTS


class Noise(Follower):
    """Hears random functions."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.drawn: dict[Drawn, None] = {}

    def hear(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        """Keep what draws: a dropout only where it is on."""
        one = drawn(self.place or "model", name, args, kwargs, result)
        if one is not None:
            self.drawn[one] = None


def drawn(place: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Drawn | None:
    """What a call drew; None where it drew nothing."""
    if name not in _DRAWS or not isinstance(result, Tensor):
        return None
    if name not in _DRAW_IN_TRAINING:
        return Drawn(place, name)
    if not kwargs.get("training", args[2] if len(args) > 2 else True):
        return None
    p = kwargs.get("p", args[1] if len(args) > 1 else 0.5) if name in DROPOUTS else 1.0
    if isinstance(p, (int, float)) and p > 0:
        return Drawn(place, name, float(p) if name in DROPOUTS else 0.0)
    return None
