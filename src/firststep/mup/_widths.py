"""How wide each parameter is against a base model: which of its dimensions grow, and what they are to its layer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

import torch
from torch import nn

from .. import init
from ..errors import RuleError, SchemeError
from ..init import Fans
from ..planning import Inventory, Plain, Slot, inventory

Role = Literal["fixed", "input", "hidden", "output"]
Output = Literal["scaled", "multiplied"]

Base: TypeAlias = nn.Module | Callable[[], nn.Module] | Mapping[str, Sequence[int]]
"""A narrower model of the same names, a function that builds one (which is called on meta), or shapes by name."""

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TABLES = (nn.Embedding, nn.EmbeddingBag)
_AXES: dict[type | tuple[type, ...], str] = {
    (nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase): "out in",
    nn.Bilinear: "out in in",
    _TRANSPOSED: "in out *",
    (nn.Conv1d, nn.Conv2d, nn.Conv3d): "out in *",
    _TABLES: "in out",  # a lookup: a row per input
}
"""How the weights of a layer are stored. Groups are left out: they change neither ratio unless they grow."""

_TABLE_NAMES = re.compile(r"pos|token|embed|quer|latent|register|prompt")
_HOW = 'such as axes={"NAME": "in out"}'


@dataclass(frozen=True)
class Width:
    """How a parameter grows from the base to the wider model.

    Args:
        in_ratio: inputs of one output here, over those in the base; 1 where they do not grow.
        out_ratio: the same of outputs.
        axes: the reading of the shape that the user gave, or ``None``.
    """

    in_ratio: float
    out_ratio: float
    axes: str | None = None

    @property
    def role(self) -> Role:
        """``input`` weights, biases and gains grow in their outputs only, ``output`` weights in their inputs only."""
        if self.in_ratio == 1:
            return "fixed" if self.out_ratio == 1 else "input"
        return "output" if self.out_ratio == 1 else "hidden"


def widths(
    model: nn.Module, base: Base, *, axes: Mapping[str, str] | None = None, output: Output = "scaled"
) -> dict[str, Width]:
    """The width of every parameter of ``model`` against ``base``, by canonical name.

    Dimensions that differ grow with the width, the others are fixed. What a dimension is to its layer follows from the
    layer's type; for a parameter of your own module, from the number of dimensions that grow.

    Args:
        model: on any device, meta included.
        base: a narrower model of the same names, a function that builds one, or shapes by name.
        axes: readings of parameters of your own modules by globs on their names, see :func:`firststep.init.fans`.
        output: ``"scaled"`` refuses an embedding tied to an output layer: the two need different scales.

    Raises:
        RuleError: with every parameter that is not in both, or whose role cannot be told.

    >>> found = widths(nn.Linear(64, 10), nn.Linear(16, 10))
    >>> found["weight"].role, found["weight"].in_ratio, found["bias"].role
    ('output', 4.0, 'fixed')

    Source: Yang et al. 2021 (arXiv 2203.03466), appendix B.
    """
    if output not in ("scaled", "multiplied"):
        raise RuleError(f"output={output!r}: expected 'scaled' or 'multiplied'")
    stock = inventory(model)
    base = built(base)
    small = {slot.name: slot for slot in inventory(base).slots} if isinstance(base, nn.Module) else None
    shapes = {name: slot.writer.shape for name, slot in small.items()} if small is not None else _shapes(base)
    found: dict[str, Width] = {}
    problems = _strangers(stock, shapes) + _idle(stock, axes or {})
    for slot in stock.slots:
        names = [name for name in slot.names if name in shapes]
        if names:
            try:
                reading = next((words for glob, words in (axes or {}).items() if fnmatchcase(slot.name, glob)), None)
                found[slot.name] = _width(slot, tuple(shapes[names[0]]), reading, output)
            except (RuleError, SchemeError) as error:
                problems.append(str(error))
    if problems:
        listed = "\n".join(f"  {i}. {problem}" for i, problem in enumerate(problems, start=1))
        raise RuleError(problems[0] if len(problems) == 1 else f"{len(problems)} problems:\n{listed}")
    return found


def built(base: Base) -> nn.Module | Mapping[str, Sequence[int]]:
    """The base itself, or what the function builds, without memory."""
    if isinstance(base, (nn.Module, Mapping)):
        return base
    if not callable(base):
        raise RuleError(
            f"base={base!r}: expected a narrower model, a function that builds one, or a mapping of shapes by name"
        )
    with torch.device("meta"):
        made = base()
    if not isinstance(made, nn.Module):
        raise RuleError(f"base={base!r} built a {type(made).__name__}: expected a torch.nn.Module")
    return made


def _shapes(base: object) -> dict[str, tuple[int, ...]]:
    assert isinstance(base, Mapping)
    return {name: tuple(shape) for name, shape in base.items()}


def _strangers(stock: Inventory, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Parameters that only one of the two has."""
    here = [slot.name for slot in stock.slots if not shapes.keys() & set(slot.names)]
    known = {name for slot in stock.slots for name in slot.names}
    there = [name for name in shapes if name not in known]
    return [f"{name!r} is in the model and not in the base: expected the same names" for name in here] + [
        f"{name!r} is in the base and not in the model: expected the same names" for name in there
    ]


