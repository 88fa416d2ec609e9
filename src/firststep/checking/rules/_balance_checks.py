"""How much each class counts: weights of classes, weights of positives."""

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
from ..probe._targets import classes, counted, raised, shown


def _class_weights(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        given = _weights(call)
        if given is None:
            continue
        weights, count, valid = given
        yield from _weights_unfit(call, weights, count)
        if valid is not None and weights.numel() == count and not call.error:
            yield from _frequencies(call, weights.flatten().double(), valid)
            yield from _weightless(call, weights.flatten(), valid)


def _weights(call: LossCall) -> tuple[Tensor, int, Tensor | None] | None:
    """The weights of the classes, the number of classes, and the indices that count."""
    weight = call.options.get("class_weight" if call.spec.ours else "weight")
    if not isinstance(weight, Tensor) or not weight.numel():
        return None
    if call.name == "MultiLabelSoftMarginLoss" and call.tensors[0].ndim:
        return weight, call.tensors[0].shape[-1], None
    seen = classes(call)
    return None if seen is None else (weight, seen.count, seen.valid)


def _weights_unfit(call: LossCall, weights: Tensor, count: int) -> Iterator[Found]:
    """Their number and their signs."""
    name = "class_weight" if call.spec.ours else "weight"
    low, high, numbers = float(weights.min()), float(weights.max()), weights.numel()
    if numbers != count:
        text, expected = f"{numbers} weights for {count} classes", f"{count} weights, one for each class"
        fix = f"{name} = torch.ones({count}), and then the weights of all classes"
    elif low < 0:
        text, expected = f"{int((weights < 0).sum())} weights below 0, the least {low:.4g}", "weights of at least 0"
        fix = f"{name} = {name}.abs(), or leave the classes out with ignore_index"
    elif high == 0:
        text, expected = f"all {numbers} weights are 0", "weights above 0 for the classes that count"
        fix = f"{name} = total / ({count} * counts)"
    else:
        return
    clues = [Clue("settings", text), *raised(call)]
    if call.value is not None and math.isnan(call.value):
        clues.append(Clue("run", f"{call.name} returned nan"))
    yield Found(place=call.inside, measured=text, expected=expected, fix=fix, clues=clues)


def _weightless(call: LossCall, weights: Tensor, valid: Tensor) -> Iterator[Found]:
    """A class that occurs and weighs nothing, as a background may be meant to."""
    counts = torch.bincount(valid[(valid >= 0) & (valid < len(weights))], minlength=len(weights)).cpu()
    none = (weights.cpu() == 0) & (counts > 0)
    if float(weights.min()) < 0 or not bool(none.any()) or float(weights.max()) == 0:
        return
    which = int(none.nonzero()[0])
    text = f"class {which} occurs {int(counts[which])} times in {len(valid)} targets and weighs 0"
    yield Found(
        place=call.inside,
        measured=text,
        expected="a weight above 0, unless the class is meant to be left out",
        fix=f"weight[{which}] = 1.0",
        clues=[Clue("values", text)],
        sure=False,
    )


def _frequencies(call: LossCall, weights: Tensor, valid: Tensor) -> Iterator[Found]:
    """Weights that grow with how often a class is there."""
    counts = torch.bincount(valid[(valid >= 0) & (valid < len(weights))], minlength=len(weights)).double().cpu()
    weights = weights.cpu()
    if not bool((weights > 0).all()) or float(weights.max()) <= 1.01 * float(weights.min()):
        return
    uneven = _misfit(counts, torch.ones_like(weights))
    misfit, inverse = _misfit(counts, weights), _misfit(counts, 1 / weights)
    if uneven < 20 or misfit > 0.2 * uneven or inverse < 2 * uneven:
        return
    often, seldom = int(counts.argmax()), int(counts.argmin())
    text = (
        f"class {often} occurs {int(counts[often])} times and weighs {float(weights[often]):.4g}, class {seldom} "
        f"{int(counts[seldom])} times and {float(weights[seldom]):.4g}"
    )
    yield Found(
        place=call.inside,
        measured=f"weights that grow with the frequency of the class: {text}",
        expected="rare classes that weigh more than frequent ones, if any",
        fix="weight = counts.sum() / (len(counts) * counts): it seems that frequencies were passed",
        clues=[
            Clue(
                "values",
                f"weights explain the batch's counts: deviance {misfit:.4g}, against {uneven:.4g} for equal classes",
            )
        ],
    )


def _misfit(counts: Tensor, shares: Tensor) -> float:
    """The deviance of counts from shares, about as large as the number of classes where they are the frequencies."""
    expected = counts.sum() * shares / shares.sum()
    return 2 * float(torch.xlogy(counts, counts / expected).sum())


WEIGHTS = Check(
    code="FS210",
    title=Text("Class weights that do not fit", "类别权重不合适"),
    why=Text(
        "Weights of the wrong length raise; weights that grow with the frequency of a class make rare ones count even "
        "less.",
        "长度不对的权重会抛出异常；随类别频率增大的权重会让稀有类别更不受重视。",
    ),
    sound=Text(
        "Weights that are equal, or larger for rare classes, are silent; that they grow with the frequency is said "
        "only where they explain the counts of the batch far better than equal classes do. A weight of 0, which may "
        "be meant, is only told.",
        "权重相等或稀有类别更大时不报告；只有当权重远比“各类相等”更能解释批内频数时，才认为权重随频率增大。"
        "权重为 0 可能是有意为之，仅作提示。",
    ),
    fault="""
model = nn.Linear(20, 3)
targets = torch.cat([torch.full((n,), k) for k, n in enumerate((80, 15, 5))])
loss = nn.CrossEntropyLoss(weight=torch.tensor([0.80, 0.15, 0.05]))
batch = torch.randn(100, 20), targets
""",
    cure="""
loss = nn.CrossEntropyLoss(weight=100 / (3 * torch.tensor([80.0, 15.0, 5.0])))
""",
    find=_class_weights,
)


_FAR = 100.0
"""How many times the share of negatives over positives, in the batch, no weight is meant to be."""
_MANY = 16


def _pos_weights(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        given = call.options.get("pos_weight")
        if not isinstance(given, (Tensor, int, float)) or len(call.tensors) < 2:
            continue
        weight = torch.as_tensor(given).detach()
        shaped = _pos_weight_shape(call, weight)
        if shaped is not None:
            yield shaped
        elif not call.error:
            yield from _pos_weight_size(call, weight.double())


def _pos_weight_shape(call: LossCall, weight: Tensor) -> Found | None:
    shape, output = tuple(weight.shape), list(call.tensors[0].shape)
    clues = [Clue("settings", f"pos_weight has shape {shown(shape)}")]
    try:
        fits = tuple(torch.broadcast_shapes(shape, output)) == tuple(output)
    except RuntimeError:
        fits = False
    channels = len(output) > 2 and len(shape) == 1 and weight.numel() == output[1] > 1
    if fits:
        made = next((one for one in call.origins[0] if one != "affine"), "")
        if not channels or made != "convolution" or call.moved[:1] != (False,):
            return None
        clues.append(Clue("graph", f"a convolution made the output: its {output[1]} channels stand on axis 1"))
    clues += raised(call)
    ones = ", 1" * (len(output) - 2)
    return Found(
        place=call.inside,
        measured=f"pos_weight of shape {shown(shape)} beside output {shown(output)}",
        expected="one number, or one for each class, along the axis of the classes",
        fix=f"pos_weight.view(-1{ones})" if channels else "one output for each weight, or one pos_weight",
        clues=clues,
    )


def _pos_weight_size(call: LossCall, weight: Tensor) -> Iterator[Found]:
    """The weight, the largest of several, against the share of positives in the batch."""
    target = counted(call, call.tensors[1])
    target = target[target.isfinite()].double()
    positive, n = float(target.sum()), target.numel()
    if not 0 < positive < n or float(target.min()) < 0 or float(target.max()) > 1:
        return
    one, share = float(weight.max()), positive / n
    most = "of at most " if weight.numel() > 1 else ""
    text = f"pos_weight {most}{one:.4g} beside {positive:.4g} positives of {n} ({100 * share:.3g} %)"
    rare = (0.5 - share) * 2 * math.sqrt(n) > 3
    if one < 1 and rare and share < 0.4:
        what = "it is about the share of positives" if abs(one - share) < 0.2 * share else "it makes them count less"
    elif weight.numel() == 1 and one == positive > 2 and not math.isclose(one, (n - positive) / positive, rel_tol=0.2):
        what = "it is their number"
    elif weight.numel() == 1 and one > _FAR * max(1.0, (n - positive) / positive) and share > 0.2 and n >= _MANY:
        what = "negatives hardly count beside them"
    else:
        return
    yield Found(
        place=call.inside,
        measured=f"{text}: {what}",
        expected=f"negatives over positives, {(n - positive) / positive:.4g} on this batch, if positives are to count "
        "as much as negatives",
        fix="pos_weight = (targets == 0).sum() / (targets == 1).sum(), over the training set",
        clues=[Clue("values", f"{text}: {what}")],
    )


POS_WEIGHT = Check(
    code="FS211",
    title=Text("pos_weight does not fit the batch", "pos_weight 与批次不符"),
    why=Text(
        "pos_weight multiplies the loss of positives: below 1 it makes rare positives rarer still, in the hundreds "
        "beside many positives it drowns the negatives, and in the wrong shape it weighs columns of pixels instead of "
        "classes.",
        "pos_weight 与正样本的损失相乘：小于 1 会让稀有的正样本更被忽视；正样本不少而权重达数百，负样本会被淹没；"
        "形状不对则加权的是像素列而非类别。",
    ),
    sound=Text(
        "A weight of at least 1 for rare positives is silent, and one below 1 for frequent ones; chance is left "
        "three standard deviations. Too large is only what is above 100 times negatives over positives where a fifth "
        "or more are positive.",
        "正样本稀有且权重不小于 1、或正样本常见且权重小于 1 时不报告；并为偶然性留出三个标准差。只有正样本占两成以上、"
        "且权重超过负正之比的 100 倍时，才认为过大。",
    ),
    fault="""
model = nn.Linear(20, 1)
targets = (torch.arange(100) < 10).float().unsqueeze(1)
loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(0.1))
batch = torch.randn(100, 20), targets
""",
    cure="""
loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))
""",
    find=_pos_weights,
)

CHECKS = (WEIGHTS, POS_WEIGHT)
