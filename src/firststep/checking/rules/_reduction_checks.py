"""How many values become one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import classes, shown
from ..probe._tree import attempt
from ._scores import axes, sums_to_one


def _tolerance(evidence: Evidence) -> float:
    """By how much a ratio of two losses may miss a whole number by rounding."""
    half = (torch.float16, torch.bfloat16)
    types = {one.facts.dtype for one in evidence.outputs} | {evidence.loss_dtype}
    return 3e-2 if types & set(half) else 1e-3


def summed(evidence: Evidence) -> float | None:
    """Which share of the loss is a sum over the examples, and no mean; None where it could not be seen.

    A loss of k copies of a batch is a + b k, where a is a mean and b a sum. Three values tell whether it is of that
    form: a softmax over the batch is not.
    """
    twice, thrice = evidence.trials.doubled, evidence.trials.tripled
    if twice is None or thrice is None:
        return None
    within = _tolerance(evidence)
    straight = abs(thrice - 2 * twice + 1) <= 3 * within
    return twice - 1 if straight and -within <= twice - 1 <= 1 + within else None


def _sum(evidence: Evidence) -> Iterator[Found]:
    share = summed(evidence)
    if share is None or share < 2e-2:
        return
    whole = share > 1 - _tolerance(evidence)
    call = next((one for one in evidence.calls if one.reduction == "sum"), None)
    times = f"{evidence.trials.doubled:.4g} and {evidence.trials.tripled:.4g} times"
    clues = [Clue("metamorphic", f"the loss of the same examples twice and three times over is {times} theirs")]
    if call is not None:
        clues.append(Clue("settings", f'{call.name} was asked for reduction="sum"'))
    measured = "a sum over the examples" if whole else f"{100 * share:.3g} % of the loss is a sum over the examples"
    examples = "" if evidence.n is None else f": the gradient grows to {evidence.n} times that of one example"
    yield Found(
        place=call.inside if call else "loss",
        measured=measured + examples * whole,
        expected="a mean, that stays the same for a batch of another size"
        if whole
        else "all terms means, or all sums: otherwise their balance changes with the batch size",
        fix='reduction="mean"; to keep the sum, divide the learning rate by the batch size',
        clues=clues,
    )


SUM = Check(
    code="FS301",
    title=Text("The loss is a sum over the batch", "损失是对整批求和"),
    why=Text(
        "The gradient grows with the batch size, and with it what a learning rate does: one that suits 32 examples is "
        "8 times too large for 256. Beside a term that is a mean, the sum wins.",
        "梯度随批大小增长，学习率的效果也随之改变：适合 32 个样本的学习率，对 256 个样本大了 8 倍。"
        "若另有取均值的项，求和项会压过它。",
    ),
    sound=Text(
        "It is only ever a remark: a sum with a learning rate made for it is sound, as the ELBO is often written. Sums "
        "over pixels or latent numbers, with a mean over the examples, are silent.",
        "它永远只是提示：学习率与之相配时求和没有问题，ELBO 常如此写。对像素或潜变量求和、再对样本取均值的不会报告。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(reduction="sum")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_sum,
    at_most="info",
)


def _kl_mean(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("KLDivLoss"):
        tensor = call.tensors[0]
        reduced = call.options.get("reduction", "mean") == "mean" and call.options.get("reduce") is not False
        if not reduced or call.error or not tensor.ndim or not tensor.numel() or tensor.shape != call.tensors[1].shape:
            continue
        axis, known = _classes(call)
        classes = tensor.shape[axis]
        if classes < 2 or _made_up_for(call, classes):
            continue
        yield _divided(call, axis, classes, known)


def _divided(call: LossCall, axis: int, classes: int, known: bool) -> Found:
    tensor = call.tensors[0]
    rows = tensor.numel() // classes
    text = f"divides by all {tensor.numel()} elements, not by the {rows} distributions"
    clues = [Clue("settings", f'reduction="mean" {text}')]
    total = attempt(lambda: float(call.again(reduction="sum")))
    if total is not None and call.value:
        each = total / rows
        if abs(each / call.value / classes - 1) < 1e-2:
            clues.append(Clue("values", f"a divergence is {each:.4g} on average, and the loss says {call.value:.4g}"))
    simple = {1: 'reduction="sum"', 2: 'reduction="batchmean"'}
    plain = f'F.kl_div(input, target, reduction="none").sum({axis}).mean()'
    return Found(
        place=call.inside,
        measured=f"a divergence divided by {classes}, the number of classes",
        expected=f"the mean over the {rows} distributions in {shown(tensor.shape)}",
        fix=simple.get(tensor.ndim, plain) if axis in (tensor.ndim - 1, -1) else plain,
        clues=clues,
        sure=known,
    )


def _classes(call: LossCall) -> tuple[int, bool]:
    """The axis of the classes, and whether the targets sum to 1 along it."""
    target = call.tensors[1]
    target = target.float().exp() if call.options.get("log_target") else target
    found = next((axis for axis in axes(target) if isinstance(axis, int) and sums_to_one(target, axis)), None)
    return (min(1, target.ndim - 1), False) if found is None else (found, True)


def _made_up_for(call: LossCall, classes: int) -> bool:
    """Whether the loss multiplies by the number of classes."""
    if not call.part or not call.value:
        return False
    return math.isclose(call.part / call.value, classes, rel_tol=1e-3)


KL_MEAN = Check(
    code="FS302",
    title=Text("The KL divergence is divided by the number of classes", "KL 散度被类别数多除了一次"),
    why=Text(
        "KLDivLoss's default mean is over elements and not over distributions: with 1000 classes a term that is 1000 "
        "times too small adds nothing to the others.",
        "KLDivLoss 默认按元素而不是按分布取均值：有 1000 个类别时该项小了 1000 倍，与其他项相加几乎不起作用。",
    ),
    sound=Text(
        'It needs reduction="mean", which is not the divergence whatever the numbers. A loss that multiplies by the '
        "number of classes is silent.",
        '只有使用 reduction="mean" 时才会报告，无论数值如何它都不是散度。再乘以类别数的损失不会报告。',
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
loss = nn.KLDivLoss()
batch = torch.randn(32, 20), torch.randn(32, 10).softmax(1)
""",
    cure="""
loss = nn.KLDivLoss(reduction="batchmean")
""",
    find=_kl_mean,
    at_most="warning",
)


