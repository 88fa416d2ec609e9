"""torch.nn's losses over yes-or-no labels."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from ._draw import flags, logits, uniform
from ._invariances import SHIFT
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_COX = Paper("Cox 1958", "The Regression Analysis of Binary Sequences", "J. R. Stat. Soc. B 20(2)")
_OURS = "firststep.losses.functional.binary_cross_entropy_with_logits"


def _entropy(input: Tensor, target: Tensor) -> Tensor:
    return -(torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target)).mean()


def _logits_start(input: Tensor, target: Tensor, pos_weight: Any = None, weight: Any = None) -> Tensor:
    counted = 1 if pos_weight is None else 1 + (torch.as_tensor(pos_weight) - 1) * target
    return math.log(2) * (counted * torch.ones_like(input) * (1 if weight is None else weight)).mean()


BCE = LossSpec(
    name="torch.nn.BCELoss",
    module="",
    path="torch.nn.BCELoss",
    title=Text("Binary cross-entropy of probabilities", "概率的二元交叉熵"),
    aliases=("BCELoss", "F.binary_cross_entropy", "bce of probabilities"),
    family="classification",
    purpose=Text(
        "Yes-or-no labels, for a model whose output is a probability and cannot be a logit.",
        "是非标签；用于输出只能是概率、无法给出 logit 的模型。",
    ),
    formula=r"-w (t \log p + (1 - t) \log(1 - p))",
    papers=(_COX,),
    arguments=(
        Argument("input", "probabilities", "*", "p, in [0, 1]", "p，取值于 [0, 1]"),
        Argument("target", "probabilities", "*", "t, in [0, 1]", "t，取值于 [0, 1]"),
    ),
    unit="element",
    options=(Option("weight", Text("of each element, broadcast; default None", "各元素的权重，可广播；默认 None")),),
    code="""
