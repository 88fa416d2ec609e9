"""Many labels per sample, most of them negative."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import flags, logits
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def asymmetric_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    shift: float = 0.05,
) -> Tensor:
    """Log-sigmoids where p is not shifted, ``log1p`` where it is: no epsilon in a logarithm."""
    target = target.to(input.dtype)
    log_p = F.logsigmoid(input)
    positive = _times_power(log_p, torch.sigmoid(-input), gamma_positive)
    if shift == 0:
        negative = _times_power(F.logsigmoid(-input), torch.sigmoid(input), gamma_negative)
    else:
        shifted = F.relu(torch.sigmoid(input) - shift)
        negative = _times_power(torch.log1p(-shifted), shifted, gamma_negative)
    return 0 - torch.lerp(negative, positive, target)  # no -0


def _times_power(x: Tensor, base: Tensor, exponent: float) -> Tensor:
    """``x * base ** exponent`` for x that vanishes with the base: finite gradients at base 0, for every exponent."""
    if exponent == 0:
        return x
    if exponent == 1:
        return x * base
    if exponent == 4:  # torch.pow has no fast path for it
        return x * base.square().square()
    return x * torch.pow(base.clamp(min=torch.finfo(base.dtype).tiny) if exponent < 2 else base, exponent)


def _start(
    input: Tensor,
    target: Tensor,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    shift: float = 0.05,
    **_: object,
) -> Tensor:
    positive = 0.5**gamma_positive * math.log(2)
    negative = -((0.5 - shift) ** gamma_negative) * math.log(0.5 + shift)
    return (target * positive + (1 - target) * negative).mean()


def _half_sure(input: Tensor, target: Tensor, **_: object) -> tuple[Tensor, Tensor]:
    return 80 * target - 40, target


ASYMMETRIC = LossSpec(
    name="asymmetric_loss",
    module="AsymmetricLoss",
    title=Text("Asymmetric loss", "非对称损失"),
    aliases=("asl", "asymmetric focal", "multi-label focal", "非对称焦点损失", "多标签不平衡"),
    family="imbalance",
    purpose=Text(
        "Many labels per sample, nearly all negative, some of them negative by mistake: a focus for each sign, and "
        "negatives that are easy enough are dropped.",
        "每个样本有许多标签，几乎全为负，且有些是漏标：正负各用一个聚焦指数，足够容易的负标签被丢弃。",
    ),
    formula=r"-t (1 - p)^{\gamma_+} \log p - (1 - t) p_m^{\gamma_-} \log(1 - p_m), "
    r"\quad p_m = \max(p - m, 0), \quad p = \sigma(z)",
    papers=(Paper("Ridnik et al. 2021", "Asymmetric Loss For Multi-Label Classification", "arXiv:2009.14119"),),
    arguments=(Argument("input", "logits", "*"), Argument("target", "flags", "*", "t, 0 or 1", "t，0 或 1")),
    unit="element",
    options=(
        Option("gamma_negative", Text("focus on hard negatives", "对难负例的聚焦指数"), low=0.0),
        Option("gamma_positive", Text("focus on hard positives, smaller", "对难正例的聚焦指数，应较小"), low=0.0),
        Option(
            "shift",
            Text("m: a negative of probability m or less costs nothing", "m：概率不超过 m 的负标签不计损失"),
            low=0.0,
            high=1.0,
            high_open=True,
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, -4.0, -1.0, 0.5]])
>>> target = torch.tensor([[1, 0, 0, 0]])
>>> losses.AsymmetricLoss(reduction="none")(input, target)
tensor([[0.0151, 0.0000, 0.0006, 0.0913]])
""",
    draw=lambda generator, n: (logits(generator, n, 5), flags(generator, n, 5)),
    start=Start(
        Text(
            "2^-γ₊ ln 2 for a positive label, -(1/2 - m)^γ₋ ln(1/2 + m) for a negative one",
            "正标签为 2^-γ₊ ln 2，负标签为 -(1/2 - m)^γ₋ ln(1/2 + m)",
        ),
        _start,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _half_sure),
    kernel=asymmetric_loss,
    limits=(
        Limit(
            Text("both gammas 0 and no shift is binary cross-entropy", "两个 gamma 为 0 且不平移即二元交叉熵"),
            {"gamma_negative": 0.0, "gamma_positive": 0.0, "shift": 0.0},
            lambda input, target: F.binary_cross_entropy_with_logits(input, target, reduction="none"),
        ),
        Limit(
            Text("equal gammas and no shift is the focal loss", "两个 gamma 相等且不平移即焦点损失"),
            {"gamma_negative": 2.0, "gamma_positive": 2.0, "shift": 0.0},
            lambda input, target: (
                F.binary_cross_entropy_with_logits(input, target, reduction="none")
                * (target - torch.sigmoid(input)).square()
            ),
        ),
    ),
    hazards=(
        Text(
            "The authors' code sums over labels and batch; this is a mean: multiply the learning rate, or ask for "
            'reduction="sum".',
            '原作者代码对标签与批求和；此处为均值：须相应放大学习率，或用 reduction="sum"。',
        ),
        Text(
            "A negative of probability m or less has no gradient: a large m leaves all of them there.",
            "概率不超过 m 的负标签没有梯度：m 过大时它们会一直停在那里。",
        ),
        Text(
            "Probabilities are too high for negatives: choose thresholds on validation data.",
            "负标签的预测概率偏高：阈值应在验证集上选取。",
        ),
    ),
    avoid=Text(
        "Labels are about balanced (binary_cross_entropy_with_logits), or one class of several is true "
        "(cross_entropy).",
        "正负标签大致均衡时（用 binary_cross_entropy_with_logits），或多类中仅一类成立时（用 cross_entropy）。",
    ),
    equivalents=(
        Equivalent(
            "timm.loss.AsymmetricLossMultiLabel",
            Text(
                "a sum, not a mean; floors logarithms at eps=1e-8, and the weight may be left out of the gradient",
                "求和而非均值；对数以 eps=1e-8 截断，且可选择权重不参与梯度",
            ),
        ),
    ),
    plot=Plot(
        Text("logit z of a negative label", "负标签的 logit z"),
        -6.0,
        6.0,
        lambda x: (x, torch.zeros_like(x)),
        (
            Curve("γ₋ = 4, m = 0.05"),
            Curve("γ₋ = 4, m = 0", {"shift": 0.0}),
            Curve("γ₋ = 0, m = 0", {"gamma_negative": 0.0, "shift": 0.0}),
            Curve("t = 1", at=lambda x: (x, torch.ones_like(x))),
        ),
    ),
)


