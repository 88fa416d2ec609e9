"""Losses that take probabilities or log-probabilities."""

from __future__ import annotations

from ._rule import Check

CHECKS: tuple[Check, ...] = ()
