"""What is declared of a loss: one frozen value beside its function, from which everything else is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ._shapes import Argument as Argument

Args = tuple[Tensor, ...]
"""The tensors that a loss is called with, in order."""

Values = Tensor | tuple[Tensor, Tensor]
"""What a kernel returns: one value per unit, and where some units do not count, which do (a bool tensor)."""

Unit = Literal[
    "element", "sample", "pixel", "token", "box", "pair", "triplet", "image", "sequence", "list", "anchor", "batch"
]
"""What one value of ``reduction="none"`` belongs to."""

COUPLED = ("anchor", "batch")
"""Units whose values depend on the whole batch. All others depend on their own rows alone."""


class Text(NamedTuple):
    """The same sentence in both languages."""

    en: str
    zh: str


NOTHING = Text("", "")
"""Where there is nothing to say."""


class Paper(NamedTuple):
    """Where a formula is from: the authors and year, the title, where to find it, and the equation."""

    cite: str
    title: str
    link: str = ""
    equation: str = ""


class Equivalent(NamedTuple):
    """The same loss elsewhere: its import path, and how its numbers differ (empty where they do not)."""

    path: str
    differs: Text = NOTHING


class Limit(NamedTuple):
    """Options that turn the loss into something known.

    Args:
        text: such as "gamma=0 is cross-entropy".
        options: the options.
        equals: the other loss, unreduced: called with the same tensors.
        tolerance: relative to the largest value, where the limit is not reached exactly.
        draw: inputs for it, where the loss's own ``draw`` will not do.
    """

    text: Text
    options: Mapping[str, Any]
    equals: Callable[..., Tensor]
    tolerance: float = 1e-9
    draw: Callable[[torch.Generator, int], Args] | None = None


class Invariance(NamedTuple):
    """A change of the tensors that leaves every value as it was.

    Args:
        text: such as "the same number added to all logits of a sample".
        change: ``change(generator, *tensors)`` returns the changed tensors.
    """

    text: Text
    change: Callable[..., Args]


@dataclass(frozen=True, slots=True)
class Option:
    """A hyperparameter.

    Args:
        name: as in the function's signature.
        meaning: one line.
        low, high: the least and the greatest number allowed.
        low_open, high_open: whether that bound itself is left out.
        choices: the words allowed.
    """

    name: str
    meaning: Text
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Learned:
    """A parameter of the module, handed to the function as the argument of that name.

    Args:
        name: the argument and the parameter.
        shape: the constructor's arguments that give its sizes; numbers as text stand for themselves.
        initial: makes its values, from the sizes.
        meaning: one line.
    """

    name: str
    shape: tuple[str, ...]
    initial: Callable[..., Tensor]
    meaning: Text


@dataclass(frozen=True, slots=True)
class Start:
    """The mean that an untrained model is expected to show.

    Args:
        text: the value as a formula, such as "ln C".
        value: the value from the very tensors and options: ``value(*tensors, **options)``.
        inputs: makes the tensors of an untrained model from drawn ones; by default the first is set to zero.
        tolerance: relative, where the value is an expectation and not exact.
        note: what real models add to it.
    """

    text: Text
    value: Callable[..., float | Tensor]
    inputs: Callable[..., Args] | None = None
    tolerance: float = 1e-6
    note: Text = NOTHING


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least mean, and tensors that reach it.

    Args:
        text: the least value as a formula, such as "0".
        value: from tensors and options, as in :class:`Start`.
        inputs: makes tensors that reach it from drawn ones; None where no finite input does and none comes near.
        tolerance: absolute, where it is only approached.
    """

    text: Text
    value: Callable[..., float | Tensor]
    inputs: Callable[..., Args] | None = None
    tolerance: float = 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the picture: its label and the options it is drawn with."""

    label: str
    options: Mapping[str, Any] = field(default_factory=dict)
    at: Callable[[Tensor], Args] | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """How the loss is drawn: its value and its gradient along one number.

    Args:
        x: what the number is.
        low, high: its range.
        at: the tensors of one sample, where the number is x, a scalar that needs a gradient.
        curves: the lines.
    """

    x: Text
    low: float
    high: float
    at: Callable[[Tensor], Args]
    curves: tuple[Curve, ...] = (Curve(""),)


@dataclass(frozen=True, eq=False, kw_only=True)
class LossSpec:
    """Everything that is known of a loss.

    Args:
        name: of the function, in ``losses.functional``.
        module: of the class, in ``losses``.
        title: for headings.
        aliases: other names to find it by, in any language; no two losses share one.
        family: a key of ``FAMILIES``.
        purpose: what it is for, one or two sentences.
        formula: of one unit's value, in the LaTeX that ``_latex.py`` reads.
        papers: where it is from.
        arguments: the tensors, in order.
        unit: what one value belongs to.
        code: a doctest that calls it, with ``torch`` and ``losses`` imported; plain code for a loss that is not here.
        draw: ``draw(generator, n)`` makes float64 tensors of n samples, in the interior of what is allowed; None, as
            the next two, for a loss that is not here.
        start: the value at initialization.
        minimum: the least value.
        required: options that ``draw`` goes with, where a loss has options without defaults.
        kernel: the function, tensors to unreduced values; None for a loss of somebody else.
        path: the import path of somebody else's function or class.
        options: the hyperparameters.
        learned: the module's parameters.
        mask_shape: the mask's pattern, where the kernel takes the mask itself.
        fused: the sum over all units in one pass, where torch has it: as the kernel, with ``ignore_index`` beside where
            a target holds classes, otherwise with ``reduction``, "sum" or "mean"; None for options it has not.
        invariances: changes of the tensors that leave its values as they were.
        exceptions: the laws of ``firststep.testing.LAWS`` that it does not obey, each with the reason.
        limits: options that make it something known.
        hazards: the traps.
        avoid: when not to use it.
        equivalents: the same elsewhere.
        plot: how to draw it.
    """

    name: str
    module: str
    title: Text
    family: str
    purpose: Text
    formula: str
    arguments: tuple[Argument, ...]
    unit: Unit
    code: str
    draw: Callable[[torch.Generator, int], Args] | None = None
    start: Start | None = None
    minimum: Minimum | None = None
    kernel: Callable[..., Values] | None = None
    path: str = ""
    papers: tuple[Paper, ...] = ()
    aliases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    required: Mapping[str, Any] = field(default_factory=dict)
    learned: tuple[Learned, ...] = ()
    mask_shape: str = "N"
    fused: Callable[..., Tensor | None] | None = None
    invariances: tuple[Invariance, ...] = ()
    exceptions: Mapping[str, Text] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    hazards: tuple[Text, ...] = ()
    avoid: Text = NOTHING
    equivalents: tuple[Equivalent, ...] = ()
    plot: Plot | None = None

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The options in order with their defaults; ``inspect.Parameter.empty`` where there is none."""
        if self.kernel is None:
            return MappingProxyType({})
        parameters = inspect.signature(self.kernel).parameters.values()
        return MappingProxyType(
            {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "mask"}
        )

    @cached_property
    def fitting(self) -> set[tuple[tuple[torch.dtype, torch.Size], ...]]:
        """Dtypes and shapes that were found to fit the arguments."""
        return set()

    @cached_property
    def masks_itself(self) -> bool:
        """Whether the kernel takes the mask, because its values mix samples or pixels."""
        return self.kernel is not None and "mask" in inspect.signature(self.kernel).parameters

    @cached_property
    def class_target(self) -> int | None:
        """The position of the tensor that holds class indices, of which some may be ignored."""
        return next((i for i, one in enumerate(self.arguments) if one.holds("class")), None)

    @property
    def ours(self) -> bool:
        """Whether the loss is here, and not only described."""
        return self.kernel is not None or self.path.startswith("firststep.")

    @property
    def separable(self) -> bool:
        """Whether each value depends on its own rows alone."""
        return self.unit not in COUPLED

    def __str__(self) -> str:
        from ._show import text

        return text(self)

    def __repr__(self) -> str:
        return f"<LossSpec {self.name}: {self.purpose.en}>"

    def _repr_markdown_(self) -> str:
        from ._markdown import page

        return page(self)
