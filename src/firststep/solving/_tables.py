"""Lookup tables: what follows them, and which of them are heads as well."""

from __future__ import annotations

from collections.abc import Mapping

from ._structure import Structure


def lookups(shape: Structure) -> dict[str, int]:
    """The first value looked up in each table, by the table's name."""
    found: dict[str, int] = {}
    for call in shape.run.calls:
        if call.op == "aten.embedding":
            name = shape.run.items[call.inputs[0]].parameter
            if name is not None:
                found.setdefault(name, call.outputs[0])
    return found


def amplified(shape: Structure, value: int) -> float:
    """The second moment that a looked-up value of second moment 1 has where it meets another: after ``x * sqrt(d)``."""
    while len(users := shape.users(value)) == 1:
        call = shape.run.calls[users[0]]
        if call.op.removesuffix("_") not in ("aten.mul", "aten.div", "aten._to_copy") or shape.kind(users[0]) != "pass":
            break
        value = call.outputs[0]
    known = shape.walk.values.get(value)
    return known.moments.second if known is not None and known.moments.second > 0 else 1.0


def is_head(shape: Structure, value: int) -> bool:
    """Whether a value is the model's output, or becomes it by functions such as tanh; a loss may read it too."""
    ends = list(shape.ends(value))
    later = [shape.run.calls[at].outputs[0] for kind, at in ends if kind == "activation"]
    kinds = {kind for kind, _ in ends}
    shown = "output" in kinds or bool(later)
    return shown and kinds <= {"output", "activation", "other"} and all(is_head(shape, one) for one in later)


def ties(shape: Structure, tables: Mapping[str, int]) -> dict[str, float]:
    """Which of the tables are heads, and the second moment of the logits where the table's is 1."""
    found: dict[str, float] = {}
    for position, name in shape.weights.items():
        if name in tables and is_head(shape, shape.run.calls[position].outputs[0]):
            use = shape.uses[position]
            found[name] = use.fan * use.second
    return found


def partner(shape: Structure, name: str, tied: Mapping[str, float]) -> str | None:
    """A tied table whose value is added to that of table ``name``."""
    tables: dict[int, str] = {}
    for call in shape.run.calls:
        if call.op == "aten.embedding":
            tables[call.outputs[0]] = shape.run.items[call.inputs[0]].parameter or ""
        elif call.op == "aten.add":
            found = {tables[one] for one in call.inputs if one in tables}
            both = sorted(found & tied.keys())
            if both and name in found:
                return both[0]
            if both:
                tables[call.outputs[0]] = both[0]
    return None