def hinge_loss(input: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    """Nothing to guard: a corner, where the gradient is 0."""
    return F.relu(margin - target * input)


HINGE = LossSpec(
    name="hinge_loss",
    module="HingeLoss",
    title=Text("Hinge", "合页损失"),
    aliases=("hinge", "svm loss", "max margin", "合页", "支持向量机"),
    family="classification",
    purpose=Text(
        "Yes-or-no labels as -1 and 1, each to be right by a margin; beyond it nothing is asked for.",
        "以 -1 和 1 表示的是非标签，要求以一定间隔判对；超过间隔便不再有要求。",
    ),
    formula=r"\max(0, m - y z)",
    papers=(Paper("Cortes & Vapnik 1995", "Support-Vector Networks", "Machine Learning 20"),),
    arguments=(Argument("input", "logits", "*"), Argument("target", "signs", "*")),
    unit="element",
    options=(Option("margin", Text("m, by how much a label must be right", "m，判对所需的间隔"), low=0.0),),
    code="""
>>> input, target = torch.tensor([0.3, 2.0, -1.0]), torch.tensor([1.0, 1.0, 1.0])
>>> losses.HingeLoss(reduction="none")(input, target)
tensor([0.7000, 0.0000, 2.0000])
""",
    draw=lambda generator, n: (logits(generator, n, 5), 2 * flags(generator, n, 5) - 1),
    start=Start(Text("m", "m"), lambda *_, margin=1.0, **__: margin),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, margin=1.0: (margin * target, target)),
    kernel=hinge_loss,
    hazards=(
        Text(
            "Labels 0 and 1 are taken without a word: a label of 0 always costs m.",
            "标签 0 和 1 会被无声接受：标签 0 总是损失 m。",
        ),
    ),
    avoid=Text(
        "Probabilities are wanted: binary_cross_entropy_with_logits.",
        "需要概率时：用 binary_cross_entropy_with_logits。",
    ),
    equivalents=(
        Equivalent("sklearn.metrics.hinge_loss", Text("m = 1, for two classes", "m = 1，用于两类")),
        Equivalent("keras.losses.Hinge", Text("turns labels 0 into -1 by itself", "自动把标签 0 变为 -1")),
    ),
    plot=Plot(
        Text("logit z of a label 1", "标签 1 的 logit z"),
        -3.0,
        3.0,
        lambda x: (x, torch.ones_like(x)),
        tuple(Curve(f"m = {margin:g}", {"margin": margin}) for margin in (0.5, 1.0, 2.0)),
    ),
)

SPECS = (ASYMMETRIC, HINGE)
