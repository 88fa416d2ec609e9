"""One class of several: beside cross-entropy, a polynomial of it and the loss of sparsemax."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._cross_entropy import cross_entropy
from ._draw import classes, logits
from ._invariances import SHIFT
from ._numerics import one_hot, pick
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

CLASS_ARGUMENTS = (Argument("input", "logits", "N C *"), Argument("target", "class", "N *"))
TARGET_LOGIT = Text("logit of the target class, the other at 0", "目标类的 logit，另一类为 0")


def two_classes(x: Tensor) -> tuple[Tensor, Tensor]:
    """One sample of the first class, whose logit is x beside 0."""
    return torch.stack((x, torch.zeros_like(x))).unsqueeze(0), torch.zeros(1, dtype=torch.long)


def sure(input: Tensor, target: Tensor, size: float = 40.0) -> tuple[Tensor, Tensor]:
    """Logits of a model that is sure, and right."""
    return size * one_hot(target, input), target


def poly1_cross_entropy(input: Tensor, target: Tensor, *, epsilon: float = 1.0) -> Tensor:
    """``1 - p`` as ``-expm1(log p)``, as accurate as log p is."""
    cost = cross_entropy(input, target)
    return cost if epsilon == 0 else cost - epsilon * torch.expm1(-cost)


POLY1 = LossSpec(
    name="poly1_cross_entropy",
    module="Poly1CrossEntropyLoss",
    title=Text("Poly-1 cross-entropy", "Poly-1 交叉熵"),
    aliases=("poly loss", "polyloss", "poly1", "poly-1", "多项式损失"),
    family="classification",
    purpose=Text(
        "Cross-entropy whose first polynomial term has a weight of its own, one number to tune for a task.",
        "给交叉熵的一次多项式项单独设权重，只需针对任务调一个数。",
    ),
    formula=r"-\log p_y + \epsilon (1 - p_y), \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Leng et al. 2022",
            "PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions",
            "arXiv:2204.12511",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "epsilon",
            Text(
                "what is added to the weight of (1 - p), which is 1 in cross-entropy; above 0 a model grows surer",
                "加在 (1 - p) 系数上的数，该系数在交叉熵中为 1；大于 0 时模型更自信",
            ),
            low=-1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])
>>> losses.Poly1CrossEntropyLoss(epsilon=2.0)(input, target)
tensor(1.5488)
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("ln C + ε (1 - 1/C)", "ln C + ε (1 - 1/C)"),
        lambda input, target, epsilon=1.0, **_: math.log(input.shape[1]) + epsilon * (1 - 1 / input.shape[1]),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: sure(input, target)),
    kernel=poly1_cross_entropy,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("epsilon=0 is cross-entropy", "epsilon=0 即交叉熵"),
            {"epsilon": 0.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "The best epsilon differs between tasks, even in sign: search for it, or use cross_entropy.",
            "最佳 epsilon 因任务而异，甚至符号不同：须搜索，否则用 cross_entropy。",
        ),
        Text(
            "A positive epsilon makes probabilities larger than the frequencies.",
            "epsilon 为正时，预测概率会高于实际频率。",
        ),
    ),
    avoid=Text(
        "Labels are noisy, or probabilities are to be read as frequencies: generalized_cross_entropy, cross_entropy.",
        "标签有噪声（用 generalized_cross_entropy），或要把概率当作频率（用 cross_entropy）时。",
    ),
    equivalents=(
        Equivalent(
            "optax.poly_loss_cross_entropy",
            Text(
                "epsilon is 2 by default; takes one-hot labels and does not reduce",
                "epsilon 默认为 2；接受 one-hot 标签，不做归约",
            ),
        ),
    ),
    plot=Plot(
        TARGET_LOGIT, -6.0, 6.0, two_classes, tuple(Curve(f"ε = {e:g}", {"epsilon": e}) for e in (-1.0, 0.0, 1.0, 4.0))
    ),
)


def sparsemax_loss(input: Tensor, target: Tensor) -> Tensor:
    """The loss is stationary in the threshold, found without a gradient; one step with it gives second derivatives.

    Scores are taken relative to their largest: nothing of the size of z squared is ever subtracted. The threshold is
    the root of the convex ``sum(max(0, z - tau)) - 1``. Newton's method climbs to it from the left, and the product of
    the function and its slope, at most C squared at first, falls at least fourfold with each step: faster than a sort.
    """
    z = input - input.detach().amax(1, keepdim=True)
    fixed = z.detach()
    threshold = torch.full_like(fixed.narrow(1, 0, 1), -1.0)
    for _ in range(20 if z.dtype == torch.float32 else 32):
        threshold = _newton(fixed, threshold)
    threshold = _newton(z, threshold)
    p = F.relu(z - threshold)
    return (0.5 * p.square()).sum(1) + threshold.squeeze(1) + 0.5 - pick(z, target)


def _newton(z: Tensor, threshold: Tensor) -> Tensor:
    above = F.relu(z - threshold)
    size = above.detach().sign().sum(1, keepdim=True)
    return threshold + (above.sum(1, keepdim=True) - 1) / size


SPARSEMAX = LossSpec(
    name="sparsemax_loss",
    module="SparsemaxLoss",
    title=Text("Sparsemax loss", "Sparsemax 损失"),
    aliases=("sparsemax", "fenchel-young", "sparse softmax", "稀疏 softmax", "稀疏最大"),
    family="classification",
    purpose=Text(
        "A classifier whose probabilities, the sparsemax of its scores, are exactly 0 for most classes.",
        "用得分的 sparsemax 作概率的分类器：多数类别的概率恰为 0。",
    ),
    formula=r"-z_y + \frac{1}{2} \sum_{j: z_j > \tau} (z_j^2 - \tau^2) + \frac{1}{2}, "
    r"\quad \sum_{j} \max(0, z_j - \tau) = 1",
    papers=(
        Paper(
            "Martins, Astudillo 2016",
            "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification",
            "arXiv:1602.02068",
            "sec. 3",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    code="""
