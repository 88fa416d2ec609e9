"""A part of a model: which parameters a plan is about, by name, from the top, or by what a checkpoint lacks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import TypeAlias

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import PlanError, did_you_mean
from ._inventory import Inventory, Owner, Slot
from ._memory import identity
from ._names import child_name, joined

OUTSIDE = "outside only"


class Subset(ABC):
    """Some of a model's parameters; the others stay as they are."""

    @abstractmethod
    def pick(self, stock: Inventory) -> frozenset[str]:
        """Canonical names of the parameters meant.

        Raises:
            PlanError: when there are none, or it cannot be told which.
        """

    @property
    def outside(self) -> str:
        """Why the others are kept, in words."""
        return OUTSIDE


Only: TypeAlias = str | Subset | Iterable[str | Subset]
"""A name or glob of parameters or of modules, a :class:`Subset`, or several of these."""


def picked(stock: Inventory, only: Only | None) -> tuple[frozenset[str], str]:
    """The parameters that ``only`` names, and why the others are kept.

    Raises:
        PlanError: with every problem found.
    """
    if only is None:
        return frozenset(slot.name for slot in stock.slots), ""
    subsets = [_subset(one) for one in ([only] if isinstance(only, (str, Subset)) else only)]
    found: set[str] = set()
    problems: list[str] = []
    for subset in subsets:
        try:
            found |= subset.pick(stock)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    return frozenset(found), subsets[0].outside if len(subsets) == 1 else OUTSIDE


def _subset(one: object) -> Subset:
    if isinstance(one, Subset):
        return one
    if isinstance(one, str) and one:
        return Matching(one)
    raise PlanError(
        [
            f"only={one!r}: expected a name or glob of parameters or modules such as 'head', fs.top_layers(2), "
            "fs.missing_from(checkpoint), or several of these in a list"
        ]
    )


@dataclass(frozen=True)
class Matching(Subset):
    """Parameters whose own name, or that of a module they are in, matches a glob. One name of a tied one is enough."""

    pattern: str

    def pick(self, stock: Inventory) -> frozenset[str]:
        found = frozenset(slot.name for slot in stock.slots if any(self._fits(place.name) for place in slot.places))
        if not found:
            known = dict.fromkeys(path for slot in stock.slots for path in _paths(slot.name))
            raise PlanError(
                [
                    f"only={self.pattern!r} names no parameter, and no module that has one."
                    f"{did_you_mean(self.pattern, known)}"
                ]
            )
        return found

    def _fits(self, name: str) -> bool:
        return any(fnmatchcase(path, self.pattern) for path in _paths(name))


def _paths(name: str) -> Iterator[str]:
    """``name`` and the modules around it: ``a``, ``a.b``, ``a.b.weight``."""
    return accumulate(name.split("."), joined)


