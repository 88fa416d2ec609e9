"""Roles that follow from a layer's place in the model: the first, before a shuffle of pixels, the last of a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from torch import nn

from . import _vocabulary as words
from ._around import around
from ._layers import CONVOLUTION, first_layer, is_linear


class Places:
    """Reads the places of a model's layers.

    Args:
        modules: by qualified name, in order of registration.
        plain: whether the model repeats no blocks, so that one layer comes after another.
    """

    def __init__(self, modules: Mapping[str, nn.Module], plain: bool) -> None:
        self._modules, self._plain = modules, plain

    def of(self, name: str) -> frozenset[str]:
        """The roles that a module has by its place."""
        return self._found.get(name, frozenset())

    @cached_property
    def _found(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name, role in (*self._first(), *self._before_shuffles(), *self._actors_and_critics()):
            found.setdefault(name, set()).add(role)
        return {name: frozenset(roles) for name, roles in found.items()}

    def _first(self) -> Iterator[tuple[str, str]]:
        first = first_layer(self._modules)
        if first is not None and self._plain:
            yield first, "first"

    def _before_shuffles(self) -> Iterator[tuple[str, str]]:
        """Convolutions after which an ``nn.PixelShuffle`` that makes whole channels of theirs comes next."""
        last: tuple[str, nn.Module] | None = None
        for name, module in self._modules.items():
            if isinstance(module, nn.PixelShuffle) and last is not None and isinstance(last[1], CONVOLUTION):
                if last[1].out_channels % module.upscale_factor**2 == 0:
                    yield last[0], "subpixel"
                last = None
            elif module._parameters and any(one is not None for one in module._parameters.values()):
                last = name, module

    def _actors_and_critics(self) -> Iterator[tuple[str, str]]:
        """The last layer of each innermost part that is called an actor or a critic."""
        parts = [(name, role) for name in self._modules if (role := _of_reinforcement(name)) is not None]
        outer = {one for name, _ in parts for one in around(name)}
        for part, role in parts:
            inside = [name for name in self._modules if name == part or name.startswith(f"{part}.")]
            layers = [name for name in inside if is_linear(self._modules[name])]
            if part not in outer and layers:
                yield layers[-1], role


def _of_reinforcement(name: str) -> str | None:
    *outer, own = name.split(".")
    if any(words.EXTRACTOR.search(one) for one in outer):
        return None
    return "head.policy" if words.POLICY.fullmatch(own) else "head.value" if words.CRITIC.fullmatch(own) else None