>>> input = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])
>>> losses.SparsemaxLoss(reduction="none")(input, target)  # ahead by a margin of 1: exactly 0
tensor([0.0000, 0.3333])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(Text("(1 - 1/C) / 2", "(1 - 1/C) / 2"), lambda input, target, **_: (1 - 1 / input.shape[1]) / 2),
    minimum=Minimum(
        Text("0, for all scores ahead by 1 or more", "0，领先 1 或以上的得分都能达到"),
        lambda *_, **__: 0.0,
        lambda input, target, **_: sure(input, target, 1.5),
    ),
    kernel=sparsemax_loss,
    invariances=(SHIFT,),
    hazards=(
        Text(
            "At prediction use the sparsemax of the scores, not their softmax, for probabilities.",
            "预测时概率应取得分的 sparsemax，而不是 softmax。",
        ),
        Text(
            "A sample that is right by a margin of 1 has no gradient at all, and one that is wrong none but for the "
            "classes of the support.",
            "领先 1 以上的正确样本完全没有梯度；错误样本也只有支撑集内的类别有梯度。",
        ),
    ),
    avoid=Text(
        "Every class needs a probability above 0, or speed matters (it takes ten times as long): cross_entropy.",
        "每类概率都须大于 0，或看重速度（它要十倍时间）时：用 cross_entropy。",
    ),
    equivalents=(
        Equivalent("optax.losses.multiclass_sparsemax_loss", Text("not reduced", "不做归约")),
        Equivalent(
            "entmax.SparsemaxLoss",
            Text(
                "classes on the last axis of a matrix; no mask or weights", "仅接受矩阵，类别在最后一维；无 mask 与权重"
            ),
        ),
    ),
    plot=Plot(TARGET_LOGIT, -4.0, 4.0, two_classes),
)

SPECS = (POLY1, SPARSEMAX)
