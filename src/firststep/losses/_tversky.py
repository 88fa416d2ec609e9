"""Tversky losses: overlap in which false positives and false negatives have prices of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._invariances import SHIFT
from ._numerics import ratio, safe_pow
from ._overlap import (
    ABSENT,
    ACTIVATION,
    ARGUMENTS,
    BACKGROUND,
    BATCH,
    EMPTY_IMAGES,
    EVERYWHERE,
    NO_PIXEL,
    SHUFFLE,
    SMOOTH,
    SOFT_LABELS,
    count,
    counted,
    draw,
    hard,
    perfect,
    untrained,
    veil,
)
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text, Values


def tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    return of_counts(
        "tversky_loss",
        input,
        target,
        mask,
        alpha=alpha,
        beta=beta,
        activation=activation,
        include_background=include_background,
        absent=absent,
        smooth=smooth,
        batch=batch,
    )


def of_counts(
    name: str,
    input: Tensor,
    target: Tensor,
    mask: Tensor | None,
    *,
    alpha: float,
    beta: float,
    activation: str,
    include_background: bool,
    absent: str,
    smooth: float,
    batch: bool,
    p: Tensor | None = None,
) -> Values:
    """1 minus the index, not by difference: ``(alpha FP + beta FN) / (TP + alpha FP + beta FN + smooth)``."""
    counts = count(name, input, target, mask, activation=activation, batch=batch, p=p)
    wrong = alpha * counts.fp + beta * counts.fn
    values = ratio(wrong, counts.tp + wrong + smooth, NO_PIXEL)
    keep = counted(name, counts, mask, include_background=include_background, absent=absent, batch=batch)
    return values if keep is None else (values, keep)


def at_start(
    input: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    gamma: float = 1.0,
    **_: Any,
) -> Tensor:
    """The mean at zero logits and labels 0 and 1, by the share of each class."""
    level, share, pixels = untrained(target, input, activation=activation, batch=batch)
    wrong = alpha * level * (1 - share) + beta * (1 - level) * share
    values = (wrong / (level * share + wrong + smooth / pixels)) ** (1 / gamma)
    keep = share >= 0 if absent == "count" else share > 0
    if not include_background:
        values, keep = values[:, 1:], keep[:, 1:]
    return torch.where(keep, values, 0.0).sum() / keep.sum()


_PAPER = Paper(
    "Salehi, Erdogmus, Gholipour 2017",
    "Tversky loss function for image segmentation using 3D fully convolutional deep networks",
    "arXiv:1706.05721",
)
_PRICES = (
    Option("alpha", Text("the price of a false positive", "假阳性的代价"), low=0.0),
    Option("beta", Text("the price of a false negative", "假阴性的代价"), low=0.0),
)
_NAMES = Text(
    "Papers exchange alpha and beta: here alpha goes with false positives, as in Salehi et al. 2017; in Abraham and "
    "Khan 2019 it goes with false negatives.",
    "不同论文中 alpha 与 beta 含义相反：此处 alpha 对应假阳性，同 Salehi 等 2017；"
    "Abraham 与 Khan 2019 中它对应假阴性。",
)

TVERSKY = LossSpec(
    name="tversky_loss",
    module="TverskyLoss",
    title=Text("Tversky loss", "Tversky 损失"),
    aliases=("tversky", "tversky index", "false negatives", "特沃斯基", "假阴性", "召回率优先"),
    family="segmentation",
    purpose=Text(
        "Segmentation where a missed pixel and a false one are not equally bad: small lesions, for instance.",
        "漏检像素与误检像素代价不同的分割，例如小病灶。",
    ),
    formula=r"1 - \frac{TP + s}{TP + \alpha FP + \beta FN + s}, \quad TP = \sum_{i} p_i t_i, "
    r"\quad FP = \sum_{i} p_i (1 - t_i), \quad FN = \sum_{i} (1 - p_i) t_i",
    papers=(_PAPER,),
    arguments=ARGUMENTS,
    unit="image",
    options=(*_PRICES, ACTIVATION, BACKGROUND, ABSENT, SMOOTH, BATCH),
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.TverskyLoss(alpha=0.3, beta=0.7, reduction="none")(input, target)  # for each image and class
tensor([[0.3959, 0.2722]])
>>> losses.TverskyLoss(alpha=0.5, beta=0.5)(input, target)  # dice_loss
tensor(0.3461)
""",
    draw=draw,
    start=Start(
        Text(
            "mean of 1 - f / (f + α (1 - f) + β f (C - 1)), f the share of a class; for sigmoid with C = 2",
            "1 - f / (f + α (1 - f) + β f (C - 1)) 的均值，f 为类别所占份额；sigmoid 时取 C = 2",
        ),
        lambda input, target, alpha=0.3, beta=0.7, **options: at_start(input, target, alpha, beta, **options),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=tversky_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text("alpha = beta = 1/2 is Dice", "alpha = beta = 1/2 即 Dice"),
            {"alpha": 0.5, "beta": 0.5},
            lambda input, target: _quotient(*hard(input, target), lambda p, t, both: 2 * both / (p + t)),
        ),
        Limit(
            Text("alpha = beta = 1 is Jaccard", "alpha = beta = 1 即 Jaccard"),
            {"alpha": 1.0, "beta": 1.0},
            lambda input, target: _quotient(*hard(input, target), lambda p, t, both: both / (p + t - both)),
        ),
        Limit(
            Text("alpha = 1, beta = 0 is 1 - precision", "alpha = 1、beta = 0 即 1 - 精确率"),
            {"alpha": 1.0, "beta": 0.0},
            lambda input, target: _quotient(*hard(input, target), lambda p, t, both: both / p),
        ),
        Limit(
            Text("alpha = 0, beta = 1 is 1 - recall", "alpha = 0、beta = 1 即 1 - 召回率"),
            {"alpha": 0.0, "beta": 1.0},
            lambda input, target: _quotient(*hard(input, target), lambda p, t, both: both / t),
        ),
    ),
    hazards=(_NAMES, EMPTY_IMAGES, SOFT_LABELS),
    avoid=Text(
        "Both errors cost the same: dice_loss, or dice_ce_loss, which has a gradient in every pixel.",
        "两类错误代价相同时：用 dice_loss，或每个像素都有梯度的 dice_ce_loss。",
    ),
    equivalents=(
        Equivalent(
            "monai.losses.TverskyLoss",
            Text(
                "alpha = beta = 0.5 and smooth 1e-5 by default; absent classes count, with a loss near 1; no "
                "activation unless asked",
                "默认 alpha = beta = 0.5、平滑 1e-5；缺席类别计入，损失接近 1；默认不做激活",
            ),
        ),
        Equivalent(
            "segmentation_models_pytorch.losses.TverskyLoss",
            Text(
                "batch=True; absent classes add 0 and still count; its gamma raises the mean over classes to a power",
                "相当于 batch=True；缺席类别加 0 却仍计数；其 gamma 对各类均值求幂",
            ),
        ),
        Equivalent(
            "keras.losses.Tversky",
            Text(
                "takes probabilities and counts all images and classes as one", "接受概率，并把所有图像与类别合并统计"
            ),
        ),
    ),
    plot=Plot(
        EVERYWHERE,
        -6.0,
        6.0,
        lambda x: veil(x, 0.1),
        tuple(
            Curve(f"α = {a:g}, β = {b:g}", {"alpha": a, "beta": b, "activation": "sigmoid"})
            for a, b in ((0.7, 0.3), (0.5, 0.5), (0.3, 0.7), (0.1, 0.9))
        ),
    ),
)


