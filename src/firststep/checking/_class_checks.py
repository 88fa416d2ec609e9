"""Targets that are classes: their indices, their weights."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
