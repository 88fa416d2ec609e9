"""Losses of classes that have an order: one yes-or-no question for each threshold between two classes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import classes, logits
from ._spec import Args, Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_ARGUMENTS = (
    Argument(
        "input",
        "logits",
        "N R *",
        "z, one for each of the R = K - 1 thresholds between K classes",
        "z，K 个类别之间的 R = K - 1 个阈值各一个",
    ),
    Argument("target", "class", "N *", "y, 0 to R", "y，从 0 到 R"),
)
_ONE_LESS = Text(
    "K classes have K - 1 logits. With K of them no shape tells: the loss believes that there is one class more.",
    "K 个类别对应 K - 1 个 logits。若误给 K 个，形状上看不出来：损失会以为多了一个类别。",
)


def _above(input: Tensor, target: Tensor) -> Tensor:
    """Whether the class lies above each threshold."""
    return target.unsqueeze(1) > _thresholds(input)


def _thresholds(input: Tensor) -> Tensor:
    """0 to R - 1, along axis 1."""
    count = input.shape[1]
    return torch.arange(count, device=input.device).reshape(count, *(1 for _ in input.shape[2:]))


def _costs(input: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each threshold."""
    return F.binary_cross_entropy_with_logits(input, _above(input, target).to(input.dtype), reduction="none")


def coral_loss(input: Tensor, target: Tensor, *, importance_weights: Tensor | None = None) -> Tensor:
    costs = _costs(input, target)
    if importance_weights is not None:
        if importance_weights.shape != input.shape[1:2]:
            raise LossError(
                f"coral_loss: importance_weights has shape {tuple(importance_weights.shape)}, expected one number for "
                f"each of the {input.shape[1]} thresholds of input"
            )
        costs = costs * importance_weights.to(costs.dtype).reshape(_thresholds(input).shape)
    return costs.sum(1)


def coral_decode(input: Tensor) -> Tensor:
    """The class that the logits of :func:`coral_loss` speak for: as many thresholds as have a probability above 1/2.

    Args:
        input: (N, R, *), logits.

    Returns:
        (N, *), classes from 0 to R.

    >>> import torch
    >>> from firststep import losses
    >>> losses.coral_decode(torch.tensor([[2.0, 1.0, -1.0], [-3.0, -4.0, -5.0]]))
    tensor([2, 0])
    """
    return (input > 0).sum(1)


def corn_loss(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """A threshold is asked only of the samples that lie above the one before it. Values are (N, *, R), as a mask of
    samples has the first axes.
    """
    asked = target.unsqueeze(1) >= _thresholds(input)
    return _costs(input, target).movedim(1, -1), asked.movedim(1, -1)


def corn_decode(input: Tensor) -> Tensor:
    """The class that the logits of :func:`corn_loss` speak for: as many thresholds as are passed, each after those
    before it, with a probability above 1/2.

    Args:
        input: (N, R, *), logits.

    Returns:
        (N, *), classes from 0 to R.

    >>> import torch
    >>> from firststep import losses
    >>> losses.corn_decode(torch.tensor([[2.0, 1.0, -1.0], [0.5, 0.5, 5.0]]))  # 0.62 * 0.62 is below 1/2
    tensor([2, 1])
    """
    return (F.logsigmoid(input).cumsum(1) > -math.log(2)).sum(1)


def _draw(generator: Generator, n: int) -> Args:
    return logits(generator, n, 4), classes(generator, n, 5)


def _draw_two_classes(generator: Generator, n: int) -> Args:
    return logits(generator, n, 1), classes(generator, n, 2)


def _binary(input: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(input[:, 0], target.double(), reduction="none")


def _certain(input: Tensor, target: Tensor, **_: object) -> Args:
    return 80 * _above(input, target).to(input.dtype) - 40, target


def _weight_of_all(input: Tensor, importance_weights: Tensor | None) -> float | Tensor:
    return input.shape[1] if importance_weights is None else importance_weights.double().sum()


def _score(x: Tensor, target: int) -> Args:
    """Three classes: a score x and thresholds at -2 and 2."""
    return torch.stack((x + 2, x - 2)).unsqueeze(0), torch.tensor([target])


_SCORE = Text("score x, the two logits are x + 2 and x - 2", "得分 x，两个 logits 为 x + 2 与 x - 2")
_CURVES = tuple(Curve(f"y = {y}", at=lambda x, y=y: _score(x, y)) for y in range(3))

CORAL = LossSpec(
    name="coral_loss",
    module="CORALLoss",
    title=Text("CORAL: ordered classes by thresholds", "CORAL：阈值法有序分类"),
    aliases=(
        "coral",
        "ordinal regression",
        "ordinal classification",
        "rank consistent",
        "age estimation",
        "有序回归",
        "序数回归",
        "年龄估计",
    ),
    family="ordinal",
    purpose=Text(
        "Classes with an order, as grades, stages or ages: far off is worse than close by.",
        "有次序的类别，如等级、分期或年龄：差得远比差得近更糟。",
    ),
    formula=r"-\sum_{k=0}^{R-1} \lambda_k \left( [y > k] \log \sigma(z_k) + [y \le k] \log(1 - \sigma(z_k)) \right)",
    papers=(
        Paper(
            "Cao, Mirjalili, Raschka 2020",
            "Rank Consistent Ordinal Regression for Neural Networks with Application to Age Estimation",
            "arXiv:1901.07884",
        ),
    ),
    arguments=_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "importance_weights",
            Text("λ, (R,) weights of the thresholds; None for 1", "λ，各阈值的权重 (R,)；None 表示全为 1"),
        ),
    ),
    code="""
>>> score, thresholds = torch.tensor([[0.3], [-2.0]]), torch.tensor([1.5, 0.0, -1.5])  # learned, one score for all
>>> input = score + thresholds
>>> losses.CORALLoss()(input, torch.tensor([2, 0]))
tensor(0.8007)
>>> losses.coral_decode(input)
tensor([2, 0])
""",
    draw=_draw,
    start=Start(
        Text(
            "R ln 2 = (K - 1) ln 2; with weights ln 2 times their sum",
            "R ln 2 = (K - 1) ln 2；有权重时为 ln 2 乘以权重之和",
        ),
        lambda input, target, importance_weights=None, **_: math.log(2) * _weight_of_all(input, importance_weights),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _certain),
    kernel=coral_loss,
    limits=(
        Limit(
            Text("of two classes, binary cross-entropy", "只有两类时即二元交叉熵"), {}, _binary, draw=_draw_two_classes
        ),
    ),
    hazards=(
        _ONE_LESS,
        Text(
            "The thresholds keep their order only if all share one score, z_k = score + b_k with learned b_k: after a "
            "linear layer with R outputs the probabilities may cross.",
            "只有所有阈值共用一个得分（z_k = score + b_k，b_k 可学习）时次序才有保证：普通的 R "
            "输出线性层可能使概率交叉。",
        ),
        Text(
            "The prediction is coral_decode, the number of logits above 0; argmax means nothing here.",
            "预测应使用 coral_decode，即大于 0 的 logits 个数；argmax 在此没有意义。",
        ),
    ),
    avoid=Text(
        "One score for all thresholds is too little: corn_loss. Classes have no order: cross_entropy.",
        "所有阈值共用一个得分过于受限时：用 corn_loss。类别没有次序时：用 cross_entropy。",
    ),
    equivalents=(
        Equivalent(
            "coral_pytorch.losses.coral_loss",
            Text(
                "takes the answers as (N, R) levels instead of classes; otherwise the same",
                "目标为 (N, R) 的 levels 而非类别；其余相同",
            ),
        ),
    ),
    plot=Plot(_SCORE, -6.0, 6.0, lambda x: _score(x, 1), _CURVES),
)

