"""Losses of a dense detector's scores and of box sides that are predicted as distributions."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import flags, logits, uniform
from ._invariances import SHIFT
from ._numerics import log_softmax, safe_pow
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_GFL = "Generalized Focal Loss: Learning Qualified and Distributed Bounding Boxes for Dense Object Detection"
_POSITIVES = Text(
    "Detectors divide by the number of positives on all ranks, not of scores: give denominator=.",
    "检测器除以所有进程上的正样本总数，而非得分个数：传入 denominator=。",
)
_QUALITY = Text(
    "The quality is a label, not a path: compute the IoU of the predicted boxes without a gradient.",
    "质量是标签而非梯度通路：计算预测框的 IoU 时不应带梯度。",
)
_SCORE = Text("logit z", "logit z")


def quality_focal_loss(input: Tensor, target: Tensor, *, beta: float = 2.0) -> Tensor:
    cost = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    if beta == 0:
        return cost
    error = target - torch.sigmoid(input)
    return cost * (error.square() if beta == 2 else safe_pow(error.abs(), beta))


QUALITY_FOCAL = LossSpec(
    name="quality_focal_loss",
    module="QualityFocalLoss",
    title=Text("Quality focal loss", "质量焦点损失"),
    aliases=("qfl", "quality focal", "gfl", "soft label focal", "generalized focal loss", "软标签焦点", "质量焦点"),
    family="detection",
    purpose=Text(
        "Scores whose label is a quality between 0 and 1, such as the IoU of the box, and mostly 0.",
        "标签为 0 到 1 之间的质量（如框的 IoU）且多数为 0 的得分。",
    ),
    formula=r"-|t - p|^{\beta} ((1 - t) \log(1 - p) + t \log p), \quad p = \sigma(z)",
    papers=(Paper("Li et al. 2020", _GFL, "arXiv:2006.04388", "eq. 2"),),
    arguments=(
        Argument("input", "logits", "*"),
        Argument("target", "probabilities", "*", "t, the quality; 0 for negatives", "t，质量；负样本为 0"),
    ),
    unit="element",
    options=(Option("beta", Text("focus: 0 is binary cross-entropy", "聚焦程度：0 即二元交叉熵"), low=0.0),),
    code="""
