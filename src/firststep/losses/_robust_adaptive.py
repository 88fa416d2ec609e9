"""Barron's robust loss as a density, whose shape and scale are learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._likelihood import floored
from ._robust import PAPER
from ._spec import Argument, Curve, Equivalent, Learned, LossSpec, Minimum, Plot, Start, Text

_NODES = 96
_MOST = 40.0
"""Logits of alpha beyond this size give alpha = 0 and alpha = 2 to the last bit of float64."""


def _shape(alpha_logit: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and 2 - alpha, each to full precision however near it is to 0."""
    logit = floored(alpha_logit, -_MOST, _MOST)
    return 2 * torch.sigmoid(logit), 2 * torch.sigmoid(-logit)


def log_partition(alpha_logit: Tensor) -> Tensor:
    """``log Z(alpha)``, where Z is the integral of ``exp(-rho(x, alpha, 1))`` over all x, and alpha = 2 sigmoid(logit).

    With ``x = sqrt(b) sinh u``, ``b = 2 - alpha``, the exponent is ``-b/alpha (cosh(u)^alpha - 1)``: no singularity
    comes near the real axis whatever alpha is, and the trapezoid rule converges geometrically. Its nodes reach to where
    the integrand has fallen below 1e-16. Its error in float64 is at most 1e-9, and 1e-14 for logits between -4 and 12.

    >>> Z = log_partition(torch.tensor([-40.0, 40.0], dtype=torch.float64)).exp()
    >>> Z, torch.tensor([math.pi * math.sqrt(2), math.sqrt(2 * math.pi)])  # Cauchy and normal
    (tensor([4.4429, 2.5066], dtype=torch.float64), tensor([4.4429, 2.5066]))
    """
    alpha, b = (one.unsqueeze(-1) for one in _shape(alpha_logit))
    reach = math.log(2) + torch.log1p(74 * alpha / b) / alpha
    step = reach.detach() / _NODES
    u = step * torch.arange(_NODES + 1, dtype=step.dtype, device=step.device)
    log_cosh = u + torch.log1p(torch.exp(-2 * u)) - math.log(2)
    heights = torch.exp(log_cosh - b / alpha * torch.expm1(alpha * log_cosh))
    area = step.squeeze(-1) * (2 * heights.sum(-1) - heights[..., 0])
    return torch.log(area) + torch.log(b.squeeze(-1)) / 2


def adaptive_robust_loss(input: Tensor, target: Tensor, alpha_logit: Tensor, log_scale: Tensor) -> Tensor:
    """alpha stays within (0, 2), where the density exists and its derivatives are bounded, as the logit's sigmoid."""
    column = (-1, *(1 for _ in input.shape[2:]))
    alpha, b = (one.reshape(column) for one in _shape(alpha_logit))
    log_scale = floored(log_scale, -_MOST, _MOST)
    squared = ((input - target) * torch.exp(-log_scale).reshape(column)).square()
    rho = b / alpha * torch.expm1(alpha / 2 * torch.log1p(squared / b))
    return rho + (log_scale + log_partition(alpha_logit)).reshape(column)


def _start(input: Tensor, target: Tensor, alpha_logit: Tensor, log_scale: Tensor, **_: object) -> Tensor:
    at_one = math.log(2 * math.e * float(torch.special.modified_bessel_k1(torch.tensor(1.0, dtype=torch.float64))))
    return (torch.sqrt(target.square() + 1) - 1).mean() + at_one


