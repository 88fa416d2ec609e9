"""Classes of very different frequency: the logarithm of the frequency added to the logits in training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import LossError
from ._cross_entropy import cross_entropy
from ._draw import classes, logits
from ._invariances import SHIFT
from ._multiclass import CLASS_ARGUMENTS, TARGET_LOGIT, sure, two_classes
from ._spec import Curve, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

COUNTS = Option(
    "counts",
    Text("(C,) samples of each class in the training set; 0 counts as 1", "(C,)，训练集中各类的样本数；0 按 1 计"),
)
EXAMPLE = torch.tensor([1000, 300, 100, 30, 10])


def per_class(name: str, what: str, given: Tensor, input: Tensor) -> Tensor:
    """A number for each class, checked, in the dtype of the logits."""
    if given.shape != input.shape[1:2]:
        raise LossError(
            f"{name}: {what} has shape {tuple(given.shape)} for {input.shape[1]} classes: expected ({input.shape[1]},)"
        )
    return given.to(input.dtype)


def at_least_one(name: str, counts: Tensor, input: Tensor) -> Tensor:
    """The counts, none below 1."""
    return per_class(name, "counts", counts, input).clamp(min=1)


def logit_adjusted_cross_entropy(input: Tensor, target: Tensor, *, prior: Tensor, tau: float = 1.0) -> Tensor:
    """The prior need not sum to 1: a factor drops out of the softmax."""
    return cross_entropy(_adjusted(input, prior, tau), target)


def _adjusted(input: Tensor, prior: Tensor, tau: float) -> Tensor:
    shift = per_class("logit_adjusted_cross_entropy", "prior", prior, input)
    return input if tau == 0 else input + (tau * shift.log()).reshape(-1, *(1,) * (input.ndim - 2))


def _adjusted_sum(input: Tensor, target: Tensor, *, ignore_index: int, prior: Tensor, tau: float = 1.0) -> Tensor:
    return F.cross_entropy(_adjusted(input, prior, tau), target, ignore_index=ignore_index, reduction="sum")


def _balanced_sum(input: Tensor, target: Tensor, *, ignore_index: int, counts: Tensor) -> Tensor:
    prior = at_least_one("balanced_softmax_loss", counts, input)
    return _adjusted_sum(input, target, ignore_index=ignore_index, prior=prior)


def _adjusted_start(input: Tensor, target: Tensor, *, prior: Tensor, tau: float = 1.0, **_: Any) -> Tensor:
    share = tau * prior.double().log()
    return (share.logsumexp(0) - share[target]).mean()


_TWO = torch.tensor([0.1, 0.9])

LOGIT_ADJUSTED = LossSpec(
    name="logit_adjusted_cross_entropy",
    module="LogitAdjustedCrossEntropyLoss",
    title=Text("Logit-adjusted cross-entropy", "logit 调整交叉熵"),
    aliases=("logit adjustment", "logit adjusted loss", "long tail", "长尾", "长尾分类", "logit 调整", "先验校正"),
    family="imbalance",
    purpose=Text(
        "Long-tailed classes, when all classes count alike at test time: the prior is added in training and left out "
        "at prediction.",
        "类别呈长尾分布而测试时各类同等重要：训练时加上先验，预测时不加。",
    ),
    formula=r"-\log \frac{\pi_y^{\tau} \exp(z_y)}{\sum_{k} \pi_k^{\tau} \exp(z_k)}",
    papers=(Paper("Menon et al. 2021", "Long-Tail Learning via Logit Adjustment", "arXiv:2007.07314", "eq. 10"),),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "prior",
            Text(
                "(C,) pi, the classes' frequencies in the training set, or their counts: only ratios matter",
                "(C,)，π：训练集中各类的频率或样本数，只有比值起作用",
            ),
        ),
        Option(
            "tau",
            Text("strength: 0 is cross-entropy, 1 the full correction", "强度：0 即交叉熵，1 为完全校正"),
            low=0.0,
        ),
    ),
    required={"prior": EXAMPLE / EXAMPLE.sum()},
    code="""
