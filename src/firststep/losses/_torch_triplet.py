"""torch.nn's losses of triplets."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ._draw import logits
from ._spec import Argument, Curve, Equivalent, Invariance, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def _move_all(generator: Generator, *triplet: Tensor) -> tuple[Tensor, ...]:
    by = logits(generator, *triplet[0].shape)
    return tuple(one + by for one in triplet)


_TRIPLET_ARGUMENTS = (
    Argument("anchor", "embeddings", "N D"),
    Argument("positive", "embeddings", "N D", "of the same class as the anchor", "与锚样本同类"),
    Argument("negative", "embeddings", "N D", "of another class", "异类"),
)
_TRIPLET_START = Start(
    Text("m, when positive and negative are equally far", "正负样本等距时为 m"),
    lambda *_: 1.0,
    lambda *triplet: tuple(0 * one for one in triplet),
    note=Text(
        "A batch that stays exactly at m has collapsed: all embeddings are one point.",
        "若一直恰好停在 m，说明已坍缩：所有嵌入成为一点。",
    ),
)
_TRIPLET_MINIMUM = Minimum(Text("0", "0"), lambda *_: 0.0, lambda anchor, *_: (anchor, anchor, anchor + 40))
_MOVED = Invariance(Text("the same vector added to all three", "给三者加上同一个向量"), _move_all)
_TRIPLET_PLOT = Plot(
    Text("distance to the negative; to the positive it is 1", "到负样本的距离；到正样本的距离为 1"),
    0.01,
    4.0,
    lambda x: (torch.zeros(1, 1), torch.ones(1, 1), x.reshape(1, 1)),
    (Curve("m = 1"), Curve("m = 0.2", {"margin": 0.2})),
)

TRIPLET = LossSpec(
    name="torch.nn.TripletMarginLoss",
    module="",
    path="torch.nn.TripletMarginLoss",
    title=Text("torch's triplet loss", "torch 的三元组损失"),
    aliases=("nn.TripletMarginLoss", "F.triplet_margin_loss", "torch triplet"),
    family="metric",
    purpose=Text(
        "Given triplets: the anchor is to be a margin nearer to the positive than to the negative.",
        "给定三元组：要求锚样本到正样本的距离比到负样本的小一个间隔。",
    ),
    formula=r"\max(0, \lVert a - p \rVert - \lVert a - n \rVert + m)",
    papers=(
        Paper(
            "Balntas et al. 2016",
            "Learning Local Feature Descriptors with Triplets and Shallow Convolutional Neural Networks",
            "BMVC 2016",
        ),
    ),
    arguments=_TRIPLET_ARGUMENTS,
    unit="triplet",
    options=(
        Option("margin", Text("m, above 0; default 1", "m，大于 0；默认 1")),
        Option("p", Text("the norm; default 2", "范数；默认 2")),
        Option(
            "swap",
            Text(
                "takes the negative's distance to the positive, where that is smaller; default False",
                "负样本到正样本的距离更小时取之；默认 False",
            ),
        ),
        Option("eps", Text("added to each coordinate of a difference; default 1e-6", "加到差的每个坐标上；默认 1e-6")),
    ),
    code="""
