"""torch.nn's losses of a real number's error."""

from __future__ import annotations

import torch
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_ARGUMENTS = (Argument("input", "values", "*"), Argument("target", "values", "*"))
_MINIMUM = Minimum(Text("0", "0"), lambda *_: 0.0, lambda input, target: (target, target))
_BROADCAST = Text(
    "Shapes (N, 1) and (N,) are broadcast to (N, N), each prediction against each target, with a warning only.",
    "形状 (N, 1) 与 (N,) 会广播成 (N, N)，即每个预测对每个目标，且只有警告。",
)


def _ours(name: str) -> tuple[Equivalent, ...]:
    text = Text("equal; shapes must agree, float32 for half inputs", "相同；形状必须一致，半精度输入给出 float32")
    return (Equivalent(f"firststep.losses.functional.{name}", text),)


def _pair(generator: torch.Generator, n: int) -> tuple[Tensor, Tensor]:
    return values(generator, n, 3), values(generator, n, 3)


def _plot(*curves: Curve) -> Plot:
    return Plot(Text("error x - y", "误差 x - y"), -4.0, 4.0, lambda x: (x, 0 * x), curves or (Curve(""),))


L1 = LossSpec(
    name="torch.nn.L1Loss",
    module="",
    path="torch.nn.L1Loss",
    title=Text("torch's absolute error", "torch 的绝对误差"),
    aliases=("nn.L1Loss", "F.l1_loss", "torch l1"),
    family="regression",
    purpose=Text(
        "The absolute error: it predicts the median, and outliers pull no harder than others.",
        "绝对误差：预测的是中位数，离群值的拉力不比其他样本大。",
    ),
    formula=r"|x - y|",
    papers=(Paper("Edgeworth 1887", "On Observations Relating to Several Quantities", "Hermathena 6(13)"),),
    arguments=_ARGUMENTS,
    unit="element",
    code="""
>>> torch.nn.L1Loss()(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
tensor(2.)
""",
    draw=_pair,
    start=Start(
        Text(
            "mean |y| for an output of 0: 0.798 for standard normal targets",
            "输出为 0 时为 mean |y|：标准正态目标为 0.798",
        ),
        lambda input, target: target.abs().mean(),
    ),
    minimum=_MINIMUM,
    invariances=(MOVE, SWAP),
    hazards=(
        _BROADCAST,
        Text(
            "The gradient has the same size for every error, so the last steps overshoot unless the learning rate "
            "falls.",
            "任何误差的梯度大小都一样，学习率若不衰减，最后会在解附近来回跳动。",
        ),
        Text("A float16 sum is infinite beyond 65504.", "float16 的求和超过 65504 即为无穷。"),
    ),
    avoid=Text(
        "Errors are small and roughly normal: mse_loss. Some of both: huber_loss.",
        "误差小且近似正态时：用 mse_loss。两者兼有时：用 huber_loss。",
    ),
    equivalents=(
        *_ours("l1_loss"),
        Equivalent("keras.losses.MeanAbsoluteError", Text("mean over the last axis first", "先对最后一维取平均")),
        Equivalent("sklearn.metrics.mean_absolute_error", Text("a number, no gradient", "只是一个数，没有梯度")),
    ),
    plot=_plot(),
)


MSE = LossSpec(
    name="torch.nn.MSELoss",
    module="",
    path="torch.nn.MSELoss",
    title=Text("torch's squared error", "torch 的平方误差"),
    aliases=("nn.MSELoss", "F.mse_loss", "torch mse"),
    family="regression",
    purpose=Text(
        "The squared error: it predicts the mean, and large errors count most.",
        "平方误差：预测的是均值，误差越大份量越重。",
    ),
    formula=r"(x - y)^2",
    papers=(
        Paper(
            "Legendre 1805", "Nouvelles méthodes pour la détermination des orbites des comètes", "Firmin Didot, Paris"
        ),
    ),
    arguments=_ARGUMENTS,
    unit="element",
    code="""
>>> torch.nn.MSELoss()(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
tensor(5.)
""",
    draw=_pair,
    start=Start(
        Text("mean y² for an output of 0: 1 for standardized targets", "输出为 0 时为 mean y²：标准化目标为 1"),
        lambda input, target: target.square().mean(),
    ),
    minimum=_MINIMUM,
    invariances=(MOVE, SWAP),
    hazards=(
        _BROADCAST,
        Text(
            "Targets that are not standardized set the scale of the loss and of its gradient: an error of 256 is "
            "already "
            "infinite in float16.",
            "目标若未标准化，损失与梯度的量级便由它决定：float16 下误差到 256 即为无穷。",
        ),
        Text(
            "There is no factor 1/2, so the gradient is 2 (x - y). F.mse_loss(weight=...) divides by the sum of the "
            "weights.",
            "没有系数 1/2，梯度为 2 (x - y)。F.mse_loss(weight=...) 除以权重之和。",
        ),
    ),
    avoid=Text(
        "There are outliers (huber_loss), or the target is a class or a probability (cross_entropy).",
        "有离群值时（用 huber_loss），或目标是类别、概率时（用 cross_entropy）。",
    ),
    equivalents=(
        *_ours("mse_loss"),
        Equivalent("optax.l2_loss", Text("half of it, not reduced", "其一半，不做归约")),
        Equivalent("keras.losses.MeanSquaredError", Text("mean over the last axis first", "先对最后一维取平均")),
        Equivalent("sklearn.metrics.mean_squared_error", Text("a number, no gradient", "只是一个数，没有梯度")),
    ),
    plot=_plot(),
)


