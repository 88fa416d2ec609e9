"""Targets that relate examples to each other: survival times, preferences, triplets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import place, raised, untrained
from ._scores import takes_class_logits


def _survival(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("cox_loss"):
        _, time, event = call.tensors
        if not time.numel() or not event.numel():
            continue
        for measured, expected, fix, sure in _survival_wrong(call, time, event):
            clues = [Clue("values", measured), *raised(call), *untrained(evidence)]
            yield Found(place=place(call), measured=measured, expected=expected, fix=fix, clues=clues, sure=sure)


def _survival_wrong(call: LossCall, time: Tensor, event: Tensor) -> Iterator[tuple[str, str, str, bool]]:
    flags = [bool(((one == 0) | (one == 1)).all()) for one in (time, event)]
    if flags == [True, False]:
        yield (
            f"times of 0 and 1, and events from {float(event.min()):.4g} to {float(event.max()):.4g}",
            "times first, then events",
            "cox_loss(log_hazard, time, event): the two seem to be exchanged",
            True,
        )
        return
    if not flags[1]:
        yield (
            f"events from {float(event.min()):.4g} to {float(event.max()):.4g}",
            "0 for censored, 1 for an event",
            "event = (event == the_event).float()",
            True,
        )
    if not bool((event != 0).any()):
        yield (
            f"no event among {event.numel()} examples: all are censored",
            "at least one event: only events have a term in the loss",
            "a larger batch, or one drawn so that it has events",
            True,
        )
    elif time.numel() == 1:
        yield "a batch of 1", "at least two: an event is compared with those at risk", "a larger batch", True
    low = float(time.min())
    if low < 0:
        yield f"a least time of {low:.4g}", "times above 0", "time since the start of observation, in one unit", True
    elif low == 0:
        count = int((time == 0).sum())
        yield f"{count} times of 0", "times above 0", "look at how the times are made", False


SURVIVAL = Check(
    code="FS216",
    title=Text("Survival times and events that teach nothing", "生存时间与事件不合理"),
    why=Text(
        "Only events have a term in Cox's partial likelihood, and it compares them with those still at risk: without "
        "events, or without anybody else, the gradient is 0.",
        "Cox 偏似然只有事件项，并将其与仍处于风险中的个体比较：没有事件或只有一个样本时梯度为 0。",
    ),
    sound=Text(
        "A batch of two or more with one event, flags of 0 and 1 and no time below 0 is silent.",
        "至少两个样本、有一个事件、事件标记为 0 或 1、时间不为负的批次不会报告。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = lambda output, targets: losses.functional.cox_loss(output.squeeze(1), *targets)
batch = torch.randn(16, 20), (torch.arange(16) + 1.0, torch.zeros(16))
""",
    cure="""
batch = batch[0], (batch[1][0], torch.arange(16).remainder(2).float())
""",
    find=_survival,
)


