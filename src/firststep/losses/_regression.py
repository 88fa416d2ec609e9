"""Losses of a real number's error that torch has too: with mask, weight and denominator, and nothing broadcast."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import values
from ._invariances import MOVE, SWAP
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

ARGUMENTS = (Argument("input", "values", "*"), Argument("target", "values", "*"))
ERROR = Text("error x - y", "误差 x - y")
NOTHING_LOST = Minimum(
    Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, *others, **_: (target, target, *others)
)
BIT_EQUAL = Text(
    "equal to the last bit; it broadcasts, here shapes must be the same; NaN for an empty batch (here 0), and "
    "rounded to "
    "the input's dtype in half precision (here float32)",
    "逐位相同；它会广播，此处形状必须一致；空批次时为 NaN（此处为 0），半精度下舍入到输入类型（此处为 float32）",
)


def mse_loss(input: Tensor, target: Tensor) -> Tensor:
    """torch's own, one value per number."""
    return F.mse_loss(input, target, reduction="none")


MSE = LossSpec(
    name="mse_loss",
    module="MSELoss",
    title=Text("Mean squared error", "均方误差"),
    aliases=("mse", "l2", "l2 loss", "squared error", "least squares", "均方误差损失", "平方误差", "最小二乘"),
    family="regression",
    purpose=Text(
        "Real numbers whose errors are about as large everywhere; it learns the mean of the target.",
        "误差大小处处相近的实数回归；学到的是目标的均值。",
    ),
    formula=r"(x - y)^2",
    papers=(Paper("Legendre 1805", "Nouvelles méthodes pour la détermination des orbites des comètes"),),
    arguments=ARGUMENTS,
    unit="element",
    code="""
>>> input, target = torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([[0.0], [2.0], [100.0]])
>>> known = torch.tensor([True, True, False])  # the last target is missing
>>> losses.MSELoss()(input, target, mask=known)
tensor(0.5000)
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text("mean of y²: 1 for targets of mean 0 and variance 1", "y² 的均值：目标均值为 0、方差为 1 时为 1"),
        lambda input, target, **_: target.square().mean(),
        note=Text(
            "A model whose outputs have variance v adds v: 2 for outputs as wide as the targets.",
            "若模型输出的方差为 v，则再加 v：输出与目标同样分散时为 2。",
        ),
    ),
    minimum=NOTHING_LOST,
    kernel=mse_loss,
    fused=F.mse_loss,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "Standardize the target: its variance is the loss at the start and the size of the gradients.",
            "请先标准化目标：目标的方差就是起始损失，也决定梯度大小。",
        ),
        Text(
            "One outlier of 100 weighs as much as ten thousand errors of 1.",
            "一个大小为 100 的离群误差抵得上一万个大小为 1 的误差。",
        ),
        Text(
            "An input (N, 1) beside a target (N,) is an error here; torch broadcasts it to (N, N) with a "
            "warning at most.",
            "输入为 (N, 1) 而目标为 (N,) 时此处报错；torch 会把它广播成 (N, N)，至多给出警告。",
        ),
    ),
    avoid=Text(
        "There are outliers: huber_loss or log_cosh_loss. The noise differs from sample to sample: gaussian_nll_loss.",
        "存在离群值时：用 huber_loss 或 log_cosh_loss。噪声随样本变化时：用 gaussian_nll_loss。",
    ),
    equivalents=(
        Equivalent("torch.nn.MSELoss", BIT_EQUAL),
        Equivalent("optax.l2_loss", Text("half of it, not reduced", "为其一半，且不做归约")),
        Equivalent("keras.losses.MeanSquaredError"),
    ),
    plot=Plot(ERROR, -3.0, 3.0, lambda x: (x, 0 * x)),
)


def l1_loss(input: Tensor, target: Tensor) -> Tensor:
    """torch's own, one value per number."""
    return F.l1_loss(input, target, reduction="none")


L1 = LossSpec(
    name="l1_loss",
    module="L1Loss",
    title=Text("Mean absolute error", "平均绝对误差"),
    aliases=("l1", "mae", "absolute error", "平均绝对误差损失", "绝对误差", "中位数回归"),
    family="regression",
    purpose=Text(
        "Real numbers among outliers; it learns the median of the target.",
        "含离群值的实数回归；学到的是目标的中位数。",
    ),
    formula=r"|x - y|",
    papers=(Paper("Edgeworth 1887", "On Observations Relating to Several Quantities", "Hermathena 6(13)"),),
    arguments=ARGUMENTS,
    unit="element",
    code="""
>>> input, target = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 2.0, 1.0])
>>> losses.L1Loss()(input, target, weight=torch.tensor([2.0, 1.0, 1.0]))
tensor(1.5000)
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "mean of |y|: 0.798 = √(2/π) for standard normal targets",
            "|y| 的均值：目标服从标准正态分布时为 √(2/π) = 0.798",
        ),
        lambda input, target, **_: target.abs().mean(),
    ),
    minimum=NOTHING_LOST,
    kernel=l1_loss,
    fused=F.l1_loss,
    invariances=(MOVE, SWAP),
    hazards=(
        Text(
            "The gradient is as large next to the target as far from it: lower the learning rate towards the end.",
            "离目标再近梯度也不变小：训练后期应降低学习率。",
        ),
        Text(
            "For skewed targets the median is not the mean: sums of predictions come out too small or too large.",
            "目标分布偏斜时中位数不等于均值：预测值的总和会偏小或偏大。",
        ),
    ),
    avoid=Text(
        "The gradient should fade near the target: smooth_l1_loss, huber_loss or charbonnier_loss.",
        "希望梯度在目标附近减小时：用 smooth_l1_loss、huber_loss 或 charbonnier_loss。",
    ),
    equivalents=(Equivalent("torch.nn.L1Loss", BIT_EQUAL), Equivalent("keras.losses.MeanAbsoluteError")),
    plot=Plot(ERROR, -3.0, 3.0, lambda x: (x, 0 * x)),
)


def huber_loss(input: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    return _torch_huber(input, target, reduction="none", delta=delta)


def _torch_huber(input: Tensor, target: Tensor, *, reduction: str, delta: float = 1.0) -> Tensor:
    """torch's own. It has no gradient for two dtypes: both are made the wider."""
    dtype = torch.promote_types(input.dtype, target.dtype)
    return F.huber_loss(input.to(dtype), target.to(dtype), reduction=reduction, delta=delta)


def _huber_start(input: Tensor, target: Tensor, delta: float = 1.0, **_: object) -> Tensor:
    size = target.abs()
    return torch.where(size < delta, size.square() / 2, delta * (size - delta / 2)).mean()


HUBER = LossSpec(
    name="huber_loss",
    module="HuberLoss",
    title=Text("Huber loss", "Huber 损失"),
    aliases=("huber", "胡贝尔损失", "稳健回归"),
    family="regression",
    purpose=Text(
        "Half the squared error up to delta, then a straight line: exact on good data, calm about outliers.",
        "误差不超过 delta 时为平方误差的一半，之后为直线：对正常数据精确，对离群值不过度反应。",
    ),
    formula=r"""\begin{cases}
\frac{1}{2} (x - y)^2 & |x - y| \le \delta \\
\delta (|x - y| - \frac{1}{2} \delta) & \text{otherwise}
\end{cases}""",
    papers=(Paper("Huber 1964", "Robust Estimation of a Location Parameter", "Ann. Math. Stat. 35(1)"),),
    arguments=ARGUMENTS,
    unit="element",
    options=(
        Option(
            "delta",
            Text("the error at which the line begins, in the target's units", "直线开始处的误差，单位与目标相同"),
            low=0.0,
            low_open=True,
        ),
    ),
    code="""
>>> input, target = torch.tensor([0.5, 10.0]), torch.zeros(2)
>>> losses.HuberLoss(delta=2.0, reduction="none")(input, target)
tensor([ 0.1250, 18.0000])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "the mean over the targets themselves: 0.425 for standard normal ones and delta=1",
            "以目标自身为误差的均值：目标服从标准正态分布且 delta=1 时为 0.425",
        ),
        _huber_start,
    ),
    minimum=NOTHING_LOST,
    kernel=huber_loss,
    fused=_torch_huber,
    invariances=(MOVE, SWAP),
    limits=(
        Limit(
            Text("a large delta is half the squared error", "delta 很大时为平方误差的一半"),
            {"delta": 1e6},
            lambda input, target: (input - target).square() / 2,
        ),
        Limit(
            Text("over delta, a small delta is the absolute error", "delta 很小时，除以 delta 即绝对误差"),
            {"delta": 1e-9},
            lambda input, target: (input - target).abs() * 1e-9,
            tolerance=1e-15,
        ),
    ),
    hazards=(
        Text(
            "delta is in the target's units: rescaling the target without it changes the loss.",
            "delta 的单位与目标相同：缩放目标而不改 delta，损失就变了。",
        ),
        Text(
            "The slope far out is delta, so delta also scales the gradients; smooth_l1_loss has slope 1.",
            "远处斜率为 delta，因此 delta 也会缩放梯度；smooth_l1_loss 的斜率恒为 1。",
        ),
    ),
    avoid=Text(
        "Outliers should be forgotten altogether: general_robust_loss with alpha below 1.",
        "希望完全忽略离群值时：用 alpha 小于 1 的 general_robust_loss。",
    ),
    equivalents=(
        Equivalent("torch.nn.HuberLoss", BIT_EQUAL),
        Equivalent("optax.huber_loss", Text("not reduced", "不做归约")),
        Equivalent("keras.losses.Huber"),
    ),
    plot=Plot(
        ERROR,
        -4.0,
        4.0,
        lambda x: (x, 0 * x),
        tuple(Curve(f"δ = {delta:g}", {"delta": delta}) for delta in (0.5, 1.0, 2.0)),
    ),
)


def smooth_l1_loss(input: Tensor, target: Tensor, *, beta: float = 1.0) -> Tensor:
    """torch's own, one value per number."""
    return F.smooth_l1_loss(input, target, reduction="none", beta=beta)


SMOOTH_L1 = LossSpec(
    name="smooth_l1_loss",
    module="SmoothL1Loss",
    title=Text("Smooth L1", "平滑 L1 损失"),
    aliases=("smooth l1", "fast r-cnn box loss", "平滑 l1", "边框回归"),
    family="regression",
    purpose=Text(
        "The absolute error with its corner rounded off below beta, as in box regression.",
        "把绝对误差在 beta 以内的尖角磨圆，常用于边框回归。",
    ),
    formula=r"""\begin{cases}
\frac{1}{2} (x - y)^2 / \beta & |x - y| < \beta \\
|x - y| - \frac{1}{2} \beta & \text{otherwise}
\end{cases}""",
    papers=(Paper("Girshick 2015", "Fast R-CNN", "arXiv:1504.08083", "eq. 3"),),
    arguments=ARGUMENTS,
    unit="element",
    options=(
        Option(
            "beta",
            Text(
                "the error below which it is a parabola; 0 is the absolute error", "误差小于它时为抛物线；0 即绝对误差"
            ),
            low=0.0,
        ),
    ),
    code="""
>>> input, target = torch.tensor([[0.1, 0.1, 0.2, 3.0]]), torch.zeros(1, 4)
>>> losses.SmoothL1Loss(beta=0.5, reduction="none")(input, target)
tensor([[0.0100, 0.0100, 0.0400, 2.7500]])
""",
    draw=lambda generator, n: (values(generator, n, 4), values(generator, n, 4)),
    start=Start(
        Text(
            "the mean over the targets themselves: 0.425 for standard normal ones and beta=1",
            "以目标自身为误差的均值：目标服从标准正态分布且 beta=1 时为 0.425",
        ),
        lambda input, target, beta=1.0, **_: _huber_start(input, target, beta) / beta if beta else target.abs().mean(),
    ),
    minimum=NOTHING_LOST,
    kernel=smooth_l1_loss,
    fused=F.smooth_l1_loss,
    invariances=(MOVE, SWAP),
    limits=(
        Limit(
            Text("beta=0 is the absolute error", "beta=0 即绝对误差"),
            {"beta": 0.0},
            lambda input, target: (input - target).abs(),
        ),
        Limit(
            Text("it is the Huber loss over its delta", "等于 Huber 损失除以其 delta"),
            {"beta": 0.3},
            lambda input, target: F.huber_loss(input, target, reduction="none", delta=0.3) / 0.3,
        ),
    ),
    hazards=(
        Text(
            "Detectors divide by the number of positive boxes, not of numbers: give denominator.",
            "检测器除以正例框的数量，而非数值个数：请传入 denominator。",
        ),
        Text(
            "Libraries differ in beta: 1 in torch and Fast R-CNN, 1/9 in Detectron's region proposals.",
            "各库 beta 不同：torch 与 Fast R-CNN 为 1，Detectron 的候选区域网络为 1/9。",
        ),
    ),
    avoid=Text(
        "Boxes are judged by their overlap: giou_loss and its kin agree with that.",
        "以重叠度评价检测框时：giou_loss 一类的损失与评价一致。",
    ),
    equivalents=(
        Equivalent("torch.nn.SmoothL1Loss", BIT_EQUAL),
        Equivalent(
            "fvcore.nn.smooth_l1_loss",
            Text("beta has no default, reduction 'none' by default", "beta 无默认值，reduction 默认为 'none'"),
        ),
    ),
    plot=Plot(
        ERROR,
        -3.0,
        3.0,
        lambda x: (x, 0 * x),
        tuple(Curve(f"β = {beta:g}", {"beta": beta}) for beta in (0.0, 0.5, 1.0, 2.0)),
    ),
)

SPECS = (MSE, L1, HUBER, SMOOTH_L1)
