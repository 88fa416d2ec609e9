"""Barron's general robust loss: from least squares to losses that forget outliers, by one number."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._regression import ARGUMENTS, NOTHING_LOST
from ._spec import Curve, Equivalent, Limit, LossSpec, Option, Paper, Plot, Start, Text

PAPER = Paper("Barron 2019", "A General and Adaptive Robust Loss Function", "arXiv:1701.03077", "eq. 1, 8")

_FAR = 1e18
"""Beyond this size alpha is taken for infinite, and below its inverse for 0: the difference is below float64's."""


def general_robust_loss(input: Tensor, target: Tensor, *, alpha: float = 1.0, scale: float = 1.0) -> Tensor:
    """With ``b = |alpha - 2|``, ``s = (e / scale)^2``, ``L = log(1 + s/b)`` it is ``b/alpha (exp(alpha L/2) - 1)``.

    expm1 makes that exact for every alpha but near 2, where b vanishes and L grows. There ``exp(alpha L/2)`` is taken
    apart into ``1 + s/b`` and ``1 + u = exp((alpha - 2) L/2)``, which leaves ``(s + (s + b) u) / alpha`` and nothing
    that cancels. Only in the four holes of the formula, and at two common alphas, is it written out.
    """
    squared = (input - target).square()
    if scale != 1:
        squared = squared / scale**2
    if alpha == 1:
        return squared / (1 + torch.sqrt(1 + squared))
    if alpha == -2:
        above = squared + 4
        return _with_slope(2 * (squared / above).detach(), -8 / above)
    if alpha == 2:
        return squared / 2
    if abs(alpha) < 1 / _FAR:
        return torch.log1p(squared / 2)
    if abs(alpha) > _FAR:
        return torch.expm1(squared / 2) if alpha > 0 else -_falling(-squared / 2)
    b = abs(alpha - 2)
    logarithm = torch.log1p(squared / b)
    if b < 0.1:
        return (squared + (squared + b) * torch.expm1((alpha - 2) / 2 * logarithm)) / alpha
    return b / alpha * (torch.expm1 if alpha > 0 else _falling)(alpha / 2 * logarithm)


def _falling(x: Tensor) -> Tensor:
    """``expm1(x)`` for x <= 0 with the gradient ``exp(x)``: torch's is ``expm1(x) + 1``, 0 for points far off."""
    return _with_slope(torch.expm1(x.detach()), torch.exp(x))


def _with_slope(value: Tensor, like: Tensor) -> Tensor:
    """The value as it is, with the derivatives of something that differs from it by a constant."""
    return value + (like - like.detach())


_HOLES = {
    2.0: lambda squared: squared / 2,
    0.0: lambda squared: torch.log(1 + squared / 2),
    -math.inf: lambda squared: 1 - torch.exp(-squared / 2),
    math.inf: lambda squared: torch.exp(squared / 2) - 1,
}


def _literal(squared: Tensor, alpha: float) -> Tensor:
    """Equation 1 as it stands, with its holes filled."""
    if alpha in _HOLES:
        return _HOLES[alpha](squared)
    b = abs(alpha - 2)
    return b / alpha * ((squared / b + 1) ** (alpha / 2) - 1)


