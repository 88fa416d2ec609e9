"""Losses that take probabilities or log-probabilities, and are given something else."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ._scores import (
    RAW,
    axes,
    class_axis,
    classes_of,
    contains,
    count,
    head,
    log_sums_to_one,
    maker,
    raw_layer,
    sums_to_one,
    tolerance,
)

_SMALL = 1e-3
"""By how much probabilities may miss [0, 1], and log-probabilities 0, through rounding."""
_SEQUENCES = frozenset({"dpo_loss", "robust_dpo_loss", "ipo_loss", "kto_loss", "simpo_loss", "orpo_loss", "grpo_loss"})


def _logits_as_probabilities(evidence: Evidence) -> Iterator[Found]:
    if not evidence.calls and not evidence.applied:
        yield from _by_hand(evidence)
    for call in evidence.calls:
        if call.kinds[0] != "probabilities" or not call.tensors[0].numel():
            continue
        tensor, seen, name = call.tensors[0].float(), call.seen[0], call.spec.arguments[0].name
        outside = (tensor < -_SMALL) | (tensor > 1 + _SMALL)
        layer = raw_layer(evidence, call)
        clues = []
        if bool(outside.any()):
            clues.append(Clue("values", f"{count(outside)} numbers are outside of [0, 1]"))
        if layer is not None:
            clues.append(Clue("graph", f"it is the very output of the layer {layer}: nothing keeps it in [0, 1]"))
        if clues and call.error:
            clues.append(Clue("run", f"the loss raised {call.error.splitlines()[0]}"))
        if clues:
            yield Found(
                place=call.inside,
                measured=f"the {name} of {call.name} runs from {seen.low:.3g} to {seen.high:.3g}",
                expected="probabilities, in [0, 1]",
                fix="loss = nn.BCEWithLogitsLoss()  # it takes logits and makes its own sigmoid",
                clues=clues,
            )


def _by_hand(evidence: Evidence) -> Iterator[Found]:
    """A loss that nobody knows: least where the output is the targets themselves, and no good beyond 0 and 1."""
    outputs, costs = [one for one in evidence.outputs if one.facts.floating], evidence.trials.probabilities
    if costs is None or len(outputs) != 1 or head(outputs[0].origin)[:1] not in (("linear",), ("convolution",)):
        return
    right, wrong, beyond_right, beyond_wrong, twice = costs
    near = 1e-3 * wrong
    if not (wrong > 0 and abs(right) <= near):
        return
    seen = outputs[0].facts
    if abs(beyond_right - right) <= near and abs(beyond_wrong - wrong) <= near:
        text = "the loss is the same for all outputs above 1, and for all below 0: it takes them for probabilities"
    elif twice < -near:
        text = f"the loss is {right:.3g} where outputs equal the targets, and {twice:.3g} where they are twice as large"
    else:
        return
    yield Found(
        place="loss",
        measured=f"the output of a layer, from {seen.low:.3g} to {seen.high:.3g}, in a loss of probabilities",
        expected="probabilities, in [0, 1]",
        fix="output = torch.sigmoid(output), before it is compared",
        clues=[Clue("metamorphic", text)],
    )


LOGITS_AS_PROBABILITIES = Check(
    code="FS105",
    title=Text("Logits given to a loss of probabilities", "把 logits 传给了要求概率的损失"),
    why=Text(
        "The loss takes the logarithm of what it is given: of a number below 0 there is none, and torch raises.",
        "损失会对输入取对数：小于 0 的数没有对数，torch 会抛出异常。",
    ),
    sound=Text(
        "It needs numbers outside of [0, 1], or the bare output of a linear layer. What a sigmoid or a softmax made is "
        "neither. A loss that nobody knows must cost nothing where outputs equal targets of 0 and 1, and be flat "
        "beyond them, or fall below 0: squares and losses of logits do neither.",
        "只有出现 [0, 1] 之外的数，或线性层的原始输出时才会报告；sigmoid 或 softmax 的输出两者都不是。"
        "未知损失须在输出等于 0/1 目标时为 0，且在 [0, 1] 之外恒定或降到 0 以下：平方误差与 logits 损失都不会如此。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.BCELoss()
batch = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
""",
    cure="""
loss = nn.BCEWithLogitsLoss()
""",
    find=_logits_as_probabilities,
)


