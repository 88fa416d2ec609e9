"""The parameters of a model, as the layers have them: one slot each, with every name it goes by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized, type_before_parametrizations

from ._memory import identity
from ._names import child_name, joined
from ._writers import Parametrized, Plain, Writer, hooked


@dataclass(frozen=True, eq=False)
class Owner:
    """One module under one canonical name.

    Args:
        name: canonical name, empty for the root.
        module: the module.
        writers: its own parameters by local name, parametrized ones under the name the layer uses.
        absent: local names registered without a parameter, such as ``bias`` under ``bias=False``.
        lazy: local names whose shape is not known yet.
    """

    name: str
    module: nn.Module
    writers: dict[str, Writer]
    absent: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The type's name, as before any parametrization; ``Linear`` for the one that nn.MultiheadAttention makes."""
        kind = type_before_parametrizations(self.module)
        return "Linear" if kind is NonDynamicallyQuantizableLinear else kind.__name__

    @cached_property
    def plain(self) -> nn.Module:
        """The module as if nothing were parametrized, to be looked at: computed weights stand there on meta."""
        through = {name: one for name, one in self.writers.items() if one.kind}
        if not through:
            return self.module
        kind = type_before_parametrizations(self.module)
        view = object.__new__(kind)
        view.__dict__.update({key: value for key, value in self.module.__dict__.items() if key not in through})
        weights = {
            name: nn.Parameter(torch.empty(one.shape, dtype=one.dtype, device="meta"), requires_grad=False)
            for name, one in through.items()
        }
        view.__dict__["_parameters"] = {**self.module._parameters, **weights}
        return view


@dataclass(frozen=True)
class Place:
    """Where a parameter is registered."""

    owner: Owner
    local_name: str
    name: str
    """Canonical qualified name."""


@dataclass(frozen=True)
class Slot:
    """One parameter, wherever it is registered. The first place, in order of registration, names it."""

    places: tuple[Place, ...]
    writer: Writer

    @property
    def name(self) -> str:
        """The canonical name, from which its values are drawn."""
        return self.places[0].name

    @property
    def names(self) -> tuple[str, ...]:
        """Every canonical name, the first one first."""
        return tuple(dict.fromkeys(place.name for place in self.places))


@dataclass(frozen=True)
class Inventory:
    """A model taken stock of: its modules under every name, and its parameters."""

    owners: tuple[Owner, ...]
    slots: tuple[Slot, ...]


def inventory(model: nn.Module) -> Inventory:
    """The model's modules and parameters; nothing is changed."""
    owners = tuple(_walk(model, "", {}, ()))
    places: dict[object, list[Place]] = {}
    for owner in owners:
        for local_name, writer in owner.writers.items():
            key = (writer.kind, *(identity(tensor) for tensor in writer.tensors))
            places.setdefault(key, []).append(Place(owner, local_name, joined(owner.name, local_name)))
    slots = tuple(Slot(tuple(found), found[0].owner.writers[found[0].local_name]) for found in places.values())
    return Inventory(owners, slots)


def _walk(module: nn.Module, name: str, known: dict[int, Owner], above: tuple[int, ...]) -> Iterator[Owner]:
    """Every module under every path, parents first; a module inside itself is not entered again."""
    if id(module) in above:
        return
    seen = known.get(id(module))
    if seen is None:
        seen = known[id(module)] = _owner(module, name)
    yield seen if seen.name == name else Owner(name, module, seen.writers, seen.absent, seen.lazy)
    for child, below in module._modules.items():  # named_children would leave out the second name of a shared child
        if below is not None:
            yield from _walk(below, child_name(name, module, child), known, (*above, id(module)))


def _owner(module: nn.Module, name: str) -> Owner:
    """A module's own parameters; the tensors behind a parametrization belong to the module that is parametrized."""
    through: dict[str, Writer] = dict(hooked(module))
    if is_parametrized(module):
        lists = module.parametrizations
        assert isinstance(lists, nn.ModuleDict)
        for local_name, one in lists.items():
            if isinstance(one, ParametrizationList) and _holds_parameters(one):
                through[local_name] = Parametrized(one)
    hidden = {id(tensor) for writer in through.values() for tensor in writer.tensors}
    own: dict[str, Tensor | None] = {} if isinstance(module, ParametrizationList) else dict(module._parameters)
    lazy = tuple(key for key, tensor in own.items() if tensor is not None and is_lazy(tensor))
    absent = tuple(key for key, tensor in own.items() if tensor is None)
    plain = {
        key: Plain(tensor)
        for key, tensor in own.items()
        if tensor is not None and key not in lazy and id(tensor) not in hidden
    }
    return Owner(name, module, {**plain, **through}, absent, lazy)


def _holds_parameters(parametrizations: ParametrizationList) -> bool:
    """Whether a parameter is parametrized, not a buffer."""
    return any(True for _ in parametrizations.named_parameters(recurse=False))
