"""torch.nn's losses of pairs."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ._draw import flags, logits, uniform
from ._invariances import STRETCH
from ._spec import Argument, Curve, Equivalent, Invariance, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def _signs(generator: Generator, n: int) -> Tensor:
    return 2 * flags(generator, n) - 1


def _shift_both(generator: Generator, first: Tensor, second: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    by = logits(generator, len(first))
    return first + by, second + by, target


RANKING = LossSpec(
    name="torch.nn.MarginRankingLoss",
    module="",
    path="torch.nn.MarginRankingLoss",
    title=Text("Pairwise hinge", "成对合页损失"),
    aliases=("MarginRankingLoss", "margin ranking", "F.margin_ranking_loss", "间隔排序损失"),
    family="ranking",
    purpose=Text(
        "Of two scores one is to be a margin larger than the other.", "两个得分中，要求其一比另一个高出一个间隔。"
    ),
    formula=r"\max(0, -y (x_1 - x_2) + m)",
    papers=(
        Paper(
            "Herbrich, Graepel, Obermayer 2000",
            "Large Margin Rank Boundaries for Ordinal Regression",
            "Advances in Large Margin Classifiers, MIT Press",
        ),
    ),
    arguments=(
        Argument("input1", "values", "N"),
        Argument("input2", "values", "N"),
        Argument(
            "target",
            "signs",
            "N",
            "y: 1 if the first is to be larger, -1 if the second",
            "y：第一个应更大为 1，第二个应更大为 -1",
        ),
    ),
    unit="pair",
    options=(Option("margin", Text("m; default 0", "m；默认 0")),),
    code="""
>>> first, second = torch.tensor([2.0, 0.0]), torch.tensor([1.5, 1.0])
>>> torch.nn.MarginRankingLoss(margin=1.0)(first, second, torch.tensor([1.0, 1.0]))
tensor(1.2500)
""",
    draw=lambda generator, n: (logits(generator, n), logits(generator, n), _signs(generator, n)),
    start=Start(
        Text("m, 0 by default, for equal scores", "得分相等时为 m，默认 0"),
        lambda *_: 0.0,
        lambda first, second, target: (0 * first, 0 * second, target),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_: 0.0, lambda first, second, target: (40 * target, 0 * second, target)),
    invariances=(Invariance(Text("the same number added to both scores", "给两个得分加上同一个数"), _shift_both),),
    hazards=(
        Text(
            "The default margin of 0 is reached by equal scores: a model that gives all the same has loss 0. Set "
            "margin=1.",
            "默认间隔为 0，得分相等即可满足：对所有样本输出同一个数的模型损失为 0。应设 margin=1。",
        ),
        Text(
            "Labels of 0 and 1 are taken: y = 0 costs m whatever the scores are, and has no gradient.",
            "标签 0 和 1 会被接受：y = 0 的损失恒为 m，且没有梯度。",
        ),
    ),
    avoid=Text(
        "Most pairs fall within the margin early and stop teaching: ranknet_loss, or for whole lists listnet_loss, "
        "lambdarank_loss.",
        "多数样本对很快满足间隔、不再提供梯度时：用 ranknet_loss；对整个列表用 listnet_loss、lambdarank_loss。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.ranknet_loss", Text("a smooth form without margin", "光滑形式，没有间隔")
        ),
    ),
    plot=Plot(
        Text("score difference, y = 1", "得分之差，y = 1"),
        -3.0,
        3.0,
        lambda x: (x.unsqueeze(0), torch.zeros(1), torch.ones(1)),
        (Curve("m = 0"), Curve("m = 1", {"margin": 1.0})),
    ),
)


def _signed_distances(generator: Generator, n: int) -> tuple[Tensor, Tensor]:
    return uniform(generator, n, low=0.1, high=1.9), _signs(generator, n)


HINGE_EMBEDDING = LossSpec(
    name="torch.nn.HingeEmbeddingLoss",
    module="",
    path="torch.nn.HingeEmbeddingLoss",
    title=Text("Hinge of distances", "距离的合页损失"),
    aliases=("HingeEmbeddingLoss", "hinge embedding", "F.hinge_embedding_loss", "合页嵌入损失"),
    family="metric",
    purpose=Text(
        "From the distance of two embeddings: small for those that belong together, at least a margin for others.",
        "由两个嵌入的距离计算：同类应近，异类至少相距一个间隔。",
    ),
    formula=r"\begin{cases} x & y = 1 \\ \max(0, m - x) & y = -1 \end{cases}",
    papers=(Paper("Mobahi, Collobert, Weston 2009", "Deep Learning from Temporal Coherence in Video", "ICML 2009"),),
    arguments=(
        Argument("input", "positive", "*", "x, a distance, 0 or more", "x，距离，不小于 0"),
        Argument("target", "signs", "*", "y: 1 together, -1 apart", "y：1 表示同类，-1 表示异类"),
    ),
    unit="element",
    options=(Option("margin", Text("m; default 1", "m；默认 1")),),
    code="""
