"""The form of a case."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """A start as somebody would write it.

    Args:
        name: what it is, in a few words.
        lines: code that defines ``model``, ``loss`` and ``batch``; where needed ``optimizer``, ``forward``, ``task``.
        codes: any of them names the fault; none of a sound design.
    """

    name: str
    lines: str
    codes: Set[str] = frozenset()
