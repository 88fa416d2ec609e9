"""A start written as lines of code, as the declarations and the documentation have them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .. import losses
from ._check import check
from ._report import CheckReport


def example(lines: str, seed: int = 0) -> CheckReport:
    """The check of what lines of code define.

    Args:
        lines: they define ``model``, ``loss`` and ``batch``, and where needed ``optimizer``, ``forward`` and ``task``;
            ``torch``, ``nn``, ``F`` and ``losses`` are imported.
        seed: of torch's random numbers while they run.

    >>> example("model, loss, batch = nn.Linear(2, 1), nn.MSELoss(), (torch.randn(8, 2), torch.randn(8, 1))").ok
    True
    """
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "losses": losses}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        exec(compile(lines, "<example>", "exec"), scope)
    given = {name: scope[name] for name in ("optimizer", "forward", "task") if name in scope}
    return check(scope["model"], scope["loss"], scope["batch"], **given)
