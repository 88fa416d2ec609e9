"""What stands in the way of a plan, each problem with the line to type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from ..init import Scheme
from ._inventory import Inventory, Slot
from ._memory import is_expanded, overlaps
from ._names import pattern, template
from ._rules import Numbered


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
        like = template(slot.name), slot.writer.shape, slot.owner.layer, slot.local_name
        groups.setdefault(like, []).append(slot)
    return [_uncovered(group) for group in groups.values()]


def role_problems(pairs: Sequence[tuple[Slot, Numbered | None]]) -> list[str]:
    """Layers whose role cannot be told, each with the rule that depends on it; like ones in one line.

    Args:
        pairs: parameters, each with that rule or ``None``.
    """
    groups: dict[str, tuple[Slot, Numbered]] = {}
    for slot, rule in pairs:
        if rule is not None:
            groups.setdefault(template(slot.owner.name), (slot, rule))
    return [
        f"the role of {slot.owner.name!r} ({slot.owner.layer}, weight {slot.writer.shape}) in its block cannot be "
        f"told, and {rule} depends on it. Name it, with one of fs.recipes.ROLES: "
        f"fs.recipes.get({rule.recipe or 'NAME'!r}, roles={{{_glob(slot)!r}: 'mlp.in'}}), or 'other' for none of them"
        for slot, rule in groups.values()
    ]


def _glob(slot: Slot) -> str:
    return re.sub(r"\d+", "*", slot.owner.name)


def memory_problems(stock: Inventory, written: Sequence[bool]) -> list[str]:
    """Parameters that cannot be set without setting another, or themselves, twice.

    Args:
        stock: the parameters.
        written: whether each of them is to be set.
    """
    if stock.apart:
        return []
    expanded = [
        f"{slot.name!r} (shape {slot.writer.shape}) is expanded: several of its elements are one number in memory. "
        "Replace it with nn.Parameter(p.detach().clone()), or give it fs.keep"
        for slot, is_set in zip(stock.slots, written, strict=True)
        if is_set and any(map(is_expanded, slot.writer.tensors))
    ]
    return [*expanded, *_shared(stock.slots, written)]


def _shared(slots: Sequence[Slot], written: Sequence[bool]) -> list[str]:
    pairs = [(i, tensor) for i, slot in enumerate(slots) for tensor in slot.writer.tensors]
    found = [(pairs[m][0], pairs[n][0]) for m, n in overlaps([tensor for _, tensor in pairs])]
    return [
        f"{slots[i].name!r} (shape {slots[i].writer.shape}) and {slots[j].name!r} (shape {slots[j].writer.shape}) "
        "share memory without being the same parameter, so that setting one changes the other. Tie them wholly, or "
        "give both fs.keep"
        for i, j in found
        if i != j and (written[i] or written[j])
    ]


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
    owner, local_name, shape = slot.owner, slot.local_name, slot.writer.shape
    layer = _spelled(owner.module, owner.layer)
    many = f"{len(group)} parameters, each of " if len(group) > 1 else ""
    return (
        f"no rule covers {pattern([one.name for one in group])!r} ({many}shape {shape}, in {owner.layer}). "
        f"Add fs.rule({layer}, {_keyword(local_name, _suggested(local_name, shape))}), "
        f"or fs.rule({layer}, {_keyword(local_name, 'fs.keep')}) to leave it as it is"
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
