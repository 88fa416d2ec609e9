"""Cross-entropy: over classes, over classes with soft targets, and over independent yes-or-no labels."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import classes, logits, probabilities, uniform
from ._invariances import SHIFT
from ._numerics import log_softmax, one_hot, pick
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def cross_entropy(input: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """The smoothing is shared by the classes whose logit is not -inf: those that can be."""
    if label_smoothing == 0:
        return F.cross_entropy(input, target, reduction="none", ignore_index=_NO_INDEX)
    log_p = log_softmax(input)
    if torch.compiler.is_compiling():  # the compiler fuses what by hand is below
        possible = (log_p > -math.inf).to(log_p.dtype)
        uniform = expected_cost(log_p, possible / possible.sum(1, keepdim=True))
        return (label_smoothing - 1) * pick(log_p, target) + label_smoothing * uniform
    cost: Any = _SmoothedCost.apply(log_p, target, label_smoothing)
    return cost[0]


_NO_INDEX = -(2**62)
"""An ``ignore_index`` that no target has: what is ignored is masked by the caller."""


class _SmoothedCost(torch.autograd.Function):
    """By hand: autograd would select with bool tensors of that size, and take twice as long as torch."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, target: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor]:
        # A class that cannot be weighs so much in a first sum that the sum counts them, and nothing in a second.
        finite = log_p.clamp(min=_IMPOSSIBLE)
        possible = log_p.shape[1] - (finite.sum(1) / _IMPOSSIBLE).round()
        total = torch.threshold_(finite, _IMPOSSIBLE / 2, 0.0).sum(1)
        share = label_smoothing / possible
        return (label_smoothing - 1) * pick(log_p, target) - share * total, share

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs[:2], output[1])
        ctx.save_for_forward(*inputs[:2], output[1])
        ctx.hard = 1 - inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        log_p, target, share = ctx.saved_tensors
        even = (-gradients[0] * share).unsqueeze(1).expand(log_p.shape)
        soft = torch.ops.aten.threshold_backward(even, log_p, _IMPOSSIBLE / 2)
        return soft.scatter_add(1, target.unsqueeze(1), (-ctx.hard * gradients[0]).unsqueeze(1)), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, None]:
        log_p, target, share = ctx.saved_tensors
        possible = torch.where(log_p > _IMPOSSIBLE / 2, tangents[0], 0.0)
        return -share * possible.sum(1) - ctx.hard * pick(tangents[0], target), None


_IMPOSSIBLE = -1e30
"""Stands for a log-probability of -inf: beyond any sum of finite ones."""


def _torch_sum(input: Tensor, target: Tensor, *, ignore_index: int, label_smoothing: float = 0.0) -> Tensor | None:
    if label_smoothing != 0:  # torch's is infinite where a logit is -inf
        return None
    return F.cross_entropy(input, target, ignore_index=ignore_index, reduction="sum")


def _smoothed(input: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
    return (1 - label_smoothing) * one_hot(target, input) + label_smoothing / input.shape[1]


def _entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(1).mean()


CROSS_ENTROPY = LossSpec(
    name="cross_entropy",
    module="CrossEntropyLoss",
    title=Text("Cross-entropy", "交叉熵"),
    aliases=("ce", "softmax loss", "log loss", "label smoothing", "标签平滑", "交叉熵损失"),
    family="classification",
    purpose=Text(
        "One of C classes per sample, with label smoothing if asked.",
        "每个样本属于 C 个类别之一；可选标签平滑。",
    ),
    formula=r"-(1 - \epsilon) \log p_y - \frac{\epsilon}{K} \sum_{k} \log p_k, \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Szegedy et al. 2016",
            "Rethinking the Inception Architecture for Computer Vision",
            "arXiv:1512.00567",
            "sec. 7",
        ),
    ),
    arguments=(Argument("input", "logits", "N C *"), Argument("target", "class", "N *")),
    unit="sample",
    options=(
        Option(
            "label_smoothing",
            Text(
                "epsilon, the share of the target spread evenly over the K classes whose logit is finite",
                "ε：均匀分给 K 个 logit 有限的类别的目标份额",
            ),
            low=0.0,
            high=1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 5.0]])
