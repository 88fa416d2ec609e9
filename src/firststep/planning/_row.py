"""One line of a plan: what happens to one parameter, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch

from ..init import Fans, Moments, Scheme, Site


@dataclass(frozen=True)
class Treatment:
    """What happens to a parameter, whatever its name: one value for all that are alike.

    Args:
        shape, dtype, layer, rule, where, scheme, expected, kept, through: see :class:`Row`.
        site: the parameter as its scheme sees it, without a name.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    layer: str
    rule: str | None = None
    where: str = ""
    scheme: Scheme | None = None
    site: Site | None = None
    expected: Moments | None = None
    kept: str | None = None
    through: str = ""


@dataclass(frozen=True, repr=False)
class Row:
    """What a plan does with one parameter.

    Args:
        names: every canonical name; more than one for a tied parameter.
        treatment: what happens to it.
    """

    names: tuple[str, ...]
    treatment: Treatment

    @property
    def name(self) -> str:
        """Canonical name, from which the values are drawn."""
        return self.names[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the parameter as its layer sees it."""
        return self.treatment.shape

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the parameter as its layer sees it."""
        return self.treatment.dtype

    @property
    def layer(self) -> str:
        """Type of the layer that owns it."""
        return self.treatment.layer

    @property
    def rule(self) -> str | None:
        """Label of the rule that won it; ``None`` when no rule did."""
        return self.treatment.rule

    @property
    def where(self) -> str:
        """Where that rule stands, such as ``2`` or ``torch.2``; empty when there is none."""
        return self.treatment.where

    @property
    def scheme(self) -> Scheme | None:
        """What fills it; ``None`` when it is kept."""
        return self.treatment.scheme

    @cached_property
    def site(self) -> Site | None:
        """The parameter as its scheme sees it, under its name; ``None`` when it is kept."""
        return self.treatment.site and self.treatment.site.named(self.name)

    @property
    def expected(self) -> Moments | None:
        """What its values should look like; ``None`` when it is kept."""
        return self.treatment.expected

    @property
    def kept(self) -> str | None:
        """Why it stays as it is; ``None`` when it is set."""
        return self.treatment.kept

    @property
    def through(self) -> str:
        """What stands between the parameter and the layer, such as ``weight_norm``; empty for most."""
        return self.treatment.through

    def __repr__(self) -> str:
        names = ("name", "names", *(field.name for field in fields(Treatment)))
        return f"Row({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def does(self) -> str:
        """What happens, in words: the scheme, or why the parameter is kept."""
        if self.scheme is None or self.site is None:
            return f"kept: {self.kept}"
        return self.scheme.describe(self.site) + (f" through {self.through}" if self.through else "")

    @property
    def fans(self) -> str:
        """Fan-in and fan-out, ``9 / 144``; ``3 x (8 / 8)`` for like blocks; empty when the site has none."""
        parts = self.site.parts if self.site else ()
        known = [_fans(part.fans) for part in parts if part.fans is not None]
        if not known:
            return ""
        return known[0] if len(known) == 1 else f"{len(known)} x ({known[0]})" if len(set(known)) == 1 else "by block"

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, fit for JSON: an unbounded support is ``None``."""
        return {
            "name": self.name,
            "names": list(self.names),
            "shape": list(self.shape),
            "dtype": str(self.dtype).removeprefix("torch."),
            "layer": self.layer,
            "rule": self.rule,
            "where": self.where,
            "scheme": self.scheme.to_dict() if self.scheme else None,
            "fans": [
                None if part.fans is None else [part.fans.fan_in, part.fans.fan_out]
                for part in (self.site.parts if self.site else ())
            ],
            "expected": moments_dict(self.expected),
            "kept": self.kept,
            "through": self.through,
        }


def moments_dict(moments: Moments | None) -> dict[str, float | None] | None:
    """Mean, std and support as plain data."""
    if moments is None:
        return None
    return {
        "mean": finite_or_none(moments.mean),
        "std": finite_or_none(moments.std),
        "low": finite_or_none(moments.low),
        "high": finite_or_none(moments.high),
    }


def finite_or_none(value: float) -> float | None:
    """``value``, or ``None`` where JSON has no number for it."""
    return value if math.isfinite(value) else None


def _fans(fans: Fans) -> str:
    return f"{fans.fan_in:g} / {fans.fan_out:g}"