>>> p, t = torch.tensor([0.9, 0.4]), torch.tensor([1.0, 0.0])
>>> torch.nn.BCELoss()(p, t)
tensor(0.3081)
""",
    draw=lambda generator, n: (uniform(generator, n, 5), uniform(generator, n, 5)),
    start=Start(
        Text("ln 2, at p = 1/2", "p = 1/2 时为 ln 2"),
        lambda input, target, weight=None: (
            math.log(2) * (torch.ones_like(input) * (1 if weight is None else weight)).mean()
        ),
        lambda input, target: (torch.full_like(input, 0.5), target),
    ),
    minimum=Minimum(
        Text("0 for labels 0 and 1, the entropy of t otherwise", "标签为 0 和 1 时为 0，否则为 t 的熵"),
        _entropy,
        lambda input, target: (target, target),
    ),
    hazards=(
        Text(
            "After a sigmoid it stops learning where the model is most wrong: from a logit of 17 the probability is 1 "
            "in "
            "float32, the loss for t = 0 jumps to 100 (a clamp) and the gradient is 0. With logits it is 17, with "
            "gradient 1.",
            "接在 sigmoid 之后时，模型错得最厉害处反而不再学习：logit 到 17 时 float32 的概率即为 1，t = 0 的损失跳到"
            "截断值 100，"
            "梯度为 0；直接用 logits 则损失为 17，梯度为 1。",
        ),
        Text(
            "Values outside [0, 1] are an error, in input and target: logits are not taken for probabilities here.",
            "输入或目标超出 [0, 1] 会报错：此处不会把 logits 误当作概率。",
        ),
    ),
    avoid=Text(
        "The model can give logits: binary_cross_entropy_with_logits, always.",
        "只要模型能输出 logits，就用 binary_cross_entropy_with_logits。",
    ),
    equivalents=(
        Equivalent(
            _OURS, Text("takes logits; equal where this one does not clamp", "接受 logits；未触及截断时数值相同")
        ),
        Equivalent(
            "keras.losses.BinaryCrossentropy",
            Text(
                "mean over the last axis; clips p to [1e-7, 1 - 1e-7]", "对最后一维取平均；把 p 截断到 [1e-7, 1 - 1e-7]"
            ),
        ),
    ),
    plot=Plot(
        Text("probability p", "概率 p"),
        0.01,
        0.99,
        lambda x: (x, torch.ones_like(x)),
        (
            Curve("t = 1"),
            Curve("t = 0", at=lambda x: (x, torch.zeros_like(x))),
            Curve("t = 0.7", at=lambda x: (x, torch.full_like(x, 0.7))),
        ),
    ),
)


BCE_WITH_LOGITS = LossSpec(
    name="torch.nn.BCEWithLogitsLoss",
    module="",
    path="torch.nn.BCEWithLogitsLoss",
    title=Text("torch's binary cross-entropy with logits", "torch 的带 logits 二元交叉熵"),
    aliases=("nn.BCEWithLogitsLoss", "F.binary_cross_entropy_with_logits", "torch bce"),
    family="classification",
    purpose=Text("Independent yes-or-no labels, one or many per sample.", "相互独立的是非标签，每个样本一个或多个。"),
    formula=r"w (c \, t \log(1 + e^{-z}) + (1 - t) \log(1 + e^{z}))",
    papers=(_COX,),
    arguments=(
        Argument("input", "logits", "*"),
        Argument("target", "probabilities", "*", "t, in [0, 1]", "t，取值于 [0, 1]"),
    ),
    unit="element",
    options=(
        Option("weight", Text("w, of each element, broadcast; default None", "w，各元素的权重，可广播；默认 None")),
        Option(
            "pos_weight",
            Text(
                "c, of positive labels, broadcast against the last axis; default None",
                "c，正标签的权重，按最后一维广播；默认 None",
            ),
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
>>> target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
>>> torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0, 1.0]))(input, target)
tensor(1.2505)
""",
    draw=lambda generator, n: (logits(generator, n, 5), uniform(generator, n, 5)),
    start=Start(
        Text(
            "ln 2; with a positive weight ln 2 (1 + (c - 1) mean(t))",
            "ln 2；有正标签权重时为 ln 2 (1 + (c - 1) mean(t))",
        ),
        _logits_start,
    ),
    minimum=Minimum(
        Text("0 for labels 0 and 1, the entropy of t otherwise", "标签为 0 和 1 时为 0，否则为 t 的熵"),
        _entropy,
        lambda input, target: (torch.logit(target), target),
    ),
    hazards=(
        Text(
            "pos_weight is broadcast from the last axis: for (N, C, H, W) a tensor of shape (C,) weighs columns of "
            "the image, "
            "without a word when W = C. Give it the shape (C, 1, 1).",
            "pos_weight 从最后一维开始广播：对 (N, C, H, W)，形状 (C,) 的张量加权的是图像的列，W = C 时不会报错。应写"
            "成 (C, 1, 1)。",
        ),
        Text(
            "Targets outside [0, 1] are taken without a word, such as masks of 0 and 255: the loss falls without "
            "bound.",
            "[0, 1] 之外的目标（例如 0 和 255 的掩码）会被无声接受：损失将无下界。",
        ),
        Text(
            "A logit of -inf with target 0, or of +inf with target 1, gives NaN, not 0.",
            "logit 为 -inf 且目标为 0，或 +inf 且目标为 1 时，得到 NaN 而非 0。",
        ),
        Text(
            "Give logits: after a sigmoid the loss starts between 0.474 and 0.974 instead of ln 2 and learns slowly.",
            "输入应为 logits：先做 sigmoid 会使损失从 0.474 到 0.974 之间而非 ln 2 开始，且学习缓慢。",
        ),
    ),
    avoid=Text(
        "Some labels are unknown, or you need another denominator: binary_cross_entropy_with_logits takes a mask.",
        "部分标签未知，或需要别的分母时：binary_cross_entropy_with_logits 接受 mask。",
    ),
    equivalents=(
        Equivalent(_OURS, Text("equal; float32 for half inputs", "相同；半精度输入给出 float32")),
        Equivalent("optax.sigmoid_binary_cross_entropy", Text("not reduced", "不做归约")),
    ),
    plot=Plot(
        Text("logit z", "logit z"),
        -6.0,
        6.0,
        lambda x: (x, torch.ones_like(x)),
        (
            Curve("t = 1"),
            Curve("t = 0", at=lambda x: (x, torch.zeros_like(x))),
            Curve("t = 0.7", at=lambda x: (x, torch.full_like(x, 0.7))),
        ),
    ),
)


def _signs(generator: Generator, *shape: int) -> Tensor:
    return 2 * flags(generator, *shape) - 1


