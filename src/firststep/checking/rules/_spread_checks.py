"""How targets are spread: one class, one value, another scale than the outputs'."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._facts import Facts, facts
from ..probe._targets import binary, classes, counted, place, raised

_FEW, _MOST = 8, 0.95


def _one_sided(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        seen = classes(call)
        valid = seen.valid if seen is not None else None
        if valid is None and binary(call) and len(evidence.calls) == 1 and call.seen[1].whole:
            valid = counted(call, call.tensors[1])
        if valid is None or valid.numel() < _FEW:
            continue
        values, counts = valid.unique(return_counts=True)
        most = int(counts.argmax())
        share = int(counts[most]) / valid.numel()
        if share <= _MOST:
            continue
        text = f"{int(counts[most])} of {valid.numel()} targets are {float(values[most]):g} ({100 * share:.3g} %)"
        yield _uneven(place(call), text, "a batch in which other classes occur as well")
    for _, target, where in _numbers(evidence):
        if target.numel() > 1 and bool((target == target.flatten()[0]).all()) and _differ(evidence):
            text = f"all {target.numel()} targets are {float(target.flatten()[0]):.4g}"
            yield _uneven(where, text, "targets that differ from example to example")


def _differ(evidence: Evidence) -> bool:
    return any(one.facts.std > 0 for one in evidence.inputs)


def _uneven(where: str, text: str, expected: str) -> Found:
    fix = "shuffle the data: DataLoader(..., shuffle=True), and look at how the targets are read"
    return Found(place=where, measured=text, expected=expected, fix=fix, clues=[Clue("values", text)])


ONE_SIDED = Check(
    code="FS213",
    title=Text("Nearly all targets of the batch are the same", "批内目标几乎全部相同"),
    why=Text(
        "The first steps teach the model to say one thing whatever the input is; data in the order of their classes do "
        "so in every batch.",
        "最初几步会让模型无论输入如何都输出同一结果；数据按类别排序时每一批都是如此。",
    ),
    sound=Text(
        "It is only told: rare classes, background and a discriminator's targets look like this too.",
        "仅作提示：稀有类别、背景像素与判别器的目标也会如此。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.full((32,), 3)
""",
    cure="""
batch = batch[0], torch.arange(32) % 10
""",
    find=_one_sided,
    at_most="info",
)


def _numbers(evidence: Evidence) -> Iterator[tuple[Tensor, Tensor, str]]:
    """Outputs and targets that are real numbers, and where the targets stand."""
    for call in evidence.calls:
        if _real(call) and not call.error and call.tensors[0].shape == call.tensors[1].shape:
            yield call.tensors[0], call.tensors[1], place(call)
    outputs = [one for one in evidence.outputs if one.facts.floating]
    if not evidence.calls and len(outputs) == len(evidence.targets) == 1:
        output, target = outputs[0].tensor, evidence.targets[0].tensor
        if output.numel() == target.numel() and target.dtype.is_floating_point:
            yield output, target, "targets"


def _real(call: LossCall) -> bool:
    spec = call.spec
    first, second = spec.arguments[0], spec.arguments[1:2]
    regression = spec.family in ("regression", "probabilistic") and bool(second)
    return regression and first.kind == second[0].kind == "values" and first.shape in ("*", "N D *")


_TOLD, _WRONG = 10, 100
_HALF_MAX = 65504


def _scale(evidence: Evidence) -> Iterator[Found]:
    for output, target, where in _numbers(evidence):
        seen, made = facts(target), facts(output)
        if not math.isfinite(seen.rms) or not math.isfinite(made.rms) or seen.rms == 0:
            continue
        large = seen.rms / max(made.rms, 1)
        small = made.rms / seen.rms if seen.std > 0 else 0.0
        if large <= _TOLD and not (small > 1000 and seen.rms < 1e-2):
            continue
        text = f"targets with mean {seen.mean:.4g} and standard deviation {seen.std:.4g}"
        clues = [Clue("values", f"{text}, outputs of rms {made.rms:.4g}")]
        half = torch.float16 in (target.dtype, output.dtype) and seen.rms**2 > _HALF_MAX
        if half:
            clues.append(
                Clue("settings", f"float16 ends at {_HALF_MAX}, and a squared error here is {seen.rms**2:.3g}")
            )
        yield Found(
            place=where,
            measured=f"{text} beside outputs of rms {made.rms:.4g}",
            expected="targets of about the scale of the outputs: mean 0 and standard deviation 1",
            fix=_standard(seen),
            clues=clues,
            sure=large > _WRONG or half,
        )


def _standard(seen: Facts) -> str:
    if seen.low >= 0 and 100 < seen.high <= 255:
        return "targets = targets / 255"
    return "targets = (targets - mean) / std, with both from the training set"


