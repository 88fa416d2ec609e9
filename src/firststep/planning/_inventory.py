"""The parameters of a model, as the layers have them: one slot each, with every name it goes by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList, type_before_parametrizations

from ._memory import apart, identity
from ._names import child_name, joined
from ._writers import Parametrized, Plain, Through, Writer, hooked

_LISTS = "parametrizations"
"""The child under which torch keeps what stands before a module's parameters."""


class Owner(NamedTuple):
    """One module under one canonical name.

    Args:
        number: its position in the inventory.
        name: canonical name, empty for the root.
        module: the module.
        plain: the module as if nothing were parametrized, to be looked at: computed weights stand there on meta.
        layer: the type's name, as before any parametrization; ``Linear`` for the one that nn.MultiheadAttention makes.
        writers: its own parameters by local name, parametrized ones under the name the layer uses.
        absent: local names registered without a parameter, such as ``bias`` under ``bias=False``.
        lazy: local names whose shape is not known yet.
    """

    number: int
    name: str
    module: nn.Module
    plain: nn.Module
    layer: str
    writers: dict[str, Writer]
    absent: tuple[str, ...]
    lazy: tuple[str, ...]


class Place(NamedTuple):
    """Where a parameter is registered: in which module, under which local and which canonical qualified name."""

    owner: Owner
    local_name: str
    name: str


class Slot(NamedTuple):
    """One parameter, wherever it is registered. The first place, in order of registration, names it.

    Args:
        owner, local_name, name: the first place; from the name its values are drawn.
        writer: how it is read and written.
        elsewhere: the other places of a tied parameter.
    """

    owner: Owner
    local_name: str
    name: str
    writer: Writer
    elsewhere: tuple[Place, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place, the first one first."""
        return Place(self.owner, self.local_name, self.name), *self.elsewhere

    @property
    def names(self) -> tuple[str, ...]:
        """Every canonical name, the first one first."""
        return tuple(dict.fromkeys(place.name for place in self.places)) if self.elsewhere else (self.name,)


class Inventory(NamedTuple):
    """A model taken stock of: its modules under every name, and its parameters.

    Args:
        owners: the modules.
        slots: the parameters.
        apart: whether it is known that no number in memory is held twice, by two slots or by one that is expanded.
    """

    owners: tuple[Owner, ...]
    slots: tuple[Slot, ...]
    apart: bool


def inventory(model: nn.Module) -> Inventory:
    """The model's modules and parameters; nothing is changed."""
    owners = _owners(model)
    slots = _slots(owners, id)
    disjoint = apart(tensor for slot in slots for tensor in slot.writer.tensors)
    # Where memory may be shared, two tensor objects may still be one parameter.
    return Inventory(owners, slots if disjoint else _slots(owners, identity), disjoint)


def _slots(owners: Sequence[Owner], same: Callable[[Tensor], object]) -> tuple[Slot, ...]:
    """One slot for the places whose tensors have the same key."""
    slots: dict[object, Slot] = {}
    for owner in owners:
        for local_name, writer in owner.writers.items():
            name, key = joined(owner.name, local_name), writer.key(same)
            first = slots.get(key)
            if first is None:
                slots[key] = Slot(owner, local_name, name, writer, ())
            else:
                slots[key] = first._replace(elsewhere=(*first.elsewhere, Place(owner, local_name, name)))
    return tuple(slots.values())


def _owners(model: nn.Module) -> tuple[Owner, ...]:
    """Every module under every path, parents first; a module inside itself is not entered again."""
    owners: list[Owner] = []
    known: dict[int, Owner] = {}
    above: set[int] = set()

    def enter(module: nn.Module, name: str) -> None:
        me = id(module)
        if me in above:
            return
        seen = known.get(me)
        if seen is None:
            seen = known[me] = _owner(len(owners), name, module)
            owners.append(seen)
        else:
            owners.append(seen._replace(number=len(owners), name=name))
        if module._modules:
            above.add(me)
            for child, below in module._modules.items():  # named_children would leave out a shared child's second name
                if below is not None:
                    enter(below, child_name(name, module, child))
            above.remove(me)

    enter(model, "")
    return tuple(owners)


def _owner(number: int, name: str, module: nn.Module) -> Owner:
    """A module's own parameters; the tensors behind a parametrization belong to the module that is parametrized."""
    through: dict[str, Through] = {}
    kind, plain, hidden = type(module), module, ()
    if module._forward_pre_hooks or _LISTS in module._modules:
        through = _through(module)
        kind = type_before_parametrizations(module)
        plain = _plain(module, kind, through) if through else module
        hidden = {id(tensor) for writer in through.values() for tensor in writer.tensors}
    writers: dict[str, Writer] = {}
    absent, lazy = (), ()
    if not isinstance(module, ParametrizationList):
        for key, tensor in module._parameters.items():
            if tensor is None:
                absent = (*absent, key)
            elif is_lazy(tensor):
                lazy = (*lazy, key)
            elif id(tensor) not in hidden:
                writers[key] = Plain(tensor)
    if through:
        writers.update(through)
    layer = "Linear" if kind is NonDynamicallyQuantizableLinear else kind.__name__
    return Owner(number, name, module, plain, layer, writers, absent, lazy)


def _through(module: nn.Module) -> dict[str, Through]:
    """The parameters that the module sees through a function of other tensors, by the local name it uses."""
    through = dict(hooked(module)) if module._forward_pre_hooks else {}
    lists = module._modules.get(_LISTS)
    if isinstance(lists, nn.ModuleDict):
        for local_name, one in lists.items():
            if isinstance(one, ParametrizationList) and _holds_parameters(one):
                through[local_name] = Parametrized(one)
    return through


def _holds_parameters(parametrizations: ParametrizationList) -> bool:
    """Whether a parameter is parametrized, not a buffer."""
    return any(True for _ in parametrizations.named_parameters(recurse=False))


def _plain(module: nn.Module, kind: type[nn.Module], through: dict[str, Through]) -> nn.Module:
    """A module of type ``kind`` whose computed weights are parameters on meta."""
    view = object.__new__(kind)
    view.__dict__.update({key: value for key, value in module.__dict__.items() if key not in through})
    weights = {
        name: nn.Parameter(torch.empty(one.shape, dtype=one.dtype, device="meta"), requires_grad=False)
        for name, one in through.items()
    }
    view.__dict__["_parameters"] = {**module._parameters, **weights}
    return view
