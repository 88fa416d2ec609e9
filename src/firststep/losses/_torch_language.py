"""torch.nn's losses that hold the last layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import classes, logits
from ._spec import Argument, Equivalent, LossSpec, Minimum, Option, Paper, Start, Text
from ._torch_classification import ALL_IGNORED, CLASS_WEIGHT

LINEAR = LossSpec(
    name="torch.nn.LinearCrossEntropyLoss",
    module="",
    path="torch.nn.LinearCrossEntropyLoss",
    title=Text("Linear layer and cross-entropy in one", "线性层与交叉熵合一"),
    aliases=(
        "fused linear cross entropy",
        "chunked cross entropy",
        "F.linear_cross_entropy",
        "large vocabulary",
        "大词表",
    ),
    family="language",
    purpose=Text(
        "The last linear layer and the cross-entropy of its logits, which need not exist all at once: for "
        "vocabularies so "
        "large that the logits are most of the memory.",
        "把最后的线性层与其 logits 的交叉熵合在一起，logits 不必同时存在：用于词表大到 logits 占据大部分显存的情形。",
    ),
    formula=r"-\log \text{softmax}(W x + b)_y",
    papers=(Paper("Wijmans et al. 2025", "Cut Your Losses in Large-Vocabulary Language Models", "arXiv:2411.09009"),),
    arguments=(
        Argument("input", "values", "N F", "features before the last layer", "最后一层之前的特征"),
        Argument("target", "class", "N", otherwise=Argument("target", "probabilities", "N C")),
    ),
    unit="token",
    options=(
        Option("in_features", Text("F", "F")),
        Option("num_classes", Text("C", "C")),
        Option("bias", Text("whether the layer has a bias; default False", "线性层是否有偏置；默认 False")),
        Option(
            "options",
            Text(
                "how to compute in chunks; default None, which does not",
                "如何分块计算；默认 None，即不分块",
            ),
        ),
        CLASS_WEIGHT,
        Option(
            "ignore_index",
            Text("target that does not count; default None, which is -100", "不计入的目标值；默认 None，即 -100"),
        ),
        Option("label_smoothing", Text("as in CrossEntropyLoss; default 0", "同 CrossEntropyLoss；默认 0")),
    ),
    required={"in_features": 4, "num_classes": 5},
    code="""
>>> chunks = torch.nn.LinearCrossEntropyOptions()
>>> loss = torch.nn.LinearCrossEntropyLoss(16, 1000, options=chunks)
>>> input, target = torch.zeros(8, 16), torch.arange(8)
>>> loss(input, target).item()  # ln 1000 # doctest: +ELLIPSIS
6.90775...
>>> sum(parameter.numel() for parameter in loss.parameters())  # for the optimizer
16000
""",
    draw=lambda generator, n: (logits(generator, n, 4), classes(generator, n, 5)),
    start=Start(
        Text("ln C for features of 0", "特征为 0 时为 ln C"),
        lambda input, target: math.log(5),
        note=Text(
            "Features of variance 1 and torch's default weights give logits of variance 1/3, about 1/6 more.",
            "特征方差为 1、权重为 torch 默认值时，logits 的方差为 1/3，约再加 1/6。",
        ),
    ),
    minimum=Minimum(Text("0, which no finite logits reach", "0，有限的 logits 达不到"), lambda *_: 0.0),
    hazards=(
        Text(
            "Its default keeps all (N, C) logits: only options=torch.nn.LinearCrossEntropyOptions() computes in "
            "chunks.",
            "默认会保留全部 (N, C) 个 logits：只有传入 options=torch.nn.LinearCrossEntropyOptions() 才分块计算。",
        ),
        Text(
            "In chunks there is one backward pass only: a second one, or a gradient of the gradient, is an error. "
            "Label "
            "smoothing and soft targets fall back to all logits, with a warning.",
            "分块时只能反向传播一次：第二次反向或二阶梯度都会报错；标签平滑与软目标会退回到完整 logits，并给出警告。",
        ),
        Text(
            "The layer's weight is a parameter of the loss: hand loss.parameters() to the optimizer, and tie an "
            "embedding by "
            "F.linear_cross_entropy instead.",
            "线性层的权重是损失的参数：要把 loss.parameters() 交给优化器；若要与嵌入层共享权重，请用 "
            "F.linear_cross_entropy。",
        ),
        Text("Input (N, T, F) is an error: flatten it to (N T, F).", "(N, T, F) 的输入会报错：请先展平为 (N T, F)。"),
        ALL_IGNORED,
    ),
    avoid=Text(
        "C is not larger than F, or the logits are needed anyway (metrics, distillation_loss): "
        "language_model_cross_entropy.",
        "C 不大于 F，或本来就需要 logits（算指标、distillation_loss）时：用 language_model_cross_entropy。",
    ),
    equivalents=(
        Equivalent(
            "liger_kernel.transformers.LigerFusedLinearCrossEntropyLoss",
            Text("takes the weight first; adds softcap and z-loss", "权重是第一个参数；另有 softcap 与 z-loss"),
        ),
        Equivalent(
            "cut_cross_entropy.linear_cross_entropy",
            Text("skips gradients that vanish in half precision", "跳过在半精度下消失的梯度"),
        ),
        Equivalent("firststep.losses.functional.language_model_cross_entropy", Text("takes logits", "接受 logits")),
    ),
)


def _adaptive_start(input: Tensor, target: Tensor) -> Tensor:
    """The head has 3 classes and 2 clusters, which hold 3 and 4 classes."""
    inside = torch.tensor([0.0, math.log(3), math.log(4)], dtype=torch.float64)
    return math.log(5) + inside[torch.bucketize(target, torch.tensor([3, 6]), right=True)].mean()


ADAPTIVE = LossSpec(
    name="torch.nn.AdaptiveLogSoftmaxWithLoss",
    module="",
    path="torch.nn.AdaptiveLogSoftmaxWithLoss",
    title=Text("Adaptive softmax", "自适应 softmax"),
    aliases=("adaptive softmax", "hierarchical softmax", "AdaptiveLogSoftmaxWithLoss", "分层 softmax"),
    family="language",
    purpose=Text(
        "Cross-entropy over very many classes of unequal frequency: rare ones stand in clusters that share an entry "
        "of the "
        "first softmax and have fewer features.",
        "类别极多且频率悬殊时的交叉熵：少见的类别归入若干簇，每簇在第一层 softmax 中占一项，且使用更少的特征。",
    ),
    formula=r"-\log p(\text{cluster of } y) - \log p(y \mid \text{cluster})",
    papers=(Paper("Grave et al. 2017", "Efficient Softmax Approximation for GPUs", "arXiv:1609.04309"),),
    arguments=(
        Argument("input", "values", "N F", "features before the last layer", "最后一层之前的特征"),
        Argument("target", "class", "N", "class indices, the most frequent first", "类别序号，最常见的在前"),
    ),
    unit="token",
    options=(
        Option("in_features", Text("F", "F")),
        Option("n_classes", Text("C", "C")),
        Option("cutoffs", Text("classes at which the next cluster begins, ascending", "各簇起始的类别序号，递增")),
        Option(
            "div_value",
            Text("cluster i has F / div_value^i features; default 4", "第 i 簇有 F / div_value^i 个特征；默认 4"),
        ),
        Option(
            "head_bias", Text("whether the first softmax has a bias; default False", "第一层是否有偏置；默认 False")
        ),
    ),
    required={"in_features": 16, "n_classes": 10, "cutoffs": [3, 6]},
    code="""
