"""Starts written as lines of code, as the declarations and the panel have them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import firststep as fs
from firststep import init, losses
from firststep.checking import CheckReport, check


def names(lines: str, seed: int = 0) -> dict[str, Any]:
    """What the lines define; at least ``model``, ``loss`` and ``batch``."""
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "fs": fs, "init": init, "losses": losses}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        exec(compile(lines, "<example>", "exec"), scope)
    return scope


def report(lines: str, seed: int = 0) -> CheckReport:
    """The check of what the lines define."""
    scope = names(lines, seed)
    given = {name: scope[name] for name in ("optimizer", "forward", "task") if name in scope}
    return check(scope["model"], scope["loss"], scope["batch"], **given)


def told(one: CheckReport) -> str:
    """The findings in short, for the message of a failing test."""
    return "\n".join(f"{f.severity} {f.code} {f.place}: {f.measured} | {f.evidence}" for f in one.findings)