>>> target = torch.tensor([0, 1, -100])  # the last does not count
>>> loss = losses.CrossEntropyLoss(label_smoothing=0.1)
>>> loss(input, target)
tensor(0.7357)
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("ln C", "ln C"),
        lambda input, target, **_: math.log(input.shape[1]),
        note=Text(
            "Logits with variance v, as random weights give, add about v/2.",
            "随机权重给出的 logits 若方差为 v，约再加 v/2。",
        ),
    ),
    minimum=Minimum(
        Text("0; with smoothing the entropy of the smoothed target", "0；有平滑时为平滑后目标的熵"),
        lambda input, target, label_smoothing=0.0, **_: _entropy(_smoothed(input, target, label_smoothing)),
        lambda input, target, label_smoothing=0.0, **_: (
            _smoothed(input, target, label_smoothing).clamp(min=1e-20).log(),
            target,
        ),
    ),
    kernel=cross_entropy,
    fused=_torch_sum,
    invariances=(SHIFT,),
    hazards=(
        Text(
            "Give logits, not probabilities: after a softmax the loss cannot fall below ln(1 + (C-1)/e), 1.461 for ten "
            "classes.",
            "输入应为 logits 而非概率：先做 softmax 后损失不会低于 ln(1 + (C-1)/e)，十类时为 1.461。",
        ),
        Text(
            "Classes stand on axis 1. An input (N, T, C) with T = C is taken without a word.",
            "类别位于第 1 维。若输入为 (N, T, C) 且 T = C，不会有任何报错。",
        ),
        Text(
            "class_weight weighs a sample as a whole; torch weighs the smoothing term by the weight of each class.",
            "class_weight 对整个样本加权；torch 则按各类别的权重对平滑项加权。",
        ),
    ),
    avoid=Text(
        "Several labels may be true at once (binary cross-entropy), or classes have an order (CORAL, CORN).",
        "多个标签可同时成立时（用二元交叉熵），或类别有次序时（用 CORAL、CORN）。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.CrossEntropyLoss",
            Text(
                "equal to the last bit in float32 and float64; NaN where all targets are ignored (here 0), infinite "
                "for smoothing with a -inf logit, and rounded to the input's dtype in half precision (here float32)",
                "float32 与 float64 下逐位相同；目标全部被忽略时为 NaN（此处为 0），平滑且有 -inf logit 时为无穷，"
                "半精度下舍入到输入类型（此处为 float32）",
            ),
        ),
    ),
    plot=Plot(
        Text("logit of the target class, the other at 0", "目标类的 logit，另一类为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, torch.zeros_like(x))).unsqueeze(0), torch.zeros(1, dtype=torch.long)),
        (Curve("ε = 0"), Curve("ε = 0.1", {"label_smoothing": 0.1}), Curve("ε = 0.3", {"label_smoothing": 0.3})),
    ),
)


def soft_target_cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """A class of target 0 costs nothing, even where its logit is -inf."""
    return expected_cost(log_softmax(input), target)


def expected_cost(log_p: Tensor, target: Tensor) -> Tensor:
    """``-sum(q log p)`` over axis 1, where 0 times -inf is 0."""
    if torch.compiler.is_compiling():  # the compiler fuses what by hand is below
        return -(target * _finite(log_p)).sum(1)
    cost: Any = _ExpectedCost.apply(log_p, target)
    return cost


