"""A scheme whose scale follows from the model around the layer: its depth, its width, its heads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from .. import rng
from ..errors import SchemeError
from ._formula import OF_FANS, symbols_in, value_at, value_of
from ._scheme import Elementwise, Transformed, spelled
from ._site import Part, Site


@dataclass(frozen=True, repr=False)
class Scaled(Elementwise):
    """Draws of another scheme, times a number that the model gives."""

    formula: ClassVar[str] = "w = c w', w' of the scheme it wraps, c a formula in the numbers of the model"

    scheme: Elementwise
    by: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "uses_flow", self.scheme.uses_flow)
        object.__setattr__(self, "uses_model", bool(symbols_in(self.by) - OF_FANS))

    def law(self, part: Part, site: Site) -> rng.Law:
        return _times(self.scheme.law(part, site), self.factor(part, site))

    def factor(self, part: Part, site: Site) -> float:
        """The number on a part of ``site``.

        Raises:
            SchemeError: when the model does not tell a number that the formula asks for.
        """
        factor = value_at(self.by, part, site, repr(self))
        if factor < 0:
            raise SchemeError(f"{self!r} on {site}: the factor is {factor:.4g}, expected a number >= 0")
        return factor

    def describe(self, site: Site) -> str:
        factor = self.factor(site.parts[0], site) if site.parts else value_of(self.by, dict(site.symbols))
        return f"{self.scheme.describe(site)} * {factor:.4g}"

    def to_dict(self) -> dict[str, Any]:
        """The scheme under ``"scaled"``, the one it wraps as a mapping."""
        return {"scheme": "scaled", "of": self.scheme.to_dict(), "by": self.by}

    def __repr__(self) -> str:
        return f"scaled({self.scheme!r}, by={self.by!r})"


@spelled
def scaled(of: Elementwise, *, by: str) -> Scaled:
    """``w = c w'``, where w' is drawn by another scheme and c is a formula in the numbers of the model.

    Args:
        of: any scheme of independent elements.
        by: numbers, ``+ - * / % **``, ``sqrt``, ``log``, ``exp``, and names: ``L`` blocks in the layer's stack, ``l``
            the number of its block from 0, ``R`` residual branches in the block, ``m`` convolutions in a row in it,
            ``N`` and ``M`` blocks in the encoder and the decoder of a model that has both, ``d`` the width of the
            stream, ``h`` heads, ``d_head`` the width of a head, ``fan_in`` and ``fan_out`` those of the layer.
            ``fs.plan`` counts them.

    Raises:
        SchemeError: for a formula that cannot be read; when used, for a number that the model does not tell.

    Source: the residual projections of GPT-2 (Radford et al. 2019, section 2.3), ``by="1/sqrt(2*L)"``, are one use.

    >>> from firststep.init import normal
    >>> scaled(normal(std=0.02), by="1/sqrt(fan_in)").expected((8, 25)).std
    0.004
    """
    if not isinstance(of, Elementwise) or isinstance(of, Transformed):
        raise SchemeError(
            f"scaled({of!r}, by={by!r}): expected a scheme of independent elements, such as init.normal(std=0.02)"
        )
    return Scaled(of, by)


def _times(law: rng.Law, factor: float) -> rng.Law:
    """The law of ``factor`` times a draw."""
    if factor == 0:
        return rng.Uniform(0.0, 0.0)
    if isinstance(law, rng.Uniform):
        return rng.Uniform(factor * law.low, factor * law.high)
    if isinstance(law, rng.Normal):
        return rng.Normal(factor * law.mean, factor * law.std)
    if isinstance(law, rng.TruncatedNormal):
        bounds = {key: factor * getattr(law, key) for key in ("mean", "std", "low", "high")}
        return replace(law, **bounds)
    raise SchemeError(f"{law} cannot be scaled")
