"""Quantiles: the loss that an optimal guess of a quantile minimizes, for one and for several at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import LossError
from ._draw import values
from ._invariances import MOVE
from ._regression import ARGUMENTS, NOTHING_LOST
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_PAPER = Paper("Koenker & Bassett 1978", "Regression Quantiles", "Econometrica 46(1)")


def quantile_loss(input: Tensor, target: Tensor, *, quantile: float = 0.5) -> Tensor:
    """Two slopes that meet at 0 are a leaky rectifier: one pass, and no tie to split."""
    return quantile * F.leaky_relu(target - input, (quantile - 1) / quantile)


def _tilted(target: Tensor, quantile: float) -> Tensor:
    return quantile * target.clamp(min=0).mean() + (1 - quantile) * (-target).clamp(min=0).mean()


QUANTILE = LossSpec(
    name="quantile_loss",
    module="QuantileLoss",
    title=Text("Quantile loss (pinball)", "分位数损失（pinball）"),
    aliases=(
        "pinball",
        "pinball loss",
        "quantile",
        "quantile regression",
        "tilted absolute error",
        "分位数回归",
        "弹球损失",
    ),
    family="probabilistic",
    purpose=Text(
        "The value that the target stays below with a given probability, such as the demand to stock for.",
        "目标以给定概率不超过的那个值，例如备货所需的需求量。",
    ),
    formula=r"\max(\tau (y - x), \; (\tau - 1)(y - x))",
    papers=(_PAPER,),
    arguments=ARGUMENTS,
    unit="element",
    options=(
        Option(
            "quantile",
            Text(
                "τ, the probability of a target below the prediction; 0.5 is the median",
                "τ，目标低于预测值的概率；0.5 为中位数",
            ),
            low=0.0,
            high=1.0,
            low_open=True,
            high_open=True,
        ),
    ),
    code="""
>>> input, target = torch.tensor([1.0, 1.0]), torch.tensor([3.0, -1.0])
>>> losses.QuantileLoss(quantile=0.75, reduction="none")(input, target)  # too low costs three times as much
tensor([1.5000, 0.5000])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3)),
    start=Start(
        Text(
            "τ times the mean of max(y, 0), plus 1 - τ times that of max(-y, 0): 0.399 for standard normal targets",
            "τ 乘以 max(y, 0) 的均值，加 1 - τ 乘以 max(-y, 0) 的均值：目标服从标准正态分布时为 0.399",
        ),
        lambda input, target, quantile=0.5, **_: _tilted(target, quantile),
    ),
    minimum=NOTHING_LOST,
    kernel=quantile_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text("quantile=0.5 is half the absolute error", "quantile=0.5 为绝对误差的一半"),
            {"quantile": 0.5},
            lambda input, target: (input - target).abs() / 2,
        ),
    ),
    hazards=(
        Text(
            "Near 0 and 1 few samples lie on the rare side: the 0.99 quantile needs hundreds where the median "
            "needs ten.",
            "接近 0 或 1 时，稀少一侧的样本很少：中位数需要十个样本时，0.99 分位数需要数百个。",
        ),
        Text(
            "The gradient does not fade near the target: lower the learning rate towards the end.",
            "梯度不会在目标附近减小：训练后期应降低学习率。",
        ),
    ),
    avoid=Text(
        "Several quantiles are wanted: multi_quantile_loss. The whole distribution: crps_gaussian_loss or "
        "crps_ensemble_loss.",
        "需要多个分位数时：用 multi_quantile_loss。需要整个分布时：用 crps_gaussian_loss 或 crps_ensemble_loss。",
    ),
    equivalents=(
        Equivalent("sklearn.metrics.mean_pinball_loss", Text("target first; in NumPy", "目标在前；基于 NumPy")),
        Equivalent("pytorch_forecasting.metrics.QuantileLoss", Text("twice as large", "数值为其两倍")),
    ),
    plot=Plot(
        Text("error x - y", "误差 x - y"),
        -3.0,
        3.0,
        lambda x: (x, 0 * x),
        tuple(Curve(f"τ = {quantile:g}", {"quantile": quantile}) for quantile in (0.1, 0.5, 0.9)),
    ),
)