SOFT_MARGIN = LossSpec(
    name="torch.nn.SoftMarginLoss",
    module="",
    path="torch.nn.SoftMarginLoss",
    title=Text("Logistic loss of signs", "符号标签的逻辑损失"),
    aliases=("SoftMarginLoss", "soft margin", "F.soft_margin_loss", "logistic loss of signs", "软间隔损失"),
    family="classification",
    purpose=Text("Binary cross-entropy for labels written as -1 and 1.", "标签写作 -1 和 1 时的二元交叉熵。"),
    formula=r"\log(1 + e^{-y z})",
    papers=(
        Paper(
            "Friedman, Hastie, Tibshirani 2000",
            "Additive Logistic Regression: A Statistical View of Boosting",
            "Ann. Stat. 28(2)",
        ),
    ),
    arguments=(Argument("input", "logits", "*"), Argument("target", "signs", "*")),
    unit="element",
    code="""
>>> input, target = torch.tensor([2.0, -1.0]), torch.tensor([1.0, -1.0])
>>> torch.nn.SoftMarginLoss()(input, target)
tensor(0.2201)
""",
    draw=lambda generator, n: (logits(generator, n, 5), _signs(generator, n, 5)),
    start=Start(Text("ln 2", "ln 2"), lambda input, target: math.log(2)),
    minimum=Minimum(Text("0", "0"), lambda *_: 0.0, lambda input, target: (40 * target, target)),
    hazards=(
        Text(
            "It is computed as written and overflows: infinite with a NaN gradient from y z = -89 in float32 and "
            "bfloat16, "
            "from -12 in float16.",
            "按公式直接计算，会溢出：float32 与 bfloat16 下 y z 到 -89、float16 下到 -12 时损失为无穷，梯度为 NaN。",
        ),
        Text(
            "A label of 0 is taken: it costs ln 2 whatever the model says and has no gradient.",
            "标签 0 会被接受：无论模型输出什么都是 ln 2，且没有梯度。",
        ),
    ),
    avoid=Text(
        "Always: binary_cross_entropy_with_logits(z, (y + 1) / 2) is the same number and does not overflow.",
        "任何时候都可改用 binary_cross_entropy_with_logits(z, (y + 1) / 2)：数值相同且不会溢出。",
    ),
    equivalents=(
        Equivalent(_OURS, Text("with targets (y + 1) / 2; does not overflow", "目标写作 (y + 1) / 2；不会溢出")),
    ),
    plot=Plot(Text("y z", "y z"), -6.0, 6.0, lambda x: (x, torch.ones_like(x))),
)