class _ExpectedCost(torch.autograd.Function):
    """By hand: autograd would select with a bool tensor of that size, and take twice as long as torch."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, target: Tensor) -> Tensor:
        return -_finite(log_p).mul_(target).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        log_p, target = ctx.saved_tensors
        gradient = -gradients[0].unsqueeze(1)
        by_log_p, by_target = ctx.needs_input_grad
        return gradient * target if by_log_p else None, gradient * _finite(log_p) if by_target else None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        log_p, target = ctx.saved_tensors
        return -(tangents[0] * target + tangents[1] * _finite(log_p)).sum(1)


def _finite(log_p: Tensor) -> Tensor:
    return log_p.clamp(min=torch.finfo(log_p.dtype).min)


SOFT_TARGET = LossSpec(
    name="soft_target_cross_entropy",
    module="SoftTargetCrossEntropyLoss",
    title=Text("Cross-entropy with soft targets", "软目标交叉熵"),
    aliases=("soft label", "probability targets", "软标签", "软标签交叉熵"),
    family="classification",
    purpose=Text(
        "The target is a distribution over C classes: labels by several people, mixed images, a teacher.",
        "目标是 C 个类别上的分布：多人标注、混合图像或教师模型的输出。",
    ),
    formula=r"-\sum_{k} q_k \log p_k, \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Hinton, Vinyals, Dean 2015", "Distilling the Knowledge in a Neural Network", "arXiv:1503.02531", "sec. 2"
        ),
    ),
    arguments=(
        Argument("input", "logits", "N C *"),
        Argument("target", "probabilities", "N C *", "q, rows that sum to 1", "q，每行之和为 1"),
    ),
    unit="sample",
    code="""
>>> input = torch.tensor([[2.0, 0.0, -torch.inf]])  # the third class cannot be
>>> target = torch.tensor([[0.7, 0.3, 0.0]])
>>> losses.SoftTargetCrossEntropyLoss()(input, target)
tensor(0.7269)
""",
    draw=lambda generator, n: (logits(generator, n, 5), probabilities(generator, n, 5)),
    start=Start(Text("ln C", "ln C"), lambda input, target, **_: math.log(input.shape[1])),
    minimum=Minimum(
        Text("the entropy of the target", "目标的熵"),
        lambda input, target, **_: _entropy(target),
        lambda input, target, **_: (target.log(), target),
    ),
    kernel=soft_target_cross_entropy,
    invariances=(SHIFT,),
    hazards=(
        Text(
            "Rows of the target that do not sum to 1 scale the loss, and nothing says so.",
            "目标各行之和不为 1 时损失会被缩放，且没有任何提示。",
        ),
    ),
    avoid=Text(
        "The target is one class per sample: cross_entropy takes its index and no (N, C) tensor.",
        "每个样本只有一个类别时：cross_entropy 直接取其序号，不需要 (N, C) 张量。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.CrossEntropyLoss",
            Text(
                "with a floating target: NaN where a -inf logit meets a zero target",
                "目标为浮点数时：-inf logit 遇到零目标会得到 NaN",
            ),
        ),
        Equivalent("timm.loss.SoftTargetCrossEntropy", Text("mean only", "只有 mean")),
    ),
    plot=Plot(
        Text("logit of the first class, the other at 0", "第一类的 logit，另一类为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, torch.zeros_like(x))).unsqueeze(0), x.new_tensor([[1.0, 0.0]])),
        tuple(
            Curve(f"q = {q:g}", at=lambda x, q=q: (torch.stack((x, 0 * x)).unsqueeze(0), x.new_tensor([[q, 1 - q]])))
            for q in (1.0, 0.9, 0.5)
        ),
    ),
)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, *, pos_weight: float | Tensor | None = None
) -> Tensor:
    """torch's own."""
    if pos_weight is None:
        return F.binary_cross_entropy_with_logits(input, target, reduction="none")
    weight = torch.as_tensor(pos_weight, dtype=input.dtype, device=input.device)
    return F.binary_cross_entropy_with_logits(input, target, pos_weight=weight, reduction="none")


def _bce_start(input: Tensor, target: Tensor, pos_weight: Any = 1.0, **_: Any) -> Tensor:
    weight = 1.0 if pos_weight is None else pos_weight
    return math.log(2) * (1 + (weight - 1) * target).mean()


def _bce_least(target: Tensor, weight: Any) -> Tensor:
    positive, negative = weight * target, 1 - target
    whole = positive + negative
    return -(torch.xlogy(positive, positive / whole) + torch.xlogy(negative, negative / whole)).mean()


