"""Activations that keep a loss of logits from being learned: sigmoid, tanh, ReLU and their like in the last place."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._reach import Reach
from ..probe._tree import attempt
from ._scores import (
    MARGINS,
    SIGNED,
    classes_of,
    contains,
    head,
    logits,
    maker,
    share,
    takes_class_logits,
    takes_element_logits,
)

_INF = math.inf
_ONE_SIDED = frozenset({"relu", "softplus", "elu", "gelu", "silu", "mish", "hardswish", "logsigmoid"})
_HEARD = {
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softmax": (0.0, 1.0),
    "relu": (0.0, _INF),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, _INF),
}
"""Of activations that were heard where the graph tells nothing."""
_FLOOR = 0.1
"""The least share of ln C below which a bound is no hindrance: soft caps of logits lie far below."""
_SURE = 0.98
"""A probability that must be within reach."""


def bound(evidence: Evidence, call: LossCall, index: int = 0) -> tuple[Reach, str, Clue] | None:
    """What an argument can reach, where that is, and the clue that says so; None where nothing bounds it."""
    known = call.reaches[index] if index < len(call.reaches) else None
    made = maker(evidence, call, index)
    name = call.spec.arguments[index].name
    place = made.place if made is not None and (known is None or made.kind == known.kind) else call.inside
    if known is not None:
        text = f"the graph has {known.kind} before the {name} of {call.name}: it stays in {known.text}"
        return known, place, Clue("graph", text)
    if made is not None and made.channel == "signals" and made.kind in _HEARD:
        heard = Reach(made.kind, *_HEARD[made.kind])
        return heard, place, Clue("signals", f"{place} put out the {name} of {call.name}: it stays in {heard.text}")
    return None


def _bounded_scores(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        margin = call.name in MARGINS
        if not (takes_class_logits(call) or margin):
            continue
        for index in logits(call):
            found = bound(evidence, call, index)
            classes = classes_of(call, index)
            softmax = contains(call.origins[index], "softmax") or contains(call.origins[index], "log_softmax")
            if found is not None and classes > 1 and (margin or not softmax):
                yield from _hindered(call, index, *found)
            elif found is None and classes > 1:
                yield from _bent(evidence, call, index)
    for one in evidence.applied:
        kind = (head(one.origin) or ("",))[0]
        if one.kind in ("softmax", "log_softmax") and kind in ("sigmoid", "tanh", "relu", "softplus"):
            yield Found(
                place="loss",
                measured=f"the loss makes a {one.kind} of what {kind} made",
                expected="logits of either sign and any size under a softmax",
                fix=f"leave out the {kind} after the last layer",
                clues=[Clue("graph", f"the loss calls {one.kind} on what {kind} made")],
            )


_BENT = {"leaky_relu": "leaky_relu", "prelu_kernel": "prelu", "rrelu_with_noise": "rrelu"}


def _bent(evidence: Evidence, call: LossCall, index: int) -> Iterator[Found]:
    """Logits that went through a ReLU that lets negative numbers pass, made small."""
    made = maker(evidence, call, index)
    kind = _BENT.get(made.kind) if made is not None and made.channel == "graph" else None
    if made is None or kind is None:
        return
    name = f"the {call.spec.arguments[index].name} of {call.name}"
    yield Found(
        place=made.place,
        measured=f"{name} went through {kind}: negative logits are made smaller",
        expected="the last layer's own output: logits of either sign",
        fix=f"leave out the {kind} after the last layer",
        clues=[Clue("graph", f"the graph has {kind} before {name}")],
    )


def _hindered(call: LossCall, index: int, known: Reach, place: str, clue: Clue) -> Iterator[Found]:
    tensor, classes = call.tensors[index].float(), classes_of(call, index)
    name, clues = call.spec.arguments[index].name, [clue]
    if not tensor.numel():
        return
    floor = math.log1p((classes - 1) * math.exp(-known.width))
    margin = float(call.options.get("margin") or 1.0)
    wide = known.width > margin * 1.01 if call.name in MARGINS else floor < _FLOOR * math.log(classes)
    if not wide:
        low, high = float(tensor.min()), float(tensor.max())
        clues.append(Clue("values", f"all {tensor.numel()} numbers run from {low:.3g} to {high:.3g}"))
        measured = f"the {name} of {call.name} went through {known.kind}: it stays in {known.text}"
        least = f"over {classes} classes such numbers leave a cross-entropy of at least {floor:.3f}"
        expected = f"logits without a bound; {least}"
        if call.name in MARGINS:
            expected = f"scores that can be apart by more than the margin of {margin:g}"
    elif known.kind in _ONE_SIDED or (known.kind in ("clamp", "hardtanh", "relu6") and known.low == 0):
        zero = tensor == 0
        if bool(zero.any()):
            clues.append(Clue("values", f"{share(zero)} numbers are exactly 0, where no gradient passes"))
        measured = f"the {name} of {call.name} went through {known.kind}: it is {known.text}"
        expected = "the last layer's own output: logits of either sign"
    else:
        return
    yield Found(
        place=place,
        measured=measured,
        expected=expected,
        fix=f"leave out the {known.kind} after the last layer",
        clues=clues,
    )


BOUNDED_SCORES = Check(
    code="FS103",
    title=Text("An activation after the last layer of a classifier", "分类器最后一层之后还有激活函数"),
    why=Text(
        "Scores that stay within a width r leave cross-entropy at ln(1 + (C-1) exp(-r)) or more; after a ReLU every "
        "class whose score is negative gets no gradient, after a leaky one hardly any.",
        "分数的范围若不超过 r，交叉熵至少为 ln(1 + (C-1) exp(-r))；经过 ReLU 后，分数为负的类别得不到梯度，"
        "leaky ReLU 之后也所剩无几。",
    ),
    sound=Text(
        "The interval is that of the activation in the graph times what it was scaled by: logits capped by "
        "30 tanh(x / 30) can reach a loss of 0, and stay silent. An activation before a pooling or a layer does not "
        "count.",
        "区间由计算图中的激活函数及其后的缩放得出：30 tanh(x / 30) 这样的软截断能让损失趋于 0，不会报告；"
        "池化层或其他层之前的激活也不算。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10), nn.ReLU())
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
model = model[:-1]
""",
    find=_bounded_scores,
)


