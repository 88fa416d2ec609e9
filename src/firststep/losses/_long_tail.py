"""Classes of very different frequency: margins and weights by the counts of the training set."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import LossError
from ._cross_entropy import cross_entropy
from ._draw import classes, logits
from ._invariances import SHIFT
from ._logit_adjustment import COUNTS, EXAMPLE, at_least_one
from ._multiclass import CLASS_ARGUMENTS, TARGET_LOGIT, sure, two_classes
from ._numerics import log_softmax, pick
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def ldam_loss(input: Tensor, target: Tensor, *, counts: Tensor, max_margin: float = 0.5, scale: float = 30.0) -> Tensor:
    """The margin is subtracted in place from the scaled copy of the scores."""
    counts = at_least_one("ldam_loss", counts, input)
    margins = (scale * max_margin) * (counts.amin() / counts) ** 0.25
    lowered = (input * scale).scatter_add_(1, target.unsqueeze(1), -margins[target].unsqueeze(1))
    return cross_entropy(lowered, target)


def _ldam_start(
    input: Tensor, target: Tensor, *, counts: Tensor, max_margin: float = 0.5, scale: float = 30.0, **_: Any
) -> Tensor:
    n = counts.double().clamp(min=1)
    margin = max_margin * (n.min() / n[target]) ** 0.25
    return torch.log1p((input.shape[1] - 1) * torch.exp(scale * margin)).mean()


LDAM = LossSpec(
    name="ldam_loss",
    module="LDAMLoss",
    title=Text("Label-distribution-aware margin loss (LDAM)", "标签分布感知间隔损失（LDAM）"),
    aliases=("ldam", "label-distribution-aware margin", "ldam-drw", "标签分布感知间隔"),
    family="imbalance",
    purpose=Text(
        "Long-tailed classes with cosine scores: the rarer the class, the larger the margin it must win by.",
        "得分为余弦的长尾分类：类别越稀少，要求胜出的间隔越大。",
    ),
    formula=r"-\log \frac{\exp(s (z_y - \Delta_y))}{\exp(s (z_y - \Delta_y)) + \sum_{k \ne y} \exp(s z_k)}, "
    r"\quad \Delta_y = \Delta (\min_k n_k / n_y)^{1/4}",
    papers=(
        Paper(
            "Cao et al. 2019",
            "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
            "arXiv:1906.07413",
            "sec. 3",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        COUNTS,
        Option("max_margin", Text("Delta, the margin of the rarest class", "Δ，最稀少类别的间隔"), low=0.0),
        Option(
            "scale",
            Text("s, what scores in [-1, 1] are multiplied by", "s，[-1, 1] 内的得分所乘的系数"),
            low=0.0,
            low_open=True,
        ),
    ),
    required={"counts": EXAMPLE},
    code="""
