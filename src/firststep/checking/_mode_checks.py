"""Modes, noise, and examples that must not know of each other."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