>>> input = torch.tensor([-4.0, 0.0, 2.0])
>>> quality = torch.tensor([0.0, 0.9, 0.7])
>>> losses.QualityFocalLoss()(input, quality, denominator=2.0)  # two positives
tensor(0.0673)
""",
    draw=lambda generator, n: (logits(generator, n, 5), uniform(generator, n, 5)),
    start=Start(
        Text("the mean of |t - 1/2|^β ln 2: 2^-β ln 2 for negatives", "|t - 1/2|^β ln 2 的均值：负样本为 2^-β ln 2"),
        lambda input, target, beta=2.0, **_: ((target - 0.5).abs() ** beta).mean() * math.log(2),
        note=Text(
            "With a head bias of -ln((1 - π)/π) it starts far lower: see init.prior_bias.",
            "若输出偏置为 -ln((1 - π)/π)，起始值会低得多：见 init.prior_bias。",
        ),
    ),
    minimum=Minimum(
        Text("0, at p = t; at beta = 0 the entropy of t", "0，于 p = t 处；beta = 0 时为 t 的熵"),
        lambda input, target, beta=2.0, **_: 0.0 if beta else _entropy(target),
        lambda input, target, **_: (torch.logit(target), target),
    ),
    kernel=quality_focal_loss,
    limits=(
        Limit(
            Text("beta=0 is binary cross-entropy", "beta=0 即二元交叉熵"),
            {"beta": 0.0},
            lambda input, target: F.binary_cross_entropy_with_logits(input, target, reduction="none"),
        ),
        Limit(
            Text(
                "labels 0 and 1: sigmoid_focal_loss with gamma = beta",
                "标签为 0 与 1 时：即 gamma = beta 的 sigmoid_focal_loss",
            ),
            {"beta": 3.0},
            lambda input, target: -((1 - _of_label(input, target)) ** 3) * _of_label(input, target).log(),
            draw=lambda generator, n: (logits(generator, n, 5), flags(generator, n, 5)),
        ),
    ),
    hazards=(
        _POSITIVES,
        _QUALITY,
        Text(
            "A positive of quality 0 is a negative: it is pushed down like any other.",
            "质量为 0 的正样本等同于负样本：会被同样压低。",
        ),
    ),
    avoid=Text(
        "Labels are 0 and 1: sigmoid_focal_loss. Positives should count in full: varifocal_loss.",
        "标签只有 0 与 1 时：用 sigmoid_focal_loss。希望正样本按全权重计入时：用 varifocal_loss。",
    ),
    equivalents=(
        Equivalent(
            "mmdet.models.losses.QualityFocalLoss",
            Text(
                "takes class indices and a quality for each box, and sums over classes",
                "接受类别序号与每个框的质量，并对类别求和",
            ),
        ),
    ),
    plot=Plot(
        _SCORE,
        -6.0,
        6.0,
        lambda x: (x, torch.zeros_like(x)),
        tuple(Curve(f"t = {t:g}", at=lambda x, t=t: (x, torch.full_like(x, t))) for t in (0.0, 0.5, 0.8, 1.0)),
    ),
)


def _entropy(t: Tensor) -> Tensor:
    return -(torch.xlogy(t, t) + torch.xlogy(1 - t, 1 - t)).mean()


def _of_label(z: Tensor, t: Tensor) -> Tensor:
    return torch.where(t > 0, z, -z).sigmoid()


def varifocal_loss(input: Tensor, target: Tensor, *, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """A power of p below 2 is an exponential of log p: its derivatives are finite however small p is."""
    cost = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    if gamma == 0:
        return cost * torch.where(target > 0, target, alpha)
    power = torch.sigmoid(input).pow(gamma) if gamma >= 2 else torch.exp(F.logsigmoid(input) * gamma)
    return cost * torch.where(target > 0, target, power * alpha)


def _varifocal_start(input: Tensor, target: Tensor, alpha: float = 0.75, gamma: float = 2.0, **_: Any) -> Tensor:
    return torch.where(target > 0, target, alpha * 2.0**-gamma).mean() * math.log(2)


VARIFOCAL = LossSpec(
    name="varifocal_loss",
    module="VarifocalLoss",
    title=Text("Varifocal loss", "变焦损失"),
    aliases=("vfl", "varifocal", "iou-aware classification", "varifocalnet", "变焦点损失", "iou 感知分类"),
    family="detection",
    purpose=Text(
        "Scores that are to rank boxes by quality: positives weigh as much as their quality, easy negatives little.",
        "用于按质量给框排序的得分：正样本的权重等于其质量，容易的负样本权重很小。",
    ),
    formula=r"\begin{cases} -t (t \log p + (1 - t) \log(1 - p)) & t > 0 \\ -\alpha p^{\gamma} \log(1 - p) & t = 0 "
    r"\end{cases} \quad p = \sigma(z)",
    papers=(
        Paper(
            "Zhang et al. 2021",
            "VarifocalNet: An IoU-aware Dense Object Detector",
            "arXiv:2008.13367",
            "eq. 2",
        ),
    ),
    arguments=(
        Argument("input", "logits", "*"),
        Argument("target", "probabilities", "*", "t, the quality; 0 for negatives", "t，质量；负样本为 0"),
    ),
    unit="element",
    options=(
        Option("alpha", Text("weight of negatives", "负样本的权重"), low=0.0),
        Option("gamma", Text("focus on hard negatives: 0 is none", "对难负样本的聚焦程度：0 表示不聚焦"), low=0.0),
    ),
    code="""
