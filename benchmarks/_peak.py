"""How far the resident peak of this process grows during a call. Linux only."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
"""Where Linux tells the peak, and where it is told to begin it anew."""


def growth(call: Callable[[], object]) -> float:
    """In MiB."""
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")
    before = kilobytes("VmRSS")
    call()
    return max(kilobytes("VmHWM") - before, 1) / 1024


def kilobytes(what: str) -> int:
    """A line of the process's status."""
    return int(re.findall(rf"{what}:\s+(\d+) kB", STATUS.read_text())[0])
