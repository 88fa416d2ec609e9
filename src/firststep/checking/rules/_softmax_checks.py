"""What stands before a loss that makes a softmax over classes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ._scores import (
    class_axis,
    classes_of,
    contains,
    head,
    log_sums_to_one,
    logits,
    maker,
    sums_to_one,
    takes_class_logits,
    takes_log_probabilities,
    tolerance,
)

_SMOOTH = ("affine", "upsample", "avg_pool", "mean", "clamp", "native_dropout")
"""What keeps probabilities probabilities, or nearly so; the values tell."""


def _softmax_twice(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if takes_class_logits(call):
            for index in logits(call):
                yield from _probabilities_as_logits(evidence, call, index)
        elif takes_log_probabilities(call) and head(call.origins[0])[:2] == ("log_softmax", "softmax"):
            text = f"a log-softmax of a softmax made the input of {call.name}"
            yield _twice(call.inside, text, classes_of(call), [Clue("graph", text)])
    for one in evidence.applied:
        if one.kind in ("softmax", "log_softmax") and head(one.origin)[:1] == ("softmax",):
            clues = [Clue("graph", f"the loss calls {one.kind} on what a softmax made")]
            if one.facts.low >= 0 and one.facts.high <= 1:
                clues.append(Clue("values", f"these numbers run from {one.facts.low:.3g} to {one.facts.high:.3g}"))
            classes = one.facts.shape[-1] if len(one.facts.shape) == 2 else 0
            yield _twice("loss", f"the loss makes a {one.kind} of what a softmax made", classes, clues)
    yield from _softmax_by_hand(evidence)


def _softmax_by_hand(evidence: Evidence) -> Iterator[Found]:
    """A loss that is written out: it forgets what is added to all scores, and never falls to 0 for the right ones."""
    trial = evidence.trials.normalized
    known = any(takes_class_logits(call) for call in evidence.calls) or any(
        one.kind in ("softmax", "log_softmax") for one in evidence.applied
    )
    if trial is None or known or len(evidence.outputs) != 1:
        return
    output, (change, certain) = evidence.outputs[0], trial
    classes = output.facts.shape[-1]
    floor = math.log1p((classes - 1) / math.e)
    by_graph = output.origin[:1] == ("softmax",)
    by_values = sums_to_one(output.tensor, 1)
    if change > tolerance(output.tensor) or abs(certain - floor) > tolerance(output.tensor) * floor or not by_values:
        return
    clues = [
        Clue("metamorphic", "adding a number to all outputs of an example does not change the loss"),
        Clue("expected value", f"of exactly right outputs it makes {certain:.4g}, as ln(1 + {classes - 1}/e)"),
        Clue("values", f"all {len(output.tensor)} rows lie in [0, 1] and sum to 1 within {tolerance(output.tensor):g}"),
    ]
    if by_graph:
        clues.insert(0, Clue("graph", "a softmax made the output"))
    yield _twice("loss", "the loss makes a softmax of outputs that are probabilities", classes, clues)


def _probabilities_as_logits(evidence: Evidence, call: LossCall, index: int) -> Iterator[Found]:
    tensor, classes = call.tensors[index], classes_of(call, index)
    if classes < 2:
        return
    made = maker(evidence, call, index)
    sums = tensor.float().sum(class_axis(call, index))
    by_values = sums_to_one(tensor, class_axis(call, index)) and sums.numel() > 1
    direct = made is not None and made.kind == "softmax"
    clues = []
    if made is not None and direct:
        clues.append(Clue(made.channel, f"a softmax made the {call.spec.arguments[index].name} of {call.name}"))
    elif by_values and _through_smooth(call.origins[index]):
        clues.append(Clue("graph", f"a softmax came before: {', '.join(call.origins[index][:4])} from the loss up"))
    if by_values:
        within = tolerance(tensor)
        clues.append(Clue("values", f"all {sums.numel()} rows lie in [0, 1] and sum to 1 within {within:g}"))
    if clues:
        place = made.place if made is not None and direct else call.inside
        measured = f"the {call.spec.arguments[index].name} of {call.name} is probabilities"
        yield _twice(place, measured, classes, clues)


def _through_smooth(origin: tuple[str, ...]) -> bool:
    before = next((i for i, one in enumerate(origin) if not one.startswith(_SMOOTH)), None)
    return before is not None and origin[before] == "softmax"


def _twice(place: str, measured: str, classes: int, clues: list[Clue]) -> Found:
    bound = ""
    if classes > 1:
        most = math.e / (math.e + classes - 1)
        bound = (
            f"; of probabilities a softmax gives the right one of {classes} classes at most {most:.3g}, and "
            f"cross-entropy cannot fall below {-math.log(most):.3f}"
        )
    return Found(
        place=place,
        measured=measured,
        expected=f"logits{bound}",
        fix="leave out the softmax: the loss makes its own",
        clues=clues,
    )


SOFTMAX_TWICE = Check(
    code="FS101",
    title=Text("Softmax before a loss that makes its own", "在自带 softmax 的损失之前又做了 softmax"),
    why=Text(
        "Probabilities lie between 0 and 1, so that no class can stand out by more than 1: cross-entropy stays above "
        "ln(1 + (C-1)/e) and its gradients are small.",
        "概率介于 0 和 1 之间，任何类别最多只能领先 1：交叉熵始终高于 ln(1 + (C-1)/e)，梯度也很小。",
    ),
    sound=Text(
        "It needs the node of a softmax directly before the loss, or rows that all lie in [0, 1] and sum to 1, which "
        "logits do not by chance. Of a loss that is written out it needs, beside such rows, the value ln(1 + (C-1)/e) "
        "of cross-entropy for outputs that are exactly right.",
        "只有当损失之前紧接 softmax 节点，或所有行都在 [0, 1] 内且和为 1 时才会报告；logits 不会碰巧如此。"
        "对手写的损失，除这样的行之外，还要求输出完全正确时损失等于交叉熵的 ln(1 + (C-1)/e)。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
model = nn.Linear(20, 10)
""",
    find=_softmax_twice,
)


def _log_softmax_before(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if not takes_class_logits(call):
            continue
        for index in logits(call):
            made = maker(evidence, call, index)
            axis = class_axis(call, index)
            logged = contains(call.origins[index], "log", "softmax") or (
                made is not None and made.kind == "log_softmax"
            )
            if made is None or not logged or not log_sums_to_one(call.tensors[index], axis):
                continue
            name = call.spec.arguments[index].name
            yield Found(
                place=made.place,
                measured=f"the {name} of {call.name} is log-probabilities already",
                expected="logits: a second log-softmax changes nothing and costs time",
                fix="leave out the log-softmax, or use nn.NLLLoss()",
                clues=[Clue(made.channel, f"a log-softmax made the {name} of {call.name}")],
            )


LOG_SOFTMAX_BEFORE = Check(
    code="FS102",
    title=Text("Log-softmax before a loss that makes its own", "在自带 log-softmax 的损失之前又做了 log-softmax"),
    why=Text(
        "Harmless: the exponentials of log-probabilities sum to 1 already, so that the loss's own log-softmax takes "
        "off ln 1 = 0. It is work done twice.",
        "无害：对数概率的指数之和已经是 1，损失自带的 log-softmax 只减去 ln 1 = 0。只是重复计算。",
    ),
    sound=Text(
        "It is only ever a remark: training is the same with and without.",
        "它永远只是提示：有没有这一步，训练结果都相同。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
model = nn.Linear(20, 10)
""",
    find=_log_softmax_before,
    at_most="info",
)

CHECKS = (SOFTMAX_TWICE, LOG_SOFTMAX_BEFORE)
