"""One class of several, when some labels are wrong: losses whose value for a sample is bounded, or nearly so."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._cross_entropy import cross_entropy
from ._draw import classes, logits
from ._focal import difficulty
from ._invariances import SHIFT
from ._multiclass import CLASS_ARGUMENTS, TARGET_LOGIT, sure, two_classes
from ._numerics import divide, log_softmax, pick
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_LOG_ZERO = Option(
    "log_zero",
    Text("A, what stands for log 0 in the reverse cross-entropy", "A，反向交叉熵中 log 0 的替代值"),
    high=0.0,
    high_open=True,
)


def _miss(cost: Tensor) -> Tensor:
    """``1 - p`` from -log p, as accurate as that."""
    return -torch.expm1(-cost)


def generalized_cross_entropy(input: Tensor, target: Tensor, *, q: float = 0.7) -> Tensor:
    """As ``-expm1(q log p) / q``, which is exact for every q, down to cross-entropy at 0.

    Where p^q of the least float is nothing beside 1, the softmax serves: it is faster than its logarithm.
    """
    if q < 0.25:
        cost = cross_entropy(input, target)
        return cost if q == 0 else torch.expm1(cost * -q) * (-1 / q)
    p = pick(input.softmax(1), target).clamp(min=torch.finfo(input.dtype).tiny)
    return torch.expm1(p.log() * q) * (-1 / q)


GENERALIZED = LossSpec(
    name="generalized_cross_entropy",
    module="GeneralizedCrossEntropyLoss",
    title=Text("Generalized cross-entropy", "广义交叉熵"),
    aliases=("gce", "lq loss", "noisy labels", "mae classification", "广义交叉熵损失", "噪声标签", "标签噪声"),
    family="noise",
    purpose=Text(
        "Some labels are wrong: between cross-entropy (q = 0), which learns them by heart, and the mean absolute error "
        "(q = 1), which hardly learns.",
        "部分标签有误：介于会记住错标的交叉熵（q = 0）与几乎学不动的平均绝对误差（q = 1）之间。",
    ),
    formula=r"\frac{1 - p_y^q}{q}, \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Zhang, Sabuncu 2018",
            "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
            "arXiv:1805.07836",
            "sec. 3.2",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "q",
            Text(
                "0 is cross-entropy, 1 half of the mean absolute error; more is more robust and slower",
                "0 即交叉熵，1 为平均绝对误差的一半；越大越鲁棒，也越慢",
            ),
            low=0.0,
            high=1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])  # the second label is wrong
>>> losses.GeneralizedCrossEntropyLoss(q=0.7, reduction="none")(input, target)
tensor([0.0355, 1.3439])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("(1 - C^-q) / q", "(1 - C^-q) / q"),
        lambda input, target, q=0.7, **_: (1 - input.shape[1] ** -q) / q if q else math.log(input.shape[1]),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=generalized_cross_entropy,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("q=0 is cross-entropy", "q=0 即交叉熵"),
            {"q": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
        Limit(
            Text("a small q is nearly cross-entropy", "q 很小时近似交叉熵"),
            {"q": 1e-8},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
            tolerance=1e-6,
        ),
        Limit(
            Text("q=1 is half the absolute error of the probabilities", "q=1 为概率绝对误差的一半"),
            {"q": 1.0},
            lambda input, target: (F.one_hot(target, input.shape[1]) - input.softmax(1)).abs().sum(1) / 2,
        ),
    ),
    hazards=(
        Text(
            "With many classes p^q is tiny at the start, and so are gradients: at q = 1 and 1000 classes nothing moves."
            " Warm up with cross_entropy or take a smaller q.",
            "类别很多时初始 p^q 极小，梯度亦然：q = 1、1000 类时几乎不动。可先用 cross_entropy 预热，或取较小的 q。",
        ),
        Text(
            "The value cannot exceed 1/q: it does not tell how wrong a sample is.",
            "数值不超过 1/q：看不出样本错得多离谱。",
        ),
    ),
    avoid=Text(
        "Labels are clean: cross_entropy learns faster and further.",
        "标签干净时：cross_entropy 学得更快、更好。",
    ),
    equivalents=(
        Equivalent(
            "keras.losses.CategoricalGeneralizedCrossEntropy",
            Text("q is 0.5 by default; takes probabilities", "q 默认为 0.5；接受概率"),
        ),
    ),
    plot=Plot(TARGET_LOGIT, -6.0, 6.0, two_classes, tuple(Curve(f"q = {q:g}", {"q": q}) for q in (0.0, 0.3, 0.7, 1.0))),
)


def symmetric_cross_entropy(
    input: Tensor, target: Tensor, *, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0
) -> Tensor:
    """The reverse cross-entropy of a hard label is ``-A (1 - p)``: no one-hot tensor, no clamped logarithm."""
    cost = cross_entropy(input, target)
    return alpha * cost + (-beta * log_zero) * _miss(cost)


SYMMETRIC = LossSpec(
    name="symmetric_cross_entropy",
    module="SymmetricCrossEntropyLoss",
    title=Text("Symmetric cross-entropy", "对称交叉熵"),
    aliases=("sce", "reverse cross entropy", "rce", "symmetric learning", "对称交叉熵损失", "反向交叉熵"),
    family="noise",
    purpose=Text(
        "Some labels are wrong: cross-entropy to learn the hard classes, and its reverse, which is bounded, against "
        "the noise.",
        "部分标签有误：用交叉熵学习难类，用有界的反向交叉熵抵抗噪声。",
    ),
    formula=r"-\alpha \log p_y - \beta A (1 - p_y), \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Wang et al. 2019",
            "Symmetric Cross Entropy for Robust Learning with Noisy Labels",
            "arXiv:1908.06112",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "alpha",
            Text("weight of cross-entropy: more fits better, and overfits", "交叉熵的权重：越大拟合越好，也越易过拟合"),
            low=0.0,
        ),
        Option("beta", Text("weight of the reverse: more is more robust", "反向交叉熵的权重：越大越鲁棒"), low=0.0),
        _LOG_ZERO,
    ),
    code="""
