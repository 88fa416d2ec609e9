"""Likelihoods: the target's negative log-density under a distribution whose parameters the model gives."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import values
from ._invariances import MOVE
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_LOG_2_PI = math.log(2 * math.pi)
_MEAN = Argument("input", "values", "*", "the mean", "均值")
_TARGET = Argument("target", "values", "*")
LOG_VARIANCE = Argument("log_variance", "values", "*", "the variance's logarithm, any number", "方差的对数，任意实数")
LEAST_LOG_VARIANCE = -40.0
"""A standard deviation of 2e-9: below it float32 overflows, and no data are that exact."""


def floored(x: Tensor, low: float, high: float | None = None) -> Tensor:
    """x within bounds, with the gradient of x: beyond them it is that of the nearest number within."""
    value = x.detach()
    return x + (value.clamp(low, high) - value)


def gaussian_nll_loss(input: Tensor, target: Tensor, log_variance: Tensor, *, full: bool = False) -> Tensor:
    """The variance comes as its logarithm: any output of a network is one, none needs a floor that cuts gradients off.

    Below -40 it is taken for -40, with the gradient that it has there.
    """
    log_variance = floored(log_variance, LEAST_LOG_VARIANCE)
    twice = torch.addcmul(log_variance, (input - target).square(), torch.exp(-log_variance))
    return (twice + _LOG_2_PI) / 2 if full else twice / 2


def _untrained(input: Tensor, target: Tensor, log_variance: Tensor, **_: object) -> tuple[Tensor, ...]:
    return torch.zeros_like(input), target, torch.zeros_like(log_variance)


def _exact(input: Tensor, target: Tensor, spread: Tensor, **_: object) -> tuple[Tensor, ...]:
    return target, target, spread


def _draw(generator: torch.Generator, n: int) -> tuple[Tensor, ...]:
    return values(generator, n, 3), values(generator, n, 3), values(generator, n, 3) / 2


_STEEP = Text(
    "an error of 1e4 gives log_variance a gradient of 5e7, more than float16 holds",
    "误差为 1e4 时 log_variance 的梯度达 5e7，超出 float16 的范围",
)

GAUSSIAN_NLL = LossSpec(
    name="gaussian_nll_loss",
    module="GaussianNLLLoss",
    title=Text("Gaussian negative log-likelihood", "高斯负对数似然"),
    aliases=(
        "gaussian nll",
        "heteroscedastic",
        "aleatoric uncertainty",
        "mean variance network",
        "异方差回归",
        "不确定性估计",
        "高斯似然",
    ),
    family="probabilistic",
    purpose=Text(
        "Regression that also says how sure it is: a mean and a variance for every target.",
        "同时给出把握程度的回归：为每个目标预测均值与方差。",
    ),
    formula=r"\frac{1}{2} \left( v + (x - y)^2 e^{-v} \right), \quad v = \log \sigma^2",
    papers=(
        Paper(
            "Nix & Weigend 1994",
            "Estimating the Mean and Variance of the Target Probability Distribution",
            "ICNN 1994",
        ),
    ),
    arguments=(_MEAN, _TARGET, LOG_VARIANCE),
    unit="element",
    options=(
        Option(
            "full", Text("add log(2π)/2, so that it is the density's logarithm", "加上 log(2π)/2，使之恰为密度的对数")
        ),
    ),
    code="""