def _quotient(p: Tensor, t: Tensor, index: Any) -> Tensor:
    return 1 - index(p.sum((2, 3)), t.sum((2, 3)), (p * t).sum((2, 3)))


def focal_tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    """At an exact 0 the gradient, infinite for gamma > 1, is 0."""
    result = of_counts(
        "focal_tversky_loss",
        input,
        target,
        mask,
        alpha=alpha,
        beta=beta,
        activation=activation,
        include_background=include_background,
        absent=absent,
        smooth=smooth,
        batch=batch,
    )
    if gamma == 1:
        return result
    if isinstance(result, Tensor):
        return safe_pow(result, 1 / gamma)
    return safe_pow(result[0], 1 / gamma), result[1]


FOCAL_TVERSKY = LossSpec(
    name="focal_tversky_loss",
    module="FocalTverskyLoss",
    title=Text("Focal Tversky loss", "焦点 Tversky 损失"),
    aliases=("ftl", "focal tversky", "small lesions", "焦点特沃斯基", "小病灶分割"),
    family="segmentation",
    purpose=Text(
        "Tversky's loss raised to a power, so that images and classes of middling overlap count more or less.",
        "对 Tversky 损失取幂，使重叠程度居中的图像与类别权重更大或更小。",
    ),
    formula=r"(1 - \frac{TP + s}{TP + \alpha FP + \beta FN + s})^{1 / \gamma}",
    papers=(
        Paper(
            "Abraham, Khan 2019",
            "A Novel Focal Tversky loss function with improved Attention U-Net for lesion segmentation",
            "arXiv:1810.07842",
        ),
        _PAPER,
    ),
    arguments=ARGUMENTS,
    unit="image",
    options=(
        *_PRICES,
        Option(
            "gamma",
            Text(
                "the power is 1 / gamma, as in the paper: above 1 the gradient grows as the overlap nears 1",
                "幂指数为 1 / gamma，与论文一致：大于 1 时，重叠越接近 1 梯度越大",
            ),
            low=0.0,
            low_open=True,
        ),
        ACTIVATION,
        BACKGROUND,
        ABSENT,
        SMOOTH,
        BATCH,
    ),
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.FocalTverskyLoss(gamma=4 / 3, reduction="none")(input, target)  # for each image and class
tensor([[0.4991, 0.3768]])
""",
    draw=draw,
    start=Start(
        Text("the mean of Tversky's start to the power 1/γ", "Tversky 损失起始值的 1/γ 次幂的均值"),
        lambda input, target, alpha=0.3, beta=0.7, gamma=4 / 3, **options: at_start(
            input, target, alpha, beta, gamma=gamma, **options
        ),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=focal_tversky_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text("gamma = 1 is Tversky", "gamma = 1 即 Tversky"),
            {"gamma": 1.0, "alpha": 1.0, "beta": 0.0},
            lambda input, target: _quotient(*hard(input, target), lambda p, t, both: both / p),
        ),
    ),
    hazards=(
        Text(
            "gamma is the paper's: the power is 1 / gamma. Where libraries write a power of gamma, theirs is 1 / ours: "
            "the paper's 4/3 is 0.75 there.",
            "gamma 沿用论文：幂指数为 1 / gamma。有的库直接以 gamma 为幂，其值是此处的倒数：论文的 4/3 在那里是 0.75。",
        ),
        _NAMES,
        Text(
            "With gamma above 1 the gradient is steep near a perfect overlap: lower the learning rate towards the end, "
            "or take gamma = 1 for the last layer, as the paper does.",
            "gamma 大于 1 时，接近完全重叠处梯度很陡：训练后期应降低学习率，或如论文那样在最后一层用 gamma = 1。",
        ),
        EMPTY_IMAGES,
    ),
    avoid=Text(
        "Start with tversky_loss or dice_ce_loss; the power helps only where they stall.",
        "先用 tversky_loss 或 dice_ce_loss；只有它们停滞时取幂才有帮助。",
    ),
    equivalents=(
        Equivalent(
            "segmentation_models_pytorch.losses.TverskyLoss",
            Text(
                "its gamma is a power of the mean over classes, not of each class", "其 gamma 对各类均值而非对每类求幂"
            ),
        ),
    ),
    plot=Plot(
        EVERYWHERE,
        -6.0,
        6.0,
        lambda x: veil(x, 0.1),
        tuple(Curve(f"γ = {g:.3g}", {"gamma": g, "activation": "sigmoid"}) for g in (0.5, 1.0, 4 / 3, 3.0)),
    ),
)

SPECS = (TVERSKY, FOCAL_TVERSKY)
