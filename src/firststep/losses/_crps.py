"""The continuous ranked probability score: how far a predicted distribution is from what happened."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import LossError
from ._draw import values
from ._invariances import MOVE
from ._likelihood import LEAST_LOG_VARIANCE, LOG_VARIANCE, floored
from ._quantile import MOVE_TOGETHER
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_PAPER = Paper(
    "Gneiting & Raftery 2007",
    "Strictly Proper Scoring Rules, Prediction, and Estimation",
    "J. Am. Stat. Assoc. 102(477)",
    "eq. 21",
)


def crps_gaussian_loss(input: Tensor, target: Tensor, log_variance: Tensor) -> Tensor:
    """``e erf(u) + c sigma (exp(-u^2) - sqrt(1/2))`` with ``u = e / (sqrt(2) sigma)`` and ``c = sqrt(2/pi)``.

    In the common form sigma multiplies everything, and its gradient is a difference of terms of the size of z.
    Beyond -40 and 80, log_variance is taken for these, with the gradient that it has there.
    """
    log_variance = floored(log_variance, LEAST_LOG_VARIANCE, -2 * LEAST_LOG_VARIANCE)
    scaled = torch.exp(log_variance / 2) * math.sqrt(2 / math.pi)
    error = input - target
    u = error / scaled * (1 / math.sqrt(math.pi))
    return torch.addcmul(error * torch.erf(u), scaled, torch.exp(-u.square()) - math.sqrt(0.5))


def _start(input: Tensor, target: Tensor, log_variance: Tensor, **_: object) -> Tensor:
    normal = torch.distributions.Normal(0.0, 1.0, validate_args=False)
    density, below = normal.log_prob(target).exp(), normal.cdf(target)
    return (target * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi)).mean()


CRPS_GAUSSIAN = LossSpec(
    name="crps_gaussian_loss",
    module="CRPSGaussianLoss",
    title=Text("CRPS of a normal distribution", "正态分布的 CRPS"),
    aliases=(
        "crps",
        "crps gaussian",
        "crps normal",
        "continuous ranked probability score",
        "连续分级概率评分",
        "评分规则",
    ),
    family="probabilistic",
    purpose=Text(
        "A mean and a variance for every target, judged in the target's own units and calmly about outliers.",
        "为每个目标预测均值与方差，以目标自身的单位评分，对离群值不过度反应。",
    ),
    formula=(
        r"\sigma \left( z (2 \Phi(z) - 1) + 2 \phi(z) - \frac{1}{\sqrt{\pi}} \right), "
        r"\quad z = \frac{y - x}{\sigma}"
    ),
    papers=(
        Paper(
            "Gneiting et al. 2005",
            "Calibrated Probabilistic Forecasting Using Ensemble Model Output Statistics and Minimum CRPS Estimation",
            "Mon. Weather Rev. 133(5)",
        ),
        _PAPER,
    ),
    arguments=(
        Argument("input", "values", "*", "the mean", "均值"),
        Argument("target", "values", "*"),
        LOG_VARIANCE,
    ),
    unit="element",
    code="""
