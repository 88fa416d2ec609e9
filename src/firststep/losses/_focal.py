"""Focal losses: the easy samples count less."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._cross_entropy import cross_entropy
from ._draw import classes, flags, logits
from ._invariances import SHIFT
from ._numerics import one_hot
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_PAPER = Paper("Lin et al. 2017", "Focal Loss for Dense Object Detection", "arXiv:1708.02002", "eq. 4, 5")
_GAMMA = Option(
    "gamma",
    Text("focus: 0 is cross-entropy, larger forgets easy samples sooner", "聚焦程度：0 即交叉熵，越大越早忽略易分样本"),
    low=0.0,
)


def focal_loss(input: Tensor, target: Tensor, *, gamma: float = 2.0) -> Tensor:
    cost = cross_entropy(input, target)
    return cost if gamma == 0 else cost * difficulty(-cost, gamma)


def difficulty(log_p: Tensor, gamma: float) -> Tensor:
    """``(1 - p) ** gamma`` from log p, with finite gradients for every gamma, however sure the model is."""
    if gamma < 2:  # the largest log p below 0 stands for certainty, and its gradient is cut off
        log_p = log_p.clamp(max=-torch.finfo(log_p.dtype).tiny)
    return torch.pow(-torch.expm1(log_p), gamma)


SOFTMAX_FOCAL = LossSpec(
    name="focal_loss",
    module="FocalLoss",
    title=Text("Focal loss over classes", "多类别焦点损失"),
    aliases=("focal", "focal loss", "softmax focal loss", "multiclass focal", "焦点损失", "类别不平衡"),
    family="imbalance",
    purpose=Text(
        "One of C classes per sample, where most samples are easy and would drown the few hard ones.",
        "每个样本属于 C 类之一，而大多数样本容易分类，会淹没少数难例。",
    ),
    formula=r"-(1 - p_y)^{\gamma} \log p_y, \quad p = \text{softmax}(z)",
    papers=(_PAPER,),
    arguments=(Argument("input", "logits", "N C *"), Argument("target", "class", "N *")),
    unit="sample",
    options=(_GAMMA,),
    code="""