>>> loss = torch.nn.AdaptiveLogSoftmaxWithLoss(64, 1000, cutoffs=[100, 400])
>>> output, value = loss(torch.zeros(2, 64), torch.tensor([0, 999]))
>>> output  # log-probabilities: 1/102, and 1/102 of 1/600
tensor([ -4.6250, -11.0219], grad_fn=<AddBackward0>)
>>> value
tensor(7.8234, grad_fn=<MeanBackward0>)
""",
    draw=lambda generator, n: (logits(generator, n, 16), classes(generator, n, 10)),
    start=Start(
        Text(
            "ln of the head's size, plus ln of the cluster's size for classes in clusters",
            "ln(首层大小)，位于簇中的类别再加 ln(簇大小)",
        ),
        _adaptive_start,
    ),
    minimum=Minimum(Text("0, which no finite logits reach", "0，有限的 logits 达不到"), lambda *_: 0.0),
    hazards=(
        Text(
            "Class 0 must be the most frequent and the last the rarest: in another order rare classes fill the head.",
            "第 0 类必须最常见，最后一类最少见：否则首层会被少见的类别占据。",
        ),
        Text(
            "With few features a cluster gets none: F = 8 and two clusters leave 8 / 16 = 0 features to the second, "
            "whose "
            "classes then all have the same probability for ever.",
            "特征太少时某个簇会分不到特征：F = 8 且有两个簇时，第二簇只有 8 / 16 = 0 个特征，其中各类别的概率将永远相"
            "等。",
        ),
        Text(
            "It has no ignore_index (-100 is an error), no reduction and no weights; an empty batch is NaN, and "
            "torch.compile(fullgraph=True) fails.",
            "没有 ignore_index（-100 会报错）、reduction 和权重；空批次得 NaN，torch.compile(fullgraph=True) 会失败。",
        ),
    ),
    avoid=Text(
        "The classes fit in memory, or a fused kernel is at hand: torch.nn.LinearCrossEntropyLoss is exact.",
        "类别放得进显存，或有融合算子可用时：torch.nn.LinearCrossEntropyLoss 是精确的。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.language_model_cross_entropy",
            Text("one softmax over all classes: another model", "对所有类别做一次 softmax：是另一个模型"),
        ),
    ),
)

SPECS = (LINEAR, ADAPTIVE)
