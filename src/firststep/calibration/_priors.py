"""Class frequencies and target means, as the loss counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import CalibrationError

if TYPE_CHECKING:
    from ._head import Head

Task = Literal["softmax", "sigmoid", "regression"]
TASKS: tuple[Task, ...] = ("softmax", "sigmoid", "regression")

_NAMES: tuple[tuple[Task, tuple[str, ...]], ...] = (
    ("sigmoid", ("bcewithlogits", "binarycrossentropy", "multilabelsoftmargin", "sigmoidfocal")),
    ("softmax", ("crossentropy",)),
    ("regression", ("mseloss", "l1loss", "huberloss", "smoothl1", "meansquared", "meanabsolute")),
)
"""What the names of losses have in them, underscores left out."""


def task_of(asked: Task | None, loss: Callable[..., Any] | None, scores: Tensor, targets: Any) -> Task:
    """The task: as asked, as the loss's name says, or as the targets look.

    Raises:
        CalibrationError: when the targets are no tensor, or fit none.
    """
    if not isinstance(targets, Tensor):
        raise CalibrationError(
            f"calibrate(target='head-bias'): expected targets to be one tensor, was given {type(targets).__name__}. "
            "Type fs.calibrate(model, (inputs, labels), 'head-bias')"
        )
    if asked is not None:
        return asked
    name = (getattr(loss, "__name__", None) or type(loss).__name__).lower().replace("_", "")
    for task, words in _NAMES:
        if any(word in name for word in words):
            return task
    if not targets.is_floating_point() and targets.dtype != torch.bool and targets.ndim < scores.ndim:
        return "softmax"
    if targets.numel() == scores.numel():
        return "sigmoid" if bool(((targets == 0) | (targets == 1)).all()) else "regression"
    raise CalibrationError(
        f"calibrate(target='head-bias'): targets of shape {tuple(targets.shape)} and {targets.dtype} beside scores of "
        f"shape {tuple(scores.shape)} do not tell the task. Type calibration.head_bias(task='softmax'), "
        "'sigmoid' or 'regression'"
    )


def priors_of(task: Task, head: Head, targets: Tensor, loss: Any, smoothing: float) -> Tensor:
    """p of each class, or the mean of each target; float64.

    Raises:
        CalibrationError: for a class that the head has not, a class without targets when ``smoothing`` is 0, and
            targets that do not fit the scores.
    """
    if task == "softmax":
        return _softmax(head, targets, loss, smoothing)
    values = _columns(head, targets)
    if task == "regression":
        return values.mean(0)
    p = (values.sum(0) + smoothing) / (len(values) + 2 * smoothing)
    if bool(((p <= 0) | (p >= 1)).any()):
        raise _missing(int(((p <= 0) | (p >= 1)).nonzero()[0]), "only zeros or only ones")
    odds = p / (1 - p) * _option(loss, "pos_weight", p)
    return odds / (1 + odds)


def standard_loss(task: Task, scores: Tensor, targets: Tensor, axis: int | None) -> Tensor:
    """The loss that is usual for a task, where none is given."""
    if task == "softmax":
        rows = scores if axis is None else scores.movedim(axis, -1).reshape(-1, scores.shape[axis])
        if targets.is_floating_point():
            labels = targets if axis is None else targets.movedim(axis, -1).reshape(rows.shape)
            return F.cross_entropy(rows, labels.to(rows))
        return F.cross_entropy(rows, targets.reshape(-1))
    values = targets.reshape(scores.shape).to(scores)
    loss = F.binary_cross_entropy_with_logits if task == "sigmoid" else F.mse_loss
    return loss(scores, values)


def _softmax(head: Head, targets: Tensor, loss: Any, smoothing: float) -> Tensor:
    classes = head.outputs
    if targets.is_floating_point():
        counts = _columns(head, targets).sum(0)
    else:
        labels = targets.reshape(-1).cpu()
        labels = labels[labels != getattr(loss, "ignore_index", -100)]
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise CalibrationError(
                f"calibrate(target='head-bias'): the targets hold class {int(wrong[0])}, and the head has {classes} "
                f"outputs, for classes 0 to {classes - 1}"
            )
        counts = torch.bincount(labels.long(), minlength=classes).double()
    p = (counts + smoothing) * _option(loss, "weight", counts)
    if not bool((p > 0).all()):
        raise _missing(int((p <= 0).nonzero()[0]), "no targets")
    p = p / p.sum()
    smooth = float(getattr(loss, "label_smoothing", 0.0))
    return (1 - smooth) * p + smooth / classes


def _columns(head: Head, targets: Tensor) -> Tensor:
    """Targets of the form of the scores as (all else, outputs), float64."""
    if targets.numel() != head.scores.numel():
        raise CalibrationError(
            f"calibrate(target='head-bias'): targets of shape {tuple(targets.shape)} do not fit scores of shape "
            f"{tuple(head.scores.shape)}: expected one number for each"
        )
    values = targets.reshape(head.scores.shape).cpu().double()
    return values.reshape(-1, 1) if head.axis is None else values.movedim(head.axis, -1).reshape(-1, head.outputs)


def _option(loss: Any, name: str, like: Tensor) -> Tensor:
    """A weight per class that the loss holds, else ones."""
    value = getattr(loss, name, None)
    if not isinstance(value, Tensor) or value.numel() not in (1, like.numel()):
        return torch.ones_like(like)
    return value.detach().cpu().double().reshape(-1).expand_as(like)


def _missing(place: int, what: str) -> CalibrationError:
    return CalibrationError(
        f"calibrate(target='head-bias'): output {place} has {what} in this batch, which would make its bias infinite. "
        "Give a larger batch, or type calibration.head_bias(smoothing=1.0)"
    )
