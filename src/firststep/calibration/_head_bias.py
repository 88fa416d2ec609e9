"""The bias of the head from the targets: a start at the loss of the best constant guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import CalibrationError
from ..planning import Tell
from ._asked import scores
from ._head import Head, find_head
from ._lever import Lever
from ._priors import TASKS, Task, priors_of, standard_loss, task_of
from ._report import CalibrationRow, Figure, Level, Range
from ._target import Job, Outcome, Target, at_least_zero, truth


@dataclass(frozen=True, repr=False)
class HeadBias(Target):
    """The head's bias alone makes the best constant guess; made by :func:`head_bias`."""

    name: ClassVar[str] = "head-bias"
    of: ClassVar[str] = "bias"
    needs_targets: ClassVar[bool] = True
    task: Task | None = None
    smoothing: float = 1.0
    centered: bool = False

    def length(self, job: Job) -> int:
        return 1

    def work(self, job: Job, tell: Tell) -> Outcome:
        with torch.no_grad():
            head = find_head(job)
            task = task_of(self.task, job.asked.loss, head.scores, job.asked.targets)
            value = self._bias(head, task, job)
            loss = self._loss(job, head, task)
            row, why = self._row(job, head, value)
            figures = () if why else (Figure("loss", loss, self._loss(job, head, task)),)
            tell(1, head.port.name)
        return Outcome((row,), figures)

    def _bias(self, head: Head, task: Task, job: Job) -> Tensor:
        """The bias of each output, float64."""
        known = priors_of(task, head, job.asked.targets, job.asked.loss, self.smoothing)
        if task == "regression":
            return known
        if task == "sigmoid":
            return torch.logit(known)
        logs = known.log()
        return logs - logs.mean() if self.centered else logs

    def _row(self, job: Job, head: Head, value: Tensor) -> tuple[CalibrationRow, str]:
        port = head.port
        assert port.bias is not None
        lever = Lever(port.bias, job.bench)
        before = lever.value.double()
        why = "frozen (requires_grad=False)" if lever.frozen else lever.put(value.to(lever.value))
        after, change = lever.value.double(), lever.value.double() - before
        row = CalibrationRow(
            port.name,
            port.kind,
            () if why else (lever.name,),
            None,
            None if why else Range(float(change.min()), float(change.max())),
            _level(before),
            _level(after),
            int(not why),
            why,
        )
        return row, why

    def _loss(self, job: Job, head: Head, task: Task) -> float:
        output = job.asked.run()
        if job.asked.loss is None:
            return float(standard_loss(task, scores(output), job.asked.targets, head.axis))
        return float(job.asked.cost(output))


def head_bias(*, task: Task | None = None, smoothing: float = 1.0, centered: bool = False) -> HeadBias:
    """Set the bias of the last layer so that, with no weights, the outputs would be the best constant guess.

        softmax:     b_c = log p_c,              p_c = (n_c + a) / (N + a C)
        sigmoid:     b_c = log(p_c / (1 - p_c)), p_c = (n_c + a) / (N + 2 a)
        regression:  b_c = the mean of target c

    with n_c of N targets in class c. With a head of weight 0 and a = 0 the cross-entropy is then the entropy of the
    class frequencies, the least that any constant reaches. Weights of the loss count: ``weight`` multiplies n_c,
    ``pos_weight`` the odds; targets equal to ``ignore_index`` do not count; ``label_smoothing`` smooths p_c likewise.
    Softmax does not change when all its inputs move by one number; ``log p_c`` is the choice for which they are
    log-probabilities.

    The head is found by trying: it is the last layer whose bias, moved, moves the model's output by as much.

    Args:
        task: ``"softmax"`` (one class each), ``"sigmoid"`` (each class yes or no) or ``"regression"``; by default told
            from the loss, else from the targets.
        smoothing: a, added to every count: 1 is Laplace's rule, and keeps a class that is missing from the batch
            possible. Not used for regression.
        centered: for softmax, take the mean of the biases off, so that they add up to 0. The loss is the same.

    Returns:
        A target for :func:`firststep.calibrate`.

    Raises:
        CalibrationError: for an unknown task, or a number out of range.

    >>> head_bias(task="sigmoid", smoothing=0.0)
    head_bias(task='sigmoid', smoothing=0.0)

    Source: Karpathy 2019, "A recipe for training neural networks"; Lin et al. 2017 (arXiv 1708.02002, section 4.1), for
    the sigmoid.
    """
    if task is not None and task not in TASKS:
        raise CalibrationError(f"head_bias(task={task!r}): expected one of {', '.join(map(repr, TASKS))}")
    at_least_zero("head_bias", smoothing=smoothing)
    truth("head_bias", centered=centered)
    return HeadBias(task, float(smoothing), centered)


def _level(bias: Tensor) -> Level:
    return Level(float(bias.mean()), float(bias.std(correction=0)))
