"""Dice and cross-entropy together, the usual loss of segmentation."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._cross_entropy import expected_cost
from ._dice import dice_formula, dice_of, dice_start
from ._invariances import SHIFT
from ._numerics import divide, log_softmax, one_hot, pick
from ._overlap import (
    ABSENT,
    ACTIVATION,
    ARGUMENTS,
    BACKGROUND,
    RIGHT,
    SHARES,
    SHUFFLE,
    SMOOTH,
    SOFT_LABELS,
    dot,
    draw,
    mean_over_classes,
    perfect,
    rows,
)
from ._spec import Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text, Values


def dice_ce_loss(
    input: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    """One log-softmax serves both. The mean over classes and that over pixels are taken within the image."""
    if activation == "softmax":
        log_p = log_softmax(input)
        p = log_p.exp()
        cost = expected_cost(log_p, target) if target.dtype.is_floating_point else -pick(log_p, target)
    else:
        p = torch.sigmoid(input)
        label = target if target.dtype.is_floating_point else _indicator(input, target)
        cost = F.binary_cross_entropy_with_logits(input, label, reduction="none").mean(1)
    result = dice_of(
        "dice_ce_loss",
        input,
        target,
        mask,
        p=p,
        activation=activation,
        include_background=include_background,
        absent=absent,
        smooth=smooth,
        batch=batch,
    )
    dice = mean_over_classes(*(result if isinstance(result, tuple) else (result, None)))
    cost = rows(cost, batch)
    if mask is None:
        return dice_weight * dice + ce_weight * cost.mean(1)
    inside = rows(mask, batch)
    pixels = inside.sum(1)
    mean = divide(torch.where(inside, cost, 0.0).sum(1), pixels.to(cost.dtype))
    return dice_weight * dice + ce_weight * mean, pixels > 0


def _indicator(input: Tensor, target: Tensor) -> Tensor:
    """A single channel is checked where pixels are counted; here its index must only not be out of range."""
    return one_hot(target, input) if input.shape[1] > 1 else torch.zeros_like(input)


def _dice_ce_start(
    input: Tensor,
    target: Tensor,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    activation: str = "softmax",
    **options: Any,
) -> Tensor:
    ce = math.log(input.shape[1]) if activation == "softmax" else math.log(2)
    return dice_weight * dice_start(input, target, activation=activation, **options) + ce_weight * ce


DICE_CE = LossSpec(
    name="dice_ce_loss",
    module="DiceCELoss",
    title=Text("Dice and cross-entropy", "Dice 加交叉熵"),
    aliases=(
        "dice ce",
        "dice cross entropy",
        "nnu-net loss",
        "compound loss",
        "dice bce",
        "dice 交叉熵",
        "分割默认损失",
    ),
    family="segmentation",
    purpose=Text(
        "The usual loss of medical segmentation: Dice evens out the classes, cross-entropy reaches every pixel.",
        "医学图像分割的常用损失：Dice 兼顾类别大小，交叉熵使每个像素都有梯度。",
    ),
    formula=r"w_D \text{mean}_c \, \text{Dice}_c + w_C \text{mean}_i (-\log p_{y_i, i})",
    papers=(
        Paper(
            "Isensee et al. 2018",
            "nnU-Net: Self-adapting Framework for U-Net-Based Medical Image Segmentation",
            "arXiv:1809.10486",
        ),
    ),
    arguments=ARGUMENTS,
    unit="image",
    options=(
        Option("dice_weight", Text("w_D, of the mean of Dice over classes", "w_D，各类 Dice 均值的权重"), low=0.0),
        Option(
            "ce_weight", Text("w_C, of the mean of cross-entropy over pixels", "w_C，各像素交叉熵均值的权重"), low=0.0
        ),
        ACTIVATION,
        BACKGROUND,
        ABSENT,
        SMOOTH,
        Option(
            "batch",
            Text(
                "counts pixels over the whole batch first: one value for it, as nnU-Net may",
                "先在整个批上统计像素：整批一个值，nnU-Net 也有此选项",
            ),
        ),
    ),
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, -100]])  # the last pixel does not count
>>> losses.DiceCELoss(include_background=False)(input, target)
tensor(0.7151)
""",
    draw=draw,
    start=Start(
        Text(
            "Dice's start + ln C: 1 - 1/C + ln C for equal classes", "Dice 的起始值 + ln C：各类相等时为 1 - 1/C + ln C"
        ),
        _dice_ce_start,
    ),
    minimum=Minimum(
        Text("0 for hard labels; soft ones add their entropy", "硬标签时为 0；软标签另加其熵"),
        lambda *_, **__: 0.0,
        perfect,
    ),
    kernel=dice_ce_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text(
                "ce_weight=0 is the mean of dice_loss over the classes of an image",
                "ce_weight=0 即每幅图像各类 dice_loss 的均值",
            ),
            {"ce_weight": 0.0},
            lambda input, target: dice_formula(input, target).mean(1),
        ),
        Limit(
            Text(
                "dice_weight=0 is the mean of cross-entropy over the pixels of an image",
                "dice_weight=0 即每幅图像各像素交叉熵的均值",
            ),
            {"dice_weight": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none").mean((1, 2)),
        ),
    ),
    hazards=(
        Text(
            "Cross-entropy is averaged over the pixels of each image, then over images: an image of which little is "
            "labelled weighs as much as any. batch=True averages over all pixels.",
            "交叉熵先在每幅图像内按像素平均，再对图像平均：只标注了少量像素的图像与其他图像权重相同。"
            "batch=True 对所有像素平均。",
        ),
        Text(
            "include_background concerns Dice alone: cross-entropy always takes all classes.",
            "include_background 只影响 Dice：交叉熵总是包含所有类别。",
        ),
        SOFT_LABELS,
    ),
    avoid=Text(
        "Classes need weights of their own in the cross-entropy: add dice_loss and cross_entropy(class_weight=...).",
        "交叉熵需要类别权重时：把 dice_loss 与 cross_entropy(class_weight=...) 相加。",
    ),
    equivalents=(
        Equivalent(
            "monai.losses.DiceCELoss",
            Text(
                "smooth 1e-5 and absent classes count; cross-entropy is averaged over all pixels of the batch",
                "平滑 1e-5，缺席类别计入；交叉熵对批内所有像素平均",
            ),
        ),
    ),
    plot=Plot(RIGHT, -6.0, 6.0, lambda x: dot(x, 0.1), SHARES),
)

SPECS = (DICE_CE,)
