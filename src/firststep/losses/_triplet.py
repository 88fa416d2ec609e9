"""To be written."""

from __future__ import annotations

from ._spec import LossSpec

SPECS: tuple[LossSpec, ...] = ()