>>> input, log_variance = torch.tensor([0.0, 0.0]), torch.tensor([0.0, 2.0])
>>> target = torch.tensor([3.0, 3.0])  # the second model said that it was not sure
>>> losses.GaussianNLLLoss(reduction="none")(input, target, log_variance)
tensor([4.5000, 1.6090])
""",
    draw=_draw,
    start=Start(
        Text(
            "half the mean of y²: 0.5 for standardized targets, 1.419 in full",
            "y² 均值的一半：目标标准化时为 0.5，full 时为 1.419",
        ),
        lambda input, target, log_variance, full=False, **_: target.square().mean() / 2 + full * _LOG_2_PI / 2,
        _untrained,
    ),
    minimum=Minimum(
        Text(
            "half the mean of log σ² for given σ; without bound as σ goes to 0",
            "给定 σ 时为 log σ² 均值的一半；σ 趋于 0 时无下界",
        ),
        lambda input, target, log_variance, full=False, **_: log_variance.mean() / 2 + full * _LOG_2_PI / 2,
        _exact,
    ),
    kernel=gaussian_nll_loss,
    invariances=(MOVE,),
    exceptions={"half": _STEEP},
    limits=(
        Limit(
            Text("full=True is the logarithm of the normal density, negated", "full=True 即正态密度的负对数"),
            {"full": True},
            lambda input, target, log_variance: (
                -torch.distributions.Normal(input, torch.exp(log_variance / 2), validate_args=False).log_prob(target)
            ),
        ),
    ),
    hazards=(
        Text(
            "log_variance is log σ²: for a standard deviation s give 2 log s, for a variance v log v.",
            "log_variance 是 log σ²：若有标准差 s 则传 2 log s，若有方差 v 则传 log v。",
        ),
        Text(
            "Samples with a large variance hardly move the mean, so that a bad fit is excused as noise: beta_nll_loss.",
            "方差大的样本几乎不影响均值，拟合不好会被当作噪声：可用 beta_nll_loss。",
        ),
        Text(
            "It falls below 0 as soon as σ is small; the value alone does not say that the fit is good.",
            "σ 较小时损失会小于 0；单看数值不能说明拟合好坏。",
        ),
    ),
    avoid=Text(
        "There are outliers, each of which inflates a variance: student_t_nll_loss or crps_gaussian_loss.",
        "存在离群值、会撑大方差时：用 student_t_nll_loss 或 crps_gaussian_loss。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.GaussianNLLLoss",
            Text(
                "takes the variance, not its logarithm, and raises it to 1e-6; reads values on the host, which "
                "stops a GPU and "
                "torch.compile's full graph",
                "接受方差而非其对数，并将其抬高到至少 1e-6；会在主机上读取数值，使 GPU 同步，也使 "
                "torch.compile 无法得到完整图",
            ),
        ),
    ),
    plot=Plot(
        Text("error x - y", "误差 x - y"),
        -4.0,
        4.0,
        lambda x: (x, 0 * x, torch.zeros_like(x)),
        tuple(
            Curve(f"σ = {sigma:g}", at=lambda x, sigma=sigma: (x, 0 * x, torch.full_like(x, 2 * math.log(sigma))))
            for sigma in (0.5, 1.0, 2.0)
        ),
    ),
)


def beta_nll_loss(input: Tensor, target: Tensor, log_variance: Tensor, *, beta: float = 0.5) -> Tensor:
    """The weight ``exp(beta log_variance)`` takes no part in the gradient; it grows up to exp(40)."""
    likelihood = gaussian_nll_loss(input, target, log_variance)
    if beta == 0:
        return likelihood
    return likelihood * torch.exp((beta * log_variance.detach()).clamp(LEAST_LOG_VARIANCE, -LEAST_LOG_VARIANCE))


_DETACHED = Text(
    "the weight σ^2β takes no part in the gradient, by the loss's definition", "按定义，权重 σ^2β 不参与求梯度"
)

BETA_NLL = LossSpec(
    name="beta_nll_loss",
    module="BetaNLLLoss",
    title=Text("β-NLL", "β-NLL"),
    aliases=("beta nll", "variance weighted nll", "方差加权似然"),
    family="probabilistic",
    purpose=Text(
        "The Gaussian likelihood with each sample weighted by σ^2β, so that the mean learns from uncertain "
        "samples too.",
        "每个样本按 σ^2β 加权的高斯似然，使均值也能从不确定的样本中学习。",
    ),
    formula=r"\text{sg}(\sigma^{2 \beta}) \, \frac{1}{2} \left( \log \sigma^2 + \frac{(x - y)^2}{\sigma^2} \right)",
    papers=(
        Paper(
            "Seitzer et al. 2022",
            "On the Pitfalls of Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks",
            "arXiv:2203.09168",
        ),
    ),
    arguments=(_MEAN, _TARGET, LOG_VARIANCE),
    unit="element",
    options=(
        Option(
            "beta",
            Text(
                "0 is the likelihood, 1 gives the mean the gradient of the squared error",
                "0 即似然；1 使均值的梯度与平方误差相同",
            ),
            low=0.0,
            high=1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([0.0, 0.0], requires_grad=True)
>>> log_variance, target = torch.tensor([0.0, 2.0]), torch.tensor([3.0, 3.0])
>>> losses.BetaNLLLoss(beta=1.0, reduction="sum")(input, target, log_variance).backward()
>>> input.grad  # x - y, whatever the variance
tensor([-3., -3.])
""",
    draw=_draw,
    start=Start(
        Text("half the mean of y²: 0.5 for standardized targets", "y² 均值的一半：目标标准化时为 0.5"),
        lambda input, target, log_variance, **_: target.square().mean() / 2,
        _untrained,
    ),
    minimum=Minimum(
        Text("half the mean of σ^2β log σ² for given σ", "给定 σ 时为 σ^2β log σ² 均值的一半"),
        lambda input, target, log_variance, beta=0.5, **_: (torch.exp(beta * log_variance) * log_variance).mean() / 2,
        _exact,
    ),
    kernel=beta_nll_loss,
    invariances=(MOVE,),
    exceptions={"gradcheck": _DETACHED, "gradgradcheck": _DETACHED, "half": _STEEP},
    limits=(
        Limit(
            Text("beta=0 is the Gaussian likelihood", "beta=0 即高斯似然"),
            {"beta": 0.0},
            lambda input, target, log_variance: (log_variance + (input - target) ** 2 / torch.exp(log_variance)) / 2,
        ),
    ),
    hazards=(
        Text(
            "The gradient is not that of the value: a search that goes by the value, such as L-BFGS, goes astray.",
            "梯度并非其数值的梯度：依赖数值的搜索（如 L-BFGS）会失败。",
        ),
        Text(
            "Judge by the likelihood, gaussian_nll_loss: this value is weighted and compares no two models.",
            "评估时应看似然 gaussian_nll_loss：此处数值带权重，不能用于比较模型。",
        ),
    ),
    avoid=Text(
        "Only the mean is wanted: mse_loss. Only calibrated spread counts: gaussian_nll_loss or crps_gaussian_loss.",
        "只需要均值时：用 mse_loss。只关心分布校准时：用 gaussian_nll_loss 或 crps_gaussian_loss。",
    ),
    equivalents=(
        Equivalent(
            "torch_uncertainty.losses.BetaNLL",
            Text("takes a distribution's parameters as its own library gives them", "按其自身库的形式接受分布参数"),
        ),
    ),
    plot=Plot(
        Text("error x - y, σ = 2", "误差 x - y，σ = 2"),
        -4.0,
        4.0,
        lambda x: (x, 0 * x, torch.full_like(x, 2 * math.log(2))),
        tuple(Curve(f"β = {beta:g}", {"beta": beta}) for beta in (0.0, 0.5, 1.0)),
    ),
)


