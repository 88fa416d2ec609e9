"""What changed between two plans or two reports, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ._names import pattern, template

Facts = Mapping[str, Mapping[str, str]]
"""By parameter, what is known of it, in words."""


@dataclass(frozen=True)
class Difference:
    """Parameters added, removed and changed; empty (and false) when there is no difference.

    Args:
        added: name and what the other does with it.
        removed: name and what was done with it.
        changed: name, the fact that changed, what it was and what it is.
    """

    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        if not self:
            return "no difference"
        lines = [f"added    {name}: {words}" for name, words in _grouped(self.added)]
        lines += [f"removed  {name}: {words}" for name, words in _grouped(self.removed)]
        lines += [f"changed  {name}: {fact} was {old}, is {new}" for name, fact, old, new in _grouped(self.changed)]
        counts = f"{len(self.added)} added, {len(self.removed)} removed, {len({c[0] for c in self.changed})} changed"
        return "\n".join([*lines, counts])


def difference(mine: Facts, theirs: Facts) -> Difference:
    """What ``theirs`` says otherwise; every parameter's facts must have a ``"scheme"``."""
    return Difference(
        added=tuple((name, facts["scheme"]) for name, facts in theirs.items() if name not in mine),
        removed=tuple((name, facts["scheme"]) for name, facts in mine.items() if name not in theirs),
        changed=tuple(
            (name, fact, old, theirs[name][fact])
            for name, facts in mine.items()
            if name in theirs
            for fact, old in facts.items()
            if old != theirs[name][fact]
        ),
    )


def _grouped(entries: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """Entries that differ only in whole-number segments of the name, in one."""
    groups: dict[object, list[tuple[str, ...]]] = {}
    for name, *rest in entries:
        groups.setdefault((template(name), *rest), []).append((name, *rest))
    return [(pattern([name for name, *_ in group]), *group[0][1:]) for group in groups.values()]
