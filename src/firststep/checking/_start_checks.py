"""The value of the loss before the first step."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
