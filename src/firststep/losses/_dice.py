"""Dice and its kin: overlap of a segmentation with its target."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ._invariances import SHIFT
from ._overlap import (
    ABSENT,
    ACTIVATION,
    ARGUMENTS,
    BACKGROUND,
    BATCH,
    EMPTY_IMAGES,
    RIGHT,
    SHARES,
    SHUFFLE,
    SMOOTH,
    SOFT_LABELS,
    dot,
    draw,
    hard,
    perfect,
)
from ._spec import Equivalent, Limit, LossSpec, Minimum, Paper, Plot, Start, Text, Values
from ._tversky import at_start, of_counts

_SEMIMETRIC = Paper(
    "Wang et al. 2023", "Dice Semimetric Losses: Optimizing the Dice Score with Soft Labels", "arXiv:2303.16296"
)
_SHARED = (ACTIVATION, BACKGROUND, ABSENT, SMOOTH, BATCH)


def dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    return dice_of(
        "dice_loss",
        input,
        target,
        mask,
        activation=activation,
        include_background=include_background,
        absent=absent,
        smooth=smooth,
        batch=batch,
    )


def dice_of(name: str, input: Tensor, target: Tensor, mask: Tensor | None, *, smooth: float, **options: Any) -> Values:
    """Tversky's with both prices 1/2, where ``smooth`` stands beside 2 TP."""
    return of_counts(name, input, target, mask, alpha=0.5, beta=0.5, smooth=smooth / 2, **options)


def dice_start(input: Tensor, target: Tensor, smooth: float = 0.0, **options: Any) -> Tensor:
    return at_start(input, target, 0.5, 0.5, smooth=smooth / 2, **options)


def dice_formula(input: Tensor, target: Tensor) -> Tensor:
    p, t = hard(input, target)
    return 1 - 2 * (p * t).sum((2, 3)) / (p.sum((2, 3)) + t.sum((2, 3)))