CORN = LossSpec(
    name="corn_loss",
    module="CORNLoss",
    title=Text("CORN: ordered classes by conditional questions", "CORN：条件概率有序分类"),
    aliases=("corn", "conditional ordinal regression", "continuation ratio", "条件有序回归"),
    family="ordinal",
    purpose=Text(
        "Classes with an order, without a restriction on the last layer: is it above this threshold, given that it is "
        "above the one before?",
        "有次序的类别，且不限制最后一层：已知高于前一阈值时，是否也高于这一阈值？",
    ),
    formula=r"-[y > k] \log \sigma(z_k) - [y = k] \log(1 - \sigma(z_k)), \quad k = 0, \ldots, \min(y, R - 1)",
    papers=(
        Paper(
            "Shi, Cao, Raschka 2023",
            "Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional Probabilities",
            "arXiv:2111.08851",
        ),
    ),
    arguments=_ARGUMENTS,
    unit="element",
    code="""
>>> input = torch.tensor([[2.0, 1.0, -1.0], [-0.5, 3.0, 0.0]])  # of any layer with K - 1 outputs
>>> target = torch.tensor([2, 0])
>>> losses.CORNLoss()(input, target)
tensor(0.3069)
>>> losses.CORNLoss(reduction="none")(input, target)  # the second is asked the first question only
tensor([[0.1269, 0.3133, 0.3133],
        [0.4741, 0.0000, 0.0000]])
>>> losses.corn_decode(input)
tensor([2, 0])
""",
    draw=_draw,
    start=Start(Text("ln 2", "ln 2"), lambda *_, **__: math.log(2)),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _certain),
    kernel=corn_loss,
    limits=(
        Limit(
            Text("of two classes, binary cross-entropy", "只有两类时即二元交叉熵"),
            {},
            lambda input, target: _binary(input, target).unsqueeze(1),
            draw=_draw_two_classes,
        ),
    ),
    hazards=(
        _ONE_LESS,
        Text(
            "The mean is over the questions asked, min(y + 1, R) per sample: high classes count more. For a mean over "
            "samples give denominator='batch'.",
            "均值按所提问题计算，每个样本 min(y + 1, R) 个：高类别占比更大。若要按样本平均，传入 denominator='batch'。",
        ),
        Text(
            "Probabilities are products, P(y > k) = σ(z_0) ... σ(z_k): use corn_decode, and not the sign of each "
            "logit.",
            "概率是连乘 P(y > k) = σ(z_0) ... σ(z_k)：应使用 corn_decode，而不是看每个 logit 的符号。",
        ),
        Text(
            "Few samples reach the last questions: where high classes are rare, their logits are hardly trained.",
            "能到达最后几个问题的样本很少：高类别稀少时其 logits 几乎得不到训练。",
        ),
    ),
    avoid=Text(
        "Classes are many and samples few, so that one score for all is a help: coral_loss. Classes have no order: "
        "cross_entropy.",
        "类别多而样本少、共用一个得分反而有利时：用 coral_loss。类别没有次序时：用 cross_entropy。",
    ),
    equivalents=(
        Equivalent(
            "coral_pytorch.losses.corn_loss",
            Text(
                "the same mean; mean only, a loop over the classes, and num_classes is an argument",
                "均值相同；只有 mean，按类别循环，且需给出 num_classes",
            ),
        ),
    ),
    plot=Plot(_SCORE, -6.0, 6.0, lambda x: _score(x, 1), _CURVES),
)

SPECS = (CORAL, CORN)