SCALE = Check(
    code="FS214",
    title=Text("Regression targets far from the scale of the outputs", "回归目标与输出的尺度相差很大"),
    why=Text(
        "The error is the target itself, and so is its gradient: plain descent explodes, and Adam, whose steps have "
        "the size of the learning rate, needs as many of them as the target is large.",
        "误差及其梯度几乎等于目标本身：普通梯度下降会发散；Adam 每步约为学习率大小，目标多大就要走多少步。",
    ),
    sound=Text(
        "A last layer whose bias or scale was set to the data's makes outputs of their scale. Up to a factor of 100 it "
        "is only told.",
        "若最后一层的偏置或尺度已按数据设定，输出与目标尺度相近，不会报告。100 倍以内仅作提示。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.MSELoss()
batch = torch.randn(32, 20), 2e5 + 1e4 * torch.randn(32, 1)
""",
    cure="""
batch = batch[0], (batch[1] - batch[1].mean()) / batch[1].std()
""",
    find=_scale,
)


def _multilabel(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("torch.nn.MultiLabelMarginLoss"):
        yield from _wants_indices(call)
    for call in evidence.called("torch.nn.MultiLabelSoftMarginLoss"):
        yield from _wants_flags(call)


def _wants_indices(call: LossCall) -> Iterator[Found]:
    """Class indices up to the first -1: no class stands twice among them."""
    output, target = call.tensors[:2]
    if output.shape != target.shape or not target.numel() or not target.ndim or not call.seen[1].whole:
        return
    rows = target.reshape(-1, target.shape[-1]).long().cpu()
    heads = [row[: _until(row)] for row in rows[:256]]
    twice = sum(len(head) > len(head.unique()) for head in heads)
    if not twice:
        return
    text = f"{twice} of {len(heads)} rows name a class twice before the first -1"
    flags = call.seen[1].low >= 0 and call.seen[1].high <= 1
    clues = [Clue("values", text)]
    clues += raised(call)
    yield Found(
        place=place(call),
        measured=text + (": they are a 0 or 1 for each class" if flags else ""),
        expected="the indices of the classes that are true, then -1",
        fix="loss = nn.MultiLabelSoftMarginLoss(), with targets.float(): it takes a 0 or 1 for each class"
        if flags
        else "name each class once, and fill the row with -1",
        clues=clues,
    )


def _until(row: Tensor) -> int:
    ends = (row < 0).nonzero()
    return int(ends[0]) if len(ends) else len(row)


def _wants_flags(call: LossCall) -> Iterator[Found]:
    seen = call.seen[1]
    if seen.bad or not (seen.low < -1e-3 or seen.high > 1 + 1e-3):
        return
    count = call.tensors[0].shape[-1] if call.tensors[0].ndim else 0
    text = f"targets from {seen.low:g} to {seen.high:g}"
    indices = seen.whole and seen.high < count and seen.low >= -1 and seen.high > 1
    clues = [Clue("values", f"{text} for {count} classes")]
    clues += raised(call)
    yield Found(
        place=place(call),
        measured=text + (": class indices, filled with -1" if indices else ""),
        expected="a 0 or 1 for each class",
        fix=f"loss = nn.MultiLabelMarginLoss(), or F.one_hot(targets + 1, {count + 1}).amax(1)[:, 1:].float()"
        if indices
        else "targets = (targets > 0).float()",
        clues=clues,
    )


MULTILABEL = Check(
    code="FS215",
    title=Text("Several labels in the form of another loss", "多标签目标用了另一种损失的格式"),
    why=Text(
        "MultiLabelMarginLoss reads class indices up to the first -1, MultiLabelSoftMarginLoss a 0 or 1 for each "
        "class: in the other's form both run, and learn other labels.",
        "MultiLabelMarginLoss 读取第一个 -1 之前的类别序号，MultiLabelSoftMarginLoss 则要求每类一个 0 或 1："
        "格式弄反时两者都能运行，学到的却是别的标签。",
    ),
    sound=Text(
        "A row of class indices names no class twice, and flags lie between 0 and 1.",
        "类别序号行不会重复同一类别；是非标记都在 0 与 1 之间。",
    ),
    fault="""
model = nn.Linear(20, 5)
loss = nn.MultiLabelMarginLoss()
batch = torch.randn(8, 20), torch.tensor([[1, 0, 1, 0, 0]]).repeat(8, 1)
""",
    cure="""
batch = batch[0], torch.tensor([[0, 2, -1, -1, -1]]).repeat(8, 1)
""",
    find=_multilabel,
)

CHECKS = (ONE_SIDED, SCALE, MULTILABEL)