>>> input = torch.tensor([[4.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
>>> target = torch.tensor([0, 1])
>>> losses.FocalLoss(gamma=2.0)(input, target)
tensor(0.1194)
>>> losses.FocalLoss(gamma=0.0)(input, target)  # cross-entropy
tensor(0.4152)
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("(1 - 1/C)^γ ln C", "(1 - 1/C)^γ ln C"),
        lambda input, target, gamma=2.0, **_: (1 - 1 / input.shape[1]) ** gamma * math.log(input.shape[1]),
    ),
    minimum=Minimum(
        Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (40 * one_hot(target, input), target)
    ),
    kernel=focal_loss,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("gamma=0 is cross-entropy", "gamma=0 即交叉熵"),
            {"gamma": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "The focal loss of detectors has a sigmoid for each class: that is sigmoid_focal_loss.",
            "检测器所用的焦点损失对每个类别各取 sigmoid：那是 sigmoid_focal_loss。",
        ),
        Text(
            "The probabilities it trains are under-confident: do not read them as frequencies.",
            "它训练出的概率偏低：不可当作频率使用。",
        ),
        Text(
            "It changes the scale of the loss, to a third and less: compare learning rates, not loss values.",
            "它会把损失缩小到三分之一或更少：应比较学习率，而非损失值。",
        ),
    ),
    avoid=Text(
        "Labels are noisy: the hard samples it dwells on are then the wrong ones (generalized_cross_entropy).",
        "标签有噪声时：它着重的难例往往正是错标样本（用 generalized_cross_entropy）。",
    ),
    equivalents=(
        Equivalent(
            "kornia.losses.FocalLoss",
            Text(
                "reduction 'none' by default, and alpha treats class 0 as background",
                "默认 reduction 为 'none'，且 alpha 把第 0 类当作背景",
            ),
        ),
        Equivalent("keras.losses.CategoricalFocalCrossentropy", Text("takes probabilities by default", "默认接受概率")),
        Equivalent(
            "segmentation_models_pytorch.losses.FocalLoss",
            Text("its 'multiclass' is one sigmoid per class, not this", "其 'multiclass' 是逐类 sigmoid，并非此式"),
        ),
    ),
    plot=Plot(
        Text("logit of the target class, the other at 0", "目标类的 logit，另一类为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, torch.zeros_like(x))).unsqueeze(0), torch.zeros(1, dtype=torch.long)),
        tuple(Curve(f"γ = {gamma:g}", {"gamma": gamma}) for gamma in (0.0, 0.5, 2.0, 5.0)),
    ),
)


def sigmoid_focal_loss(input: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: float | None = None) -> Tensor:
    """With s = (2t - 1) z, ``log(1 - p_t) = log p_t - s``: one log-sigmoid serves both, exact wherever it matters.

    The power is an exponential of it, so that no gradient is NaN at any gamma.
    """
    target = target.to(input.dtype)
    loss = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    if gamma != 0:
        loss = loss * torch.exp((loss + input * (2 * target - 1)) * -gamma)
    return loss if alpha is None else loss * ((1 - alpha) + (2 * alpha - 1) * target)


def _sigmoid_start(
    input: Tensor, target: Tensor, gamma: float = 2.0, alpha: float | None = None, **_: object
) -> Tensor:
    balance = 1.0 if alpha is None else (alpha * target + (1 - alpha) * (1 - target)).mean()
    return balance * torch.as_tensor(2.0**-gamma * math.log(2))


SIGMOID_FOCAL = LossSpec(
    name="sigmoid_focal_loss",
    module="SigmoidFocalLoss",
    title=Text("Focal loss over yes-or-no labels", "二元焦点损失"),
    aliases=("binary focal", "retinanet loss", "二元焦点", "目标检测焦点损失"),
    family="imbalance",
    purpose=Text(
        "Independent labels of which very few are positive, as the anchors of a detector.",
        "相互独立、正例极少的标签，例如检测器的锚框。",
    ),
    formula=r"-\alpha_t (1 - p_t)^{\gamma} \log p_t, \quad p_t = t \sigma(z) + (1 - t) \sigma(-z), "
    r"\quad \alpha_t = \alpha t + (1 - \alpha)(1 - t)",
    papers=(_PAPER,),
    arguments=(Argument("input", "logits", "*"), Argument("target", "flags", "*", "t, 0 or 1", "t，0 或 1")),
    unit="element",
    options=(
        _GAMMA,
        Option(
            "alpha",
            Text(
                "weight of positive labels, 1 - alpha that of negative ones; None for 1 and 1",
                "正标签的权重，负标签为 1 - alpha；None 表示都为 1",
            ),
            low=0.0,
            high=1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([-4.0, -5.0, 0.5])
>>> target = torch.tensor([0.0, 0.0, 1.0])
>>> loss = losses.SigmoidFocalLoss(gamma=2.0, alpha=0.25)
>>> loss(input, target, denominator=target.sum())  # per positive, as detectors do
tensor(0.0169)
""",
    draw=lambda generator, n: (logits(generator, n, 5), flags(generator, n, 5)),
    start=Start(
        Text("2^-γ ln 2, times the mean of α_t", "2^-γ ln 2，再乘以 α_t 的均值"),
        _sigmoid_start,
        note=Text(
            "With a head bias of -ln((1 - π)/π) it starts far lower: see init.prior_bias.",
            "若输出偏置为 -ln((1 - π)/π)，起始值会低得多：见 init.prior_bias。",
        ),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (80 * target - 40, target)),
    kernel=sigmoid_focal_loss,
    limits=(
        Limit(
            Text("gamma=0 is binary cross-entropy", "gamma=0 即二元交叉熵"),
            {"gamma": 0.0},
            lambda input, target: F.binary_cross_entropy_with_logits(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "Detectors divide by the number of positives, not of anchors: give denominator=target.sum(), or that of "
            "all ranks.",
            "检测器除以正例数而非锚框数：传入 denominator=target.sum()，或所有进程之和。",
        ),
        Text(
            "Labels are 0 or 1. One in between is taken without a word, but the loss is not least where p equals it: "
            "quality_focal_loss is.",
            "标签为 0 或 1。介于其间的值不会报错，但损失并非在 p 等于它时最小；quality_focal_loss 才是。",
        ),
    ),
    avoid=Text("Positives and negatives are about as many: binary cross-entropy.", "正负例数量相近时：用二元交叉熵。"),
    equivalents=(
        Equivalent(
            "torchvision.ops.sigmoid_focal_loss",
            Text(
                "alpha=0.25 and reduction 'none' by default; NaN gradient for gamma < 1 once p rounds to 1",
                "默认 alpha=0.25、reduction 为 'none'；gamma < 1 且 p 舍入为 1 时梯度为 NaN",
            ),
        ),
        Equivalent("optax.sigmoid_focal_loss", Text("not reduced", "不做归约")),
    ),
    plot=Plot(
        Text("logit z of a positive label", "正标签的 logit z"),
        -6.0,
        6.0,
        lambda x: (x, torch.ones_like(x)),
        tuple(Curve(f"γ = {gamma:g}", {"gamma": gamma}) for gamma in (0.0, 0.5, 2.0, 5.0)),
    ),
)

SPECS = (SOFTMAX_FOCAL, SIGMOID_FOCAL)
