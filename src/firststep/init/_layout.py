"""Reading a shape: which axes are inputs, outputs, kernel and stacks, and the fans that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import SchemeError
from ._site import Fans, Part, Site

OUT, IN, KERNEL = "out", "in", "k"


def fans(
    shape: Sequence[int],
    axes: str = "out in *",
    *,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
) -> Fans:
    """How many inputs feed one output of a layer, and how many outputs one input feeds.

        fan_in  = in * kernel / stride,    fan_out = out * kernel

    with the first of the axes ``in`` and ``out`` divided by ``groups``: torch keeps all groups there, and one group in
    the other.

    Args:
        shape: the weight's global shape.
        axes: one word per dimension. ``in``, ``out`` and ``k`` (kernel) are multiplied when they repeat; any other word
            names an axis that stacks independent weights (experts) and counts for nothing. A ``*`` at the end stands
            for all dimensions left, as kernel. ``"out in *"`` is torch's Linear and convolution, ``"in out *"`` its
            transposed convolution.
        groups: groups of a convolution.
        stride: stride of a transposed convolution, whose kernel is spread over that many outputs per dimension; one
            number for all, or one each.

    Returns:
        :class:`Fans`.

    Raises:
        SchemeError: when the words do not fit the dimensions, or ``groups`` does not divide.

    >>> fans((16, 4, 3, 3), groups=2)
    Fans(fan_in=36, fan_out=72)
    >>> fans((16, 64, 4, 4), "in out *", stride=2)
    Fans(fan_in=64, fan_out=1024)
    >>> fans((8, 64, 256), "expert in out")
    Fans(fan_in=64, fan_out=256)
    """
    words = _words(axes, tuple(shape))
    sizes = {word: math.prod(s for s, w in zip(shape, words, strict=True) if w == word) for word in (OUT, IN, KERNEL)}
    first = next((word for word in words if word in (OUT, IN)), OUT)
    if groups < 1 or sizes[first] % groups:
        raise SchemeError(
            f"groups={groups} does not divide the {sizes[first]} channels of {tuple(shape)} read as {axes!r}"
        )
    sizes[first] //= groups
    strides = (stride,) * words.count(KERNEL) if isinstance(stride, int) else tuple(stride)
    if len(strides) != words.count(KERNEL) or min(strides, default=1) < 1:
        raise SchemeError(
            f"stride={stride!r}: expected a whole number >= 1, or one for each of the {words.count(KERNEL)} kernel "
            f"dimensions of {tuple(shape)} read as {axes!r}"
        )
    steps = math.prod(strides)
    spread = sizes[IN] * sizes[KERNEL]
    return Fans(spread // steps if spread % steps == 0 else spread / steps, sizes[OUT] * sizes[KERNEL])


@dataclass(frozen=True, slots=True)
class Layout:
    """A reading of a shape: the arguments of :meth:`Scheme.layout`."""

    axes: str
    blocks: int | tuple[int, ...] = 1
    groups: int = 1
    stride: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        words = self.axes.split()
        if not words or "*" in words[:-1]:
            raise SchemeError(
                f"layout({self.axes!r}): expected one word per dimension, such as 'in out' or 'expert in out', "
                "with '*' only at the end"
            )
        if self.blocks != 1 and OUT not in words:
            raise SchemeError(
                f"layout({self.axes!r}, blocks={self.blocks!r}): blocks divide the axis 'out'; there is none"
            )
        stacks = [word not in (OUT, IN, KERNEL, "*") for word in words]
        if stacks != sorted(stacks, reverse=True):
            word = next(w for w, s in zip(reversed(words), reversed(stacks), strict=True) if s)
            raise SchemeError(
                f"layout({self.axes!r}): {word!r} stacks independent weights and must come first; "
                "the other words are 'in', 'out', 'k' and, at the end, '*'"
            )

    def read(self, site: Site) -> Site:
        """``site`` with this reading of its shape: fans, parts, stacked dimensions."""
        words = _words(self.axes, site.shape)
        whole = fans(site.shape, self.axes, groups=self.groups, stride=self.stride)
        axis = words.index(OUT) if OUT in words else 0
        return replace(
            site,
            parts=tuple(
                Part(size, self._block_fans(site.shape, axis, size)) for size in self._sizes(site.shape[axis], site)
            ),
            axis=axis,
            stacked=sum(word not in (OUT, IN, KERNEL) for word in words),
            tensor_fans=whole,
            torch_fan=whole.fan_in,
            groups=self.groups,
            role="weight",
        )

    def to_dict(self) -> dict[str, Any]:
        """The reading as plain data, defaults left out."""
        return {"axes": self.axes, **{k: list(v) if isinstance(v, tuple) else v for k, v in self._options().items()}}

    def __str__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self._options().items())
        return f".layout({self.axes!r}{options})"

    def _options(self) -> dict[str, Any]:
        options = {"blocks": self.blocks, "groups": self.groups, "stride": self.stride}
        return {name: value for name, value in options.items() if value != 1}

    def _sizes(self, total: int, site: Site) -> tuple[int, ...]:
        if isinstance(self.blocks, tuple):
            if sum(self.blocks) != total or min(self.blocks, default=0) < 0:
                raise SchemeError(
                    f"blocks={self.blocks} do not add up to the {total} of axis 'out' of {site} read as {self.axes!r}"
                )
            return self.blocks
        if self.blocks < 1 or total % self.blocks:
            raise SchemeError(
                f"blocks={self.blocks} does not divide the {total} of axis 'out' of {site} read as {self.axes!r}"
            )
        return (total // self.blocks,) * self.blocks

    def _block_fans(self, shape: tuple[int, ...], axis: int, size: int) -> Fans:
        block = (*shape[:axis], size, *shape[axis + 1 :])
        return fans(block, self.axes, groups=self.groups, stride=self.stride)


def _words(axes: str, shape: tuple[int, ...]) -> list[str]:
    """One word per dimension, ``*`` written out."""
    words = axes.split()
    if words[-1:] == ["*"]:
        words = words[:-1] + [KERNEL] * (len(shape) - len(words) + 1)
    if len(words) != len(shape):
        raise SchemeError(
            f"axes={axes!r} names {len(axes.split())} dimensions, the shape {shape} has {len(shape)}; "
            "expected one word per dimension, such as 'out in', with '*' at the end for all that are left"
        )
    return words