>>> input, log_variance = torch.zeros(3), torch.tensor([-40.0, 0.0, 2.0])
>>> target = torch.tensor([3.0, 3.0, 3.0])  # without a spread it is the absolute error
>>> losses.CRPSGaussianLoss(reduction="none")(input, target, log_variance)
tensor([3.0000, 2.4366, 1.8368])
""",
    draw=lambda generator, n: (values(generator, n, 3), values(generator, n, 3), values(generator, n, 3) / 2),
    start=Start(
        Text(
            "mean of the score of N(0, 1): 0.564 = 1/√π for standard normal targets",
            "N(0, 1) 得分的均值：目标服从标准正态分布时为 1/√π = 0.564",
        ),
        _start,
        lambda input, target, log_variance, **_: (torch.zeros_like(input), target, torch.zeros_like(log_variance)),
    ),
    minimum=Minimum(
        Text("σ (√2 - 1)/√π for given σ; 0 as σ goes to 0", "给定 σ 时为 σ (√2 - 1)/√π；σ 趋于 0 时为 0"),
        lambda input, target, log_variance, **_: (
            torch.exp(log_variance / 2).mean() * ((math.sqrt(2) - 1) / math.sqrt(math.pi))
        ),
        lambda input, target, log_variance, **_: (target, target, log_variance),
    ),
    kernel=crps_gaussian_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text("as σ goes to 0 it is the absolute error", "σ 趋于 0 时为绝对误差"),
            {},
            lambda input, target, log_variance: (input - target).abs(),
            tolerance=1e-8,
            draw=lambda generator, n: (
                values(generator, n, 3),
                values(generator, n, 3),
                torch.full((n, 3), -40.0, dtype=torch.float64),
            ),
        ),
    ),
    hazards=(
        Text(
            "log_variance is log σ², as in gaussian_nll_loss: the same head serves both.",
            "log_variance 是 log σ²，与 gaussian_nll_loss 相同：同一个输出头可用于两者。",
        ),
        Text(
            "It is in the target's units: targets on a larger scale weigh more in the mean, unlike in a likelihood.",
            "它以目标的单位计：尺度大的目标在均值中占更大权重，这与似然不同。",
        ),
    ),
    avoid=Text(
        "The distribution has two peaks or is skewed: crps_ensemble_loss, multi_quantile_loss or "
        "distribution_nll_loss.",
        "分布有双峰或偏斜时：用 crps_ensemble_loss、multi_quantile_loss 或 distribution_nll_loss。",
    ),
    equivalents=(
        Equivalent("properscoring.crps_gaussian", Text("takes σ; in NumPy", "接受 σ；基于 NumPy")),
        Equivalent("scoringrules.crps_normal", Text("the observation first; takes σ", "观测值在前；接受 σ")),
    ),
    plot=Plot(
        Text("error x - y", "误差 x - y"),
        -4.0,
        4.0,
        lambda x: (x, 0 * x, torch.zeros_like(x)),
        tuple(
            Curve(f"σ = {sigma:g}", at=lambda x, sigma=sigma: (x, 0 * x, torch.full_like(x, 2 * math.log(sigma))))
            for sigma in (0.01, 1.0, 2.0)
        ),
    ),
)


def crps_ensemble_loss(input: Tensor, target: Tensor, *, fair: bool = False) -> Tensor:
    """In order of size the k-th of M members is above k - 1 others and below M - k: so all pairs are summed at once."""
    members = input.shape[1]
    if members < 1 + fair:
        raise LossError(
            f"crps_ensemble_loss: input has shape {tuple(input.shape)}, expected at least {1 + fair} members on axis 1"
            + (" for fair=True" if fair else "")
        )
    ranks = torch.arange(1 - members, members, 2, dtype=input.dtype, device=input.device)
    ranks = (ranks / (members * (members - fair))).reshape(-1, *(1 for _ in input.shape[2:]))
    error = input - target.unsqueeze(1)
    return error.abs().mean(1) - (error.sort(dim=1).values * ranks).sum(1)


def _all_pairs(input: Tensor, target: Tensor, pairs: int) -> Tensor:
    spread = (input.unsqueeze(1) - input.unsqueeze(2)).abs().sum((1, 2)) / (2 * pairs)
    return (input - target.unsqueeze(1)).abs().mean(1) - spread


def _shuffle(generator: torch.Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return input[:, torch.randperm(input.shape[1], generator=generator)], target


CRPS_ENSEMBLE = LossSpec(
    name="crps_ensemble_loss",
    module="CRPSEnsembleLoss",
    title=Text("CRPS of an ensemble", "集合预报的 CRPS"),
    aliases=("crps ensemble", "ensemble score", "fair crps", "energy score 1d", "集合预报", "集合评分"),
    family="probabilistic",
    purpose=Text(
        "M predictions for every target, as samples of its distribution: near the target, and as far apart as "
        "it varies.",
        "为每个目标给出 M 个预测，作为其分布的样本：既要接近目标，又要与目标同样分散。",
    ),
    formula=r"\frac{1}{M} \sum_{i} |x_i - y| - \frac{1}{2 M^2} \sum_{i, j} |x_i - x_j|",
    papers=(
        _PAPER,
        Paper("Ferro 2014", "Fair Scores for Ensemble Forecasts", "Q. J. R. Meteorol. Soc. 140(683)"),
    ),
    arguments=(
        Argument("input", "values", "N M *", "the members", "集合成员"),
        Argument("target", "values", "N *"),
    ),
    unit="element",
    options=(
        Option(
            "fair",
            Text(
                "divide the second sum by M (M - 1) instead of M²: what an infinite ensemble would score",
                "第二个和除以 M (M - 1) 而非 M²：相当于无穷大集合的得分",
            ),
        ),
    ),
    code="""
