"""Targets that are sequences: connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import raised, shown


@dataclass(frozen=True, eq=False, slots=True)
class _Sequences:
    """What a CTC loss was given: the shape of the log-probabilities, the label sequences and both lengths."""

    call: LossCall
    shape: tuple[int, ...]
    labels: tuple[Tensor, ...]
    inputs: Tensor
    lengths: Tensor
    blank: int

    @property
    def all(self) -> Tensor:
        """All labels that count, as one row."""
        return torch.cat(self.labels) if self.labels else self.lengths[:0]


class _Wrong(NamedTuple):
    """What is wrong, and whether with "axes", "lengths" or "labels"."""

    kind: str
    measured: str
    expected: str
    fix: str


def _sequences(call: LossCall) -> _Sequences | None:
    if len(call.tensors) != 4 or call.tensors[0].ndim not in (2, 3):
        return None
    log_probs, targets, inputs, lengths = (one.cpu() for one in call.tensors)
    inputs, lengths, targets = inputs.flatten().long(), lengths.flatten().long(), targets.long()
    shape = tuple(log_probs.shape) if log_probs.ndim == 3 else (log_probs.shape[0], 1, log_probs.shape[1])
    if targets.ndim == 2 and len(targets) == len(lengths):
        rows = tuple(row[: max(int(n), 0)] for row, n in zip(targets, lengths, strict=True))
    elif targets.ndim == 1 and int(lengths.clamp(min=0).sum()) <= len(targets):
        rows = torch.split(targets[: int(lengths.clamp(min=0).sum())], lengths.clamp(min=0).tolist())
    else:
        rows = ()
    return _Sequences(call, shape, rows, inputs, lengths, int(call.options.get("blank", 0) or 0))


def _ctc(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("torch.nn.CTCLoss"):
        seen = _sequences(call)
        if seen is None:
            continue
        for wrong in (_axes(seen), _lengths(seen, call.tensors[1]), _labels(seen), _too_short(seen)):
            if wrong is None:
                continue
            clues = [Clue("values", wrong.measured), *raised(call)]
            if call.value is not None and call.value == float("inf"):
                clues.append(Clue("run", "CTCLoss returned inf"))
            elif call.options.get("zero_infinity") and wrong.kind == "lengths":
                clues.append(Clue("settings", "zero_infinity=True turns the infinite losses into 0"))
            yield Found(place="targets", measured=wrong.measured, expected=wrong.expected, fix=wrong.fix, clues=clues)
            break


def _axes(seen: _Sequences) -> _Wrong | None:
    time, batch, _ = seen.shape
    n = len(seen.lengths)
    longest = int(seen.inputs.max()) if seen.inputs.numel() else 0
    if batch == n and longest <= time:
        return None
    if time != n or longest > batch:
        return None
    return _Wrong(
        "axes",
        f"log-probabilities {shown(seen.call.tensors[0].shape)} with {n} sequences on axis 0",
        "time first, (T, N, C)",
        "log_probs.transpose(0, 1)",
    )


def _lengths(seen: _Sequences, targets: Tensor) -> _Wrong | None:
    time = seen.shape[0]
    longest = int(seen.inputs.max()) if seen.inputs.numel() else 0
    if longest > time:
        fix = "input_lengths as the model makes them: divided by its stride, as its outputs are"
        return _Wrong("lengths", f"input_lengths up to {longest}, but {time} steps", f"at most {time}", fix)
    room = targets.shape[1] if targets.ndim == 2 else len(targets) if targets.ndim else 0
    most = int(seen.lengths.max() if targets.ndim == 2 else seen.lengths.sum()) if seen.lengths.numel() else 0
    if most > room:
        what = "labels in a row" if targets.ndim == 2 else "labels in all"
        fix = "target_lengths are the numbers of labels before padding"
        return _Wrong("lengths", f"target_lengths of {most}, but {room} {what}", f"at most {room}", fix)
    return None


def _labels(seen: _Sequences) -> _Wrong | None:
    labels, classes, blank = seen.all, seen.shape[2], seen.blank
    if not labels.numel():
        return None
    outside = (labels < 0) | (labels >= classes)
    if bool(outside.any()):
        text = f"labels from {int(labels.min())} to {int(labels.max())} beside {classes} classes"
        return _Wrong(
            "labels",
            text,
            f"0 to {classes - 1}",
            f"{int(labels.max()) + 1} outputs: one for the blank beside the labels",
        )
    blanks = int((labels == blank).sum())
    if blanks:
        text = f"{blanks} of {labels.numel()} labels are {blank}, which is the blank"
        fix = (
            "targets + 1, with one output more: 0 is the blank" if blank == 0 else f"blank = {classes - 1}, if no label"
        )
        return _Wrong("labels", text, f"labels other than blank={blank}", fix)
    return None


def _too_short(seen: _Sequences) -> _Wrong | None:
    """Each label needs a step, and a label that repeats the one before it a blank between them."""
    if len(seen.labels) != len(seen.inputs):
        return None
    needed = [len(row) + int((row[1:] == row[:-1]).sum()) for row in seen.labels]
    short = [i for i, (steps, n) in enumerate(zip(seen.inputs.tolist(), needed, strict=True)) if steps < n]
    if not short:
        return None
    first = short[0]
    return _Wrong(
        "lengths",
        f"{len(short)} of {len(needed)} sequences have fewer steps than their labels need: sequence {first} has "
        f"{int(seen.inputs[first])}, and needs {needed[first]}",
        "at least one step for each label, and one more for each that repeats the one before",
        "leave such sequences out, or give the model a smaller stride",
    )


CTC = Check(
    code="FS212",
    title=Text("Sequences that CTC cannot align", "CTC 无法对齐的序列"),
    why=Text(
        "Without a path the loss is infinite, or 0 where zero_infinity hides it; labels beyond the last class are read "
        "from memory that is not theirs, and nothing raises.",
        "没有可行路径时损失为无穷（zero_infinity 会掩盖为 0）；超出类别数的标签会读取无关内存，且不会报错。",
    ),
    sound=Text(
        "It is arithmetic with whole numbers: a batch in which every sequence has a path, and every label a class that "
        "is not the blank, is silent.",
        "它只做整数运算：每个序列都有可行路径、每个标签都是非空白类别的批次不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 6), nn.LogSoftmax(-1))
lengths = torch.full((4,), 12), torch.full((4,), 3)
loss = lambda output, targets: F.ctc_loss(output, targets, *lengths)
batch = torch.randn(12, 4, 20), torch.tensor([[1, 2, 0]]).repeat(4, 1)
""",
    cure="""
batch = batch[0], torch.tensor([[1, 2, 3]]).repeat(4, 1)
""",
    find=_ctc,
)

CHECKS = (CTC,)