ADAPTIVE_ROBUST = LossSpec(
    name="adaptive_robust_loss",
    module="AdaptiveRobustLoss",
    title=Text("Adaptive robust loss", "自适应稳健损失"),
    aliases=("adaptive robust", "barron adaptive", "learned robustness", "自适应鲁棒损失", "自适应稳健"),
    family="regression",
    purpose=Text(
        "The general robust loss with a learned shape and scale for each channel: the data say how heavy their "
        "tails are.",
        "形状与尺度均可学习的通用稳健损失，每个通道各一个：由数据决定尾部有多重。",
    ),
    formula=r"\rho(x - y, \alpha, c) + \log c + \log Z(\alpha), \quad Z(\alpha) = \int e^{-\rho(t, \alpha, 1)} dt",
    papers=(PAPER._replace(equation=""),),
    arguments=(
        Argument("input", "values", "N D *"),
        Argument("target", "values", "N D *"),
        Argument(
            "alpha_logit",
            "parameters",
            "D",
            "alpha = 2 sigmoid(alpha_logit), the shapes",
            "alpha = 2 sigmoid(alpha_logit)，形状",
        ),
        Argument("log_scale", "parameters", "D", "log c, of the scales", "log c，尺度的对数"),
    ),
    unit="element",
    learned=(
        Learned(
            "alpha_logit",
            ("num_dims",),
            lambda num_dims: torch.zeros(num_dims),
            Text(
                "where alpha = 2 sigmoid(alpha_logit) is the shape of each channel, 1 at first",
                "其中 alpha = 2 sigmoid(alpha_logit) 为各通道的形状，初始为 1",
            ),
        ),
        Learned(
            "log_scale",
            ("num_dims",),
            lambda num_dims: torch.zeros(num_dims),
            Text("the logarithm of the scale of each channel, 0 at first", "各通道尺度的对数，初始为 0"),
        ),
    ),
    code="""
>>> loss = losses.AdaptiveRobustLoss(num_dims=1)
>>> input, target = torch.tensor([[0.1], [-0.2], [0.0], [9.0]]), torch.zeros(4, 1)
>>> loss(input, target)
tensor(3.2055, grad_fn=<DivBackward0>)
>>> optimizer = torch.optim.SGD([*loss.parameters()], lr=0.1)  # beside the model's parameters
""",
    draw=lambda generator, n: (
        values(generator, n, 3),
        values(generator, n, 3),
        values(generator, 3) / 2 - 0.5,
        values(generator, 3) / 2,
    ),
    start=Start(
        Text(
            "mean of √(y² + 1) - 1, plus log(2 e K₁(1)) = 1.185: 1.540 for standard normal targets",
            "√(y² + 1) - 1 的均值加 log(2 e K₁(1)) = 1.185：目标服从标准正态分布时为 1.540",
        ),
        _start,
        lambda input, target, alpha_logit, log_scale, **_: (
            torch.zeros_like(input),
            target,
            torch.zeros_like(alpha_logit),
            torch.zeros_like(log_scale),
        ),
    ),
    minimum=Minimum(
        Text(
            "log c + log Z(α) for given α and c; without bound as c goes to 0",
            "给定 α 与 c 时为 log c + log Z(α)；c 趋于 0 时无下界",
        ),
        lambda input, target, alpha_logit, log_scale, **_: (log_scale + log_partition(alpha_logit)).mean(),
        lambda input, target, *parameters, **_: (target, target, *parameters),
    ),
    kernel=adaptive_robust_loss,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "Shape and scale are parameters of the loss: hand loss.parameters() to the optimizer, or nothing adapts.",
            "形状与尺度是损失函数的参数：必须把 loss.parameters() 交给优化器，否则不会自适应。",
        ),
        Text(
            "It is a negative log-likelihood: it may be negative, and its values say nothing beside another loss's.",
            "它是负对数似然：可以为负，其数值不能与其他损失相比。",
        ),
        Text(
            "Where all errors can vanish the scale goes to 0 and the loss to -inf, as in any likelihood.",
            "若所有误差都能降为零，尺度会趋于 0，损失趋于 -inf，任何似然都是如此。",
        ),
    ),
    avoid=Text(
        "The shape is known, or must be below 0: general_robust_loss. The scale depends on the sample: "
        "student_t_nll_loss.",
        "形状已知，或需小于 0 时：用 general_robust_loss。尺度因样本而异时：用 student_t_nll_loss。",
    ),
    equivalents=(
        Equivalent(
            "robust_loss_pytorch.adaptive.AdaptiveLossFunction",
            Text(
                "alpha between 0.001 and 1.999 and the scale by a softplus; log Z from a spline, to 1e-6; not reduced",
                "alpha 限于 0.001 到 1.999，尺度经 softplus 得到；log Z 用样条近似，精度 1e-6；不做归约",
            ),
        ),
    ),
    plot=Plot(
        Text("error x - y, c = 1", "误差 x - y，c = 1"),
        -6.0,
        6.0,
        lambda x: (x.reshape(1, 1), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1)),
        tuple(
            Curve(
                f"α = {alpha:g}",
                at=lambda x, alpha=alpha: (
                    x.reshape(1, 1),
                    torch.zeros(1, 1),
                    torch.tensor([math.log(alpha / (2 - alpha))]),
                    torch.zeros(1),
                ),
            )
            for alpha in (0.05, 1.0, 1.95)
        ),
    ),
)

SPECS = (ADAPTIVE_ROBUST,)
