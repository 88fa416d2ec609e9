"""The parameters' own values."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
