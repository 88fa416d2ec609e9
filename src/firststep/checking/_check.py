"""``fs.check``: is this start sane?"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import nn

from ..errors import CheckError, did_you_mean
from ._finding import Finding
from ._report import CheckReport, ordered
from .probe._asked import Forward, asked
from .probe._evidence import Evidence
from .probe._probe import Progress, probe
from .rules import CHECKS

TASKS = ("causal-lm",)
"""What ``task`` may say."""


def check(
    model: nn.Module,
    loss: Callable[..., Any] | None,
    batch: tuple[Any, Any],
    *,
    optimizer: Any = None,
    forward: Forward | None = None,
    task: str | None = None,
    seed: int = 0,
    ignore: Collection[str] = (),
    progress: Progress | None = None,
) -> CheckReport:
    """Look at a model, a loss and a batch before the first step, and say what is wrong with them.

    It runs one training step, small trials on changed batches and up to two virtual steps, and puts everything back:
    parameters, buffers, gradients, modes, hooks and random states are as before, also when it raises.

    Args:
        model: on any device, in any dtype; wrapped by torch.compile or DistributedDataParallel too.
        loss: a module or a function of (output, targets); tuples of outputs or targets are spread out where it takes
            more arguments. None for a model that returns its own loss.
        batch: ``(inputs, targets)``. Inputs may be a tensor, a tuple (positional arguments) or a dict (keywords).
        optimizer: if given, its parameters are compared with the model's. It is not stepped.
        forward: ``forward(model, inputs)``, for a model that is run in another way.
        task: "causal-lm" where outputs must not depend on later inputs.
        seed: of the noise (dropout) while looking.
        ignore: codes not to report, such as ``{"FS301"}``.
        progress: called with a word on what is being done.

    Returns:
        A report: ``print`` it, ``.save("start.html")``, ``.raise_if("error")``, ``.ok``.

    Raises:
        CheckError: for something that is no model, loss or batch. A model that fails to run raises nothing: that is
            reported as a finding.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
    >>> report = check(model, nn.CrossEntropyLoss(), (torch.randn(32, 20), torch.randint(10, (32,))))
    >>> report.findings[0].code, report.findings[0].severity
    ('FS101', 'error')
    """
    known = {one.code for one in CHECKS}
    for code in ignore:
        if code not in known:
            raise CheckError(
                f"check(ignore={{{code!r}}}): there is no such code.{did_you_mean(code, sorted(known))} "
                "The documentation's page checks lists all"
            )
    if task is not None and task not in TASKS:
        raise CheckError(f"check(task={task!r}): expected None or one of {', '.join(map(repr, TASKS))}")
    evidence = probe(asked(model, loss, batch, optimizer, forward, task, seed), progress or (lambda _: None))
    found, failed = _judged(evidence)
    kept = ordered([one for one in found if one.code not in ignore])
    return CheckReport(kept, evidence, tuple(sorted({one.code for one in found} & set(ignore))), failed)


def _judged(evidence: Evidence) -> tuple[list[Finding], tuple[str, ...]]:
    """What the rules found, and which could not judge: a look at an odd model must not end in our own error."""
    found: list[Finding] = []
    failed: list[str] = []
    for one in CHECKS:
        try:
            found += one.findings(evidence)
        except Exception as error:
            failed.append(f"{one.code}: {type(error).__name__}: {error}")
    return found, tuple(failed)
