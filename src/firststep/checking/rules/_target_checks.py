"""What the targets are: their shape, their range, what they mean."""

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
from ..probe._targets import binary, classes, counted, place, raised, shown
from ..probe._tree import attempt

_SAME, _DIFFERENT = 1e-5, 1e-3
"""A relative change that is rounding, and one that is not."""


def _unpaired(output: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...] | None:
    """What the two broadcast to, where an example no longer stands beside its own target."""
    if len(output) == len(target) or not output or not target or output[0] != target[0] or output[0] < 2:
        return None
    return _broadcast(output, target)


def _broadcast(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return tuple(torch.broadcast_shapes(one, two))
    except RuntimeError:
        return None


def _reshaped(output: tuple[int, ...], target: tuple[int, ...]) -> str:
    """What to type, so that the two have one shape."""
    longer, shorter, grow, shrink = (
        (output, target, "targets", "output") if len(output) > len(target) else (target, output, "output", "targets")
    )
    for axis in range(1, len(longer)):
        if longer[axis] == 1 and longer[:axis] + longer[axis + 1 :] == shorter:
            return f"{grow}.unsqueeze({axis}), or {shrink}.squeeze({axis})"
    if math.prod(output) == math.prod(target):
        return "targets.view_as(output), if they are in the same order"
    return "give output and targets one shape: one number for each target"


def _broadcasts(evidence: Evidence) -> Iterator[Found]:
    found = [one for call in evidence.calls for one in _broadcast_call(call)]
    if not evidence.calls:
        found += _broadcast_unknown(evidence)
    yield from found or _broadcast_inside(evidence)


def _broadcast_inside(evidence: Evidence) -> Iterator[Found]:
    """In the arithmetic of a hand-written loss, whatever else it is made of."""
    for one in evidence.broadcasts:
        clue = Clue("graph", f"{one.name} in the loss made {shown(one.result)} of an output and a tensor")
        yield _broadcast_found("loss", one.name, "a tensor", one.output, one.other, [clue], True)


def _broadcast_call(call: LossCall) -> Iterator[Found]:
    patterns = {one.shape for one in call.spec.arguments if one.kind != "parameters"}
    if len(call.tensors) < 2 or _class_indices(call) is not None:
        return
    if patterns not in ({"*"}, {"N"}):
        yield from _refused(call)
        return
    shapes = [tuple(one.shape) for one in call.tensors]
    other = next((i for i in range(1, len(shapes)) if shapes[i] != shapes[0] and (i == 1 or call.error)), None)
    if other is None:
        return
    output, target = shapes[0], shapes[other]
    name = call.spec.arguments[other].name.replace("target", "targets") if other < len(call.spec.arguments) else "?"
    sure = bool(call.error) or len(call.tensors[other].unique()) > 1
    if _unpaired(output, target) is None and not call.error:
        whole = _broadcast(output, target)
        if whole is None or output[:1] != target[:1] or 1 in (math.prod(output), math.prod(target)):
            return
        sure = whole == target  # one output for many targets; many outputs for one target are an ensemble
    clues = [Clue("values", f"output {shown(output)} and {name} {shown(target)} differ in shape"), *raised(call)]
    if not call.error and _unpaired(output, target) is not None:
        clues += _follows(call)
    yield _broadcast_found(place(call), call.name, name, output, target, clues, sure)


def _refused(call: LossCall) -> Iterator[Found]:
    """A loss of ours that said which shape it wants."""
    if not call.error.startswith("LossError") or " has shape " not in call.error or classes(call) is not None:
        return
    measured, _, rest = call.error.splitlines()[0].split(": ", 2)[2].partition(". ")
    expected, _, fix = rest.partition(". ")
    yield Found(
        place=place(call),
        measured=measured,
        expected=expected.rstrip(".") or "the shape that the loss declares",
        fix=fix.rstrip(".") or "reshape it",
        clues=raised(call),
    )


def _broadcast_found(
    where: str, loss: str, name: str, output: tuple[int, ...], target: tuple[int, ...], clues: list[Clue], sure: bool
) -> Found:
    whole = _broadcast(output, target)
    makes = f": {shown(whole)} differences" if whole is not None else ", which do not fit"
    return Found(
        place=where,
        measured=f"output {shown(output)} against {name} {shown(target)}{makes}",
        expected=f"one shape for both: {loss} compares element by element",
        fix=_reshaped(output, target).replace("targets", name),
        clues=clues,
        sure=sure,
    )


def _follows(call: LossCall) -> list[Clue]:
    """Whether the loss takes no notice of which prediction stands beside which target."""
    output, target = call.tensors[:2]
    if output.numel() != target.numel() or not call.value:
        return []
    value, turned = call.value, [one.roll(1, 0) for one in call.tensors]
    turned[1] = target
    paired = [one.reshape(output.shape) if one.numel() == output.numel() else one for one in call.tensors]
    after = attempt(lambda: call.mean(turned))
    before, right = attempt(lambda: call.mean(paired)), attempt(lambda: call.mean([turned[0], *paired[1:]]))
    if after is None or before is None or right is None or not before:
        return []
    if abs(after - value) > _SAME * abs(value) or abs(right - before) < _DIFFERENT * abs(before):
        return []
    return [
        Clue(
            "metamorphic",
            f"handing every prediction to another target leaves the loss at {value:.4g}; paired one to one it would go "
            f"from {before:.4g} to {right:.4g}",
        )
    ]


def _broadcast_unknown(evidence: Evidence) -> Iterator[Found]:
    """A loss nobody knows: by the shapes, and by what handing the targets to other examples changes."""
    outputs = [one for one in evidence.outputs if one.facts.floating]
    if len(outputs) != 1 or len(evidence.targets) != 1:
        return
    output, target = outputs[0].tensor, evidence.targets[0].tensor
    shapes = tuple(output.shape), tuple(target.shape)
    whole, shuffled = _unpaired(*shapes), evidence.trials.shuffled
    if output.numel() != target.numel() or shuffled is None or shuffled > _SAME or evidence.loss is None:
        return
    matters = _matters(output, target)
    if not matters > _DIFFERENT:
        return
    if whole is not None:
        seen = f"output {shown(shapes[0])} and targets {shown(shapes[1])} broadcast to {shown(whole)}"
    else:
        power = _all_pairs(output, target, evidence.loss)
        if power is None:
            return
        pairs = f"all {output.numel()} x {target.numel()} pairs"
        seen = f"the loss is the mean of |output - target|{power} over {pairs}: {evidence.loss:.4g}"
    clues = [
        Clue("values", seen),
        Clue(
            "metamorphic",
            f"handing the targets to other examples changes the loss by {100 * shuffled:.3g} %; paired one to one it "
            f"would change a squared error by {100 * matters:.3g} %",
        ),
    ]
    if whole is not None:
        yield _broadcast_found("targets", "the loss", "targets", *shapes, clues, True)
        return
    yield Found(
        place="loss",
        measured=f"{output.numel() ** 2} differences of {output.numel()} predictions and {target.numel()} targets",
        expected="one difference for each target: one shape for both, also inside of the loss",
        fix="look for a squeeze or an index in the loss that only one of the two goes through",
        clues=clues,
    )


def _all_pairs(output: Tensor, target: Tensor, loss: float) -> str | None:
    """The power of an error that, averaged over all pairs, is the loss: nothing else is by chance."""
    if not 1 < output.numel() <= 4096:
        return None
    apart = output.double().reshape(-1, 1) - target.double().reshape(1, -1)
    means = {"": float(apart.abs().mean()), "^2": float(apart.square().mean())}
    return next((power for power, mean in means.items() if abs(mean - loss) < _SAME * abs(mean)), None)


def _matters(output: Tensor, target: Tensor) -> float:
    """By how much the squared error of a few examples changes as the trial hands their targets on, relative."""
    few = min(8, output.shape[0])
    one, two = output[:few].double().reshape(few, -1), target[:few].double().reshape(few, -1)
    before, after = (one - two).square().mean(), (one - two.roll(-1, 0)).square().mean()
    return float((after - before).abs() / before) if float(before) else 0.0


BROADCAST = Check(
    code="FS201",
    title=Text("Outputs and targets are not paired one to one", "输出与目标没有一一对应"),
    why=Text(
        "Shapes that differ are broadcast: every prediction is compared with the targets of other examples, and the "
        "best the model can do is to predict the mean.",
        "形状不同时会触发广播：每个预测都与其他样本的目标比较，模型最多只能学会预测均值。",
    ),
    sound=Text(
        "It needs two tensors whose first axes have one length and do not meet in broadcasting, or an exception. "
        "Targets shared by all examples, single numbers, and several outputs for one target keep their pairs.",
        "只有当两个张量第 0 维等长、广播时却不对齐，或已抛出异常时才会报告。所有样本共用的目标、单个数值、"
        "以及多个输出对应同一目标，都不破坏配对。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32)
""",
    cure="""
batch = batch[0], batch[1].unsqueeze(1)
""",
    find=_broadcasts,
)


_PADDING = (-1.0, -100.0, 255.0)


def _not_signs(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if "signs" not in call.kinds:
            continue
        position = call.kinds.index("signs")
        target, seen = call.tensors[position], call.seen[position]
        signs = seen.low == 1 or (seen.low == -1 and seen.high <= 1)  # 0 beside -1 says that there is no order
        if not seen.whole or seen.bad or (signs and seen.high <= 1):
            continue
        flags = seen.low == 0 and seen.high <= 1
        zeros, span = int((target == 0).sum()), f"targets from {seen.low:g} to {seen.high:g}"
        measured = f"targets of {zeros} zeros and {int((target == 1).sum())} ones" if flags else span
        yield Found(
            place=place(call),
            measured=measured,
            expected=f"-1 or 1: {call.name} knows no other target",
            fix="targets = 2 * targets - 1" if flags else "targets = torch.where(targets == the_class, 1.0, -1.0)",
            clues=[Clue("values", measured), *(_untaught(call, target) if flags else ())],
        )


def _untaught(call: LossCall, target: Tensor) -> list[Clue]:
    """Whether the predictions with target 0 have no part in the loss."""
    zero = target == 0

    def turned() -> float:
        first = call.tensors[0]
        rows = zero if zero.ndim >= first.ndim else zero.reshape(zero.shape + (1,) * (first.ndim - zero.ndim))
        return call.mean([torch.where(rows, -first, first), *call.tensors[1:]])

    after = attempt(turned)
    if call.value is None or after is None or not abs(after - call.value) <= _SAME * abs(call.value):
        return []
    text = f"turning the sign of the {int(zero.sum())} predictions with target 0 leaves the loss at {after:.4g}"
    return [Clue("metamorphic", text)]


SIGNS = Check(
    code="FS208",
    title=Text("Targets 0 and 1 where the loss wants -1 and 1", "损失要求 -1 与 1，目标却是 0 与 1"),
    why=Text(
        "The loss multiplies by the target or asks whether it is 1 or -1: a 0 is neither, and its examples have a "
        "constant loss without a gradient, or one that means nothing.",
        "损失会乘以目标，或判断目标是 1 还是 -1：0 两者都不是，其样本的损失恒定而无梯度，或毫无意义。",
    ),
    sound=Text(
        "Targets of -1 and 1, also of 1 alone, are silent; so is 0 beside -1, which says that there is no order.",
        "目标为 -1 与 1（或全为 1）时不报告；与 -1 并存的 0 表示没有次序，也不报告。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = nn.SoftMarginLoss()
batch = torch.randn(32, 20), torch.arange(32).remainder(2).float().unsqueeze(1)
""",
    cure="""
batch = batch[0], 2 * batch[1] - 1
""",
    find=_not_signs,
)


def _class_indices(call: LossCall) -> Tensor | None:
    """The targets of a yes-or-no loss, where they are class indices beside one logit per class."""
    if not binary(call):
        return None
    output, target = call.tensors[:2]
    if output.ndim < 2 or output.shape[1] < 2 or target.shape != output.shape[:1] + output.shape[2:]:
        return None
    seen = call.seen[1]
    return target if seen.whole and not seen.bad and 0 <= seen.low and 1 < seen.high < output.shape[1] else None


def _not_probabilities(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if not binary(call):
            continue
        classes = _class_indices(call)
        if classes is not None:
            yield _indices(call)
            continue
        target = counted(call, call.tensors[1])
        target = target[target.isfinite()].double()
        outside = (target < -1e-3) | (target > 1 + 1e-3)
        if not bool(outside.any()):
            continue
        kind, fix = _scale(target)
        share = f"{int(outside.sum())} of {target.numel()} targets lie outside of [0, 1]: {kind}"
        only = target[outside].unique()
        masked = call.reduction == "none" and only.numel() == 1 and float(only) in _PADDING
        yield Found(
            place=place(call),
            measured=share,
            expected=f"targets from 0 to 1, probabilities of yes, for {call.name}",
            fix=fix,
            clues=[Clue("values", share), *raised(call), *_below_zero(call)],
            sure=not masked,
        )


def _scale(target: Tensor) -> tuple[str, str]:
    """What numbers outside of [0, 1] seem to be, and how to mend them."""
    low, high = float(target.min()), float(target.max())
    span = f"from {low:.4g} to {high:.4g}"
    values = set(target.unique().tolist()) if bool((target == target.round()).all()) else set()
    if values and values <= {-1.0, 1.0}:
        return f"labels -1 and 1, {span}", "targets = (targets + 1) / 2"
    inner = target[target != low]
    if values and low in _PADDING and inner.numel() and float(inner.min()) >= 0 and float(inner.max()) <= 1:
        return f"{low:g} seems to be padding", f"leave padding out: weight = (targets != {low:g}).float()"
    if values and high in _PADDING and 1.0 in values and values <= {0.0, 1.0, high}:
        return f"{high:g} seems to mark what is unknown", f"leave it out: weight = (targets != {high:g}).float()"
    if low >= 0 and 1 < high <= 255 and (high > 100 or values == {0.0, high}):
        return f"8-bit numbers {span}", f"targets = targets / {high if values == {0.0, high} else 255:g}"
    if values and low >= 0:
        return (
            f"whole numbers {span}",
            "targets = (targets == the_class).float(); for class indices nn.CrossEntropyLoss()",
        )
    return span, "bring targets into [0, 1], or take a loss for real numbers such as nn.MSELoss()"


def _below_zero(call: LossCall) -> list[Clue]:
    """The loss of predictions far on the targets' side: a cross-entropy is never below 0."""
    output, target = call.tensors[:2]
    if output.shape != target.shape:
        return []
    side = torch.where(target > 0.5, 1.0, -1.0).to(output.dtype)
    far = (side * 0.499 + 0.5) if call.kinds[0] == "probabilities" else 6 * side
    found = attempt(lambda: call.mean([far, *call.tensors[1:]]))
    if found is None or not found < -1e-3:
        return []
    return [Clue("metamorphic", f"predictions far on the targets' side would have a loss of {found:.4g}, below 0")]


def _indices(call: LossCall) -> Found:
    output, seen = tuple(call.tensors[0].shape), call.seen[1]
    clues = [
        Clue(
            "values",
            f"the targets are whole numbers from {seen.low:g} to {seen.high:g}, and there is one for "
            f"{output[1]} logits",
        )
    ]
    clues += raised(call)
    return Found(
        place=place(call),
        measured=f"class indices of shape {shown(seen.shape)} beside output {shown(output)}",
        expected=f"a yes or no, 0 or 1, for every one of the outputs {shown(output)}",
        fix=f"loss = nn.CrossEntropyLoss(), or targets = F.one_hot(targets.long(), {output[1]}).float()",
        clues=clues,
    )


PROBABILITIES = Check(
    code="FS209",
    title=Text("Targets of a yes-or-no loss are not between 0 and 1", "二元损失的目标不在 0 与 1 之间"),
    why=Text(
        "Outside of [0, 1] binary cross-entropy is unbounded below: logits run away to infinity and the loss is "
        "negative.",
        "目标超出 [0, 1] 时二元交叉熵没有下界：logits 会趋于无穷，损失变为负值。",
    ),
    sound=Text(
        "Soft labels, smoothed labels and images in [0, 1] lie within; what weight or mask leave out is not looked at.",
        "软标签、平滑标签与 [0, 1] 内的图像都在范围之内；被 weight 或 mask 略去的元素不检查。",
    ),
    fault="""
model = nn.Conv2d(3, 1, 3, padding=1)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(4, 3, 8, 8), 255.0 * torch.randint(2, (4, 1, 8, 8))
""",
    cure="""
batch = batch[0], batch[1] / 255
""",
    find=_not_probabilities,
)

CHECKS = (BROADCAST, SIGNS, PROBABILITIES)