def _huber(error: Tensor, delta: float = 1.0) -> Tensor:
    """By cases, as an independent statement of the value."""
    size = error.abs()
    return torch.where(size <= delta, size * size / 2, delta * (size - delta / 2))


SMOOTH_L1 = LossSpec(
    name="torch.nn.SmoothL1Loss",
    module="",
    path="torch.nn.SmoothL1Loss",
    title=Text("torch's smooth L1", "torch 的平滑 L1"),
    aliases=("nn.SmoothL1Loss", "F.smooth_l1_loss", "torch smooth l1"),
    family="regression",
    purpose=Text(
        "Absolute error whose corner is rounded over a width β: the box loss of Fast R-CNN.",
        "在宽度 β 内把尖角磨圆的绝对误差：Fast R-CNN 的边框损失。",
    ),
    formula=r"\begin{cases} (x - y)^2 / (2 \beta) & |x - y| < \beta \\ "
    r"|x - y| - \beta / 2 & \text{otherwise} \end{cases}",
    papers=(Paper("Girshick 2015", "Fast R-CNN", "arXiv:1504.08083", "eq. 3"),),
    arguments=_ARGUMENTS,
    unit="element",
    options=(
        Option(
            "beta",
            Text("where the parabola ends; 0 is the absolute error; default 1", "抛物线终止处；0 即绝对误差；默认 1"),
        ),
    ),
    code="""
>>> torch.nn.SmoothL1Loss()(torch.tensor([0.5, 3.0]), torch.zeros(2))
tensor(1.3125)
""",
    draw=_pair,
    start=Start(
        Text("0.425 for standard normal targets and an output of 0", "目标为标准正态、输出为 0 时为 0.425"),
        lambda input, target: _huber(target).mean(),
    ),
    minimum=_MINIMUM,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "It is HuberLoss(delta=β) divided by β: beside it the gradient of small errors grows as β falls, and a "
            "large error "
            "always has gradient 1.",
            "它等于 HuberLoss(delta=β) 除以 β：β 越小，小误差的梯度越大；大误差的梯度恒为 1。",
        ),
        _BROADCAST,
    ),
    avoid=Text(
        "The size of an outlier is known in the target's unit: huber_loss keeps the scale of the squared error. Boxes: "
        "giou_loss, ciou_loss.",
        "已知离群值的大小（以目标的单位计）时：huber_loss 保持平方误差的量级。检测框：用 giou_loss、ciou_loss。",
    ),
    equivalents=(
        *_ours("smooth_l1_loss"),
        Equivalent("torch.nn.HuberLoss", Text("β times this, for delta=β", "delta=β 时为此值的 β 倍")),
    ),
    plot=_plot(Curve("β = 1"), Curve("β = 0.1", {"beta": 0.1}), Curve("β = 3", {"beta": 3.0})),
)


HUBER = LossSpec(
    name="torch.nn.HuberLoss",
    module="",
    path="torch.nn.HuberLoss",
    title=Text("torch's Huber loss", "torch 的 Huber 损失"),
    aliases=("nn.HuberLoss", "F.huber_loss", "torch huber"),
    family="regression",
    purpose=Text(
        "Squared error up to δ, absolute error beyond: outliers pull with a constant force δ.",
        "误差不超过 δ 时为平方误差，之外为绝对误差：离群值的拉力恒为 δ。",
    ),
    formula=(
        r"\begin{cases} (x - y)^2 / 2 & |x - y| \le \delta \\ \delta (|x - y| - \delta / 2) & \text{otherwise} "
        r"\end{cases}"
    ),
    papers=(Paper("Huber 1964", "Robust Estimation of a Location Parameter", "Ann. Math. Statist. 35(1)"),),
    arguments=_ARGUMENTS,
    unit="element",
    options=(Option("delta", Text("δ, above 0; default 1", "δ，大于 0；默认 1")),),
    code="""
>>> torch.nn.HuberLoss(delta=2.0)(torch.tensor([1.0, 4.0]), torch.zeros(2))
tensor(3.2500)
""",
    draw=_pair,
    start=Start(
        Text(
            "0.425 for standard normal targets, an output of 0 and δ = 1", "目标为标准正态、输出为 0、δ = 1 时为 0.425"
        ),
        lambda input, target: _huber(target).mean(),
    ),
    minimum=_MINIMUM,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "δ = 1 means something only for standardized targets: for prices in the thousands all errors are "
            "outliers, and it "
            "is the absolute error.",
            "δ = 1 只对标准化的目标有意义：若目标是以千计的价格，所有误差都成了离群值，等于绝对误差。",
        ),
        Text("δ scales the linear part: not so in SmoothL1Loss.", "δ 会缩放线性部分；SmoothL1Loss 则不会。"),
        _BROADCAST,
    ),
    avoid=Text(
        "δ is not known: log_cosh_loss has none, general_robust_loss can learn the shape.",
        "不知道 δ 取多少时：log_cosh_loss 无需它，general_robust_loss 可以学习形状。",
    ),
    equivalents=(
        *_ours("huber_loss"),
        Equivalent("keras.losses.Huber", Text("mean over the last axis first", "先对最后一维取平均")),
        Equivalent("optax.huber_loss", Text("not reduced", "不做归约")),
    ),
    plot=_plot(Curve("δ = 1"), Curve("δ = 0.5", {"delta": 0.5}), Curve("δ = 3", {"delta": 3.0})),
)

SPECS = (L1, MSE, SMOOTH_L1, HUBER)
