"""A site: all that a scheme may know about the parameter it fills. Fans belong to the layer, not to the shape."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..errors import SchemeError

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
MODES: tuple[Mode, ...] = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")

Role = Literal["weight", "bias", "second_bias"]
"""``second_bias``: a bias added to another bias of the same gates (``bias_hh`` of an LSTM)."""


@dataclass(frozen=True, slots=True)
class Fans:
    """How many inputs feed one output (``fan_in``) and how many outputs one input feeds (``fan_out``).

    Not always whole numbers: a transposed convolution of stride s spreads its kernel over s outputs per input.
    """

    fan_in: float
    fan_out: float

    def of(self, mode: Mode) -> float:
        """The count that ``mode`` names: fan_in, fan_out, their mean, or their geometric mean."""
        if mode == "fan_in":
            return self.fan_in
        if mode == "fan_out":
            return self.fan_out
        if mode == "fan_avg":
            return (self.fan_in + self.fan_out) / 2
        return math.sqrt(self.fan_in * self.fan_out)


@dataclass(frozen=True, slots=True)
class Part:
    """One block of a packed parameter (q of qkv, an LSTM's forget gate): ``size`` indices along the site's axis."""

    size: int
    fans: Fans | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One parameter as its scheme sees it.

    Args:
        shape: the global shape.
        parts: blocks along ``axis``, in order, their sizes adding up to ``shape[axis]``; a plain parameter is one part.
            Empty for a scalar (0-d) parameter.
        axis: the dimension the parts divide.
        stacked: number of leading dimensions that stack independent matrices (experts).
        tensor_fans: the fans torch reads off the bare shape, ``(size(1) * k, size(0) * k)``; ``None`` below 2
            dimensions. For a bias, those of its layer's weight.
        torch_fan: the n of torch's own start U(±1/sqrt(n)) of the layer, weight and bias; ``None`` where it has none.
        groups: groups of a convolution.
        role: what the parameter does in its layer.
        nonlinearity: name of the activation applied to the layer's output, ``None`` when not known.
        mirrored_in, mirrored_out: for ``looks_linear``: whether the layer's input comes as pairs (u, -u), and whether
            its output must.
        symbols: numbers of the model around the layer by name, such as ``("L", 12.0)``; see :func:`scaled`.
        zero_rows: rows (dimension 0) that stay zero, such as an embedding's ``padding_idx``.
        name: canonical parameter name, for messages.
    """

    shape: tuple[int, ...]
    parts: tuple[Part, ...] = ()
    axis: int = 0
    stacked: int = 0
    tensor_fans: Fans | None = None
    torch_fan: float | None = None
    groups: int = 1
    role: Role = "weight"
    nonlinearity: str | None = None
    mirrored_in: bool = False
    mirrored_out: bool = False
    symbols: tuple[tuple[str, float], ...] = ()
    zero_rows: tuple[int, ...] = ()
    name: str = field(default="", compare=False)

    @classmethod
    def of_shape(cls, shape: Sequence[int], name: str = "") -> Site:
        """The site of a bare tensor: torch's reading of its shape, one part, no layer."""
        return _of_shape(tuple(shape)).named(name)

    def named(self, name: str) -> Site:
        """This site under another name."""
        return self if name == self.name else replace(self, name=name)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.name!r} of shape {self.shape}" if self.name else f"a tensor of shape {self.shape}"


@functools.lru_cache(maxsize=1024)
def _of_shape(shape: tuple[int, ...]) -> Site:
    fans = tensor_fans(shape)
    parts = (Part(shape[0], fans),) if shape else ()
    return Site(shape, parts, tensor_fans=fans, torch_fan=None if fans is None else fans.fan_in)


def tensor_fans(shape: Sequence[int]) -> Fans | None:
    """Fans as torch reads them off a bare shape ``(out, in, *kernel)``; ``None`` below 2 dimensions.

    >>> tensor_fans((8, 4, 3, 3))
    Fans(fan_in=36, fan_out=72)
    """
    if len(shape) < 2:
        return None
    kernel = math.prod(shape[2:])
    return Fans(shape[1] * kernel, shape[0] * kernel)


def need_fans(fans: Fans | None, site: Site, scheme: str) -> Fans:
    """``fans``, or the error that says why there are none."""
    if fans is None:
        raise SchemeError(
            f"{scheme} needs fan_in and fan_out, and {site} has none: expected at least 2 dimensions. "
            "Use init.zeros(), init.constant(value) or init.normal(std=...) here"
        )
    return fans