>>> input = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])  # the second label is wrong
>>> losses.SymmetricCrossEntropyLoss(reduction="none")(input, target)
tensor([0.1449, 4.3329])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("α ln C - β A (1 - 1/C)", "α ln C - β A (1 - 1/C)"),
        lambda input, target, alpha=0.1, beta=1.0, log_zero=-4.0, **_: (
            alpha * math.log(input.shape[1]) - beta * log_zero * (1 - 1 / input.shape[1])
        ),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=symmetric_cross_entropy,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("alpha=1, beta=0 is cross-entropy", "alpha=1、beta=0 即交叉熵"),
            {"alpha": 1.0, "beta": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
        Limit(
            Text(
                "alpha=0, log_zero=-2 is the absolute error of the probabilities",
                "alpha=0、log_zero=-2 即概率的绝对误差",
            ),
            {"alpha": 0.0, "log_zero": -2.0},
            lambda input, target: (F.one_hot(target, input.shape[1]) - input.softmax(1)).abs().sum(1),
        ),
    ),
    hazards=(
        Text(
            "Code elsewhere clamps the one-hot label at 1e-4, which makes A = ln 1e-4 = -9.21, not -4: give "
            "log_zero=-9.21 to repeat its results.",
            "其他实现把 one-hot 标签截断在 1e-4，实际 A = ln 1e-4 = -9.21 而非 -4：要复现其结果，请设 log_zero=-9.21。",
        ),
        Text(
            "alpha is bound to the data: 0.1 for ten classes, several units for a hundred.",
            "alpha 与数据有关：十类时取 0.1，百类时取到几。",
        ),
    ),
    avoid=Text(
        "Labels are clean (cross_entropy), or one number should do (generalized_cross_entropy).",
        "标签干净（用 cross_entropy），或只想调一个数（用 generalized_cross_entropy）时。",
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        (
            Curve("α = 0.1, β = 1"),
            Curve("α = 1, β = 1", {"alpha": 1.0}),
            Curve("α = 1, β = 0", {"alpha": 1.0, "beta": 0.0}),
            Curve("α = 0, β = 1", {"alpha": 0.0}),
        ),
    ),
)


def active_passive_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    active: str = "nce",
    passive: str = "rce",
    gamma: float = 0.5,
    log_zero: float = -4.0,
) -> Tensor:
    """Both terms from one log-softmax; the passive ones are both a number times ``1 - p``."""
    log_p = log_softmax(input)
    mine = pick(log_p, target)
    if active == "nce":
        normalized = divide(mine, log_p.sum(1))
    else:
        normalized = divide(mine * difficulty(mine, gamma), (log_p * difficulty(log_p, gamma)).sum(1))
    height = 2.0 if passive == "mae" else -log_zero
    return alpha * normalized + (beta * height) * _miss(-mine)


