"""Losses of a real number's error."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._spec import Argument, Equivalent, LossSpec, Minimum, Paper, Plot, Start, Text


def log_cosh_loss(input: Tensor, target: Tensor) -> Tensor:
    """``log cosh e = |e| + log(1 + exp(-2|e|)) - log 2``, which does not overflow."""
    error = (input - target).abs()
    return error - F.logsigmoid(2 * error) - math.log(2)


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
    papers=(Paper("Green 1990", "Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm", "IEEE Trans. Med. Imaging 9(1)"),),
    arguments=(Argument("input", "values", "*"), Argument("target", "values", "*")),
    unit="element",
    code="""
>>> input, target = torch.tensor([0.1, 100.0]), torch.zeros(2)
>>> losses.LogCoshLoss(reduction="none")(input, target)
tensor([4.9917e-03, 9.9307e+01])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text("0.3760 for targets of mean 0 and variance 1", "目标均值为 0、方差为 1 时为 0.3760"),
        lambda input, target, **_: target.double().cosh().log().mean(),
        tolerance=1e-5,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target, target)),
    kernel=log_cosh_loss,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "The formula as written overflows at an error of 89 in float32; this one does not.",
            "按公式直接计算在 float32 下误差到 89 即溢出；此处不会。",
        ),
    ),
    avoid=Text("The size at which an error becomes an outlier is known: huber_loss has it as delta.", "已知误差多大算离群值时：huber_loss 的 delta 即是它。"),
    equivalents=(
        Equivalent("optax.log_cosh", Text("not reduced", "不做归约")),
        Equivalent("keras.losses.LogCosh"),
        Equivalent("auraloss.time.LogCoshLoss", Text("overflows: infinite at an error of 100", "会溢出：误差为 100 时为无穷")),
    ),
    plot=Plot(Text("error x - y", "误差 x - y"), -4.0, 4.0, lambda x: (x, 0 * x)),
)  # fmt: skip

SPECS = (LOG_COSH,)
