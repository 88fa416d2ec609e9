"""Dice over all classes at once, each weighted by its size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._invariances import SHIFT
from ._numerics import ratio
from ._overlap import (
    ACTIVATION,
    ARGUMENTS,
    BACKGROUND,
    BATCH,
    NO_PIXEL,
    RIGHT,
    SHARES,
    SHUFFLE,
    SOFT_LABELS,
    count,
    counted,
    dot,
    draw,
    hard,
    perfect,
    untrained,
)
from ._spec import Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text, Values


def generalized_dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    weighting: str = "square",
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
    mask: Tensor | None = None,
) -> Values:
    """The weights are taken relative to that of the rarest class, which is 1: none overflows, and no ratio changes."""
    name = "generalized_dice_loss"
    counts = count(name, input, target, mask, activation=activation, batch=batch)
    size = counts.target
    keep = counted(name, counts, mask, include_background=include_background, absent=absent, batch=batch)
    keep = torch.ones_like(size, dtype=torch.bool) if keep is None else keep
    there = keep & (size > 0)
    rarest = torch.where(there, size, torch.inf).amin(1, keepdim=True)
    share = torch.where(there, rarest, 1.0) / torch.where(there, size, 1.0)
    weight = torch.ones_like(size) if weighting == "uniform" else share if weighting == "simple" else share.square()
    weight = torch.where(keep, weight, 0.0)
    wrong = weight * (counts.fp + counts.fn)
    return ratio(wrong.sum(1), (wrong + 2 * weight * counts.tp).sum(1), NO_PIXEL), keep.any(1)


def _weights(size: Tensor, keep: Tensor, weighting: str) -> Tensor:
    power = {"square": 2, "simple": 1, "uniform": 0}[weighting]
    weight = torch.where(keep & (size > 0), size.clamp(min=1e-30) ** -power, 0.0)
    return torch.where(keep & (size == 0), weight.amax(1, keepdim=True), weight)


def _generalized_start(
    input: Tensor,
    target: Tensor,
    weighting: str = "square",
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
    **_: Any,
) -> Tensor:
    level, share, _pixels = untrained(target, input, activation=activation, batch=batch)
    keep = (share >= 0) if absent == "count" else (share > 0)
    if not include_background:
        keep = keep & (torch.arange(share.shape[1]) > 0)
    weight = _weights(share, keep, weighting)
    return (1 - 2 * level * (weight * share).sum(1) / (weight * (level + share)).sum(1)).mean()


def _generalized_formula(input: Tensor, target: Tensor, weighting: str) -> Tensor:
    p, t = hard(input, target)
    size = t.sum((2, 3))
    weight = _weights(size, size >= 0, weighting)
    return 1 - 2 * (weight * (p * t).sum((2, 3))).sum(1) / (weight * (p.sum((2, 3)) + size)).sum(1)


GENERALIZED_DICE = LossSpec(
    name="generalized_dice_loss",
    module="GeneralizedDiceLoss",
    title=Text("Generalized Dice loss", "广义 Dice 损失"),
    aliases=("gdl", "generalised dice", "weighted dice", "广义骰子", "加权 dice"),
    family="segmentation",
    purpose=Text(
        "Segmentation of classes of very different sizes: one score per image, each class weighted by its size.",
        "各类别大小悬殊的分割：每幅图像一个分数，各类按其大小加权。",
    ),
    formula=r"1 - 2 \frac{\sum_{c} w_c \sum_{i} p_{ci} t_{ci}}{\sum_{c} w_c \sum_{i} (p_{ci} + t_{ci})}, "
    r"\quad w_c = \frac{1}{(\sum_{i} t_{ci})^2}",
    papers=(
        Paper(
            "Sudre et al. 2017",
            "Generalised Dice overlap as a deep learning loss function for highly unbalanced segmentations",
            "arXiv:1707.03237",
        ),
    ),
    arguments=ARGUMENTS,
    unit="image",
    options=(
        Option(
            "weighting",
            Text(
                "w: square is 1 over the squared size of the class, simple 1 over its size, uniform 1",
                "w：square 为类别大小平方的倒数，simple 为大小的倒数，uniform 为 1",
            ),
            choices=("square", "simple", "uniform"),
        ),
        ACTIVATION,
        BACKGROUND,
        Option(
            "absent",
            Text(
                "a class without a pixel in the target: skip gives it no weight, count that of the rarest one there",
                "目标中没有任何像素的类别：skip 表示权重为 0，count 表示取在场类别中最稀有者的权重",
            ),
            choices=("skip", "count"),
        ),
        BATCH,
    ),
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.GeneralizedDiceLoss()(input, target)
tensor(0.4183)
>>> losses.GeneralizedDiceLoss(weighting="uniform")(input, target)
tensor(0.3096)
""",
    draw=draw,
    start=Start(
        Text(
            "1 - 2 Σ w f / Σ w (1 + C f), f the share of a class: 1 - 1/C where all are equal; for sigmoid with C = 2",
            "1 - 2 Σ w f / Σ w (1 + C f)，f 为类别所占份额：各类相等时为 1 - 1/C；sigmoid 时取 C = 2",
        ),
        _generalized_start,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=generalized_dice_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    limits=(
        Limit(
            Text("as Sudre et al. write it", "即 Sudre 等的原式"),
            {"weighting": "square"},
            lambda input, target: _generalized_formula(input, target, "square"),
        ),
        Limit(
            Text(
                "uniform weights and softmax: the share of wrong probability, 1 - Σ p_y / pixels",
                "均匀权重与 softmax：错误概率的份额，即 1 - Σ p_y / 像素数",
            ),
            {"weighting": "uniform"},
            lambda input, target: 1 - input.softmax(1).gather(1, target.unsqueeze(1)).mean((1, 2, 3)),
        ),
    ),
    hazards=(
        Text(
            "A class of one pixel weighs ten thousand times one of a hundred pixels: its label noise steers the image. "
            "weighting='simple' is milder.",
            "只有一个像素的类别，其权重是一百个像素的类别的一万倍：标注噪声会主导整幅图像。weighting='simple' 较温和。",
        ),
        Text(
            "By default false positives of a class that the image lacks cost nothing of their own. absent='count' "
            "gives the class the largest weight there is.",
            "默认情况下，图像中缺席类别的假阳性自身没有代价。absent='count' 给该类以现有的最大权重。",
        ),
        SOFT_LABELS,
    ),
    avoid=Text(
        "Every class should count the same: dice_loss, which averages over classes.",
        "希望各类别同等重要时：用对类别取均值的 dice_loss。",
    ),
    equivalents=(
        Equivalent(
            "monai.losses.GeneralizedDiceLoss",
            Text(
                "absent='count', and smooth 1e-5; no activation unless asked",
                "相当于 absent='count'，平滑 1e-5；默认不做激活",
            ),
        ),
    ),
    plot=Plot(RIGHT, -6.0, 6.0, lambda x: dot(x, 0.1), SHARES),
)

SPECS = (GENERALIZED_DICE,)
