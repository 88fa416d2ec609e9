"""What stands in the way of a plan, each problem with the line to type."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..init import Scheme
from ._inventory import Inventory, Slot
from ._memory import is_expanded, overlaps
from ._names import pattern, template


def lazy_problems(stock: Inventory) -> list[str]:
    """Modules whose parameters have no shape yet."""
    return [
        f"{owner.name!r} ({owner.layer}) is lazy: no shape is known yet of its {' and '.join(owner.lazy)}. "
        "Run one batch through the model first, then plan"
        for owner in stock.owners
        if owner.lazy
    ]


def uncovered_problems(slots: Sequence[Slot]) -> list[str]:
    """Parameters that no rule names; like ones of like layers in one line."""
    groups: dict[object, list[Slot]] = {}
    for slot in slots:
        place = slot.places[0]
        groups.setdefault((template(slot.name), slot.writer.shape, place.owner.layer, place.local_name), []).append(
            slot
        )
    return [_uncovered(group) for group in groups.values()]


def memory_problems(slots: Sequence[Slot], written: set[Slot]) -> list[str]:
    """Parameters that cannot be set without setting another, or themselves, twice."""
    problems = [
        f"{slot.name!r} (shape {slot.writer.shape}) is expanded: several of its elements are one number in memory. "
        "Replace it with nn.Parameter(p.detach().clone()), or give it fs.keep"
        for slot in slots
        if slot in written and any(is_expanded(tensor) for tensor in slot.writer.tensors)
    ]
    pairs = [(slot, tensor) for slot in slots for tensor in slot.writer.tensors]
    for i, j in overlaps([tensor for _, tensor in pairs]):
        a, b = pairs[i][0], pairs[j][0]
        if a is not b and not written.isdisjoint((a, b)):
            problems.append(
                f"{a.name!r} (shape {a.writer.shape}) and {b.name!r} (shape {b.writer.shape}) share memory without "
                "being the same parameter, so that setting one changes the other. Tie them wholly, or give both fs.keep"
            )
    return problems


def dtype_problem(slot: Slot, scheme: Scheme) -> str | None:
    """A parameter whose numbers no scheme makes."""
    if slot.writer.dtype.is_floating_point:
        return None
    dtype = str(slot.writer.dtype).removeprefix("torch.")
    return (
        f"{slot.name!r} holds {dtype}, and {scheme!r} makes real floating-point numbers. "
        "Give it fs.keep, and fill it yourself"
    )


def _uncovered(group: Sequence[Slot]) -> str:
    slot = group[0]
    place, shape = slot.places[0], slot.writer.shape
    layer = _spelled(place.owner.module, place.owner.layer)
    many = f"{len(group)} parameters, each of " if len(group) > 1 else ""
    return (
        f"no rule covers {pattern([one.name for one in group])!r} ({many}shape {shape}, in {place.owner.layer}). "
        f"Add fs.rule({layer}, {_keyword(place.local_name, _suggested(place.local_name, shape))}), "
        f"or fs.rule({layer}, {_keyword(place.local_name, 'fs.keep')}) to leave it as it is"
    )


def _suggested(local_name: str, shape: tuple[int, ...]) -> str:
    """A scheme to start from, by what such parameters usually are."""
    if len(shape) >= 2:
        return "init.xavier_normal()"
    return "init.ones()" if any(word in local_name for word in ("weight", "scale", "gamma")) else "init.zeros()"


def _keyword(local_name: str, value: str) -> str:
    return f"{local_name}={value}" if local_name.isidentifier() else f'**{{"{local_name}": {value}}}'


def _spelled(module: nn.Module, layer: str) -> str:
    return f"nn.{layer}" if getattr(nn, layer, None) in type(module).__mro__ else layer
