"""Selectors that read the model around a layer: its place in a plain chain, its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..anatomy import ROLES
from ..errors import RuleError, did_you_mean
from ._select import Candidate, Selector


def chain(min_layers: int) -> Selector:
    """Layers that are links of a plain chain of at least ``min_layers`` weight layers and activations in turn.

    Such nets have neither normalisation nor skips, so nothing but the weights keeps their signal's scale.

    Args:
        min_layers: number of weight layers, at least 1.

    Raises:
        RuleError: when ``min_layers`` is not a whole number >= 1.

    >>> chain(4)
    select(chain(4))
    """
    if isinstance(min_layers, bool) or not isinstance(min_layers, int) or min_layers < 1:
        raise RuleError(f"chain({min_layers!r}): expected a whole number of layers >= 1")
    return Chain(min_layers)


def role(*names: str, sure: bool = True) -> Selector:
    """Layers by what they do in their model, told from names, types and shapes.

    Args:
        names: one role or several, any of which will do. A name before a dot stands for all that begin with it:
            ``"attention"`` for queries, keys, values and the way out. ``"residual_out"`` is the last weight of each
            residual branch, ``"head"`` the layer that makes the output.
        sure: stop planning at a layer whose role cannot be told; otherwise the rule passes it over.

    Raises:
        RuleError: for a role that there is not.

    >>> role("residual_out")
    select(role('residual_out'))
    """
    known = dict.fromkeys((*ROLES, *(name.partition(".")[0] for name in ROLES)))
    for name in names:
        if name not in known:
            raise RuleError(
                f"role({name!r}): there is no such role.{did_you_mean(str(name), known)} "
                f"Expected one of {', '.join(ROLES)}"
            )
    if not names:
        raise RuleError(f"role(): expected a role, one of {', '.join(ROLES)}")
    return Role(names, sure)


@dataclass(frozen=True, repr=False)
class Chain(Selector):
    """Links of a plain chain; see :func:`chain`."""

    min_layers: int

    def matches(self, candidate: Candidate) -> bool:
        """Whether the traced chain is long enough."""
        flow = candidate.flow(candidate.module)
        return flow is not None and flow.chain >= self.min_layers

    def to_dict(self) -> dict[str, Any]:
        """``{"chain": min_layers}``."""
        return {"chain": self.min_layers}

    def __str__(self) -> str:
        return f"chain({self.min_layers})"


@dataclass(frozen=True, repr=False)
class Role(Selector):
    """Layers that have one of these roles; see :func:`role`."""

    names: tuple[str, ...]
    sure: bool = True

    def matches(self, candidate: Candidate) -> bool:
        """Whether the layer has one of the roles; not when its role cannot be told."""
        return any(
            own == name or own.startswith(f"{name}.")
            for own in candidate.roles(candidate.name) or ()
            for name in self.names
        )

    def asks_roles(self) -> bool:
        """Unless a layer that cannot be told is passed over."""
        return self.sure

    def could_match(self, candidate: Candidate) -> bool:
        """Always."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """``{"role": name}``, or a list of names; ``{"role_if_told": ...}`` where others are passed over."""
        key = "role" if self.sure else "role_if_told"
        return {key: self.names[0] if len(self.names) == 1 else list(self.names)}

    def __str__(self) -> str:
        return f"role({', '.join(map(repr, self.names))}{'' if self.sure else ', sure=False'})"