>>> cosines = torch.tensor([[0.8, 0.1], [0.1, 0.8]])  # features and class weights normalized
>>> target = torch.tensor([0, 1])
>>> losses.LDAMLoss(counts=torch.tensor([160, 10]), scale=10.0, reduction="none")(cosines, target)
tensor([0.0110, 0.1269])
""",
    draw=lambda generator, n: (0.3 * logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(Text("the mean of ln(1 + (C - 1) exp(s Δ_y))", "ln(1 + (C - 1) exp(s Δ_y)) 的均值"), _ldam_start),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=ldam_loss,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("no margin is cross-entropy of the scaled scores", "间隔为 0 即缩放后得分的交叉熵"),
            {"max_margin": 0.0, "scale": 1.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "Scores are cosines, of normalized features and class weights: for free logits a margin of 0.5 means "
            "nothing.",
            "得分应为余弦（特征与类别权重均归一化）：对任意 logits 而言 0.5 的间隔没有意义。",
        ),
        Text(
            "The authors add class weights only after some epochs (DRW): from the start they hurt.",
            "原作者在若干 epoch 之后才加类别权重（DRW）：一开始就加反而有害。",
        ),
        Text("At the start it is near s Δ, about 15, not ln C.", "起始值约为 s Δ（约 15），而不是 ln C。"),
    ),
    avoid=Text(
        "The last layer is an ordinary linear one: balanced_softmax_loss, logit_adjusted_cross_entropy.",
        "最后一层是普通线性层时：用 balanced_softmax_loss、logit_adjusted_cross_entropy。",
    ),
    plot=Plot(
        Text("cosine of the target class, the other at 0", "目标类的余弦，另一类为 0"),
        -1.0,
        1.0,
        two_classes,
        tuple(
            Curve(f"{rare} : {rest}", {"counts": torch.tensor([rare, rest]), "scale": 10.0})
            for rare, rest in ((1, 1), (100, 1), (10_000, 1))
        ),
    ),
)


def class_balanced_weight(counts: Tensor, beta: float = 0.9999) -> Tensor:
    """Weights of classes by their effective number of samples, for ``class_weight`` of any loss over classes.

        w_c ∝ (1 - beta) / (1 - beta^n_c), scaled to sum to C

    Args:
        counts: (C,) n, samples of each class in the training set; 0 counts as 1.
        beta: 0 gives equal weights, towards 1 they become 1 / n.

    Returns:
        (C,).

    Raises:
        LossError: for a beta outside [0, 1).

    Source: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples", arXiv:1901.05555.

    >>> class_balanced_weight(torch.tensor([1000, 100, 10]), beta=0.99)
    tensor([0.2301, 0.3630, 2.4068])
    """
    if not 0 <= beta < 1:
        raise LossError(f"class_balanced_weight(beta={beta!r}): expected 0 <= beta < 1")
    n = (counts if counts.dtype.is_floating_point else counts.to(torch.get_default_dtype())).clamp(min=1)
    if beta == 0:
        return torch.ones_like(n)
    weight = -1 / torch.expm1(n * math.log(beta))
    return weight * (len(n) / weight.sum())


def class_balanced_cross_entropy(input: Tensor, target: Tensor, *, counts: Tensor, beta: float = 0.9999) -> Tensor:
    """The mean is over samples, as in the paper; with ``class_weight`` it would be over weights."""
    return cross_entropy(input, target) * _weight(input, counts, beta)[target]


def _weight(input: Tensor, counts: Tensor, beta: float) -> Tensor:
    return class_balanced_weight(at_least_one("class_balanced_cross_entropy", counts, input), beta)


def _balanced_sum(input: Tensor, target: Tensor, *, ignore_index: int, counts: Tensor, beta: float = 0.9999) -> Tensor:
    weight = _weight(input, counts, beta)
    return F.cross_entropy(input, target, weight=weight, ignore_index=ignore_index, reduction="sum")


def _balanced_start(input: Tensor, target: Tensor, *, counts: Tensor, beta: float = 0.9999, **_: Any) -> Tensor:
    return class_balanced_weight(counts.double(), beta)[target].mean() * math.log(input.shape[1])


CLASS_BALANCED = LossSpec(
    name="class_balanced_cross_entropy",
    module="ClassBalancedCrossEntropyLoss",
    title=Text("Class-balanced cross-entropy", "类别平衡交叉熵"),
    aliases=("class balanced loss", "cb loss", "effective number of samples", "class weights", "类别平衡", "类别权重"),
    family="imbalance",
    purpose=Text(
        "Classes weighed by the inverse of their effective number of samples, between equal weights and 1/n.",
        "按有效样本数的倒数给类别加权，介于等权与 1/n 之间。",
    ),
    formula=r"-w_y \log p_y, \quad w_c = \frac{C v_c}{\sum_{k} v_k}, \quad v_c = \frac{1 - \beta}{1 - \beta^{n_c}}, "
    r"\quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Cui et al. 2019", "Class-Balanced Loss Based on Effective Number of Samples", "arXiv:1901.05555", "sec. 4"
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        COUNTS,
        Option(
            "beta",
            Text("0 is cross-entropy, towards 1 weights become 1/n", "0 即交叉熵，趋于 1 时权重趋于 1/n"),
            low=0.0,
            high=1.0,
            high_open=True,
        ),
    ),
    required={"counts": EXAMPLE},
    code="""
>>> input = torch.zeros(2, 3)
>>> target = torch.tensor([0, 2])
>>> counts = torch.tensor([1000, 100, 10])
>>> losses.ClassBalancedCrossEntropyLoss(counts=counts, beta=0.99, reduction="none")(input, target)
tensor([0.2528, 2.6442])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(Text("mean(w_y) ln C", "mean(w_y) ln C"), _balanced_start),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=class_balanced_cross_entropy,
    fused=_balanced_sum,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("beta=0 is cross-entropy", "beta=0 即交叉熵"),
            {"beta": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
        Limit(
            Text("beta towards 1 weighs by 1/n", "beta 趋于 1 时按 1/n 加权"),
            {"beta": 1 - 1e-9},
            lambda input, target: (
                -pick(log_softmax(input), target) * (5 / EXAMPLE / (1 / EXAMPLE.double()).sum())[target]
            ),
            tolerance=1e-6,
        ),
    ),
    hazards=(
        Text(
            "Weights are scaled to a mean of 1 over classes, not over samples: with long tails the loss starts far "
            "below ln C and gradients are small.",
            "权重按类别（而非样本）取均值 1：长尾时损失起始远低于 ln C，梯度也小。",
        ),
        Text(
            "Large weights on a few samples make batches noisy: watch the rare classes' share of the gradient.",
            "少数样本权重很大会使批间噪声增大：留意稀有类别的梯度占比。",
        ),
    ),
    avoid=Text(
        "Models fit the training set completely: weights then hardly matter (balanced_softmax_loss, ldam_loss).",
        "模型能完全拟合训练集时权重几乎不起作用（用 balanced_softmax_loss、ldam_loss）。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.CrossEntropyLoss",
            Text(
                "with weight=class_balanced_weight(counts): its mean divides by the sum of the weights",
                "配合 weight=class_balanced_weight(counts)：其均值除以权重之和",
            ),
        ),
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        tuple(
            Curve(f"10 : 1000, β = {beta:g}", {"counts": torch.tensor([10, 1000]), "beta": beta})
            for beta in (0.0, 0.99, 0.9999)
        ),
    ),
)

SPECS = (LDAM, CLASS_BALANCED)
