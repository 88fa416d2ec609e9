"""The machine and the versions that numbers depend on."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

import firststep as fs
from firststep import rng
from firststep.rng import _native


def machine() -> dict[str, str | int]:
    """What the numbers depend on."""
    chosen = _native.choice().native
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "kernel": chosen.name if chosen else "torch operations",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "firststep": fs.__version__,
        "values": rng.VERSION,
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