def _idle(stock: Inventory, axes: Mapping[str, str]) -> list[str]:
    return [
        f"axes={{{glob!r}: ...}} matches no parameter"
        for glob in axes
        if not any(fnmatchcase(slot.name, glob) for slot in stock.slots)
    ]


def _width(slot: Slot, base: tuple[int, ...], axes: str | None, output: Output) -> Width:
    name, shape = slot.name, slot.writer.shape
    if type(slot.writer) is not Plain and shape != base:
        raise RuleError(f"{name!r} is computed by {slot.writer.kind}, of which the tables of muP do not speak")
    if len(base) != len(shape):
        raise RuleError(f"{name!r} has shape {shape} in the model and {base} in the base: expected as many dimensions")
    growing = [(small, size) for small, size in zip(base, shape, strict=True) if small != size]
    if len(growing) > 2:
        raise RuleError(f"{name!r} grows in {len(growing)} dimensions, from {base} to {shape}: expected 2 at most")
    tables = [isinstance(place.owner.module, _TABLES) for place in slot.places]
    if growing and any(tables) and not all(tables) and output == "scaled":
        raise RuleError(
            f"{' = '.join(map(repr, slot.names))} is an input and an output weight in one, and they scale differently. "
            'Untie them, or multiply the logits by base width / width in forward and give output="multiplied"'
        )
    before, after = _fans(slot, base, axes), _fans(slot, shape, axes)
    if before is None or after is None:
        return _by_shape(name, base, shape)
    return Width(after.fan_in / before.fan_in, after.fan_out / before.fan_out, axes)


def _fans(slot: Slot, shape: tuple[int, ...], axes: str | None) -> Fans | None:
    """Inputs of one output, and outputs; ``None`` where the layer's type does not tell them, or there are none."""
    if axes is not None:
        return init.fans(shape, axes)
    place = next((one for one in slot.places if isinstance(one.owner.module, _TABLES)), slot.places[0])
    module = place.owner.plain
    axes = next((words for kind, words in _AXES.items() if isinstance(module, kind)), None)
    axes = "in out" if axes is None and type(module).__name__ == "Conv1D" else axes
    if axes is None or len(shape) < 2 or "weight" not in place.local_name:
        return None
    found = init.fans(shape, axes)
    if isinstance(module, _TRANSPOSED) and module.groups == module.in_channels:  # an input to each output, however wide
        return Fans(found.fan_in / shape[0], found.fan_out * shape[0])
    return found


def _by_shape(name: str, base: tuple[int, ...], shape: tuple[int, ...]) -> Width:
    """The width of a parameter that no known layer owns."""
    ratios = [size / small for small, size in zip(base, shape, strict=True)]
    growing = [ratio for ratio in ratios if ratio != 1]
    if len(growing) < 2:
        alone = not growing or math.prod(shape) == max(shape)
        row = bool(growing) and ratios[-1] != 1 and _TABLE_NAMES.search(name.lower()) is not None
        if alone or row:
            return Width(1.0, growing[0] if growing else 1.0)
        raise RuleError(
            f"{name!r} grows from {base} to {shape} in one dimension, and its module is none whose inputs and outputs "
            f"are known. Say what its dimensions are, {_HOW.replace('NAME', name)}"
        )
    if len(shape) == 2 and growing[0] == growing[1]:
        return Width(growing[1], growing[0])
    raise RuleError(
        f"{name!r} grows from {base} to {shape} in two dimensions, and its module is none whose inputs and outputs are "
        f"known. Say what its dimensions are, {_HOW.replace('NAME', name)}"
    )
