"""Scales measured from data: the public function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..errors import CalibrationError, did_you_mean
from ..planning import LONG, Progress, Spec, Through, Transaction, inventory, select, telling
from ._actnorm import actnorm
from ._asked import Forward, asked
from ._bench import bench
from ._gradinit import gradinit
from ._head_bias import head_bias
from ._layers import choose
from ._metainit import metainit
from ._report import CalibrationReport
from ._target import Job, Outcome, Target
from ._unit_variance import unit_variance

TARGETS: dict[str, Callable[[], Target]] = {
    "unit-variance": unit_variance,
    "head-bias": head_bias,
    "actnorm": actnorm,
    "gradinit": gradinit,
    "metainit": metainit,
}
"""The targets by name, each with its defaults."""


def calibrate(
    model: nn.Module,
    batch: Any,
    target: str | Target = "unit-variance",
    *,
    loss: Callable[..., Any] | None = None,
    layers: Spec | None = None,
    forward: Forward | None = None,
    seed: int = 0,
    progress: Progress = None,
) -> CalibrationReport:
    """Set the scales of a model's weights, or its biases, from what is measured on a batch. All or nothing.

    Everything is measured on copies, in single precision at least, without dropout; layers that normalise by the
    batch's statistics stay in the mode they are in. The model itself is written once, at the end: whatever goes wrong
    before, Ctrl-C included, it is as it was. Buffers, gradients, modes, hooks and random states are as they were in
    any case. Frozen parameters are left, tied ones changed once.

    Args:
        model: initialized, on any device.
        batch: a pair ``(inputs, targets)``, or the inputs alone where targets are not needed. Inputs are a tensor, a
            tuple of positional or a dict of named arguments; two positional ones without targets are
            ``((a, b), None)``.
        target: what to aim at: a name, with its defaults, or a value made by
            :func:`~firststep.calibration.unit_variance`, :func:`~firststep.calibration.actnorm`,
            :func:`~firststep.calibration.head_bias`, :func:`~firststep.calibration.gradinit` or
            :func:`~firststep.calibration.metainit`.
        loss: called with output and targets; ``None`` for a model that returns its own, and where none is needed.
        layers: which modules, as in a rule: a type, a glob on names, a predicate or a selector; all by default.
        forward: ``forward(model, inputs)`` for a model that is run in another way.
        seed: of whatever the model draws while it is measured, and of weights drawn anew.
        progress: ``True`` or ``False`` for a bar on stderr, ``None`` to show one on a terminal when the work is long,
            or a function ``(done, total, what)``.

    Returns:
        A report of what was changed; ``print`` it to see.

    Raises:
        CalibrationError: when an argument is not what it should be, ``layers`` matches nothing, or a layer gives
            values that are not finite, which is named.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 10))
    >>> x = torch.randn(256, 20)
    >>> report = calibrate(net, x, unit_variance(tol=0.001))
    >>> [round(row.after.std, 3) for row in report.rows]
    [1.0, 1.0]
    >>> round(net(x).std().item(), 3)
    1.0

    Source: see each target.
    """
    question = asked(model, batch, loss, forward, seed)
    aim = _target(target)
    _enough(aim, question.loss, question.targets)
    modules = [one for one in (question.model, question.loss) if isinstance(one, nn.Module)]
    with bench(modules) as copies:
        stock = inventory(question.model)
        job = Job(question, copies, stock, choose(question.model, stock, layers))
        outcome = _worked(aim, job, layers, progress)
        changes = copies.changes()
    _write(question.model, changes)
    return CalibrationReport(aim, outcome.rows, outcome.figures, aim.of, seed)


def _target(target: str | Target) -> Target:
    if isinstance(target, Target):
        return target
    if not isinstance(target, str) or target not in TARGETS:
        near = did_you_mean(target, TARGETS) if isinstance(target, str) else ""
        raise CalibrationError(
            f"calibrate(target={target!r}): expected one of {', '.join(map(repr, TARGETS))}, or a value such as "
            f"calibration.unit_variance(tol=0.1).{near}"
        )
    return TARGETS[target]()


def _enough(aim: Target, loss: Any, targets: Any) -> None:
    """Raise CalibrationError when the target needs what was not given."""
    if aim.needs_targets and targets is None:
        raise CalibrationError(
            f"calibrate(target={aim.name!r}) needs targets, and batch has none. "
            f"Type fs.calibrate(model, (inputs, targets), {aim.name!r})"
        )
    if aim.needs_loss and loss is None and targets is not None:
        raise CalibrationError(
            f"calibrate(target={aim.name!r}) needs a loss. "
            f"Type fs.calibrate(model, (inputs, targets), {aim.name!r}, loss=nn.CrossEntropyLoss())"
        )


def _worked(aim: Target, job: Job, layers: Spec | None, progress: Progress) -> Outcome:
    """What the target does, with a bar where it takes long."""
    if aim.of == "output" and not job.chosen.ports and (layers is not None or not job.chosen.left):
        kinds = ", ".join(sorted({owner.layer for owner in job.chosen.owners}))
        asked_for = "" if layers is None else f"layers={select(layers)}"
        raise CalibrationError(
            f"calibrate({asked_for}) matches {kinds}, and none of them has a weight that sets the scale of its "
            "output. Select layers such as nn.Linear or nn.Conv2d"
        )
    total = aim.length(job)
    work = total * sum(parameter.numel() for parameter in job.bench.parameters)
    shown = work >= LONG and sys.stderr.isatty() if progress is None else progress
    with telling(shown, total) as tell:
        return aim.work(job, tell)


def _write(model: nn.Module, changes: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Write the new numbers to the model, all or none, and what older hooks keep of them."""
    changed = {id(parameter) for parameter, _ in changes}
    with Transaction() as undo, torch.no_grad():
        for parameter, new in changes:
            undo.keep(parameter)
            parameter.detach().copy_(new)
        for slot in inventory(model).slots if changes else ():
            writer = slot.writer
            if isinstance(writer, Through) and any(id(tensor) in changed for tensor in writer.tensors):
                back = writer.refresh()
                if back is not None:
                    undo.undo(back)