def _sigmoid_twice(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if takes_element_logits(call):
            found = bound(evidence, call)
            if found is not None:
                yield from _held(call, *found)
    for one in evidence.applied:
        kind = (head(one.origin) or ("",))[0]
        if one.kind in ("sigmoid", "logsigmoid") and kind in ("sigmoid", "softmax"):
            yield Found(
                place="loss",
                measured=f"the loss makes a {one.kind} of what a {kind} made",
                expected="logits under a sigmoid; from numbers in [0, 1] it gives 0.5 to 0.731",
                fix=f"leave out the {kind} after the last layer",
                clues=[
                    Clue("graph", f"the loss calls {one.kind} on what a {kind} made"),
                    Clue("values", f"these numbers run from {one.facts.low:.3g} to {one.facts.high:.3g}"),
                ],
            )


def _held(call: LossCall, known: Reach, place: str, clue: Clue) -> Iterator[Found]:
    """A loss of logits that is given a bounded number."""
    ends = [1 / (1 + math.exp(-max(min(end, 50.0), -50.0))) for end in (known.low, known.high)]
    free = ends[0] < 1 - _SURE and ends[1] > _SURE
    if free or (known.width == _INF and known.kind not in (*_ONE_SIDED, "log_softmax", "clamp")):
        return
    tensor = call.tensors[0].float()
    clues = [clue]
    if tensor.numel() and known.kind != "clamp":
        low, high = float(tensor.min()), float(tensor.max())
        clues.append(Clue("values", f"all {tensor.numel()} numbers run from {low:.3g} to {high:.3g}"))
    clues += _as_of_halves(call, known)
    if call.name in SIGNED:
        expected = "scores that can be of either sign, beyond -1 and 1"
    else:
        expected = f"logits; from numbers {_worded(known)} the loss's own sigmoid gives {ends[0]:.3g} to {ends[1]:.3g}"
    yield Found(
        place=place,
        measured=f"the {call.spec.arguments[0].name} of {call.name} went through {known.kind}: it is {_worded(known)}",
        expected=expected,
        fix=f"leave out the {known.kind}: the loss takes the last layer's own output",
        clues=clues,
    )


def _worded(known: Reach) -> str:
    return f"in {known.text}" if known.width < _INF else known.text


def _as_of_halves(call: LossCall, known: Reach) -> list[Clue]:
    """Whether the loss is that of probabilities of a half, and not that of logits of zero."""
    if known.kind != "sigmoid" or known.scale != 1 or call.value is None:
        return []
    input, *rest = call.tensors
    costs = attempt(lambda: [call.mean([torch.full_like(input, one), *rest]) for one in (0.5, 0.0)])
    if costs is None:
        return []
    half, zero = costs
    if abs(call.value - half) >= abs(call.value - zero):
        return []
    return [Clue("expected value", f"the loss is {call.value:.3f}: logits of 0 cost {zero:.3f}, of 1/2 {half:.3f}")]


SIGMOID_TWICE = Check(
    code="FS104",
    title=Text(
        "Sigmoid or another bounded function before a loss of logits", "在接受 logits 的损失之前做了 sigmoid 等有界函数"
    ),
    why=Text(
        "A sigmoid's output lies in [0, 1], and the loss's own sigmoid makes 0.5 to 0.731 of it: no negative can be "
        "told from a coin toss. A tanh or a ReLU in its place holds the probabilities likewise.",
        "sigmoid 的输出在 [0, 1] 内，损失自带的 sigmoid 再把它变成 0.5 到 0.731：负样本永远像抛硬币。"
        "换成 tanh 或 ReLU，概率同样受限。",
    ),
    sound=Text(
        "It needs the activation in the graph directly before the loss, and an interval from which the loss's sigmoid "
        "cannot give both 0.02 and 0.98: logits capped at 4 or more stay silent.",
        "只有当计算图中激活紧接在损失之前，且该区间经损失的 sigmoid 无法同时给出 0.02 和 0.98 时才会报告；"
        "截断在 4 以上的 logits 不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 1), nn.Sigmoid())
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
""",
    cure="""
model = nn.Linear(20, 1)
""",
    find=_sigmoid_twice,
)

CHECKS = (BOUNDED_SCORES, SIGMOID_TWICE)