DICE = LossSpec(
    name="dice_loss",
    module="DiceLoss",
    title=Text("Dice loss", "Dice 损失"),
    aliases=("dice", "soft dice", "v-net loss", "f1 loss", "dice semimetric", "骰子损失", "软 dice", "医学图像分割"),
    family="segmentation",
    purpose=Text(
        "Segmentation whose classes take very different shares of the image: each class counts the same.",
        "各类别所占面积悬殊的分割：每个类别权重相同。",
    ),
    formula=r"1 - \frac{2 \sum_{i} p_i t_i + s}{\sum_{i} p_i + \sum_{i} t_i + s}",
    papers=(
        Paper(
            "Milletari, Navab, Ahmadi 2016",
            "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation",
            "arXiv:1606.04797",
        ),
        _SEMIMETRIC,
    ),
    arguments=ARGUMENTS,
    unit="image",
    options=_SHARED,
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.DiceLoss(reduction="none")(input, target)  # for each image and class
tensor([[0.4586, 0.2337]])
>>> one = losses.DiceLoss(activation="sigmoid")  # a single foreground
>>> one(input[:, 1:], target.unsqueeze(1).float())
tensor(0.2337)
""",
    draw=draw,
    start=Start(
        Text(
            "mean of 1 - 2f / (1 + C f), f the share of a class: 1 - 1/C where all are equal; for sigmoid with C = 2",
            "1 - 2f / (1 + C f) 的均值，f 为类别所占份额：各类相等时为 1 - 1/C；sigmoid 时取 C = 2",
        ),
        dice_start,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=dice_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text(
                "batch=False is the mean over images of 1 - F1 of soft counts",
                "batch=False 即各图像软计数 1 - F1 的均值",
            ),
            {"batch": False},
            dice_formula,
        ),
    ),
    hazards=(
        EMPTY_IMAGES,
        Text(
            "Its gradient fades where a model is surely wrong, as every loss of probabilities does: dice_ce_loss keeps "
            "one.",
            "模型非常确信却错误的像素上梯度消失，基于概率的损失皆如此；dice_ce_loss 则保有梯度。",
        ),
        SOFT_LABELS,
        Text(
            "The mean over images is not the Dice score of the whole set: small objects weigh more. batch=True counts "
            "over the batch, and then depends on what else is in it.",
            "按图像取均值不等于整个数据集的 Dice 分数：小目标权重更大。batch=True 在整个批上统计，"
            "结果取决于批中其他图像。",
        ),
    ),
    avoid=Text(
        "Training from scratch, or calibrated probabilities are wanted: dice_ce_loss. The score is IoU: jaccard_loss "
        "or lovasz_softmax_loss.",
        "从零训练或需要校准的概率时：用 dice_ce_loss。评价指标是 IoU 时：用 jaccard_loss 或 lovasz_softmax_loss。",
    ),
    equivalents=(
        Equivalent(
            "monai.losses.DiceLoss",
            Text(
                "smooth 1e-5; absent classes count, with a loss near 1; no activation unless asked, and the target has "
                "a channel axis",
                "平滑 1e-5；缺席类别计入，损失接近 1；默认不做激活，目标带通道维",
            ),
        ),
        Equivalent(
            "segmentation_models_pytorch.losses.DiceLoss",
            Text(
                "batch=True; absent classes add 0 and still count, which lowers the mean",
                "相当于 batch=True；缺席类别加 0 却仍计数，使均值偏低",
            ),
        ),
        Equivalent(
            "kornia.losses.DiceLoss",
            Text("counts all classes as one by default (average='micro')", "默认把所有类别合并统计（average='micro'）"),
        ),
        Equivalent(
            "keras.losses.Dice",
            Text(
                "takes probabilities and counts all images and classes as one", "接受概率，并把所有图像与类别合并统计"
            ),
        ),
    ),
    plot=Plot(RIGHT, -6.0, 6.0, lambda x: dot(x, 0.1), SHARES),
)


def jaccard_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    """Tversky's with both prices 1."""
    return of_counts(
        "jaccard_loss",
        input,
        target,
        mask,
        alpha=1.0,
        beta=1.0,
        activation=activation,
        include_background=include_background,
        absent=absent,
        smooth=smooth,
        batch=batch,
    )


def _jaccard_formula(input: Tensor, target: Tensor) -> Tensor:
    p, t = hard(input, target)
    both = (p * t).sum((2, 3))
    return 1 - both / (p + t - p * t).sum((2, 3))


JACCARD = LossSpec(
    name="jaccard_loss",
    module="JaccardLoss",
    title=Text("Jaccard loss (soft IoU)", "Jaccard 损失（软 IoU）"),
    aliases=(
        "jaccard",
        "soft iou",
        "miou loss",
        "intersection over union of masks",
        "雅卡尔",
        "交并比损失",
        "分割 iou",
    ),
    family="segmentation",
    purpose=Text(
        "Segmentation that is scored by intersection over union.",
        "以交并比（IoU）评价的分割。",
    ),
    formula=r"1 - \frac{\sum_{i} p_i t_i + s}{\sum_{i} p_i + \sum_{i} t_i - \sum_{i} p_i t_i + s}",
    papers=(
        Paper(
            "Rahman, Wang 2016",
            "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation",
            "ISVC 2016",
        ),
        Paper(
            "Wang, Ning, Blaschko 2023",
            "Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels",
            "arXiv:2302.05666",
        ),
    ),
    arguments=ARGUMENTS,
    unit="image",
    options=_SHARED,
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.JaccardLoss(reduction="none")(input, target)  # for each image and class
tensor([[0.6288, 0.3788]])
""",
    draw=draw,
    start=Start(
        Text(
            "mean of 1 - f / (1 + (C - 1) f), f the share of a class; for sigmoid with C = 2",
            "1 - f / (1 + (C - 1) f) 的均值，f 为类别所占份额；sigmoid 时取 C = 2",
        ),
        lambda input, target, **options: at_start(input, target, 1.0, 1.0, **options),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=jaccard_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text("batch=False is 1 - IoU of soft counts in each image", "batch=False 即各图像软计数的 1 - IoU"),
            {"batch": False},
            _jaccard_formula,
        ),
    ),
    hazards=(
        EMPTY_IMAGES,
        Text(
            "It is the IoU of probabilities, not of the masks that are scored: it can fall while theirs does not. "
            "lovasz_softmax_loss is made from the latter.",
            "这是概率的 IoU，而非评价所用掩码的 IoU：前者改善时后者未必改善。lovasz_softmax_loss 由后者导出。",
        ),
        SOFT_LABELS,
    ),
    avoid=Text(
        "The score is Dice or F1: dice_loss. Masks are boxes: iou_loss.",
        "评价指标是 Dice 或 F1 时：用 dice_loss。目标是检测框时：用 iou_loss。",
    ),
    equivalents=(
        Equivalent(
            "segmentation_models_pytorch.losses.JaccardLoss",
            Text(
                "batch=True; absent classes add 0 and still count, which lowers the mean",
                "相当于 batch=True；缺席类别加 0 却仍计数，使均值偏低",
            ),
        ),
        Equivalent(
            "monai.losses.DiceLoss",
            Text(
                "with jaccard=True; smooth 1e-5 beside twice the intersection",
                "设 jaccard=True；平滑 1e-5 加在两倍交集旁",
            ),
        ),
    ),
    plot=Plot(RIGHT, -6.0, 6.0, lambda x: dot(x, 0.1), SHARES),
)

SPECS = (DICE, JACCARD)
