"""Losses of a real number's error without a corner: smooth everywhere, straight far out."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._regression import ARGUMENTS, ERROR, NOTHING_LOST
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def log_cosh_loss(input: Tensor, target: Tensor) -> Tensor:
    """``log cosh e = e + log(1 + exp(-2 e)) - log 2``, whose second term is softplus with beta = -2, times -2.

    Past the threshold, at -e > 20, softplus gives e: the sum is then -e - log 2, as it must be.
    """
    error = input - target
    return torch.sub(error - math.log(2), F.softplus(error, beta=-2, threshold=40), alpha=2)


LOG_COSH = LossSpec(
    name="log_cosh_loss",
    module="LogCoshLoss",
    title=Text("Log-cosh", "Log-cosh 损失"),
    aliases=("logcosh", "log cosh", "双曲余弦对数"),
    family="regression",
    purpose=Text(
        "Squared error for small errors, absolute error for large ones, smooth everywhere.",
        "小误差时近似平方误差，大误差时近似绝对误差，处处光滑。",
    ),
    formula=r"\log \cosh(x - y)",
    papers=(
        Paper(
            "Green 1990",
            "Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm",
            "IEEE Trans. Med. Imaging 9(1)",
        ),
    ),
    arguments=ARGUMENTS,
    unit="element",
    code="""
>>> input, target = torch.tensor([0.1, 100.0]), torch.zeros(2)
>>> losses.LogCoshLoss(reduction="none")(input, target)
tensor([4.9917e-03, 9.9307e+01])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "mean of log cosh y: 0.375 for standard normal targets", "log cosh y 的均值：目标服从标准正态分布时为 0.375"
        ),
        lambda input, target, **_: target.double().cosh().log().mean(),
        tolerance=1e-5,
    ),
    minimum=NOTHING_LOST,
    kernel=log_cosh_loss,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "The formula as written overflows at an error of 89 in float32; this one does not.",
            "按公式直接计算在 float32 下误差到 89 即溢出；此处不会。",
        ),
    ),
    avoid=Text(
        "The size at which an error becomes an outlier is known: huber_loss has it as delta.",
        "已知误差多大算离群值时：huber_loss 的 delta 即是它。",
    ),
    equivalents=(
        Equivalent("optax.log_cosh", Text("not reduced", "不做归约")),
        Equivalent("keras.losses.LogCosh"),
        Equivalent(
            "auraloss.time.LogCoshLoss", Text("overflows: infinite at an error of 100", "会溢出：误差为 100 时为无穷")
        ),
    ),
    plot=Plot(ERROR, -4.0, 4.0, lambda x: (x, 0 * x)),
)


def charbonnier_loss(input: Tensor, target: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Under the root stands at least epsilon squared, so that no gradient is infinite."""
    return torch.sqrt((input - target).square() + epsilon**2)


CHARBONNIER = LossSpec(
    name="charbonnier_loss",
    module="CharbonnierLoss",
    title=Text("Charbonnier loss", "Charbonnier 损失"),
    aliases=("charbonnier", "pseudo huber", "l1 charbonnier", "图像复原损失", "超分辨率损失"),
    family="regression",
    purpose=Text(
        "The absolute error with a rounded tip of width epsilon: the usual loss of image restoration.",
        "尖端被磨圆、宽度为 epsilon 的绝对误差：图像复原中的常用损失。",
    ),
    formula=r"\sqrt{(x - y)^2 + \epsilon^2}",
    papers=(
        Paper(
            "Charbonnier et al. 1994",
            "Two Deterministic Half-Quadratic Regularization Algorithms for Computed Imaging",
            "ICIP 1994",
        ),
    ),
    arguments=ARGUMENTS,
    unit="element",
    options=(
        Option(
            "epsilon",
            Text("the width of the tip, and the value at no error", "尖端的宽度，也是误差为零时的损失值"),
            low=0.0,
            low_open=True,
        ),
    ),
    code="""
>>> input, target = torch.tensor([0.0, 0.003, 4.0]), torch.tensor([0.0, 0.0, 1.0])
>>> losses.CharbonnierLoss(epsilon=0.004, reduction="none")(input, target)
tensor([0.0040, 0.0050, 3.0000])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "mean of √(y² + ε²): about 0.798 for standard normal targets",
            "√(y² + ε²) 的均值：目标服从标准正态分布时约为 0.798",
        ),
        lambda input, target, epsilon=1e-3, **_: target.square().add(epsilon**2).sqrt().mean(),
    ),
    minimum=Minimum(
        Text("ε", "ε"), lambda *_, epsilon=1e-3, **__: epsilon, lambda input, target, **_: (target, target), 1e-9
    ),
    kernel=charbonnier_loss,
    invariances=(MOVE, SWAP),
    limits=(
        Limit(
            Text("a tiny epsilon is the absolute error", "epsilon 极小时即绝对误差"),
            {"epsilon": 1e-9},
            lambda input, target: (input - target).abs(),
        ),
    ),
    hazards=(
        Text(
            "The least value is epsilon, not 0.",
            "最小值为 epsilon，而不是 0。",
        ),
        Text(
            "Two forms go by this name: pseudo-Huber is ε (√(e² + ε²) - ε), with slope ε far out and 0 at no error.",
            "同名的有两种形式：pseudo-Huber 为 ε (√(e² + ε²) - ε)，远处斜率为 ε，无误差时为 0。",
        ),
        Text(
            "Some papers give ε² as epsilon: 1e-6 there is 1e-3 here.",
            "有些论文把 ε² 称作 epsilon：那里的 1e-6 即此处的 1e-3。",
        ),
    ),
    avoid=Text(
        "The value should be 0 at no error, or outliers should count less still: general_robust_loss.",
        "希望无误差时为 0，或希望离群值影响更小时：用 general_robust_loss。",
    ),
    equivalents=(
        Equivalent(
            "kornia.losses.charbonnier_loss",
            Text(
                "√(e² + 1) - 1, with the width fixed at 1; reduction 'none' by default",
                "为 √(e² + 1) - 1，宽度固定为 1；reduction 默认为 'none'",
            ),
        ),
    ),
    plot=Plot(
        ERROR,
        -3.0,
        3.0,
        lambda x: (x, 0 * x),
        tuple(Curve(f"ε = {epsilon:g}", {"epsilon": epsilon}) for epsilon in (0.001, 0.5, 1.0)),
    ),
)

SPECS = (LOG_COSH, CHARBONNIER)