>>> input = torch.tensor([-4.0, 0.0, 2.0])
>>> quality = torch.tensor([0.0, 0.9, 0.7])
>>> losses.VarifocalLoss()(input, quality, denominator=quality.sum())  # as the authors divide
tensor(0.7079)
""",
    draw=lambda generator, n: (logits(generator, n, 5), uniform(generator, n, 5)),
    start=Start(
        Text(
            "ln 2 times the mean of t over positives and α 2^-γ over negatives",
            "ln 2 乘以均值：正样本取 t，负样本取 α 2^-γ",
        ),
        _varifocal_start,
        note=Text(
            "With a head bias of -ln((1 - π)/π) it starts far lower: see init.prior_bias.",
            "若输出偏置为 -ln((1 - π)/π)，起始值会低得多：见 init.prior_bias。",
        ),
    ),
    minimum=Minimum(
        Text("the mean of t times the entropy of t", "t 与 t 的熵之积的均值"),
        lambda input, target, **_: (
            -(target * (torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target))).mean()
        ),
        lambda input, target, **_: (torch.logit(target), target),
    ),
    kernel=varifocal_loss,
    limits=(
        Limit(
            Text(
                "labels 0 and 1, gamma=0, alpha=1: binary cross-entropy",
                "标签为 0 与 1、gamma=0、alpha=1：即二元交叉熵",
            ),
            {"gamma": 0.0, "alpha": 1.0},
            lambda input, target: F.binary_cross_entropy_with_logits(input, target, reduction="none"),
            draw=lambda generator, n: (logits(generator, n, 5), flags(generator, n, 5)),
        ),
        Limit(
            Text(
                "negatives: sigmoid_focal_loss of label 0 with weight alpha",
                "负样本：即标签 0、权重 alpha 的 sigmoid_focal_loss",
            ),
            {"gamma": 2.0, "alpha": 0.75},
            lambda input, target: -0.75 * input.sigmoid() ** 2 * (-input).sigmoid().log(),
            draw=lambda generator, n: (logits(generator, n, 5), torch.zeros(n, 5, dtype=torch.float64)),
        ),
    ),
    hazards=(
        Text(
            "It jumps at t = 0: a positive of quality 0 is taken for a negative, one of 0.001 for almost nothing.",
            "在 t = 0 处有跳变：质量为 0 的正样本被当作负样本，质量为 0.001 的则几乎不计。",
        ),
        _POSITIVES,
        _QUALITY,
    ),
    avoid=Text(
        "Most boxes are poor at first, so that positives of low quality must learn too: quality_focal_loss.",
        "训练初期多数框质量很低、低质量正样本也需学习时：用 quality_focal_loss。",
    ),
    equivalents=(
        Equivalent(
            "mmdet.models.losses.VarifocalLoss",
            Text("the same with iou_weighted=True, its default", "iou_weighted=True（其默认值）时相同"),
        ),
    ),
    plot=Plot(
        _SCORE,
        -6.0,
        6.0,
        lambda x: (x, torch.zeros_like(x)),
        tuple(Curve(f"t = {t:g}", at=lambda x, t=t: (x, torch.full_like(x, t))) for t in (0.0, 0.2, 0.6, 1.0)),
    ),
)


def distribution_focal_loss(input: Tensor, target: Tensor) -> Tensor:
    """Both neighbours are gathered at once. A target at the last bin is that bin alone."""
    last = input.shape[1] - 1
    target = target.clamp(0, last).unsqueeze(1)
    left = target.detach().floor().clamp(max=max(last - 1, 0))
    share = target - left
    near = torch.cat((left, (left + 1).clamp(max=last)), 1).long()
    return -(log_softmax(input).gather(1, near) * torch.cat((1 - share, share), 1)).sum(1)


def _two_bins(input: Tensor, target: Tensor) -> Tensor:
    """The target as a distribution over the bins: a triangle of width 1 around it."""
    bins = torch.arange(input.shape[1], dtype=input.dtype, device=input.device)
    bins = bins.reshape(-1, *(1 for _ in input.shape[2:]))
    return (1 - (bins - target.clamp(0, input.shape[1] - 1).unsqueeze(1)).abs()).clamp(min=0)


def _draw_sides(generator: Generator, n: int) -> tuple[Tensor, ...]:
    return logits(generator, n, 6, 4), uniform(generator, n, 4, low=0.02, high=0.98) + torch.randint(
        5, (n, 4), generator=generator
    )


DISTRIBUTION_FOCAL = LossSpec(
    name="distribution_focal_loss",
    module="DistributionFocalLoss",
    title=Text("Distribution focal loss", "分布焦点损失"),
    aliases=(
        "dfl",
        "distribution focal",
        "two-hot",
        "two hot regression",
        "discretized regression",
        "分布焦点",
        "框边分布",
    ),
    family="detection",
    purpose=Text(
        "A number predicted as a distribution over the bins 0 to n, such as the distance to each side of a box.",
        "把数值预测为 0 到 n 各区间上的分布，例如到框四边的距离。",
    ),
    formula=r"-(i + 1 - y) \log p_i - (y - i) \log p_{i + 1}, \quad i = \lfloor y \rfloor, \quad p = \text{softmax}(z)",
    papers=(Paper("Li et al. 2020", _GFL, "arXiv:2006.04388", "eq. 6"),),
    arguments=(
        Argument("input", "logits", "N C *", "scores of the bins 0 to C - 1", "区间 0 到 C - 1 的得分"),
        Argument("target", "values", "N *", "y, in bins: from 0 to C - 1", "y，以区间为单位：0 到 C - 1"),
    ),
    unit="sample",
    code="""