MULTILABEL_SOFT_MARGIN = LossSpec(
    name="torch.nn.MultiLabelSoftMarginLoss",
    module="",
    path="torch.nn.MultiLabelSoftMarginLoss",
    title=Text("Binary cross-entropy per sample", "逐样本的二元交叉熵"),
    aliases=("MultiLabelSoftMarginLoss", "multilabel soft margin", "F.multilabel_soft_margin_loss", "多标签软间隔损失"),
    family="classification",
    purpose=Text(
        "Several labels may be true at once: binary cross-entropy, averaged over the C labels of each sample.",
        "多个标签可同时成立：对每个样本的 C 个标签取二元交叉熵的平均。",
    ),
    formula=r"\frac{1}{C} \sum_{k} w_k (t_k \log(1 + e^{-z_k}) + (1 - t_k) \log(1 + e^{z_k}))",
    papers=(_COX,),
    arguments=(
        Argument("input", "logits", "N C"),
        Argument("target", "probabilities", "N C", "t, 0 or 1", "t，0 或 1"),
    ),
    unit="sample",
    options=(Option("weight", Text("w, (C,); default None", "w，(C,)；默认 None")),),
    code="""
>>> input = torch.tensor([[2.0, -1.0, 0.0]])
>>> torch.nn.MultiLabelSoftMarginLoss()(input, torch.tensor([[1.0, 0.0, 1.0]]))
tensor(0.3778)
""",
    draw=lambda generator, n: (logits(generator, n, 5), flags(generator, n, 5)),
    start=Start(Text("ln 2", "ln 2"), lambda input, target: math.log(2)),
    minimum=Minimum(Text("0", "0"), lambda *_: 0.0, lambda input, target: (80 * target - 40, target)),
    hazards=(
        Text(
            "The target is 0 or 1 for each label. A list of label indices padded with -1, as MultiLabelMarginLoss "
            "takes it, "
            "is accepted and means nothing.",
            "目标是每个标签的 0 或 1。MultiLabelMarginLoss 所用的、以 -1 补齐的标签序号列表也会被接受，但毫无意义。",
        ),
        Text(
            "The weighted mean over labels divides by C, not by the sum of the weights.",
            "对标签的加权平均除以 C，而非权重之和。",
        ),
    ),
    avoid=Text(
        "Always: binary_cross_entropy_with_logits has the same mean, and masks. For a few positives among many labels: "
        "asymmetric_loss.",
        "任何时候都可改用 binary_cross_entropy_with_logits：均值相同，还支持 mask。正标签远少于负标签时：用 "
        "asymmetric_loss。",
    ),
    equivalents=(
        Equivalent(_OURS, Text("one value per label; the same mean", "每个标签一个数值；均值相同")),
        Equivalent(
            "torch.nn.BCEWithLogitsLoss", Text("one value per label; the same mean", "每个标签一个数值；均值相同")
        ),
    ),
    plot=Plot(
        Text("logit of one of two labels, the other at 0", "两个标签之一的 logit，另一个为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, 0 * x)).unsqueeze(0), x.new_tensor([[1.0, 1.0]])),
        (
            Curve("t = 1"),
            Curve("t = 0", at=lambda x: (torch.stack((x, 0 * x)).unsqueeze(0), x.new_tensor([[0.0, 1.0]]))),
        ),
    ),
)


def _index_lists(generator: Generator, n: int) -> tuple[Tensor, Tensor]:
    """Two labels of five, then -1."""
    first = torch.stack([torch.randperm(5, generator=generator)[:2] for _ in range(n)]) if n else torch.zeros(0, 2)
    return logits(generator, n, 5), torch.cat((first.long(), torch.full((n, 3), -1)), dim=1)


def _is_positive(input: Tensor, target: Tensor) -> Tensor:
    """1.0 where a class stands in the list before its first -1."""
    listed = (target >= 0).cumprod(dim=1)
    return torch.zeros_like(input).scatter_add(1, target.clamp(min=0), listed.to(input.dtype)).clamp(max=1)


def _multilabel_start(input: Tensor, target: Tensor) -> Tensor:
    count = (target >= 0).sum(1).double()
    return (count * (input.shape[1] - count) / input.shape[1]).mean()


MULTILABEL_MARGIN = LossSpec(
    name="torch.nn.MultiLabelMarginLoss",
    module="",
    path="torch.nn.MultiLabelMarginLoss",
    title=Text("Multi-label hinge", "多标签合页损失"),
    aliases=("MultiLabelMarginLoss", "multilabel margin", "F.multilabel_margin_loss", "多标签间隔损失"),
    family="classification",
    purpose=Text(
        "Every true label is to score 1 more than every false one; their number may differ from sample to sample.",
        "要求每个成立的标签都比每个不成立的标签高出 1 分；每个样本的标签数可以不同。",
    ),
    formula=r"\frac{1}{C} \sum_{i \in Y} \sum_{j \notin Y} \max(0, 1 - (z_i - z_j))",
    papers=(Paper("Elisseeff, Weston 2001", "A Kernel Method for Multi-Labelled Classification", "NIPS 14"),),
    arguments=(
        Argument("input", "logits", "N C"),
        Argument("target", "class", "N C", "the true labels' indices, then -1", "成立标签的序号，其后为 -1"),
    ),
    unit="sample",
    code="""
>>> input = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
>>> target = torch.tensor([[3, 0, -1, 1]])  # labels 3 and 0: the list ends at -1
>>> torch.nn.MultiLabelMarginLoss()(input, target)
tensor(0.8500)
""",
    draw=_index_lists,
    start=Start(Text("|Y| (C - |Y|) / C", "|Y| (C - |Y|) / C"), _multilabel_start),
    minimum=Minimum(Text("0", "0"), lambda *_: 0.0, lambda input, target: (40 * _is_positive(input, target), target)),
    invariances=(SHIFT,),
    hazards=(
        Text(
            "The target is a list of indices that ends at the first -1. A one-hot target is read as indices 0 and 1: "
            "for "
            "(1, 0, 0, 1) the example gives 2.9 instead of 0.85.",
            "目标是序号列表，到第一个 -1 为止。多热目标会被读成序号 0 和 1：上例中 (1, 0, 0, 1) 得 2.9 而非 0.85。",
        ),
        Text(
            "A label written twice counts twice. A list that begins with -1 costs 0.",
            "重复写出的标签会计两次；以 -1 开头的列表损失为 0。",
        ),
        Text(
            "No gradient of the gradient, and no half precision on the CPU.",
            "不支持二阶梯度，CPU 上不支持半精度。",
        ),
    ),
    avoid=Text(
        "Probabilities are needed, or targets are 0 and 1: binary_cross_entropy_with_logits, asymmetric_loss.",
        "需要概率，或目标为 0 和 1 时：用 binary_cross_entropy_with_logits 或 asymmetric_loss。",
    ),
    plot=Plot(
        Text("score of the true label, the false one at 0", "成立标签的得分，不成立的为 0"),
        -3.0,
        3.0,
        lambda x: (torch.stack((x, 0 * x)).unsqueeze(0), torch.tensor([[0, -1]])),
    ),
)

SPECS = (BCE, BCE_WITH_LOGITS, SOFT_MARGIN, MULTILABEL_SOFT_MARGIN, MULTILABEL_MARGIN)
