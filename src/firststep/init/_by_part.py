"""A packed parameter whose parts start differently: queries, keys and values, the gates of a recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._moments import Moments
from ._scheme import Draw, Elementwise, Transformed, spelled
from ._site import Fans, Part, Site

_LABELS = {
    "query": "q", "key": "k", "value": "v", "input": "input", "forget": "forget", "cell": "cell", "output": "output",
    "reset": "reset", "update": "update", "new": "new",
}  # fmt: skip
"""What a site calls the part that an option speaks of."""


@dataclass(frozen=True, repr=False)
class ByPart(Elementwise):
    """Another scheme for each part of a packed parameter."""

    formula: ClassVar[str] = "each part by the scheme of its name"

    schemes: tuple[tuple[str, Elementwise], ...]
    """By the option's name, in the order of the options."""
    by_head: bool

    def __post_init__(self) -> None:
        inner = [scheme for _, scheme in self.schemes]
        object.__setattr__(self, "uses_flow", any(one.uses_flow for one in inner))
        object.__setattr__(self, "uses_model", self.by_head or any(one.uses_model for one in inner))

    def law(self, part: Part, site: Site) -> rng.Law:
        return self._of(part, site).law(part, site)

    def part_moments(self, part: Part, site: Site) -> Moments:
        return self._of(part, site).part_moments(part, site)

    def describe(self, site: Site) -> str:
        read = self._read(site)
        parts = {part.label: part for part in read.parts}
        told = {name: scheme.describe(replace(read, parts=(parts[_LABELS[name]],))) for name, scheme in self.schemes}
        return "; ".join(f"{name}: {text}" for name, text in told.items())

    def to_dict(self) -> dict[str, Any]:
        """The schemes as mappings, by the name of their part."""
        made: dict[str, Any] = {name: scheme.to_dict() for name, scheme in self.schemes}
        return {"scheme": "by_part", **made, **({"by_head": True} if self.by_head else {})}

    def one_law(self, site: Site) -> rng.Law | None:
        return None

    def _of(self, part: Part, site: Site) -> Elementwise:
        for name, scheme in self.schemes:
            if _LABELS[name] == part.label:
                return scheme
        raise SchemeError(f"{self!r} has no scheme for the part {part.label or 'without a name'!r} of {site}")

    def _read(self, site: Site) -> Site:
        """``site`` with the parts named: as its layer names them, or divided equally where it names none."""
        if any(part.label for part in site.parts):
            return site
        if len(site.parts) != 1:
            return self._named(site)
        whole, repeats = site.parts[0], self._repeats(site)
        count = repeats * len(self.schemes)
        if whole.size % count:
            raise SchemeError(
                f"{self!r} divides dimension {site.axis} of {site} into {count} equal parts, and it has {whole.size}: "
                f"expected a multiple of {count}"
            )
        fans = None if whole.fans is None else Fans(whole.fans.fan_in, whole.fans.fan_out / len(self.schemes))
        parts = tuple(Part(whole.size // count, fans, _LABELS[name]) for name, _ in self.schemes)
        return replace(site, parts=parts * repeats)

    def _named(self, site: Site) -> Site:
        """``site`` whose parts were cut by :meth:`Scheme.layout`, named in the order of the schemes."""
        if len(site.parts) != len(self.schemes) or self.by_head:
            raise SchemeError(
                f"{self!r} names {len(self.schemes)} parts, and {site} was cut into {len(site.parts)}: expected as many"
            )
        named = zip(site.parts, self.schemes, strict=True)
        return replace(site, parts=tuple(replace(part, label=_LABELS[name]) for part, (name, _) in named))

    def _repeats(self, site: Site) -> int:
        if not self.by_head:
            return 1
        heads = dict(site.symbols).get("h")
        if heads is None:
            raise SchemeError(
                f"{self!r} asks for the number of heads, which cannot be told of {site}. It is told of a layer in a "
                "block, around which a module has num_heads or the like"
            )
        return int(heads)

    def _check(self, site: Site) -> None:
        parts, named = self._read(site).parts, {_LABELS[name] for name, _ in self.schemes}
        unnamed = [part.label for part in parts if part.label not in named]
        if unnamed:
            raise SchemeError(f"{self!r} has no scheme for {', '.join(dict.fromkeys(unnamed))} of {site}")
        for part in parts:
            self.law(part, site)

    def _check_dtype(self, site: Site, dtype: torch.dtype) -> None:
        super()._check_dtype(self._read(site), dtype)

    def _moments(self, site: Site) -> Moments:
        return super()._moments(self._read(site))

    def _draws(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> list[rng.Fill]:
        return super()._draws(tensor, self._read(site), region, draw)


@spelled
def by_part(
    *,
    query: Elementwise | None = None,
    key: Elementwise | None = None,
    value: Elementwise | None = None,
    input: Elementwise | None = None,
    forget: Elementwise | None = None,
    cell: Elementwise | None = None,
    output: Elementwise | None = None,
    reset: Elementwise | None = None,
    update: Elementwise | None = None,
    new: Elementwise | None = None,
    by_head: bool = False,
) -> ByPart:
    """Another scheme for each part of a packed parameter, each with its own fans.

    The parts are those of the layer: query, key and value of ``nn.MultiheadAttention``, the gates of an LSTM or a GRU;
    each must be given a scheme. A parameter whose layer names no parts, such as the one ``nn.Linear`` of many attention
    modules, is divided into as many equal parts as schemes are given, in the order of these options; for parts of
    unequal size, as of grouped queries, write ``.layout("out in", blocks=(64, 16, 16))`` behind it.

    Args:
        query, key, value: the parts of an attention's projection, in this order.
        input, forget, cell, output: the gates of an LSTM.
        reset, update, new: the gates of a GRU.
        by_head: whether each head has its queries, keys and values beside each other, as in GPT-NeoX and BLOOM, and not
            all queries come first. The heads are counted.

    Raises:
        SchemeError: for no scheme, or one whose elements are not independent draws; when used, for a part without a
            scheme or a size that cannot be divided.

    >>> from firststep import init
    >>> packed = init.by_part(query=init.normal(), key=init.normal(), value=init.normal(std=0.5))
    >>> site = init.site_of(torch.nn.MultiheadAttention(8, 2), "in_proj_weight")
    >>> packed.expected(site).variance
    0.75
    """
    given = {
        "query": query, "key": key, "value": value, "input": input, "forget": forget, "cell": cell, "output": output,
        "reset": reset, "update": update, "new": new,
    }  # fmt: skip
    schemes = tuple((name, scheme) for name, scheme in given.items() if scheme is not None)
    if not schemes:
        raise SchemeError("by_part(): expected a scheme for each part, such as by_part(query=..., key=..., value=...)")
    for name, scheme in schemes:
        if not isinstance(scheme, Elementwise) or isinstance(scheme, (Transformed, ByPart)):
            raise SchemeError(
                f"by_part({name}={scheme!r}): expected a scheme of independent elements, such as init.normal(std=0.02)"
            )
    if not isinstance(by_head, bool):
        raise SchemeError(f"by_part(by_head={by_head!r}): expected True or False")
    return ByPart(schemes, by_head)
