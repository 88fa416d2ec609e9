"""Starts: what is done to a new model before it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from torch import nn

from .. import _api
from .._api import Rules
from ..errors import CompareError, FirststepError
from ..planning import Recipe, Rule
from ..solving import AUTO
from ._data import moved

AS_BUILT = "as built"
"""The start that leaves a model as its factory made it."""

Hand: TypeAlias = Callable[[nn.Module, int], object]
"""``(model, seed)``: writes the start by hand, in place."""

Init: TypeAlias = Rules | Hand | None
"""Rules as :func:`initialize` takes them, a function ``(model, seed)``, or None for the model as built."""


@dataclass(frozen=True, eq=False, slots=True)
class Start:
    """One way to begin.

    Args:
        label: what tables and figures call it.
        init: what is done.
    """

    label: str
    init: Init

    @property
    def what(self) -> str:
        """In words."""
        if self.init is None:
            return "as its factory makes it"
        if isinstance(self.init, (str, Path)):
            return str(self.init)
        if _by_hand(self.init):
            return f"by {getattr(self.init, '__name__', type(self.init).__name__)}(model, seed)"
        rules = [self.init] if isinstance(self.init, (Rule, Recipe)) else list(cast("Sequence[object]", self.init))
        return ", ".join(one.name if isinstance(one, Recipe) else str(one) for one in rules)

    @property
    def solved(self) -> bool:
        """Whether scales are solved, which takes inputs to run the model with."""
        items = self.init if isinstance(self.init, (list, tuple)) else [self.init]
        return AUTO in [one for one in items if isinstance(one, str)]

    def plan(self, model: nn.Module, inputs: Any) -> Any:
        """The plan, where the start has rules; None elsewhere.

        Args:
            model: not touched.
            inputs: of a batch, for a start that is solved.

        Raises:
            CompareError: when the rules do not fit the model, with the start's label.
        """
        if self.init is None or _by_hand(self.init):
            return None
        example = moved(inputs, next(model.parameters()).device) if self.solved else None
        try:
            return _api.plan(
                model,
                cast("Rules", self.init),
                example_inputs=tuple(example) if isinstance(example, list) else example,
            )
        except FirststepError as error:
            raise CompareError(
                f"compare(inits=...): the start {self.label!r} does not fit the model. {error}"
            ) from error

    def write(self, model: nn.Module, seed: int, inputs: Any) -> None:
        """Put ``model`` there."""
        plan = self.plan(model, inputs)
        if plan is not None:
            plan.apply(seed=seed, progress=False)
        elif self.init is not None:
            cast("Hand", self.init)(model, seed)


def starts(inits: Any) -> tuple[Start, ...]:
    """The starts that were asked for, in their order.

    Raises:
        CompareError: for none, for an unlabelled one that is no name, and for a label given twice.
    """
    if isinstance(inits, Mapping):
        found = [_labelled(label, init) for label, init in inits.items()]
    elif isinstance(inits, Sequence) and not isinstance(inits, str):
        found = [_named(one) for one in inits]
    else:
        given = repr(inits) if isinstance(inits, str) else type(inits).__name__
        raise CompareError(
            f"compare(inits=...): expected a mapping from labels to rules, or a list of recipes' names; was given "
            f'{given}. Type inits={{"ours": "default", "as built": None}}'
        )
    if not found:
        raise CompareError(
            'compare(inits=...): there is no start to compare. Type inits={"ours": "default", "as built": None}'
        )
    labels = [one.label for one in found]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise CompareError(
            f"compare(inits=...): {twice!r} is there twice. Give each start a label of its own in a dict"
        )
    return tuple(found)


def _labelled(label: Any, init: Any) -> Start:
    if not isinstance(label, str) or not label:
        raise CompareError(f"compare(inits=...): expected labels that are text, was given {label!r}")
    if isinstance(init, str):
        return Start(label, None if init == AS_BUILT else init)
    if isinstance(init, type) or not (
        init is None or callable(init) or isinstance(init, (Path, Rule, Recipe, Sequence))
    ):
        if not isinstance(init, Iterator):
            raise CompareError(
                f"compare(inits=...): {label!r} is {init!r}; expected rules as fs.initialize takes them, a function "
                "(model, seed), or None for the model as built"
            )
        return Start(label, tuple(init))  # an iterator could be read for one model only
    return Start(label, init)


def _named(one: Any) -> Start:
    if isinstance(one, (str, Path)):
        return _labelled(str(one), one)
    raise CompareError(
        "compare(inits=[...]): a list holds names of recipes and paths of rules files, was given "
        f'{type(one).__name__}. Give it a label: inits={{"mine": ...}}'
    )


def _by_hand(init: Init) -> bool:
    return callable(init) and not isinstance(init, (Rule, Recipe))
