"""What kind of output goes with what kind of loss."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