>>> input = torch.zeros(2, 3)
>>> target = torch.tensor([0, 2])  # a frequent class and a rare one
>>> loss = losses.LogitAdjustedCrossEntropyLoss(prior=torch.tensor([0.90, 0.09, 0.01]), reduction="none")
>>> loss(input, target)
tensor([0.1054, 4.6052])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text(
            "at tau = 1 the mean of -ln π_y, the entropy of π if targets follow it",
            "tau = 1 时为 -ln π_y 的均值；若目标服从 π，即 π 的熵",
        ),
        _adjusted_start,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=logit_adjusted_cross_entropy,
    fused=_adjusted_sum,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("tau=0 is cross-entropy", "tau=0 即交叉熵"),
            {"tau": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
        Limit(
            Text("equal frequencies are cross-entropy", "频率相同时即交叉熵"),
            {"prior": torch.full((5,), 0.2)},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "Predict from the plain logits. Adding the prior there as well undoes the correction.",
            "预测时用原始 logits；若也加上先验，校正就被抵消了。",
        ),
        Text(
            "A class of frequency 0 takes no part in the softmax, and a sample of it costs infinity.",
            "频率为 0 的类别不参与 softmax，属于它的样本损失为无穷大。",
        ),
        Text(
            "Do not resample or weigh classes as well: the prior must be that of the batches.",
            "不要同时做重采样或类别加权：先验必须与批中的分布一致。",
        ),
    ),
    avoid=Text(
        "The test set is as imbalanced as the training set, and accuracy is over samples: cross_entropy.",
        "测试集与训练集同样不均衡，且按样本计准确率时：用 cross_entropy。",
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        (
            Curve("π = 0.5", {"prior": torch.tensor([0.5, 0.5])}),
            Curve("π = 0.1", {"prior": _TWO}),
            Curve("π = 0.9", {"prior": 1 - _TWO}),
            Curve("π = 0.1, τ = 0.5", {"prior": _TWO, "tau": 0.5}),
        ),
    ),
)


def balanced_softmax_loss(input: Tensor, target: Tensor, *, counts: Tensor) -> Tensor:
    """Logit adjustment at tau = 1."""
    prior = at_least_one("balanced_softmax_loss", counts, input)
    return logit_adjusted_cross_entropy(input, target, prior=prior)


BALANCED_SOFTMAX = LossSpec(
    name="balanced_softmax_loss",
    module="BalancedSoftmaxLoss",
    title=Text("Balanced softmax", "平衡 softmax"),
    aliases=("balanced softmax", "balanced meta-softmax", "平衡 softmax 损失"),
    family="imbalance",
    purpose=Text(
        "Long-tailed classes, when all classes count alike at test time; it takes the counts and nothing to tune.",
        "类别呈长尾分布而测试时各类同等重要；只需样本数，没有可调参数。",
    ),
    formula=r"-\log \frac{n_y \exp(z_y)}{\sum_{k} n_k \exp(z_k)}",
    papers=(
        Paper(
            "Ren et al. 2020", "Balanced Meta-Softmax for Long-Tailed Visual Recognition", "arXiv:2007.10740", "sec. 3"
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(COUNTS,),
    required={"counts": EXAMPLE},
    code="""
>>> input = torch.zeros(2, 3)
>>> target = torch.tensor([0, 2])
>>> losses.BalancedSoftmaxLoss(counts=torch.tensor([90, 9, 1]), reduction="none")(input, target)
tensor([0.1054, 4.6052])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("the mean of ln(n / n_y), n all samples", "ln(n / n_y) 的均值，n 为样本总数"),
        lambda input, target, *, counts, **_: _adjusted_start(input, target, prior=counts.clamp(min=1)),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=balanced_softmax_loss,
    fused=_balanced_sum,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("equal counts are cross-entropy", "样本数相同时即交叉熵"),
            {"counts": torch.full((5,), 7)},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "Predict from the plain logits. Adding the logarithm of the counts there as well undoes the correction.",
            "预测时用原始 logits；若也加上样本数的对数，校正就被抵消了。",
        ),
        Text(
            "With class-balanced sampling the counts must be equal: otherwise the correction is made twice.",
            "若采样已按类别均衡，counts 应取相同值：否则校正做了两次。",
        ),
    ),
    avoid=Text(
        "The correction should be weaker or stronger: logit_adjusted_cross_entropy has tau.",
        "需要更弱或更强的校正时：logit_adjusted_cross_entropy 有 tau。",
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        tuple(
            Curve(f"{rare} : {rest}", {"counts": torch.tensor([rare, rest])})
            for rare, rest in ((1, 1), (1, 10), (1, 100), (10, 1))
        ),
    ),
)

SPECS = (LOGIT_ADJUSTED, BALANCED_SOFTMAX)
