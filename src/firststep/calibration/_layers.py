"""Which layers are meant: the ports of the modules that a selector matches."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from .. import graph
from ..anatomy import Anatomy
from ..errors import CalibrationError, RuleError, did_you_mean
from ..graph import Flow
from ..planning import Candidate, Inventory, Owner, Slot, Spec, select
from ._ports import Left, Port, ports_of


class Chosen(NamedTuple):
    """What the user asked to calibrate.

    Args:
        owners: the modules that were selected, each once, under its first name.
        ports: their signals, in order of registration.
        left: what of them has no port, and why.
    """

    owners: tuple[Owner, ...]
    ports: tuple[Port, ...]
    left: tuple[Left, ...]


def choose(model: nn.Module, stock: Inventory, layers: Spec | None) -> Chosen:
    """The modules that ``layers`` matches, all for ``None``.

    Raises:
        CalibrationError: when it matches nothing, with near names, or cannot be read.
    """
    slots = {(id(place.owner.module), place.local_name): slot for slot in stock.slots for place in slot.places}
    owners = _matching(model, stock, layers)
    found: list[Port | Left] = []
    for owner in owners:
        if isinstance(owner.module, NonDynamicallyQuantizableLinear):
            found += _of_attention(owner, owners, stock, slots)
        else:
            found += ports_of(owner, lambda module, name: slots.get((id(module), name)), layers is not None)
    if layers is None:
        found = [_table_of(one) or one for one in found]
    return Chosen(
        owners,
        tuple(one for one in found if isinstance(one, Port)),
        tuple(one for one in found if isinstance(one, Left)),
    )


def _table_of(one: Port | Left) -> Left | None:
    """A layer whose weight is also an embedding's table, which is left unless it is named."""
    places = one.weight.places if isinstance(one, Port) else ()
    tables = [place.owner.name for place in places if isinstance(place.owner.module, (nn.Embedding, nn.EmbeddingBag))]
    return (
        Left(one.name, one.kind, f"tied to the table of {tables[0]!r}: name one of them in layers=") if tables else None
    )


def _of_attention(
    owner: Owner, chosen: tuple[Owner, ...], stock: Inventory, slots: dict[tuple[int, str], Slot]
) -> list[Port]:
    """The output projection of nn.MultiheadAttention is its own module, and is never called: the attention sees it."""
    above = next(
        one
        for one in stock.owners
        if isinstance(one.module, nn.MultiheadAttention) and one.module.out_proj is owner.module
    )
    if any(one.module is above.module for one in chosen):
        return []
    ports = ports_of(above, lambda module, name: slots.get((id(module), name)), True)
    return [one for one in ports if isinstance(one, Port) and one.reads_output]


def _matching(model: nn.Module, stock: Inventory, layers: Spec | None) -> tuple[Owner, ...]:
    """Each module once, under its first name, where one of its names is selected."""
    first: dict[int, Owner] = {}
    for owner in stock.owners:
        first.setdefault(id(owner.module), owner)
    if layers is None:
        return tuple(first.values())
    try:
        selector, flow = select(layers), _flows(model)
        roles = Anatomy({one.name: one.plain for one in stock.owners}).roles
        matched = {
            id(one.module) for one in stock.owners if selector.matches(Candidate(one.name, one.module, flow, roles))
        }
    except RuleError as error:
        raise CalibrationError(f"calibrate(layers=...): {error}") from error
    if not matched:
        names = [owner.name for owner in first.values() if owner.name]
        near = did_you_mean(layers, names) if isinstance(layers, str) else ""
        kinds = ", ".join(sorted({owner.layer for owner in first.values() if owner.writers}))
        raise CalibrationError(
            f"calibrate(layers={selector}) matches no module of the model. A glob must match a module's whole name."
            f"{near} Its layers with parameters are: {kinds}"
        )
    return tuple(owner for key, owner in first.items() if key in matched)


def _flows(model: nn.Module) -> Callable[[nn.Module], Flow | None]:
    """What a trace knows of a module; traced once, when a selector first asks."""

    @cache
    def traced() -> dict[int, Flow]:
        flows = graph.trace(model)
        return {id(module): flows[name] for name, module in model.named_modules() if name in flows}

    return lambda module: traced().get(id(module))