def _no_log_probabilities(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if call.name in ("NLLLoss", "CTCLoss"):
            yield from _over_classes(evidence, call)
        elif call.name == "KLDivLoss":
            yield from _divergence(evidence, call)
        elif call.name in _SEQUENCES:
            yield from _of_sequences(call)


def _over_classes(evidence: Evidence, call: LossCall) -> Iterator[Found]:
    tensor, axis = call.tensors[0], class_axis(call)
    if classes_of(call) < 2 or not tensor.is_floating_point() or not tensor.numel():
        return
    if sums_to_one(tensor, axis):
        yield _told(evidence, call, "probabilities", [_rows(tensor, axis)])
        return
    logged = head(call.origins[0])[:1] == ("log_softmax",) or contains(call.origins[0], "log", "softmax")
    if logged or bool((tensor.float().amax(axis) == -math.inf).any()):
        return
    sums = tensor.float().logsumexp(axis)
    off = sums.abs() > 10 * tolerance(tensor)
    if float(off.float().mean()) <= 0.5:
        return
    clues = [Clue("values", f"the exponentials of {count(off)} rows do not sum to 1: {_spread(sums)}")]
    above = tensor > _SMALL
    if bool(above.any()):
        clues.append(Clue("values", f"{count(above)} numbers are above 0, as no log-probability is"))
    yield _told(evidence, call, "logits", clues, sure=bool(above.any()) or _bare(call))


def _bare(call: LossCall) -> bool:
    """Whether a layer's own output, or the logarithm of a sigmoid, was given."""
    origin = head(call.origins[0])
    return (bool(origin) and origin[0] in RAW) or contains(origin, "logsigmoid") or contains(origin, "log", "sigmoid")


def _divergence(evidence: Evidence, call: LossCall) -> Iterator[Found]:
    tensor = call.tensors[0]
    if not tensor.is_floating_point() or tensor.numel() < 2 or _crossed(call):
        return
    axis = next((one for one in axes(tensor) if sums_to_one(tensor, one)), None)
    if axis is not None:
        yield _told(evidence, call, "probabilities", [_rows(tensor, axis)])
        return
    above = tensor > _SMALL
    if any(log_sums_to_one(tensor, one) for one in axes(tensor)) or not bool(above.any()):
        return
    clues = [
        Clue("values", f"{count(above)} numbers are above 0, as no log-probability is"),
        Clue("values", "along no axis do the exponentials sum to 1"),
    ]
    yield _told(evidence, call, "logits", clues)


def _rows(tensor: Tensor, axis: int | tuple[int, ...]) -> Clue:
    return Clue("values", f"the numbers lie in [0, 1] and sum to 1 along axis {axis} of {tuple(tensor.shape)}")


def _spread(sums: Tensor) -> str:
    low, high = float(sums.min().exp()), float(sums.max().exp())
    return f"the sums run from {low:.3g} to {high:.3g}"


def _told(evidence: Evidence, call: LossCall, what: str, clues: list[Clue], sure: bool = True) -> Found:
    name, made = call.spec.arguments[0].name, maker(evidence, call)
    if made is not None and made.kind in (*RAW, "softmax", "sigmoid", "relu", "tanh", "logsigmoid"):
        clues = [*clues, Clue("graph", f"{made.kind} made the {name}, and no log-softmax came after")]
    if call.value is not None and call.value < -_SMALL:
        clues = [*clues, Clue("expected value", f"the loss is {call.value:.3g}: of log-probabilities it is 0 or more")]
    keep = "target" if call.name == "KLDivLoss" else "targets"
    fix = f"F.log_softmax(x, dim={class_axis(call)}) before the loss"
    if what == "probabilities":
        fix += " in place of the softmax"
    elif call.name == "NLLLoss":
        fix = f"loss = nn.CrossEntropyLoss()  # it takes logits, and the same {keep}"
    return Found(
        place=call.inside,
        measured=f"the {name} of {call.name} is {what}",
        expected="log-probabilities: the exponentials of each row sum to 1",
        fix=fix,
        clues=clues,
        sure=sure,
    )


def _of_sequences(call: LossCall) -> Iterator[Found]:
    for argument, tensor, seen in zip(call.spec.arguments, call.tensors, call.seen, strict=False):
        above = tensor > _SMALL
        if argument.kind == "log-probabilities" and bool(above.any()):
            yield Found(
                place=call.inside,
                measured=f"{argument.name} of {call.name} runs up to {seen.high:.3g}",
                expected="log-probabilities, at most 0: the sum of those of an answer's tokens",
                fix="logits.log_softmax(-1).gather(-1, tokens[..., None]).squeeze(-1).sum(-1)",
                clues=[Clue("values", f"{count(above)} numbers of {argument.name} are above 0")],
                sure=call.name != "grpo_loss",
            )
            return


NO_LOG_PROBABILITIES = Check(
    code="FS106",
    title=Text("A loss of log-probabilities is given something else", "要求对数概率的损失得到的是别的东西"),
    why=Text(
        "The loss reads off the number of the right class as if it were ln p. From logits it falls without end as they "
        "grow; from probabilities it can gain no more than 1, and its gradient does not depend on how wrong it is.",
        "损失把正确类别上的数直接当作 ln p。传入 logits 时，损失会随其增大而无限下降；传入概率时最多只能下降 1，"
        "而且梯度与错误程度无关。",
    ),
    sound=Text(
        "The exponentials of log-probabilities sum to 1 along the axis of classes; logits do so only by chance, and "
        "never for most rows. What a log-softmax made is not judged, nor is what is nowhere above 0 by an unknown way.",
        "对数概率的指数沿类别轴求和为 1；logits 只会偶然如此，不会大多数行都如此。"
        "log-softmax 的输出不作判断；来源不明但处处不大于 0 的也不作判断。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_no_log_probabilities,
)


def _crossed(call: LossCall) -> bool:
    """Whether a divergence got probabilities first and their logarithms second."""
    one, two = call.tensors[:2]
    by_values = any(sums_to_one(one, axis) for axis in axes(one)) and bool((two < -_SMALL).any())
    return by_values and not call.options.get("log_target")


def _target_of_divergence(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("KLDivLoss"):
        target = call.tensors[1]
        if not target.is_floating_point() or target.numel() < 2:
            continue
        negative, logged = target < -_SMALL, bool(call.options.get("log_target"))
        if logged and any(sums_to_one(target, axis) for axis in axes(target)):
            yield _misfit(
                call,
                measured="the target is probabilities, and log_target=True",
                expected="log-probabilities, as log_target=True says",
                fix="nn.KLDivLoss(reduction='batchmean')  # log_target=False, the default",
                clues=[
                    Clue("values", "the target lies in [0, 1] and sums to 1"),
                    Clue("settings", "log_target is True"),
                ],
            )
        elif not logged and bool(negative.any()):
            yield _negative_target(call, count(negative))


def _negative_target(call: LossCall, how_many: str) -> Found:
    target = call.tensors[1]
    what = "log-probabilities" if any(log_sums_to_one(target, axis) for axis in axes(target)) else "logits"
    clues = [Clue("values", f"{how_many} numbers of the target are below 0, as no probability is")]
    if call.value is not None and not math.isfinite(call.value):
        clues.append(Clue("run", f"the loss is {call.value}"))
    if head(call.origins[1])[:1] == ("log_softmax",):
        clues.append(Clue("graph", "a log-softmax made the target"))
    measured = f"the target is {what}, and log_target=False"
    fix = "nn.KLDivLoss(reduction='batchmean', log_target=True)"
    if _crossed(call):
        measured = f"the input is probabilities and the target {what}: the arguments are swapped"
        fix = "F.kl_div(log_probabilities_of_the_model, probabilities_to_learn, reduction='batchmean')"
    elif what == "logits":
        fix = "F.kl_div(log_probabilities_of_the_model, target.softmax(-1), reduction='batchmean')"
    return _misfit(call, measured, "first the model's log-probabilities, then probabilities", fix, clues)


def _misfit(call: LossCall, measured: str, expected: str, fix: str, clues: list[Clue]) -> Found:
    return Found(place=call.inside, measured=measured, expected=expected, fix=fix, clues=clues)


TARGET_OF_DIVERGENCE = Check(
    code="FS107",
    title=Text("The target of the KL divergence is of the wrong kind", "KL 散度的目标种类不对"),
    why=Text(
        "KLDivLoss takes log-probabilities first and, unless log_target=True, probabilities second. The logarithm of a "
        "negative target is NaN; probabilities read as logarithms give a wrong number without a word.",
        "KLDivLoss 的第一个参数是对数概率；除非 log_target=True，第二个参数应为概率。负的目标取对数得 NaN；"
        "把概率当成对数则会悄悄给出错误的数值。",
    ),
    sound=Text(
        "No probability is negative, and no log-probabilities are all positive and sum to 1. Rows of zeros, as of "
        "padding, stay silent.",
        "概率不会为负，对数概率也不会全为正且和为 1。全零的行（如填充）不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
loss = nn.KLDivLoss(reduction="batchmean")
batch = torch.randn(32, 20), torch.randn(32, 10).log_softmax(1)
""",
    cure="""
loss = nn.KLDivLoss(reduction="batchmean", log_target=True)
""",
    find=_target_of_divergence,
)


def _unstable_pair(evidence: Evidence) -> Iterator[Found]:
    made_by = next((one.origin[0] for one in evidence.applied if one.kind == "log"), None)
    if made_by is not None and not evidence.calls:
        yield Found(
            place="loss",
            measured=f"a {made_by} and its logarithm, each by itself",
            expected="one function of the logits, which loses no digits where a probability rounds to 0 or 1",
            fix="F.logsigmoid(logits)" if made_by == "sigmoid" else "F.log_softmax(logits, dim=1)",
            clues=[Clue("graph", f"the loss takes the logarithm of what a {made_by} made")],
        )
    for call in evidence.called("BCELoss", "NLLLoss"):
        origin = head(call.origins[0])
        if call.name == "BCELoss" and origin[:1] == ("sigmoid",):
            made, better = "a sigmoid", "nn.BCEWithLogitsLoss()  # and no sigmoid"
        elif call.name == "NLLLoss" and contains(origin, "log", "softmax"):
            made, better = "the logarithm of a softmax", "nn.CrossEntropyLoss()  # and neither softmax nor log"
        else:
            continue
        yield Found(
            place=call.inside,
            measured=f"{made} and {call.name}, each by itself",
            expected="one function of the logits, which loses no digits where a probability rounds to 0 or 1",
            fix=f"loss = {better}",
            clues=[Clue("graph", f"{made} made the input of {call.name}")],
        )


UNSTABLE_PAIR = Check(
    code="FS108",
    title=Text("Sigmoid and logarithm apart", "sigmoid 与对数分开计算"),
    why=Text(
        "Right, but not stable: in float32 a logit of 17 makes a probability of exactly 1, whose logarithm's gradient "
        "is lost; torch caps the loss at 100.",
        "结果正确但数值不稳定：float32 下 logit 为 17 时概率恰好等于 1，对数的梯度随之丢失；torch 把损失截断在 100。",
    ),
    sound=Text("It is only ever a remark: the value is the same.", "它永远只是提示：数值相同。"),
    fault="""
model = nn.Sequential(nn.Linear(20, 1), nn.Sigmoid())
loss = nn.BCELoss()
batch = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
""",
    cure="""
model, loss = nn.Linear(20, 1), nn.BCEWithLogitsLoss()
""",
    find=_unstable_pair,
    at_most="info",
)

CHECKS = (LOGITS_AS_PROBABILITIES, NO_LOG_PROBABILITIES, TARGET_OF_DIVERGENCE, UNSTABLE_PAIR)