def _preferences(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if call.spec.family == "preference":
            yield from _reference_trains(evidence, call)
            yield from _same_answers(evidence, call)


_FIXED = ("reference", "old_", "advantage", "kl")


def _reference_trains(evidence: Evidence, call: LossCall) -> Iterator[Found]:
    """Tensors that are to be compared with, and have a gradient."""
    names = [one.name for one in call.spec.arguments]
    pairs = zip(names, call.origins, strict=False)
    wrong = [(name, one[0]) for name, one in pairs if name.startswith(_FIXED) and one]
    if not wrong:
        return
    listed = ", ".join(name for name, _ in wrong)
    clues = [Clue("graph", f"{listed} {'have' if len(wrong) > 1 else 'has'} a gradient, by {wrong[0][1]}")]
    clues += untrained(evidence)
    yield Found(
        place=call.inside,
        measured=f"{listed} with a gradient",
        expected="tensors that the step does not train",
        fix="compute them under torch.no_grad(), or .detach() them",
        clues=clues,
    )


def _same_answers(evidence: Evidence, call: LossCall) -> Iterator[Found]:
    names = [one.name for one in call.spec.arguments]
    by_name = dict(zip(names, call.tensors, strict=False))
    for good, bad in (("policy_chosen", "policy_rejected"), ("chosen", "rejected")):
        if good in by_name and _equal(by_name[good], by_name[bad]):
            text = f"all {by_name[good].numel()} {good} equal {bad}"
            yield Found(
                place=place(call),
                measured=text,
                expected="the chosen and the rejected answer of each pair",
                fix=f"look at how {bad} is made: it is the same answer",
                clues=[Clue("values", text), *untrained(evidence)],
            )
    four = ("policy_chosen", "reference_rejected"), ("policy_rejected", "reference_chosen")
    crossed = all(one in by_name and two in by_name and _equal(by_name[one], by_name[two]) for one, two in four)
    if crossed and not _equal(by_name["policy_chosen"], by_name["policy_rejected"]):
        yield Found(
            place=place(call),
            measured="policy_chosen equals reference_rejected, and policy_rejected reference_chosen",
            expected="the reference's numbers of the same answers",
            fix="exchange reference_chosen and reference_rejected",
            clues=[Clue("values", "two pairs of tensors are equal crosswise")],
        )


def _equal(one: Tensor, two: Tensor) -> bool:
    """Whether all numbers are, of a row in which not all are one."""
    return (
        one.shape == two.shape and one.numel() > 1 and torch.equal(one, two) and bool((one != one.flatten()[0]).any())
    )


PREFERENCES = Check(
    code="FS217",
    title=Text("Answers or references that are not what the loss compares", "偏好损失的回答或参考量有误"),
    why=Text(
        "The loss moves the policy away from a fixed reference, and the chosen answer away from the rejected one: a "
        "reference that trains runs along, and equal answers cancel.",
        "损失使策略相对固定的参考移动，并拉开被选与被拒的回答：参考若参与训练会跟着移动，回答相同则相互抵消。",
    ),
    sound=Text(
        "A policy that equals its reference, as at every start, is silent where the reference has no gradient.",
        "策略等于参考（训练开始时正是如此）且参考没有梯度时不报告。",
    ),
    fault="""
model = nn.Linear(20, 2)
def loss(output, targets):
    chosen, rejected = F.logsigmoid(output).unbind(1)
    return losses.functional.dpo_loss(chosen, rejected, chosen, rejected)
batch = torch.randn(16, 20), torch.zeros(16)
""",
    cure="""
def loss(output, targets):
    chosen, rejected = F.logsigmoid(output).unbind(1)
    return losses.functional.dpo_loss(chosen, rejected, chosen.detach(), rejected.detach())
""",
    find=_preferences,
)


def _triplets(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        roles = [i for i, one in enumerate(call.spec.arguments) if one.kind == "embeddings"]
        labels = next((i for i, one in enumerate(call.spec.arguments) if one.kind == "labels"), None)
        if call.spec.family in ("metric", "contrastive") and len(roles) > 1 and "signs" not in call.kinds:
            yield from _one_tensor_twice(call, roles)
        elif labels is not None and call.tensors[labels].ndim == 1 and not call.error:
            yield from _no_partner(evidence, call, call.tensors[labels])
        elif call.similar is not None and takes_class_logits(call) and not call.error:
            yield from _own_positive(call, call.tensors[0].float(), call.tensors[1])


def _one_tensor_twice(call: LossCall, roles: Sequence[int]) -> Iterator[Found]:
    for i, j in combinations(roles, 2):
        one, two = call.tensors[i], call.tensors[j]
        first, second = (call.spec.arguments[k].name for k in (i, j))
        apart = one.ndim > 1 and one.shape[0] > 1 and bool((one != one[:1]).any())
        if not apart or one.shape != two.shape or not torch.equal(one, two):
            continue
        text = f"all {one.shape[0]} rows of {first} equal those of {second}"
        yield Found(
            place=place(call),
            measured=text,
            expected=f"another sample or another view of it as {second}",
            fix=f"look at how {second} is made: the two are one tensor",
            clues=[Clue("values", text)],
        )


def _own_positive(call: LossCall, scores: Tensor, target: Tensor) -> Iterator[Found]:
    """Scores of embeddings with themselves, where each is to be found among all."""
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 3 or target.is_floating_point():
        return
    own, largest = scores.diagonal(), scores.max(1).values
    itself = target.shape == own.shape and bool((target == torch.arange(len(target), device=target.device)).all())
    close = 1e-4 * float(scores.abs().max())
    if not itself or not bool((own >= largest - close).all()) or not bool((own > scores.mean(1) + close).all()):
        return
    if not float((scores - scores.T).abs().max()) <= close:
        return
    text = f"the scores are symmetric, and the target of each of {len(own)} rows is the row itself, its largest score"
    yield Found(
        place=place(call),
        measured=text,
        expected="another view of the sample as its positive, and its score with itself left out",
        fix='scores.fill_diagonal_(-float("inf")), with the index of the other view as target',
        clues=[Clue("values", text)],
    )


def _no_partner(evidence: Evidence, call: LossCall, labels: Tensor) -> Iterator[Found]:
    if len(labels) < 2:
        return
    _, inverse, counts = labels.unique(return_inverse=True, return_counts=True)
    groups, alone = len(counts), int((counts[inverse] == 1).sum())
    if groups > 1 and alone <= len(labels) // 2:
        return
    every = groups == 1 or alone == len(labels)
    text = (
        f"all {len(labels)} labels are the same: no anchor has a negative"
        if groups == 1
        else f"{alone} of {len(labels)} anchors have no positive: their label occurs once"
    )
    yield Found(
        place=place(call),
        measured=text,
        expected="at least two samples of a label, and at least two labels",
        fix="a sampler that draws several samples of each of several labels",
        clues=[Clue("values", text), *untrained(evidence)],
        sure=every,
    )


TRIPLETS = Check(
    code="FS218",
    title=Text("Samples without a positive or a negative", "样本缺少正样本或负样本"),
    why=Text(
        "What is compared with itself has distance 0, and what has no partner no term: such anchors teach nothing.",
        "与自身比较的距离为 0，没有配对的锚点没有损失项：这些锚点学不到任何东西。",
    ),
    sound=Text(
        "It needs tensors that are equal number for number while their rows differ, or labels of which no two are "
        "equal, or all, or a symmetric product of embeddings whose targets are its diagonal. Some anchors without a "
        "partner are only told.",
        "只有当两个张量逐数相等（且各行互不相同）、或标签全部互异、或全部相同、或相似度矩阵对称且目标就是对角线时"
        "才会报告；部分锚点无配对仅作提示。",
    ),
    fault="""
model = nn.Linear(20, 8)
loss = losses.BatchHardTripletLoss()
batch = torch.randn(16, 20), torch.arange(16)
""",
    cure="""
batch = batch[0], torch.arange(16) // 4
""",
    find=_triplets,
)

CHECKS = (SURVIVAL, PREFERENCES, TRIPLETS)
