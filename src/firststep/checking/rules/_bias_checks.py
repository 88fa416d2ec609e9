"""What the last bias could know before the first step: how often classes occur, and where the targets lie."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import binary, classes, counted
from ._chain import typed
from ._expected import Expected, expectations

_RARE = 0.05
_MANY = 20
"""A share is believed of so many targets, over itself: two positives or more."""
_NATS = 0.5
_OFF = 3.0


def _prior(evidence: Evidence) -> Iterator[Found]:
    for one in expectations(evidence):
        if one.call is None or not one.logits:
            continue
        if binary(one.call):
            yield from _rare(evidence, one, one.call)
        elif one.call.spec.family == "classification":
            yield from _uneven(evidence, one, one.call)


def _rare(evidence: Evidence, one: Expected, call: LossCall) -> Iterator[Found]:
    target = counted(call, call.tensors[1]).double()
    if not target.numel() or not bool(((target >= 0) & (target <= 1)).all()):
        return
    share = float(target.mean())
    weight = call.options.get("pos_weight")
    if not 2 / target.numel() <= share <= _RARE or isinstance(weight, torch.Tensor):
        return
    guessed = float(one.output.double().sigmoid().mean())
    if not guessed > 4 * share:
        return
    bias = math.log(share / (1 - share))
    yield Found(
        place=one.where(evidence),
        measured=f"a probability of {guessed:.3g} on average, where {100 * share:.3g} % of the targets are positive",
        expected=f"about {share:.3g}: a last bias of {bias:.3g}",
        fix=_fill(evidence, one, bias),
        clues=[Clue("values", f"the mean target is {share:.4g}, the mean of the sigmoids {guessed:.4g}")],
        sure=False,
    )


def _fill(evidence: Evidence, one: Expected, value: float) -> str:
    layer = one.layer(evidence)
    return (
        f"nn.init.constant_({typed(layer)}.bias, {value:.3g})" if layer is not None else f"a last bias of {value:.3g}"
    )


def _weighs(call: LossCall) -> bool:
    return any(call.options.get(name) is not None for name in ("weight", "class_weight"))


def _uneven(evidence: Evidence, one: Expected, call: LossCall) -> Iterator[Found]:
    seen = classes(call)
    valid = None if seen is None else seen.valid
    if seen is None or valid is None or valid.numel() < _MANY * seen.count or _weighs(call):
        return
    if not bool(((valid >= 0) & (valid < seen.count)).all()):
        return
    shares = torch.bincount(valid, minlength=seen.count).double() / valid.numel()
    entropy = float(-torch.xlogy(shares, shares).sum())
    saved = one.measured - entropy
    if math.log(seen.count) - entropy < _NATS or not saved > _NATS or int((shares > 0).sum()) < 2:
        return
    layer = one.layer(evidence)
    bias = "the last bias" if layer is None else f"{typed(layer)}.bias"
    often = int(shares.argmax())
    yield Found(
        place=one.where(evidence),
        measured=f"loss {one.measured:.4g}, where knowing only how often classes occur would cost {entropy:.4g}",
        expected=f"a last bias of the logarithms of the shares: class {often} is {100 * float(shares.max()):.3g} %",
        fix=f"with torch.no_grad(): {bias}.copy_((counts / counts.sum()).log())",
        clues=[
            Clue(
                "values",
                f"the entropy of the targets is {entropy:.4g}, ln {seen.count} is {math.log(seen.count):.4g}",
            )
        ],
        sure=False,
    )


PRIOR = Check(
    code="FS403",
    title=Text("The last bias does not know how often classes occur", "最后一层偏置未反映类别频率"),
    why=Text(
        "The first hundreds of steps only learn that positives are rare, from a loss that is nearly all negatives.",
        "最初数百步只是在学习“正样本稀少”这一点，而此时的损失几乎全来自负样本。",
    ),
    sound=Text(
        "It is only ever a remark: training finds the bias by itself, later. A loss with pos_weight or class weights "
        "is left out.",
        "它永远只是提示：训练迟早会自己学到偏置。带 pos_weight 或类别权重的损失不在此列。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(400, 20), (torch.arange(400)[:, None] % 50 == 0).float()
""",
    cure="""
nn.init.constant_(model.bias, -3.9)
with torch.no_grad():
    model.weight.mul_(0.1)
""",
    find=_prior,
    at_most="info",
)


def _offset(evidence: Evidence) -> Iterator[Found]:
    for one in expectations(evidence):
        target = one.target
        if not one.values or target is None or target.shape != one.output.shape or target.ndim == 0 or len(target) < 8:
            continue
        wanted, made = (tensor.double().reshape(len(tensor), -1) for tensor in (target, one.output))
        if 1 < target.ndim <= 2 and wanted.shape[1] <= 256:
            std, middle, now = wanted.std(0, correction=0), wanted.mean(0), made.mean(0)
        else:
            std, middle, now = (one[None] for one in (wanted.std(correction=0), wanted.mean(), made.mean()))
        there = std > 0
        if not bool(there.any()):
            continue
        off = torch.where(there, (middle - now).abs() / std.clamp(min=1e-30), 0.0)
        at = torch.where(there, middle.abs() / std.clamp(min=1e-30), 0.0)
        worst = int(off.argmax())
        if not (float(off[worst]) > _OFF and float(at[worst]) > _OFF):
            continue
        yield _apart(evidence, one, [float(x[worst]) for x in (middle, std, now, off)], worst if len(off) > 1 else None)


def _apart(evidence: Evidence, one: Expected, numbers: list[float], column: int | None) -> Found:
    middle, std, now, off = numbers
    which = "" if column is None else f" in column {column}"
    layer = one.layer(evidence)
    bias = "the last bias" if layer is None else f"{typed(layer)}.bias"
    means = f"{middle:.4g}" if column is None else "targets.mean(0)"
    return Found(
        place=one.where(evidence),
        measured=f"outputs around {now:.4g}, targets around {middle:.4g}{which}: {off:.3g} times their std apart",
        expected=f"outputs around {middle:.4g} from the start, or targets of mean 0",
        fix=f"nn.init.constant_({bias}, {means})" if column is None else f"with torch.no_grad(): {bias}.copy_({means})",
        clues=[Clue("values", f"the mean of the targets is {middle / std:.3g} times their std from 0")],
        sure=False,
    )


OFFSET = Check(
    code="FS404",
    title=Text("The outputs start far from the mean of the targets", "输出起点远离目标均值"),
    why=Text(
        "Nearly all of the loss is the distance to the mean: the first steps learn one number, with gradients that all "
        "point the same way.",
        "损失几乎全是到均值的距离：最初的许多步只是在学一个数，梯度全都指向同一方向。",
    ),
    sound=Text(
        "It is only ever a remark: training finds the mean by itself, later. Targets that are centred, and constant "
        "ones, are silent.",
        "它永远只是提示：训练迟早会自己学到均值。已中心化的目标与常数目标不会报告。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.MSELoss()
batch = torch.randn(32, 20), 5 + torch.randn(32, 1)
""",
    cure="""
nn.init.constant_(model.bias, 5.0)
""",
    find=_offset,
    at_most="info",
)

CHECKS = (PRIOR, OFFSET)
