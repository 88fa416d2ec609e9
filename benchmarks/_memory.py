"""How much memory an initialization takes beside what it fills, measured in a process of its own. Linux only."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import firststep as fs
from firststep import init

STATUS = Path("/proc/self/status")
"""Where Linux tells a process its peak memory."""


def peak_share(what: str, *, elements: int) -> float:
    """Peak resident memory during ``what``, less that before it, over the size of the f32 numbers it fills.

    The memory filled is touched before, so its own pages do not count; a small run before loads the libraries, so
    neither do they. A second tensor of full size gives 1.
    """
    command = [sys.executable, __file__, what, str(elements)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _fill(name: str) -> Callable[[int], Callable[[], object]]:
    def prepare(elements: int) -> Callable[[], object]:
        tensor = torch.ones(elements)
        return lambda: getattr(init, name)(tensor)

    return prepare


def _apply(elements: int) -> Callable[[], object]:
    """Sixteen layers, so that what is held for one of them does not count as for all."""
    width = math.isqrt(elements // 16)
    model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(16)))
    return lambda: fs.plan(model, fs.rule(nn.Linear, weight=init.normal(std=0.02))).apply(seed=0)


WHAT = {"normal_": _fill("normal_"), "trunc_normal_": _fill("trunc_normal_"), "plan and apply": _apply}


def _measure(what: str, elements: int) -> float:
    WHAT[what](2**20)()
    work = WHAT[what](elements)
    before = _peak_bytes()
    work()
    return (_peak_bytes() - before) / (4 * elements)


def _peak_bytes() -> int:
    """The peak of this program's memory; getrusage's would count the program that started it as well."""
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0])


if __name__ == "__main__":
    print(_measure(sys.argv[1], int(sys.argv[2])))