GENERAL_ROBUST = LossSpec(
    name="general_robust_loss",
    module="GeneralRobustLoss",
    title=Text("General robust loss", "通用稳健损失"),
    aliases=(
        "barron",
        "robust",
        "robust loss",
        "cauchy",
        "cauchy loss",
        "lorentzian",
        "geman mcclure",
        "welsch",
        "leclerc",
        "generalized charbonnier",
        "稳健损失",
        "鲁棒损失",
        "鲁棒回归",
        "柯西损失",
    ),
    family="regression",
    purpose=Text(
        "One number, alpha, sets how little outliers count: 2 is least squares, 1 pseudo-Huber, 0 Cauchy, -2 "
        "Geman-McClure, "
        "-inf Welsch.",
        "用一个数 alpha 决定离群值的影响有多小：2 为最小二乘，1 为 pseudo-Huber，0 为 Cauchy，-2 为 "
        "Geman-McClure，-inf 为 Welsch。",
    ),
    formula=(
        r"\frac{|\alpha - 2|}{\alpha} "
        r"\left( \left( \frac{((x - y)/c)^2}{|\alpha - 2|} + 1 \right)^{\alpha/2} - 1 \right)"
    ),
    papers=(PAPER,),
    arguments=ARGUMENTS,
    unit="element",
    options=(
        Option(
            "alpha",
            Text(
                "shape, any number, -inf and inf included; smaller forgets outliers sooner",
                "形状，任意数，包括 -inf 与 inf；越小越早忽略离群值",
            ),
        ),
        Option(
            "scale",
            Text(
                "c, the error from which it is no longer a parabola, in the target's units",
                "c，误差超过它便不再是抛物线，单位与目标相同",
            ),
            low=0.0,
            low_open=True,
        ),
    ),
    code="""
>>> input, target = torch.tensor([0.5, 3.0, 100.0]), torch.zeros(3)
>>> losses.GeneralRobustLoss(alpha=0.0, reduction="none")(input, target)  # Cauchy
tensor([0.1178, 1.7047, 8.5174])
>>> losses.GeneralRobustLoss(alpha=-torch.inf, scale=2.0, reduction="none")(input, target)  # Welsch
tensor([0.0308, 0.6753, 1.0000])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "the mean over the targets themselves: 0.355 for standard normal ones and the defaults",
            "以目标自身为误差的均值：目标服从标准正态分布且取默认选项时为 0.355",
        ),
        lambda input, target, alpha=1.0, scale=1.0, **_: _literal((target / scale).square(), alpha).mean(),
    ),
    minimum=NOTHING_LOST,
    kernel=general_robust_loss,
    invariances=(MOVE, SWAP),
    limits=(
        Limit(
            Text("alpha=2 is half the squared error", "alpha=2 为平方误差的一半"),
            {"alpha": 2.0},
            lambda input, target: (input - target).square() / 2,
        ),
        Limit(
            Text("alpha=1 is pseudo-Huber, or Charbonnier less 1", "alpha=1 为 pseudo-Huber，即 Charbonnier 减 1"),
            {"alpha": 1.0},
            lambda input, target: torch.sqrt((input - target).square() + 1) - 1,
        ),
        Limit(
            Text("alpha=0 is Cauchy (Lorentzian)", "alpha=0 为 Cauchy（Lorentzian）"),
            {"alpha": 0.0},
            lambda input, target: torch.log(1 + (input - target).square() / 2),
        ),
        Limit(
            Text("alpha=-2 is Geman-McClure", "alpha=-2 为 Geman-McClure"),
            {"alpha": -2.0},
            lambda input, target: 2 * (input - target).square() / ((input - target).square() + 4),
        ),
        Limit(
            Text("alpha=-inf is Welsch (Leclerc)", "alpha=-inf 为 Welsch（Leclerc）"),
            {"alpha": -math.inf},
            lambda input, target: 1 - torch.exp(-(input - target).square() / 2),
        ),
    ),
    hazards=(
        Text(
            "Below alpha = 1 the gradient of far points fades to nothing: a start that is far off everywhere "
            "does not move. "
            "Begin with a large scale or alpha, and lower it.",
            "alpha 小于 1 时远处点的梯度趋于零：若起始时处处偏离很远，就不会移动。应从较大的 scale 或 alpha "
            "开始，再逐步降低。",
        ),
        Text(
            "scale divides the error only, not the loss: halving it multiplies the curvature at 0 by four.",
            "scale 只除误差、不除损失：减半会使零点曲率变为四倍。",
        ),
        Text(
            "Above alpha = 2 it grows faster than any parabola; at inf it overflows float32 from an error of "
            "13.4 scales.",
            "alpha 大于 2 时增长快于抛物线；为 inf 时误差到 13.4 倍 scale 即在 float32 中溢出。",
        ),
    ),
    avoid=Text(
        "Nobody knows how heavy the tails are: adaptive_robust_loss or student_t_nll_loss learn it.",
        "不知道尾部有多重时：adaptive_robust_loss 或 student_t_nll_loss 可以学习。",
    ),
    equivalents=(
        Equivalent(
            "robust_loss_pytorch.general.lossfun",
            Text("takes the error x - y; not reduced", "接受误差 x - y；不做归约"),
        ),
        Equivalent(
            "kornia.losses.welsch_loss",
            Text("alpha=-inf, scale=1; reduction 'none' by default", "即 alpha=-inf、scale=1；reduction 默认为 'none'"),
        ),
        Equivalent(
            "kornia.losses.cauchy_loss",
            Text("alpha=0, scale=1; reduction 'none' by default", "即 alpha=0、scale=1；reduction 默认为 'none'"),
        ),
        Equivalent(
            "kornia.losses.geman_mcclure_loss",
            Text("alpha=-2, scale=1; reduction 'none' by default", "即 alpha=-2、scale=1；reduction 默认为 'none'"),
        ),
    ),
    plot=Plot(
        Text("error (x - y)/c", "误差 (x - y)/c"),
        -6.0,
        6.0,
        lambda x: (x, 0 * x),
        tuple(
            Curve(f"α = {label}", {"alpha": alpha})
            for label, alpha in (("1", 1.0), ("0", 0.0), ("-2", -2.0), ("-∞", -math.inf))
        ),
    ),
)

SPECS = (GENERAL_ROBUST,)