def _nce_mae(input: Tensor, target: Tensor) -> Tensor:
    p = input.softmax(1)
    label = F.one_hot(target, input.shape[1]).to(p.dtype)
    return (label * p.log()).sum(1) / p.log().sum(1) + (label - p).abs().sum(1)


ACTIVE_PASSIVE = LossSpec(
    name="active_passive_loss",
    module="ActivePassiveLoss",
    title=Text("Active passive loss (APL)", "主动被动损失（APL）"),
    aliases=(
        "apl",
        "normalized cross entropy",
        "nce+rce",
        "nce rce",
        "normalized focal loss",
        "归一化交叉熵",
        "主动被动损失",
    ),
    family="noise",
    purpose=Text(
        "Many labels are wrong, up to most of them: a normalized loss, robust but weak, with a bounded one to make up "
        "for it.",
        "大量标签有误，甚至过半：用归一化损失（鲁棒但偏弱）加上有界损失来弥补。",
    ),
    formula=r"\alpha \frac{\ell_y}{\sum_{k} \ell_k} + \beta h (1 - p_y), \quad \ell_k = -(1 - p_k)^{\gamma} \log p_k, "
    r"\quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Ma et al. 2020",
            "Normalized Loss Functions for Deep Learning with Noisy Labels",
            "arXiv:2006.13554",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option("alpha", Text("weight of the active term", "主动项的权重"), low=0.0),
        Option("beta", Text("weight of the passive term", "被动项的权重"), low=0.0),
        Option(
            "active",
            Text(
                "normalized cross-entropy (gamma is 0) or normalized focal loss",
                "归一化交叉熵（gamma 为 0）或归一化焦点损失",
            ),
            choices=("nce", "nfl"),
        ),
        Option(
            "passive",
            Text("reverse cross-entropy, h = -A, or absolute error, h = 2", "反向交叉熵，h = -A；或绝对误差，h = 2"),
            choices=("rce", "mae"),
        ),
        Option("gamma", Text("focus of the normalized focal loss", "归一化焦点损失的聚焦指数"), low=0.0),
        _LOG_ZERO,
    ),
    code="""
>>> input = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])  # the second label is wrong
>>> losses.ActivePassiveLoss(reduction="none")(input, target)
tensor([0.1458, 4.4271])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("α / C + β h (1 - 1/C)", "α / C + β h (1 - 1/C)"),
        lambda input, target, alpha=1.0, beta=1.0, passive="rce", log_zero=-4.0, **_: (
            alpha / input.shape[1] + beta * (2.0 if passive == "mae" else -log_zero) * (1 - 1 / input.shape[1])
        ),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=active_passive_loss,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text(
                "gamma=0 makes the normalized focal loss the normalized cross-entropy",
                "gamma=0 时归一化焦点损失即归一化交叉熵",
            ),
            {"active": "nfl", "gamma": 0.0, "passive": "mae"},
            _nce_mae,
        ),
        Limit(
            Text("alpha=0 with mae is the absolute error of the probabilities", "alpha=0 且取 mae 即概率的绝对误差"),
            {"alpha": 0.0, "passive": "mae"},
            lambda input, target: (F.one_hot(target, input.shape[1]) - input.softmax(1)).abs().sum(1),
        ),
    ),
    hazards=(
        Text(
            "alpha and beta are bound to the number of classes: the authors take 1 and 1 for ten, 10 and 0.1 for a "
            "hundred.",
            "alpha、beta 与类别数有关：原作者十类时取 1 与 1，百类时取 10 与 0.1。",
        ),
        Text(
            "A logit of -inf makes the normalizer infinite, and the active term 0 for that sample.",
            "-inf 的 logit 使归一化项为无穷，该样本的主动项为 0。",
        ),
        Text(
            "Code elsewhere has A = ln 1e-4 = -9.21 by clamping, not the -4 it names.",
            "其他实现因截断实际取 A = ln 1e-4 = -9.21，而非所写的 -4。",
        ),
    ),
    avoid=Text(
        "Few labels are wrong: generalized_cross_entropy fits better; none are: cross_entropy.",
        "错标很少时 generalized_cross_entropy 拟合更好；没有错标时用 cross_entropy。",
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        (
            Curve("NCE + RCE"),
            Curve("NFL + RCE", {"active": "nfl"}),
            Curve("NCE + MAE", {"passive": "mae"}),
            Curve("NCE", {"beta": 0.0}),
        ),
    ),
)

SPECS = (GENERALIZED, SYMMETRIC, ACTIVE_PASSIVE)
