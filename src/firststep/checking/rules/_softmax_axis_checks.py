"""A softmax over one class, or along an axis that is not the classes'."""

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
    class_axis,
    classes_of,
    head,
    log_sums_to_one,
    sums_to_one,
    takes_class_logits,
    takes_log_probabilities,
    tolerance,
)


def _one_class(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if _over_one(call):
            clues = [Clue("values", f"the class axis of {tuple(call.tensors[0].shape)} has length 1")]
            if call.error:
                clues.append(Clue("run", f"the loss raised {call.error.splitlines()[0]}"))
            elif call.value == 0:
                clues.append(Clue("expected value", "the loss is exactly 0, whatever the output"))
            yield _single(call.inside, f"{call.name} is over 1 class", clues)
            return
    for place, kind, size in _constant(evidence):
        clue = Clue("graph", f"a {kind} over an axis of length 1 made it")
        value = "1" if kind == "softmax" else "0"
        known = Clue("values", f"all {size} numbers are {value}")
        yield _single(place, f"a {kind} over one unit: every output is {value}", [clue, known])
        return


def _over_one(call: LossCall) -> bool:
    """Whether a loss over classes has one class, and a target for each number."""
    tensor = call.tensors[0]
    over_classes = takes_class_logits(call) or call.name in ("NLLLoss", "CTCLoss")
    if not over_classes or tensor.ndim < 2 or classes_of(call) != 1 or not tensor.numel():
        return False
    return call.name == "CTCLoss" or (len(call.tensors) > 1 and call.tensors[1].numel() == tensor.numel())


def _constant(evidence: Evidence) -> Iterator[tuple[str, str, int]]:
    """Where a softmax over one unit is, and how many numbers it made."""
    seen = [(call.inside, o, f) for call in evidence.calls for o, f in zip(call.origins, call.seen, strict=True)]
    seen += [(one.place, one.origin, one.facts) for one in evidence.outputs]
    for place, origin, facts in seen:
        kind = (head(origin) or ("",))[0]
        value = {"softmax": 1.0, "log_softmax": 0.0}.get(kind)
        alone = len(facts.shape) < 2 or 1 in facts.shape[1:]
        if value is not None and facts.low == facts.high == value and alone:
            yield place, kind, math.prod(facts.shape)


def _single(place: str, measured: str, clues: list[Clue]) -> Found:
    return Found(
        place=place,
        measured=measured,
        expected="2 units or more under a softmax; one unit goes with a sigmoid",
        fix="loss = nn.BCEWithLogitsLoss()  # and no softmax; targets as float, of the output's shape",
        clues=clues,
    )


ONE_CLASS = Check(
    code="FS109",
    title=Text("Softmax over a single unit", "对单个单元做 softmax"),
    why=Text(
        "The softmax of one number is 1, whatever the number: the loss is constant and nothing is learned.",
        "单个数的 softmax 恒为 1：损失为常数，什么也学不到。",
    ),
    sound=Text(
        "It needs a class axis of length 1, or a softmax all of whose outputs are exactly 1.",
        "只有当类别轴长度为 1，或 softmax 的所有输出都恰好等于 1 时才会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 1), nn.Softmax(dim=1))
loss = nn.BCELoss()
batch = torch.randn(32, 20), torch.randint(2, (32, 1)).float()
""",
    cure="""
model, loss = nn.Linear(20, 1), nn.BCEWithLogitsLoss()
""",
    find=_one_class,
)


def _over_examples(evidence: Evidence) -> Iterator[Found]:
    """A softmax that the loss makes of a layer's output, over the batch and not over the classes."""
    outputs = [one.facts.shape for one in evidence.outputs if one.facts.floating]
    targets = [one.facts for one in evidence.targets]
    if len(outputs) != 1 or len(targets) != 1 or len(outputs[0]) != 2 or outputs[0][0] == outputs[0][1]:
        return
    made = [one for one in evidence.applied if one.kind in ("softmax", "log_softmax", "logsumexp")]
    axes = {one.axis for one in made}
    raw = all(one.facts.shape == outputs[0] and head(one.origin)[:1] == ("linear",) for one in made)
    if axes != {0} or not raw or targets[0].floating or targets[0].shape != outputs[0][:1]:
        return
    yield Found(
        place="loss",
        measured=f"the loss makes a {made[0].kind} along axis 0 of {tuple(outputs[0])}, over the batch",
        expected=f"along axis 1, over the {outputs[0][1]} classes of each example",
        fix="F.cross_entropy(output, targets)",
        clues=[Clue("graph", f"the loss calls {made[0].kind} with dim=0 on a layer's output")],
    )


def _wrong_axis(evidence: Evidence) -> Iterator[Found]:
    if not evidence.calls:
        yield from _over_examples(evidence)
    for call in evidence.calls:
        tensor = call.tensors[0]
        if call.name == "KLDivLoss" and _across(tensor, call.tensors[1]):
            yield Found(
                place="targets",
                measured=f"the target sums to 1 along axis 0 of {tuple(tensor.shape)}, over the batch",
                expected="a target that sums to 1 along axis 1, as the exponentials of the input do",
                fix="target = scores.softmax(dim=1)",
                clues=[
                    Clue("values", f"all {tensor.shape[1]} sums of the target along axis 0 are 1, those along 1 not")
                ],
            )
        kind = (head(call.origins[0]) or ("",))[0]
        if kind not in ("softmax", "log_softmax", "log", "affine") or not tensor.numel() or not tensor.ndim:
            continue
        values = tensor.float() if kind == "softmax" else tensor.float().exp()
        over_classes = takes_class_logits(call) or (takes_log_probabilities(call) and call.name != "KLDivLoss")
        wanted = class_axis(call) % tensor.ndim if over_classes else None
        axis = _axis(values, tensor, wanted) if kind in ("softmax", "log_softmax") else None
        if axis is None and over_classes and _of_another_length(call):
            yield _ran_elsewhere(call)
        if axis is None or (not over_classes and (axis or any(call.moved[:1]))):
            continue
        if call.name == "KLDivLoss" and len(call.tensors) > 1 and sums_to_one(call.tensors[1], axis):
            continue
        clues = [
            Clue("graph", f"a {kind} made the {call.spec.arguments[0].name} of {call.name}"),
            Clue("values", f"the probabilities sum to 1 along axis {axis} of {tuple(tensor.shape)}, not along classes"),
        ]
        if axis == 0 and (evidence.trials.leak or 0) > 1e-3:
            clues.append(Clue("metamorphic", "another example in the batch changes the output of the first"))
        which = "over the batch" if axis == 0 else "which is not that of classes"
        yield Found(
            place=call.inside,
            measured=f"{kind} along axis {axis}, {which}",
            expected=f"{kind} along axis {1 if wanted is None else wanted}, over the classes of each example",
            fix=_axis_fix(call, kind, 1 if wanted is None else wanted),
            clues=clues,
            sure=over_classes or call.name in ("BCELoss", "KLDivLoss"),
        )


def _across(input: Tensor, target: Tensor) -> bool:
    """Whether the input is distributions along axis 1, and the target is along the batch."""
    if target.shape != input.shape or target.ndim != 2 or min(target.shape) < 2:
        return False
    return sums_to_one(target, 0) and not sums_to_one(target, 1) and log_sums_to_one(input, 1)


def _of_another_length(call: LossCall) -> bool:
    """Whether the softmax ran along an axis that is not as long as there are classes, while another one is."""
    made, classes = call.softmax, classes_of(call)
    if made is None or made.shape[made.axis] == classes:
        return False
    return classes in made.shape[:-1] if made.axis == len(made.shape) - 1 else classes in made.shape


def _ran_elsewhere(call: LossCall) -> Found:
    made, classes = call.softmax, classes_of(call)
    assert made is not None
    length = made.shape[made.axis]
    values = call.tensors[0].float()
    sums = (values if takes_class_logits(call) else values.exp()).sum(class_axis(call))
    low, high = float(sums.min()), float(sums.max())
    return Found(
        place=call.inside,
        measured=f"softmax along axis {made.axis} of {made.shape}, of length {length}",
        expected=f"softmax along the axis of the {classes} classes",
        fix=f"F.log_softmax(x, dim={made.shape.index(classes) - len(made.shape)})",
        clues=[
            Clue(
                "graph", f"the graph has a softmax along axis {made.axis} of {made.shape}; there are {classes} classes"
            ),
            Clue("values", f"the probabilities of an example sum to {low:.3g} up to {high:.3g}, not to 1"),
        ],
    )


def _axis(values: Tensor, as_given: Tensor, wanted: int | None) -> int | None:
    """The axis along which these sum to 1, where the wanted one is not among them."""

    def sums(axis: int) -> bool:
        return bool(((values.sum(axis) - 1).abs() <= tolerance(as_given)).all())

    found = [axis for axis in range(values.ndim) if values.shape[axis] > 1 and sums(axis)]
    single = values.ndim == 2 and values.shape[0] == 1 and values.shape[1] > 1 and bool((values == 1).all())
    found += [0] if single else []  # over a batch of one example
    right = wanted in found if wanted is not None else any(found)
    return None if right or not found else found[0]


def _axis_fix(call: LossCall, kind: str, axis: int) -> str:
    if takes_class_logits(call):
        return "leave out the softmax: the loss makes its own, over the classes"
    return f"F.{kind}(x, dim={axis})"


WRONG_AXIS = Check(
    code="FS110",
    title=Text("Softmax over the wrong axis", "softmax 的轴不对"),
    why=Text(
        "Over the batch examples compete with each other and not classes: the output of one depends on which others "
        "are beside it, and no row is a distribution.",
        "沿批次轴做 softmax 时，是样本之间而不是类别之间在竞争：每个样本的输出取决于同批的其他样本，"
        "而且没有一行是概率分布。",
    ),
    sound=Text(
        "It needs a softmax directly before the loss whose outputs sum to 1 along another axis and do not along the "
        "axis of classes. Where the loss is not over classes it is a remark only.",
        "只有当损失之前紧接 softmax，且其输出沿另一轴求和为 1、沿类别轴却不为 1 时才会报告；"
        "若损失不是按类别的，则只作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=0))
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
""",
    find=_wrong_axis,
)

CHECKS = (ONE_CLASS, WRONG_AXIS)
