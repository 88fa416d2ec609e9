"""Whether the loss reaches the parameters, and the optimizer holds them."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