def multi_quantile_loss(input: Tensor, target: Tensor, *, quantiles: Sequence[float] | Tensor) -> Tensor:
    """The mean over the quantiles: one value for each target."""
    if not isinstance(quantiles, Tensor):
        if not all(0 < one < 1 for one in quantiles):
            raise LossError(f"multi_quantile_loss(quantiles={quantiles!r}): expected numbers between 0 and 1")
        quantiles = torch.tensor(quantiles, dtype=input.dtype, device=input.device)
    if quantiles.shape != input.shape[1:2]:
        raise LossError(
            f"multi_quantile_loss: {quantiles.numel()} quantiles for input of shape {tuple(input.shape)}: "
            "expected one for "
            "each row of axis 1"
        )
    taus = quantiles.to(input.dtype).reshape(-1, *(1 for _ in input.shape[2:]))
    error = target.unsqueeze(1) - input
    return ((taus - (error < 0).to(input.dtype)) * error).mean(1)


def _move(generator: torch.Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    by = values(generator, len(target))
    return input + by.reshape(-1, *(1 for _ in input.shape[1:])), target + by.reshape(
        -1, *(1 for _ in target.shape[1:])
    )


MOVE_TOGETHER = Invariance(
    Text("the same number added to a target and to its predictions", "给目标及其各个预测值加上同一个数"), _move
)

MULTI_QUANTILE = LossSpec(
    name="multi_quantile_loss",
    module="MultiQuantileLoss",
    title=Text("Multi-quantile loss", "多分位数损失"),
    aliases=("multi quantile", "mqloss", "quantile forecast", "probabilistic forecast", "多分位数", "区间预测"),
    family="probabilistic",
    purpose=Text(
        "Several quantiles of each target from one head: a forecast with its range.",
        "一个输出头同时给出每个目标的多个分位数：带区间的预测。",
    ),
    formula=r"\frac{1}{Q} \sum_{q} \max(\tau_q (y - x_q), \; (\tau_q - 1)(y - x_q))",
    papers=(_PAPER,),
    arguments=(
        Argument("input", "values", "N Q *", "one prediction for each quantile", "每个分位数一个预测值"),
        Argument("target", "values", "N *"),
    ),
    unit="element",
    options=(
        Option(
            "quantiles",
            Text(
                "τ, Q numbers between 0 and 1, in the order of the input's axis 1",
                "τ，Q 个介于 0 与 1 之间的数，次序与 input 的第 1 维一致",
            ),
        ),
    ),
    required={"quantiles": (0.1, 0.5, 0.9)},
    code="""
>>> input = torch.tensor([[1.0, 2.0, 4.0]])  # 10 %, 50 % and 90 %
>>> target = torch.tensor([3.0])
>>> losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))(input, target)
tensor(0.2667)
""",
    draw=lambda generator, n: (values(generator, n, 3, 2), values(generator, n, 2)),
    start=Start(
        Text(
            "the mean of the quantile losses' own: 0.399 for standard normal targets",
            "各分位数损失起始值的均值：目标服从标准正态分布时为 0.399",
        ),
        lambda input, target, quantiles, **_: sum(_tilted(target, float(one)) for one in quantiles) / len(quantiles),
    ),
    minimum=Minimum(
        Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target.unsqueeze(1).expand_as(input), target)
    ),
    kernel=multi_quantile_loss,
    invariances=(MOVE_TOGETHER,),
    limits=(
        Limit(
            Text("one quantile of 0.5 is half the absolute error", "只有一个 0.5 分位数时为绝对误差的一半"),
            {"quantiles": (0.5,)},
            lambda input, target: (input.squeeze(1) - target).abs() / 2,
            draw=lambda generator, n: (values(generator, n, 1, 2), values(generator, n, 2)),
        ),
    ),
    hazards=(
        Text(
            "Nothing keeps the quantiles in order: sort them, or predict the lowest and positive steps.",
            "没有任何约束保证分位数不交叉：可排序，或预测最低分位数与正的增量。",
        ),
        Text(
            "The order of quantiles is that of axis 1; a head trained in another order is taken without a word.",
            "quantiles 的次序即第 1 维的次序；次序不一致时不会有任何报错。",
        ),
    ),
    avoid=Text(
        "Many quantiles stand for a whole distribution: twice this loss nears the CRPS, which "
        "crps_ensemble_loss computes.",
        "用许多分位数代表整个分布时：此损失的两倍趋近 CRPS，可直接用 crps_ensemble_loss。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_forecasting.metrics.QuantileLoss",
            Text("twice as large; the quantiles stand on the last axis", "数值为其两倍；分位数位于最后一维"),
        ),
    ),
    plot=Plot(
        Text("the target y; predictions -1, 0 and 1", "目标 y；预测值为 -1、0、1"),
        -3.0,
        3.0,
        lambda x: (x.new_tensor([[-1.0, 0.0, 1.0]]), x.reshape(1)),
        (Curve("τ = 0.1, 0.5, 0.9", {"quantiles": (0.1, 0.5, 0.9)}),),
    ),
)

SPECS = (QUANTILE, MULTI_QUANTILE)