def _log_normalizer(df: float) -> float:
    """``log(sqrt(pi df) Gamma(df/2) / Gamma((df + 1)/2))``; by its series where the Gammas would cancel."""
    half = df / 2
    if half > 500:
        return _LOG_2_PI / 2 + 1 / (8 * half) - 1 / (192 * half**3)
    return math.lgamma(half) - math.lgamma(half + 0.5) + math.log(math.pi * df) / 2


def student_t_nll_loss(input: Tensor, target: Tensor, log_scale: Tensor, *, df: float = 4.0) -> Tensor:
    """The squared error enters through log1p: finite gradients however far off it is. log_scale has a floor, of -20."""
    log_scale = floored(log_scale, LEAST_LOG_VARIANCE / 2)
    squared = ((input - target) * torch.exp(-log_scale)).square()
    if df == math.inf:
        return squared / 2 + (log_scale + _LOG_2_PI / 2)
    return (df + 1) / 2 * torch.log1p(squared / df) + (log_scale + _log_normalizer(df))


def _standard(df: float) -> torch.distributions.Distribution:
    if df == math.inf:
        return torch.distributions.Normal(0.0, 1.0, validate_args=False)
    return torch.distributions.StudentT(torch.tensor(df, dtype=torch.float64), validate_args=False)