>>> input, target = torch.tensor([[1.0, 2.0, 6.0]]), torch.tensor([3.0])
>>> losses.CRPSEnsembleLoss()(input, target)
tensor(0.8889)
>>> losses.CRPSEnsembleLoss(fair=True)(input, target)
tensor(0.3333)
""",
    draw=lambda generator, n: (values(generator, n, 5, 2), values(generator, n, 2)),
    start=Start(
        Text(
            "mean of |y|, all members being 0: 0.798 for standard normal targets",
            "所有成员为 0 时即 |y| 的均值：目标服从标准正态分布时为 0.798",
        ),
        lambda input, target, **_: target.abs().mean(),
        note=Text(
            "For members that are standard normal it is (1 + 1/M)/√π, in the fair form 1/√π = 0.564.",
            "若成员也服从标准正态分布，则为 (1 + 1/M)/√π；fair 形式为 1/√π = 0.564。",
        ),
    ),
    minimum=Minimum(
        Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target.unsqueeze(1).expand_as(input), target)
    ),
    kernel=crps_ensemble_loss,
    invariances=(
        MOVE_TOGETHER,
        Invariance(Text("the members in another order", "成员换一个次序"), _shuffle),
    ),
    limits=(
        Limit(
            Text("one member: the absolute error", "只有一个成员时为绝对误差"),
            {},
            lambda input, target: (input.squeeze(1) - target).abs(),
            draw=lambda generator, n: (values(generator, n, 1, 2), values(generator, n, 2)),
        ),
        Limit(
            Text("by its formula, over all pairs", "按公式对所有成员对求和"),
            {},
            lambda input, target: _all_pairs(input, target, input.shape[1] ** 2),
        ),
        Limit(
            Text("fair=True divides by M (M - 1)", "fair=True 除以 M (M - 1)"),
            {"fair": True},
            lambda input, target: _all_pairs(input, target, input.shape[1] * (input.shape[1] - 1)),
        ),
    ),
    hazards=(
        Text(
            "The plain form asks small ensembles to be too narrow: with few members train with fair=True.",
            "普通形式会使小集合过窄：成员少时应以 fair=True 训练。",
        ),
        Text(
            "The fair form does not care where one member goes if all others hit the target: watch for stray members.",
            "fair 形式下，若其余成员都命中目标，剩下那个成员在哪里都一样：留意离群成员。",
        ),
        Text(
            "Every target is scored by itself: members may be wrong in how targets hang together.",
            "每个目标单独评分：成员之间的联合关系可能是错的。",
        ),
    ),
    avoid=Text(
        "The distribution has a known form: its own loss needs no samples (crps_gaussian_loss, distribution_nll_loss).",
        "分布形式已知时：其自身的损失无需采样（crps_gaussian_loss、distribution_nll_loss）。",
    ),
    equivalents=(
        Equivalent(
            "properscoring.crps_ensemble",
            Text(
                "the observation first, the members on the last axis; in NumPy",
                "观测值在前，成员位于最后一维；基于 NumPy",
            ),
        ),
        Equivalent(
            "scoringrules.crps_ensemble",
            Text(
                "the observation first, the members on the last axis; estimator 'nrg' is this, 'fair' is fair=True",
                "观测值在前，成员位于最后一维；estimator 'nrg' 即此式，'fair' 即 fair=True",
            ),
        ),
    ),
    plot=Plot(
        Text("the target y; members -1, 0 and 2", "目标 y；成员为 -1、0、2"),
        -4.0,
        5.0,
        lambda x: (x.new_tensor([[-1.0, 0.0, 2.0]]), x.reshape(1)),
        (Curve("M²"), Curve("M (M - 1)", {"fair": True})),
    ),
)

SPECS = (CRPS_GAUSSIAN, CRPS_ENSEMBLE)