BINARY_CROSS_ENTROPY = LossSpec(
    name="binary_cross_entropy_with_logits",
    module="BCEWithLogitsLoss",
    title=Text("Binary cross-entropy with logits", "带 logits 的二元交叉熵"),
    aliases=("bce", "bce with logits", "sigmoid cross entropy", "logistic loss", "二分类", "二元交叉熵", "多标签"),
    family="classification",
    purpose=Text(
        "Independent yes-or-no labels, one or many per sample; masks leave out the labels nobody knows.",
        "相互独立的是非标签，每个样本一个或多个；用 mask 略去未知的标签。",
    ),
    formula=r"w \, t \log(1 + e^{-z}) + (1 - t) \log(1 + e^{z})",
    papers=(Paper("Cox 1958", "The Regression Analysis of Binary Sequences", "J. R. Stat. Soc. B 20(2)"),),
    arguments=(
        Argument("input", "logits", "*"),
        Argument("target", "probabilities", "*", "t, in [0, 1]", "t，取值于 [0, 1]"),
    ),
    unit="element",
    options=(
        Option(
            "pos_weight",
            Text(
                "w, the weight of positive labels: a number or a tensor that broadcasts",
                "w，正标签的权重：一个数或可广播的张量",
            ),
            low=0.0,
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
>>> target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
>>> known = torch.tensor([[True, True], [True, False]])
>>> loss = losses.BCEWithLogitsLoss(pos_weight=2.0)
>>> loss(input, target, mask=known)
tensor(0.6511)
""",
    draw=lambda generator, n: (logits(generator, n, 5), uniform(generator, n, 5)),
    start=Start(
        Text(
            "ln 2; with a positive weight ln 2 (1 + (w - 1) mean(t))",
            "ln 2；有正标签权重时为 ln 2 (1 + (w - 1) mean(t))",
        ),
        _bce_start,
    ),
    minimum=Minimum(
        Text(
            "0 for labels 0 and 1, the entropy of t otherwise (at weight 1)",
            "标签为 0 和 1 时为 0，否则（权重为 1 时）为 t 的熵",
        ),
        lambda input, target, pos_weight=None, **_: _bce_least(target, 1.0 if pos_weight is None else pos_weight),
        lambda input, target, pos_weight=None, **_: (
            torch.logit(target) + torch.as_tensor(1.0 if pos_weight is None else pos_weight).log(),
            target,
        ),
    ),
    kernel=binary_cross_entropy_with_logits,
    hazards=(
        Text(
            "Give logits: after a sigmoid the loss starts near 0.97 - 0.5 t instead of ln 2 and learns slowly.",
            "输入应为 logits：先做 sigmoid 会使损失从约 0.97 - 0.5 t 而非 ln 2 开始，且学习缓慢。",
        ),
        Text("Targets of 0 to 255 are taken without a word.", "0 到 255 的目标也会被无声接受。"),
        Text(
            "An infinite logit is NaN, as in torch, even where the label agrees: leave it out with the mask.",
            "无穷大的 logit 即使与标签一致也得到 NaN（与 torch 相同）：应以 mask 略去。",
        ),
    ),
    avoid=Text("Exactly one of the classes is true: cross_entropy.", "恰好只有一个类别成立时：用 cross_entropy。"),
    equivalents=(
        Equivalent("torch.nn.BCEWithLogitsLoss", Text("values equal to the last bit", "数值逐位相同")),
        Equivalent("optax.sigmoid_binary_cross_entropy", Text("not reduced", "不做归约")),
    ),
    plot=Plot(
        Text("logit z", "logit z"),
        -6.0,
        6.0,
        lambda x: (x, torch.ones_like(x)),
        (
            Curve("t = 1"),
            Curve("t = 0", at=lambda x: (x, torch.zeros_like(x))),
            Curve("t = 0.7", at=lambda x: (x, torch.full_like(x, 0.7))),
        ),
    ),
)

SPECS = (CROSS_ENTROPY, SOFT_TARGET, BINARY_CROSS_ENTROPY)
