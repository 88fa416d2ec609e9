"""``assert_sound_start``: a model, a loss and a batch, checked in a test."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import nn

from ..checking import SEVERITIES, CheckReport, Severity, check
from ..errors import CheckError


def assert_sound_start(
    model: nn.Module,
    loss: Callable[..., Any] | None,
    batch: tuple[Any, Any],
    *,
    ignore: Collection[str] = (),
    severity: Severity = "warning",
    optimizer: Any = None,
    forward: Callable[[Any, Any], Any] | None = None,
    task: str | None = None,
    seed: int = 0,
) -> CheckReport:
    """Fail where :func:`firststep.check` finds something; for a test with pytest, or with anything that asserts.

    Args:
        model, loss, batch, optimizer, forward, task, seed, ignore: as of :func:`firststep.check`.
        severity: the least severe finding that fails.

    Returns:
        The report, for further questions.

    Raises:
        AssertionError: with the report as its text.
        CheckError: for something that is no model, loss, batch or severity.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> batch = torch.randn(32, 20), torch.randint(10, (32,))
    >>> assert_sound_start(nn.Linear(20, 10), nn.CrossEntropyLoss(), batch).ok
    True
    """
    if severity not in SEVERITIES:
        raise CheckError(
            f"assert_sound_start(severity={severity!r}): expected one of {', '.join(map(repr, SEVERITIES))}"
        )
    report = check(model, loss, batch, optimizer=optimizer, forward=forward, task=task, seed=seed, ignore=ignore)
    if report.at_least(severity):
        raise AssertionError(f"\n{report.text(100)}")
    return report
