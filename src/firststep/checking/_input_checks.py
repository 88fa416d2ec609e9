"""The inputs as the model gets them."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
