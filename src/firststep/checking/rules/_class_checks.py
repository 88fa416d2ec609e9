"""Targets that are classes: their indices, their form, their axis."""

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
from ..probe._layer import Layer
from ..probe._targets import Classes, classes, place, raised, shown

_VOID = (-1, 254, 255)


def _out_of_range(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        seen = classes(call)
        valid = None if seen is None else seen.valid
        if seen is None or valid is None or not valid.numel() or seen.count < 2:
            continue
        outside = (valid < 0) | (valid >= seen.count)
        if not bool(outside.any()):
            continue
        low, high, count = int(valid.min()), int(valid.max()), int(outside.sum())
        text = f"classes from {low} to {high}: {count} of {valid.numel()} are not among the {seen.count} there are"
        yield Found(
            place=place(call),
            measured=text,
            expected=f"0 to {seen.count - 1} for {seen.count} classes",
            fix=_inside(valid, outside, seen.count),
            clues=[Clue("values", text), *raised(call)],
        )


def _inside(valid: Tensor, outside: Tensor, count: int) -> str:
    """What to type, by which indices are out of range."""
    wrong = valid[outside].unique()
    if wrong.numel() == 1 and int(wrong) in _VOID:
        return f"ignore_index={int(wrong)} in the loss, if it marks what does not count"
    if int(valid.min()) >= 1 and int(valid.max()) == count:
        return "targets - 1: they are numbered from 1"
    if int(valid.min()) < 0:
        return "number the classes from 0; what does not count is -100, or what ignore_index says"
    return f"number the classes from 0 to {count - 1}, or give the last layer {int(valid.max()) + 1} outputs"


def _out_of_range_unknown(evidence: Evidence) -> Iterator[Found]:
    """A loss nobody knows that raised: by its words, and by the numbers in the targets."""
    crash = evidence.crash
    if evidence.calls or crash is None or crash.where != "loss" or "out of " not in crash.error:
        return
    if len(evidence.outputs) != 1 or len(evidence.targets) != 1:
        return
    output, target = evidence.outputs[0], evidence.targets[0]
    count = output.facts.shape[1] if len(output.facts.shape) > 1 else 0
    if target.facts.floating or count < 2 or target.facts.bad or not target.facts.high >= count:
        return
    text = f"classes from {target.facts.low:g} to {target.facts.high:g} beside {count} outputs"
    fix = "targets - 1: they are numbered from 1" if target.facts.low >= 1 and target.facts.high == count else ""
    yield Found(
        place="targets",
        measured=text,
        expected=f"0 to {count - 1} for {count} classes",
        fix=fix or f"number the classes from 0 to {count - 1}",
        clues=[Clue("values", text), Clue("run", f"the loss raised {crash.error.splitlines()[0]}")],
    )


def _range(evidence: Evidence) -> Iterator[Found]:
    yield from _out_of_range(evidence)
    yield from _out_of_range_unknown(evidence)


RANGE = Check(
    code="FS202",
    title=Text("A class that does not exist", "目标中有不存在的类别"),
    why=Text(
        "The loss looks up a class beyond the last: on the CPU it raises, on a GPU it stops the device, and some "
        "losses take it for another class without a word.",
        "损失会去查找最后一类之后的类别：CPU 上抛出异常，GPU 上使设备停止，有些损失则悄悄当成别的类别。",
    ),
    sound=Text(
        "It compares whole numbers with the number of classes; what ignore_index or a mask leaves out is not "
        "looked at.",
        "它只把整数与类别数比较；被 ignore_index 或 mask 略去的不检查。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10 + 1
""",
    cure="""
batch = batch[0], batch[1] - 1
""",
    find=_range,
)


def _class_axis(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        seen = classes(call)
        if seen is None or call.spec.arguments[1].shape == "N":
            continue
        found = _other_axis(seen) if call.error else _mixed(evidence, seen) or _soft_axis(seen)
        if found is not None:
            yield found


def _other_axis(seen: Classes) -> Found | None:
    """A loss that raised: the targets fit another axis."""
    shape, target = tuple(seen.input.shape), tuple(seen.target.shape)
    if target == seen.wanted or len(shape) < 3:
        return None
    last = len(shape) - 1
    axis = 1 if seen.axis == last else last
    if target != shape[:axis] + shape[axis + 1 :]:
        return None
    move = f"output.movedim({'-1' if axis == last else axis}, {1 if axis == last else '-1'})"
    return Found(
        place=place(seen.call),
        measured=f"output {shown(shape)} with the classes on axis {axis}, beside targets {shown(target)}",
        expected=f"the classes on axis {seen.axis}, which {seen.call.name} takes for them",
        fix=move,
        clues=[
            Clue(
                "values", f"without axis {axis} the output has the shape of the targets, without axis {seen.axis} not"
            ),
            *raised(seen.call),
        ],
    )


def _mixed(evidence: Evidence, seen: Classes) -> Found | None:
    """A loss that ran: the numbers it takes for the classes of one place are not what the layer made as such."""
    call = seen.call
    layer = _maker(evidence, seen)
    if layer is None or call.moved[:1] != (False,):
        return None
    made = 1 if layer.kind.startswith("Conv") else len(layer.shape) - 1
    shape = tuple(seen.input.shape)
    apart, taken = math.prod(layer.shape[made + 1 :]), math.prod(shape[seen.axis + 1 :])
    if apart == taken or layer.shape[made] != seen.count:
        return None
    move = f"output.movedim({made - len(layer.shape) if made > 1 else made}, {1 if made > 1 else -1})"
    flat = "" if len(shape) == len(layer.shape) else f".reshape{shown((-1, *shape[1:]))}"
    return Found(
        place=place(call),
        measured=f"{call.name} takes axis {seen.axis} of {shown(shape)} for the classes; {layer.name} put them on axis "
        f"{made} of {shown(layer.shape)}",
        expected="the classes of one place together, on the axis that the loss takes",
        fix=move + flat,
        clues=[
            Clue(
                "graph",
                f"no axis was moved between {layer.name} and {call.name}: its {seen.count} classes stand {apart} apart "
                f"in memory, the loss takes numbers {taken} apart",
            )
        ],
    )


def _soft_axis(seen: Classes) -> Found | None:
    """Probabilities for targets: they sum to 1 along the axis of the classes."""
    target, shape = seen.target, tuple(seen.target.shape)
    if not target.dtype.is_floating_point or target.ndim < 3 or shape != tuple(seen.input.shape) or not target.numel():
        return None
    ones = [axis for axis in range(1, target.ndim) if _distributions(target, axis)]
    if not ones or seen.axis in ones:
        return None
    text = f"targets of shape {shown(shape)} sum to 1 along axis {ones[0]}, not along axis {seen.axis}"
    move = f"movedim({ones[0]}, {seen.axis})"
    return Found(
        place=place(seen.call),
        measured=text,
        expected=f"the classes on axis {seen.axis}, which {seen.call.name} takes for them",
        fix=f"output.{move} and targets.{move}",
        clues=[Clue("values", text)],
    )


def _distributions(target: Tensor, axis: int) -> bool:
    """Whether every row along an axis is made of probabilities that sum to 1."""
    close = 1e-2 if target.dtype in (torch.float32, torch.float64) else 3e-2
    return bool((target >= 0).all()) and bool(((target.double().sum(axis) - 1).abs() < close).all())


def _maker(evidence: Evidence, seen: Classes) -> Layer | None:
    """The layer whose output the loss was given, all of it."""
    named = [one for one in seen.call.origins[0] if one not in ("affine", "softmax", "log_softmax")][:1]
    kind = {"linear": "Linear", "convolution": "Conv"}.get(named[0]) if named else None
    last = next((one for one in reversed(evidence.layers) if not one.function), None)
    if kind is None or last is None or not last.kind.startswith(kind) or len(last.shape) < 3:
        return None
    return last if math.prod(last.shape) == seen.input.numel() else None


CLASS_AXIS = Check(
    code="FS205",
    title=Text("The classes stand on another axis", "类别所在的维度不对"),
    why=Text(
        "The softmax runs over positions or over a mixture: where the sizes happen to fit, nothing raises and the "
        "model learns nonsense.",
        "softmax 沿位置维或混杂的维度计算：大小恰好相符时不会报错，模型却学不到有意义的东西。",
    ),
    sound=Text(
        "Where nothing raised it needs a last layer that makes as many features as there are classes, and no "
        "transposition, slice or stack between it and the loss.",
        "未抛出异常时，只有最后一层的特征数等于类别数、且该层与损失之间没有转置、切片或堆叠，才会报告。",
    ),
    fault="""
model = nn.Linear(20, 8)
loss = nn.CrossEntropyLoss()
batch = torch.randn(4, 8, 20), torch.randint(8, (4, 8))
""",
    cure="""
loss = lambda output, targets: F.cross_entropy(output.transpose(1, 2), targets)
""",
    find=_class_axis,
)


def _wrong_form(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if not call.error:
            continue
        seen = classes(call)
        how = _number_form(call) if seen is None else _class_form(seen)
        if how is None:
            continue
        measured, expected, fix = how
        yield Found(
            place=place(call),
            measured=measured,
            expected=expected,
            fix=fix,
            clues=[Clue("values", measured), *raised(call)],
        )


def _class_form(seen: Classes) -> tuple[str, str, str] | None:
    """What the targets are, what they should be, and what to type."""
    target, shape = seen.target, tuple(seen.target.shape)
    kind = str(target.dtype).removeprefix("torch.")
    expected = f"class indices of dtype int64 and shape {shown(seen.wanted)}"
    whole = not target.dtype.is_floating_point or bool((target == target.round()).all())
    if shape == tuple(seen.input.shape) and shape != seen.wanted:
        if target.dtype.is_floating_point and seen.call.spec.arguments[seen.call.spec.class_target or 0].otherwise:
            return None
        sums = target.double().sum(seen.axis)
        hot = whole and bool((target >= 0).all()) and bool((target <= 1).all())
        if hot and not bool((sums == 1).all()):
            return (
                f"yes-or-no targets of dtype {kind}, up to {float(sums.max()):g} classes in a row",
                expected,
                "loss = nn.BCEWithLogitsLoss(), with targets.float(): several classes may be true",
            )
        what = "one-hot targets" if hot else "a target for every class"
        return f"{what} of dtype {kind} and shape {shown(shape)}", expected, f"targets.argmax({seen.axis})"
    squeezed = _squeezed(shape, seen.wanted)
    if squeezed is None or not whole:
        return None
    cast = "" if target.dtype == torch.int64 else ".long()"
    move = f".squeeze({squeezed})" if squeezed >= 0 else ""
    if not cast and not move:
        return None
    return f"targets of dtype {kind} and shape {shown(shape)}", expected, f"targets{move}{cast}"


def _squeezed(shape: tuple[int, ...], wanted: tuple[int, ...]) -> int | None:
    """The axis of length 1 too many; -1 where the shapes are equal, None where neither is so."""
    if shape == wanted:
        return -1
    axes = (i for i, size in enumerate(shape) if size == 1 and shape[:i] + shape[i + 1 :] == wanted)
    return next(axes, None)


def _number_form(call: LossCall) -> tuple[str, str, str] | None:
    """A loss of real numbers that raised for its targets' dtype."""
    if len(call.tensors) < 2:
        return None
    if "signs" in call.kinds and call.spec.arguments[-1].shape == "N":
        shape, rows = tuple(call.tensors[-1].shape), tuple(call.tensors[0].shape[:1])
        if shape == (*rows, 1):
            return f"targets of shape {shown(shape)}", f"shape {shown(rows)}", "targets.squeeze(1)"
    output, target = call.tensors[:2]
    if output.dtype == target.dtype or output.shape != target.shape or not output.dtype.is_floating_point:
        return None
    kind = str(target.dtype).removeprefix("torch.")
    wanted = str(output.dtype).removeprefix("torch.")
    fix = "targets.float()" if output.dtype == torch.float32 else "targets.to(output.dtype)"
    return f"targets of dtype {kind}", f"{wanted}, the dtype of the output", fix


FORM = Check(
    code="FS206",
    title=Text("Targets of the wrong form", "目标的形式不对"),
    why=Text(
        "The loss takes class indices in one integer tensor, or real numbers in one of the output's dtype; anything "
        "else raises.",
        "损失需要整数张量形式的类别序号，或与输出同类型的实数；其他形式都会抛出异常。",
    ),
    sound=Text(
        "It explains an exception that the loss raised. Probabilities given to a cross-entropy that takes them do not "
        "raise.",
        "它只解释损失已抛出的异常。把概率交给接受概率的交叉熵不会抛出异常。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(10, (32, 1))
""",
    cure="""
batch = batch[0], batch[1].squeeze(1)
""",
    find=_wrong_form,
)


def _soft_rows(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        target = _soft(call)
        if target is None:
            continue
        if any(_distributions(target, axis) for axis in range(target.ndim)):
            continue
        axis = min(1, target.ndim - 1)
        sums = target.double().sum(axis)
        filled = sums[(target != 0).any(axis)]
        wrong = (filled - 1).abs() > (1e-2 if target.dtype in (torch.float32, torch.float64) else 3e-2)
        negative = bool((target < 0).any())
        if not filled.numel() or not (bool(wrong.any()) or negative):
            continue
        whole = bool((target == target.round()).all())
        most, least = float(filled.max()), float(filled.min())
        text = f"rows of the targets sum to {least:.4g}" + (f" to {most:.4g}" if most > least else "")
        text += ", with numbers below 0" if negative else ""
        rows = f"targets / targets.sum({axis}, keepdim=True)"
        yield Found(
            place=place(call),
            measured=text,
            expected=f"probabilities of the {target.shape[axis]} classes, rows that sum to 1",
            fix=f"nn.BCEWithLogitsLoss(), where several classes may be true; else {rows}"
            if whole and not negative
            else "targets.softmax(1), if they are logits"
            if negative
            else rows,
            clues=[Clue("values", f"{text} ({int(wrong.sum())} of {filled.numel()} are not 1)")],
            sure=not (whole and _rebuilt(evidence, target)),
        )


def _rebuilt(evidence: Evidence, target: Tensor) -> bool:
    """Whether the targets are the inputs: counts that an autoencoder is to give back, a multinomial likelihood."""
    return any(one.tensor.shape == target.shape and torch.equal(one.tensor, target) for one in evidence.inputs)


def _soft(call: LossCall) -> Tensor | None:
    """Targets that should be probabilities of exclusive classes."""
    position = next((i for i, one in enumerate(call.spec.arguments[1:], 1) if one.holds("probabilities")), None)
    if position is None or call.error or "C" not in call.spec.arguments[0].shape:
        return None
    target, input = call.tensors[position], call.tensors[0]
    if call.spec.family in ("segmentation",) or "MultiLabel" in call.name or call.options.get("log_target"):
        return None
    ready = target.dtype.is_floating_point and target.shape == input.shape and target.ndim > 0 and target.numel() > 0
    return target if ready and bool(target.isfinite().all()) and target.shape[int(target.ndim > 1)] > 1 else None


SOFT = Check(
    code="FS207",
    title=Text("Soft targets are no probabilities", "软目标不是概率分布"),
    why=Text(
        "Each example counts by the sum of its row: the loss is scaled, and its least value is no entropy any more.",
        "每个样本按其所在行之和计权：损失被缩放，最小值也不再是熵。",
    ),
    sound=Text(
        "Rows of probabilities sum to 1 in any precision; rows of zeros, which leave an example out, are not "
        "looked at.",
        "概率行在任何精度下之和都为 1；全零行表示略去该样本，不检查。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.rand(32, 10)
""",
    cure="""
batch = batch[0], batch[1] / batch[1].sum(1, keepdim=True)
""",
    find=_soft_rows,
)

CHECKS = (RANGE, CLASS_AXIS, FORM, SOFT)
