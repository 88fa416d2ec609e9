"""What the targets are: their shape, their range, what they mean."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