>>> input = torch.zeros(1, 17, 4)  # four sides of a box, 17 bins each
>>> distances = torch.tensor([[3.2, 0.0, 15.9, 16.0]])  # in strides
>>> losses.DistributionFocalLoss()(input, distances)  # ln 17
tensor(2.8332)
""",
    draw=_draw_sides,
    start=Start(
        Text("ln C: ln 17 for n = 16", "ln C：n = 16 时为 ln 17"), lambda input, target, **_: math.log(input.shape[1])
    ),
    minimum=Minimum(
        Text("the entropy of the two shares, at most ln 2", "两份额的熵，至多 ln 2"),
        lambda input, target, **_: -torch.xlogy(_two_bins(input, target), _two_bins(input, target)).sum(1).mean(),
        lambda input, target, **_: (_two_bins(input, target).clamp(min=1e-30).log(), target),
    ),
    kernel=distribution_focal_loss,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("cross-entropy with the two shares as soft target", "以两份额为软目标的交叉熵"),
            {},
            lambda input, target: -(_two_bins(input, target) * input.log_softmax(1)).sum(1),
        ),
    ),
    hazards=(
        Text(
            "Targets count in bins: divide pixels by the stride first. Beyond 0 to C - 1 they are held at the ends, "
            "and the box cannot reach them.",
            "目标以区间计：应先用步长除像素数。超出 0 到 C - 1 的目标会被截到端点，预测框无法达到。",
        ),
        Text(
            "The prediction is the mean of the distribution, Σ k p_k, which this loss does not see: add a loss of the "
            "box, as detectors do.",
            "预测值是分布的均值 Σ k p_k，本损失并不直接约束它：应像检测器那样另加框损失。",
        ),
        Text(
            "It does not reach 0: half-way between two bins the least is ln 2.",
            "它不会降到 0：目标在两区间正中时最小值为 ln 2。",
        ),
    ),
    avoid=Text(
        "The number has no upper bound: a regression loss. Only its order counts: coral_loss, corn_loss.",
        "数值没有上界时：用回归损失。只关心次序时：用 coral_loss、corn_loss。",
    ),
    equivalents=(
        Equivalent(
            "mmdet.models.losses.DistributionFocalLoss",
            Text(
                "takes (N, C) and y < C - 1; at y = C - 1 its index is out of range",
                "接受 (N, C) 且 y < C - 1；y = C - 1 时序号越界",
            ),
        ),
    ),
    plot=Plot(
        Text("logit of bin 2 of 0 to 4, the others at 0", "区间 2（共 0 到 4）的 logit，其余为 0"),
        -6.0,
        6.0,
        lambda x: _bin_two(x, 2.0),
        tuple(Curve(f"y = {y:g}", at=lambda x, y=y: _bin_two(x, y)) for y in (2.0, 2.2, 2.5)),
    ),
)


def _bin_two(x: Tensor, y: float) -> tuple[Tensor, ...]:
    zero = torch.zeros_like(x)
    return torch.stack((zero, zero, x, zero, zero)).unsqueeze(0), x.new_tensor([y])


SPECS = (QUALITY_FOCAL, VARIFOCAL, DISTRIBUTION_FOCAL)