>>> distance, target = torch.tensor([0.5, 0.3, 2.0]), torch.tensor([1.0, -1.0, -1.0])
>>> torch.nn.HingeEmbeddingLoss(reduction="none")(distance, target)
tensor([0.5000, 0.7000, 0.0000])
""",
    draw=_signed_distances,
    start=Start(
        Text(
            "√2 times the share of y = 1, for unrelated unit vectors and m = 1",
            "无关单位向量、m = 1 时为 √2 乘以 y = 1 的比例",
        ),
        lambda input, target: math.sqrt(2) * (target == 1).double().mean(),
        lambda input, target: (torch.full_like(input, math.sqrt(2)), target),
    ),
    minimum=Minimum(
        Text("0, for distances", "0（输入为距离时）"),
        lambda *_: 0.0,
        lambda input, target: (2 * (target == -1).to(input.dtype), target),
    ),
    hazards=(
        Text(
            "It takes a distance, not scores or embeddings: a negative input with y = 1 lowers the loss without bound.",
            "输入是距离，而非得分或嵌入：y = 1 时负的输入会使损失无下界地降低。",
        ),
        Text(
            "A label of 0 counts for both: x for y = 0 gives max(x, m). Shapes are broadcast without a warning.",
            "标签 0 会同时计入两项：y = 0 时得 max(x, m)。形状不同会被广播，且没有警告。",
        ),
        Text(
            "Unrelated unit vectors are √2 apart, beyond the default margin of 1: negatives have no gradient at the "
            "start.",
            "无关的单位向量相距 √2，已超过默认间隔 1：训练开始时异类样本没有梯度。",
        ),
    ),
    avoid=Text(
        "There are classes or views to compare within a batch: supervised_contrastive_loss, info_nce_loss, "
        "triplet_margin_loss.",
        "批内有类别或多个视图可供比较时：用 supervised_contrastive_loss、info_nce_loss 或 triplet_margin_loss。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.ContrastiveLoss",
            Text(
                "takes embeddings and forms all pairs; a margin for positives too",
                "接受嵌入并组成所有样本对；对同类也有间隔",
            ),
        ),
    ),
    plot=Plot(
        Text("distance x", "距离 x"),
        0.0,
        2.0,
        lambda x: (x, torch.ones_like(x)),
        (Curve("y = 1"), Curve("y = -1", at=lambda x: (x, -torch.ones_like(x)))),
    ),
)


def _orthogonal(first: Tensor, second: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    left = torch.arange(first.shape[1]) < first.shape[1] // 2
    return torch.where(left, first, 0.0), torch.where(left, 0.0, second), target


COSINE_EMBEDDING = LossSpec(
    name="torch.nn.CosineEmbeddingLoss",
    module="",
    path="torch.nn.CosineEmbeddingLoss",
    title=Text("Cosine of pairs", "成对余弦损失"),
    aliases=("CosineEmbeddingLoss", "cosine embedding", "cosine loss", "F.cosine_embedding_loss", "余弦嵌入损失"),
    family="metric",
    purpose=Text(
        "Pairs of embeddings: the cosine is to be 1 for those that belong together, below a margin for others.",
        "成对的嵌入：同类的余弦应为 1，异类的应低于间隔。",
    ),
    formula=r"\begin{cases} 1 - \cos(x_1, x_2) & y = 1 \\ \max(0, \cos(x_1, x_2) - m) & y = -1 \end{cases}",
    arguments=(
        Argument("input1", "embeddings", "N D"),
        Argument("input2", "embeddings", "N D"),
        Argument("target", "signs", "N", "y: 1 together, -1 apart", "y：1 表示同类，-1 表示异类"),
    ),
    unit="pair",
    options=(Option("margin", Text("m, from -1 to 1; default 0", "m，从 -1 到 1；默认 0")),),
    code="""