>>> anchor, positive = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]])
>>> negative = torch.tensor([[1.5, 0.0]])
>>> torch.nn.TripletMarginLoss()(anchor, positive, negative)
tensor(0.5000)
>>> torch.nn.TripletMarginLoss(swap=True)(anchor, positive, negative)
tensor(1.5000)
""",
    draw=lambda generator, n: tuple(logits(generator, n, 6) for _ in range(3)),
    start=_TRIPLET_START,
    minimum=_TRIPLET_MINIMUM,
    invariances=(_MOVED,),
    hazards=(
        Text(
            "The mean counts triplets that cost nothing, so it shrinks as training goes on: divide by those above 0 "
            "to keep "
            "the scale.",
            "mean 把损失为 0 的三元组也计入，因此训练中会越来越小：要保持量级，应除以大于 0 的个数。",
        ),
        Text(
            "Distances are norms, not squares as in FaceNet: margins do not carry over.",
            "距离是范数，而非 FaceNet 中的平方：两者的间隔不能通用。",
        ),
        Text(
            "In bfloat16 distances of 256 and more are even numbers, and a margin of 1 drowns: distances of 257.03 "
            "and 256.99 "
            "cost 4 instead of 1.04.",
            "bfloat16 下不小于 256 的距离只能取偶数，间隔 1 会被淹没：距离为 257.03 与 256.99 时损失为 4 而非 1.04。",
        ),
        Text(
            "Shapes are broadcast without a word: one positive for all anchors is taken.",
            "形状会被无声广播：一个正样本配所有锚样本也会被接受。",
        ),
    ),
    avoid=Text(
        "The batch has labels: batch_hard_triplet_loss and semi_hard_triplet_loss find the triplets that still teach.",
        "批内有标签时：batch_hard_triplet_loss 与 semi_hard_triplet_loss 会找出仍有梯度的三元组。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.triplet_margin_loss",
            Text("adds no eps; a soft margin and squares by option", "不加 eps；可选软间隔与平方距离"),
        ),
        Equivalent(
            "pytorch_metric_learning.losses.TripletMarginLoss",
            Text(
                "takes labels, normalizes embeddings, and divides by the triplets above 0",
                "接受标签、归一化嵌入，并除以大于 0 的三元组个数",
            ),
        ),
    ),
    plot=_TRIPLET_PLOT,
)


TRIPLET_DISTANCE = LossSpec(
    name="torch.nn.TripletMarginWithDistanceLoss",
    module="",
    path="torch.nn.TripletMarginWithDistanceLoss",
    title=Text("Triplet loss with a distance of your own", "自定义距离的三元组损失"),
    aliases=("TripletMarginWithDistanceLoss", "F.triplet_margin_with_distance_loss", "自定义距离三元组"),
    family="metric",
    purpose=Text(
        "The triplet loss for any distance function, such as 1 minus the cosine.",
        "适用于任意距离函数（例如 1 减余弦）的三元组损失。",
    ),
    formula=r"\max(0, d(a, p) - d(a, n) + m)",
    papers=(
        Paper(
            "Schroff, Kalenichenko, Philbin 2015",
            "FaceNet: A Unified Embedding for Face Recognition and Clustering",
            "arXiv:1503.03832",
        ),
    ),
    arguments=_TRIPLET_ARGUMENTS,
    unit="triplet",
    options=(
        Option(
            "distance_function",
            Text(
                "d(a, b) gives (N,); default torch.nn.PairwiseDistance()",
                "d(a, b) 给出 (N,)；默认 torch.nn.PairwiseDistance()",
            ),
        ),
        Option("margin", Text("m, above 0; default 1", "m，大于 0；默认 1")),
        Option("swap", Text("as in TripletMarginLoss; default False", "同 TripletMarginLoss；默认 False")),
    ),
    code="""
>>> def distance(a, b):
...     return 1 - torch.nn.functional.cosine_similarity(a, b)
>>> loss = torch.nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=0.5)
>>> loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 1.0]]))
tensor(0.)
""",
    draw=lambda generator, n: tuple(logits(generator, n, 6) for _ in range(3)),
    start=_TRIPLET_START,
    minimum=_TRIPLET_MINIMUM,
    invariances=(_MOVED,),
    hazards=(
        Text(
            "d is a distance. A similarity, such as torch.nn.CosineSimilarity(), is taken and trains the opposite: a "
            "perfect "
            "triplet then costs 3 instead of 0.",
            "d 是距离。若传入相似度（例如 torch.nn.CosineSimilarity()）会被接受并朝相反方向训练：完美的三元组损失为 3 "
            "而非 0。",
        ),
        Text(
            "A lambda cannot be pickled, and then neither can the loss.",
            "lambda 无法 pickle，损失对象也就无法 pickle。",
        ),
    ),
    avoid=Text(
        "The batch has labels, or the distance is a norm: batch_hard_triplet_loss, triplet_margin_loss.",
        "批内有标签，或距离就是范数时：用 batch_hard_triplet_loss、triplet_margin_loss。",
    ),
    equivalents=(
        Equivalent("torch.nn.TripletMarginLoss", Text("equal with the default distance", "使用默认距离时相同")),
    ),
    plot=_TRIPLET_PLOT,
)

SPECS = (TRIPLET, TRIPLET_DISTANCE)