def _no_scalar(evidence: Evidence) -> Iterator[Found]:
    shape = evidence.loss_shape
    if math.prod(shape) == 1:
        return
    call = next((one for one in evidence.calls if one.reduction == "none"), None)
    own = evidence.asked.loss is None
    clues = [Clue("values", f"the loss is of shape {shown(shape)}")]
    if call is not None:
        clues.append(Clue("settings", f'{call.name} was asked for reduction="none"'))
    if own:
        clues.append(Clue("settings", "no loss was given, and the model returned this as its own"))
    yield Found(
        place=call.inside if call else "model" if own else "loss",
        measured=f"{math.prod(shape)} numbers of shape {shown(shape)}",
        expected="one number: loss.backward() raises for several",
        fix="give the loss: fs.check(model, loss, (inputs, targets))" if own else "loss.mean()",
        clues=clues,
    )


NO_SCALAR = Check(
    code="FS303",
    title=Text("The loss is not one number", "损失不是单个数"),
    why=Text(
        "backward() wants one number, and raises for a tensor of several.",
        "backward() 只接受单个数，对多个元素的张量会抛出异常。",
    ),
    sound=Text(
        "Any loss that backward() takes has one element.",
        "凡是 backward() 能接受的损失都只有一个元素。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(reduction="none")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_no_scalar,
)


def _halves(evidence: Evidence) -> Iterator[Found]:
    halves, share = evidence.trials.halves, summed(evidence)
    if halves is None or share is None or abs(share) > _tolerance(evidence) or not math.isfinite(halves):
        return
    if evidence.loss_shape or any(not one.spec.separable for one in evidence.calls):
        return
    uneven = next(((one, counts) for one in evidence.calls if (counts := _counts(one))), None)
    differs = abs(halves - 1) > 5 * _tolerance(evidence)
    if not differs and uneven is None:
        return
    text = f"the mean of the losses of two halves is {halves:.4g} times the loss of the whole"
    clues = [Clue("metamorphic", text)] if differs else []
    if uneven is not None:
        counted = f"{uneven[1][0]} targets count in one half of the batch, {uneven[1][1]} in the other"
        clues.append(Clue("values", counted))
        text = text if differs else counted
    yield Found(
        place=uneven[0].inside if uneven else "loss",
        measured=text,
        expected="a mean over as many values in every part of the batch",
        fix="to accumulate gradients, sum the losses and divide by what counts in all parts together",
        clues=clues,
        sure=False,
    )


def _counts(call: LossCall) -> tuple[int, int] | None:
    """How many targets count in two halves of the batch, where these are far from as many."""
    seen = classes(call)
    indices = None if seen is None else seen.indices
    if (
        seen is None
        or indices is None
        or seen.ignored is None
        or call.reduction != "mean"
        or not indices.numel()
        or len(indices) < 2
    ):
        return None
    parts = indices.tensor_split(2)
    one, two = (int((part != seen.ignored).sum()) for part in parts)
    even = [part.numel() for part in parts]
    return (one, two) if abs(one / even[0] - two / even[1]) > 0.2 * max(one / even[0], two / even[1]) else None


HALVES = Check(
    code="FS305",
    title=Text("Parts of a batch do not add up to the whole", "分批的损失与整批不一致"),
    why=Text(
        "Where the number of tokens or the sum of weights differs from part to part, the mean of the parts' means is "
        "not the mean of all: accumulated gradients, and those averaged over devices, differ from one large batch's.",
        "若各部分的有效词元数或权重之和不同，各部分均值的平均就不是总体均值：梯度累积、多卡平均的结果与一个大批次不同。",
    ),
    sound=Text(
        "It is only ever a remark, which matters where gradients are accumulated or averaged over devices. Losses that "
        "compare examples with each other are left out.",
        "它永远只是提示，只在梯度累积或多卡平均时才有影响。比较样本之间关系的损失不在此列。",
    ),
    fault="""
model = nn.Linear(20, 1)
loss = lambda output, targets: ((output - targets[0]) ** 2 * targets[1]).sum() / targets[1].sum()
late = (torch.arange(32)[:, None] % 8 > 3).float()
batch = torch.randn(32, 20), (3 * late, 1 + 9 * late)
""",
    cure="""
loss = lambda output, targets: ((output - targets[0]) ** 2).mean()
""",
    find=_halves,
    at_most="info",
)

CHECKS = (SUM, KL_MEAN, NO_SCALAR, HALVES)