def top_layers(count: int, *, blocks: str | None = None) -> Subset:
    """The last ``count`` of a model's repeated blocks and all that is registered after them, for ``only=``.

    A weight that is also used below them, such as an embedding tied to the head, is left out.

    Args:
        count: how many blocks, at least 1.
        blocks: the module whose children they are, such as ``"encoder.layer"``; by default the ``ModuleList`` or
            ``Sequential`` of at least two children of one type with parameters, when there is one.

    Raises:
        PlanError: for a count below 1; when used, where the blocks cannot be told, or there are fewer.

    >>> from firststep import init
    >>> from firststep.planning import plan, rule
    >>> model = nn.ModuleDict({"h": nn.ModuleList([nn.Linear(2, 2) for _ in range(3)]), "head": nn.Linear(2, 1)})
    >>> made = plan(model, rule(nn.Linear, weight=init.normal(), bias=init.zeros()), only=top_layers(1))
    >>> [row.name for row in made.rows if row.scheme]
    ['h.2.weight', 'h.2.bias', 'head.weight', 'head.bias']
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise PlanError([f"top_layers({count!r}): expected a whole number of blocks >= 1"])
    return TopLayers(count, blocks)


@dataclass(frozen=True)
class TopLayers(Subset):
    """The last blocks and what comes after; see :func:`top_layers`."""

    count: int
    blocks: str | None

    @property
    def outside(self) -> str:
        return "below the top block" if self.count == 1 else f"below the top {self.count} blocks"

    def pick(self, stock: Inventory) -> frozenset[str]:
        stack = self._stack(stock)
        names = [child_name(stack.name, stack.module, child) for child, _ in _children(stack.module)]
        if len(names) < self.count:
            raise PlanError([f"top_layers({self.count}): {stack.name!r} has {len(names)} blocks"])
        inside = [owner.number for owner in stock.owners if _within(owner.name, stack.name)]
        blocks = names[-self.count :]

        def on_top(owner: Owner) -> bool:
            return owner.number > max(inside) or any(_within(owner.name, block) for block in blocks)

        found = frozenset(slot.name for slot in stock.slots if all(on_top(place.owner) for place in slot.places))
        if not found:
            raise PlanError([f"top_layers({self.count}): every parameter there is also used below"])
        return found

    def _stack(self, stock: Inventory) -> Owner:
        """The module whose children the blocks are."""
        if self.blocks is not None:
            found = [owner for owner in stock.owners if owner.name == self.blocks and _children(owner.module)]
            if found:
                return found[0]
            known = [owner.name for owner in stock.owners if owner.name and _children(owner.module)]
            raise PlanError(
                [
                    f"top_layers({self.count}, blocks={self.blocks!r}): no module with children is called so."
                    f"{did_you_mean(self.blocks, known)}"
                ]
            )
        found = _stacks(stock)
        if len(found) == 1:
            return found[0]
        several = f"the model has {len(found)}: {', '.join(repr(owner.name) for owner in found)}"
        raise PlanError(
            [
                f"top_layers({self.count}): {several if found else 'the model has no stack of like blocks'}. "
                f'Name the module whose children the blocks are: top_layers({self.count}, blocks="...")'
            ]
        )


def _stacks(stock: Inventory) -> list[Owner]:
    """The outermost lists of like blocks."""
    found: list[Owner] = []
    for owner in stock.owners:
        if not isinstance(owner.module, (nn.ModuleList, nn.Sequential)):
            continue
        children = [child for _, child in _children(owner.module)]
        alike = len(children) > 1 and len({type(child) for child in children}) == 1
        known = any(owner.module is one.module or _within(owner.name, one.name) for one in found)
        if alike and not known and all(any(True for _ in child.parameters()) for child in children):
            found.append(owner)
    return found


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """A module's children, those that stand there twice too."""
    return [(name, child) for name, child in module._modules.items() if child is not None]


def _within(name: str, module: str) -> bool:
    return not module or name == module or name.startswith(f"{module}.")


@dataclass(frozen=True)
class MissingFrom(Subset):
    """Parameters none of whose names is among ``keys``."""

    keys: frozenset[str]

    @property
    def outside(self) -> str:
        return "in the checkpoint"

    def pick(self, stock: Inventory) -> frozenset[str]:
        names = Stored(stock)
        found, problems = set(), []
        for slot in stock.slots:
            present = [bool(self.keys & set(aliases)) for aliases in names.of(slot)]
            if not any(present):
                found.add(slot.name)
            elif not all(present):
                absent = [aliases[0] for aliases, is_there in zip(names.of(slot), present, strict=True) if not is_there]
                problems.append(
                    f"{slot.name!r} is computed from several tensors ({slot.writer.kind}), and the checkpoint lacks "
                    f"{' and '.join(map(repr, absent))}"
                )
        if problems:
            raise PlanError(problems)
        return frozenset(found)


class Stored:
    """The tensors of a model that a state dict holds, under every canonical name."""

    def __init__(self, stock: Inventory) -> None:
        self.tensors: dict[str, Tensor] = {}
        """Parameters and persistent buffers by name."""
        self.buffers: set[str] = set()
        """The names that are buffers'."""
        self._names: dict[object, list[str]] = {}
        for owner in stock.owners:
            module = owner.module
            held = {key: one for key, one in module._buffers.items() if key not in module._non_persistent_buffers_set}
            self.buffers |= {joined(owner.name, key) for key, one in held.items() if one is not None}
            for key, tensor in (*module._parameters.items(), *held.items()):
                if tensor is not None and not is_lazy(tensor):
                    self.tensors[joined(owner.name, key)] = tensor
        for name, tensor in self.tensors.items():
            self._names.setdefault(identity(tensor), []).append(name)

    def of(self, slot: Slot) -> list[list[str]]:
        """For each tensor that holds a parameter, its names in a state dict."""
        return [self._names[identity(tensor)] for tensor in slot.writer.tensors]

    def alike(self) -> Iterator[list[str]]:
        """The names, those of one tensor together."""
        yield from self._names.values()