STUDENT_T_NLL = LossSpec(
    name="student_t_nll_loss",
    module="StudentTNLLLoss",
    title=Text("Student-t negative log-likelihood", "学生 t 分布负对数似然"),
    aliases=("student t", "t distribution", "heavy tailed nll", "t 分布", "厚尾似然"),
    family="probabilistic",
    purpose=Text(
        "A location and a scale for every target, with tails heavy enough that outliers do not spoil them.",
        "为每个目标预测位置与尺度；尾部足够重，离群值不会破坏它们。",
    ),
    formula=(
        r"\log s + \frac{\nu + 1}{2} \log \left( 1 + \frac{(x - y)^2}{\nu s^2} \right) "
        r"+ \log \frac{\sqrt{\pi \nu} \, \Gamma(\nu / 2)}{\Gamma((\nu + 1) / 2)}"
    ),
    papers=(
        Paper(
            "Lange, Little, Taylor 1989",
            "Robust Statistical Modeling Using the t Distribution",
            "J. Am. Stat. Assoc. 84(408)",
        ),
    ),
    arguments=(
        Argument("input", "values", "*", "the location", "位置"),
        _TARGET,
        Argument("log_scale", "values", "*", "log s, any number", "log s，任意实数"),
    ),
    unit="element",
    options=(
        Option(
            "df",
            Text("ν, degrees of freedom: 1 is Cauchy, inf is Gaussian", "ν，自由度：1 为 Cauchy，inf 为高斯"),
            low=0.0,
            low_open=True,
        ),
    ),
    code="""
>>> input, log_scale = torch.zeros(3), torch.zeros(3)
>>> target = torch.tensor([0.0, 3.0, 1000.0])
>>> losses.StudentTNLLLoss(df=4.0, reduction="none")(input, target, log_scale)
tensor([ 0.9808,  3.9275, 32.0539])
""",
    draw=_draw,
    start=Start(
        Text(
            "mean of (ν + 1)/2 log(1 + y²/ν), plus a constant: 1.465 for standard normal targets and ν=4",
            "(ν + 1)/2 log(1 + y²/ν) 的均值加一个常数：目标服从标准正态分布且 ν=4 时为 1.465",
        ),
        lambda input, target, log_scale, df=4.0, **_: -_standard(df).log_prob(target).mean(),
        _untrained,
    ),
    minimum=Minimum(
        Text(
            "the mean of log s for given s, plus a constant; without bound as s goes to 0",
            "给定 s 时为 log s 的均值加一个常数；s 趋于 0 时无下界",
        ),
        lambda input, target, log_scale, df=4.0, **_: log_scale.mean() + _log_normalizer(df),
        _exact,
    ),
    kernel=student_t_nll_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text("df=1 is the Cauchy likelihood", "df=1 即 Cauchy 似然"),
            {"df": 1.0},
            lambda input, target, log_scale: (
                -torch.distributions.Cauchy(input, torch.exp(log_scale), validate_args=False).log_prob(target)
            ),
        ),
        Limit(
            Text("df=inf is the Gaussian likelihood in full", "df=inf 即完整的高斯似然"),
            {"df": math.inf},
            lambda input, target, log_scale: (
                -torch.distributions.Normal(input, torch.exp(log_scale), validate_args=False).log_prob(target)
            ),
        ),
    ),
    hazards=(
        Text(
            "The scale is not the standard deviation, which is s √(ν/(ν - 2)), and exists for ν above 2 only.",
            "尺度不是标准差：标准差为 s √(ν/(ν - 2))，且仅当 ν 大于 2 时存在。",
        ),
        Text(
            "Far points hardly pull: from a start that is far off everywhere the scale grows first, the "
            "location later.",
            "远处的点几乎没有拉力：若起始时处处偏离很远，先增大的是尺度，位置随后才移动。",
        ),
    ),
    avoid=Text(
        "The degrees of freedom should be learned too: distribution_nll_loss takes torch.distributions.StudentT.",
        "自由度也要学习时：distribution_nll_loss 可接受 torch.distributions.StudentT。",
    ),
    equivalents=(
        Equivalent(
            "torch.distributions.StudentT",
            Text(
                "minus its log_prob; the scale itself, and values checked on the host by default",
                "即其 log_prob 取负；接受尺度本身，默认在主机上检查数值",
            ),
        ),
    ),
    plot=Plot(
        Text("error x - y, s = 1", "误差 x - y，s = 1"),
        -8.0,
        8.0,
        lambda x: (x, 0 * x, torch.zeros_like(x)),
        tuple(Curve(f"ν = {df:g}", {"df": df}) for df in (1.0, 4.0, math.inf)),
    ),
)

SPECS = (GAUSSIAN_NLL, BETA_NLL, STUDENT_T_NLL)