>>> a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]])
>>> torch.nn.CosineEmbeddingLoss(reduction="none")(a, b, torch.tensor([1, -1]))
tensor([0.2929, 0.7071])
""",
    draw=lambda generator, n: (logits(generator, n, 6), logits(generator, n, 6), _signs(generator, n)),
    start=Start(
        Text("the share of y = 1, for unrelated embeddings (cosine 0)", "嵌入无关（余弦为 0）时为 y = 1 的比例"),
        lambda first, second, target: (target == 1).double().mean(),
        _orthogonal,
        note=Text(
            "Random directions of D numbers add about 0.4/√D to each y = -1.",
            "D 维随机方向会给每个 y = -1 约加 0.4/√D。",
        ),
    ),
    minimum=Minimum(
        Text("0", "0"), lambda *_: 0.0, lambda first, second, target: (first, first * target.unsqueeze(1), target)
    ),
    invariances=(STRETCH,),
    hazards=(
        Text(
            "A label of 0 costs 0 and has no gradient: labels of 0 and 1 lose every negative pair.",
            "标签 0 的损失为 0 且没有梯度：用 0 和 1 作标签会丢掉所有异类对。",
        ),
        Text(
            "float16 overflows in silence: two equal vectors of length 17 cost 1 instead of 0 and have no gradient; a "
            "zero "
            "vector is NaN there, and has a gradient of a million in float32.",
            "float16 会悄然溢出：两个相同的、长度为 17 的向量损失为 1 而非 0，且没有梯度；零向量在 float16 下为 NaN，"
            "在 float32 下梯度约为一百万。",
        ),
        Text(
            "Embeddings are (N, D) only: a sequence (N, T, D) is an error.",
            "嵌入只能是 (N, D)：(N, T, D) 的序列会报错。",
        ),
    ),
    avoid=Text(
        "Pairs come with a batch of others to compare to: info_nce_loss, clip_loss.",
        "样本对可与批内其他样本比较时：用 info_nce_loss 或 clip_loss。",
    ),
    equivalents=(
        Equivalent("keras.losses.CosineSimilarity", Text("minus the cosine, no negatives", "余弦取负，没有异类对")),
        Equivalent(
            "optax.cosine_distance", Text("1 - cosine, no negatives, not reduced", "1 - 余弦，没有异类对，不做归约")
        ),
    ),
    plot=Plot(
        Text("cosine", "余弦"),
        -0.99,
        0.99,
        lambda x: (torch.stack((x, (1 - x * x).sqrt())).unsqueeze(0), torch.tensor([[1.0, 0.0]]), torch.ones(1)),
        (
            Curve("y = 1"),
            *(
                Curve(
                    f"y = -1, m = {margin:g}",
                    {"margin": margin},
                    lambda x: (
                        torch.stack((x, (1 - x * x).sqrt())).unsqueeze(0),
                        torch.tensor([[1.0, 0.0]]),
                        -torch.ones(1),
                    ),
                )
                for margin in (0.0, 0.5)
            ),
        ),
    ),
)

SPECS = (RANKING, HINGE_EMBEDDING, COSINE_EMBEDDING)
