"""Contrastive learning with labels: all samples of the same label are positives."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import classes, directions
from ._info_nce import GROWS, RANKS, TEMPERATURE
from ._invariances import RELABEL, STRETCH
from ._numerics import divide, log_softmax
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Paper, Plot, Start, Text
from ._vectors import ROTATE, pairs_at, unit, without, without_self


def supervised_contrastive_loss(
    embeddings: Tensor, labels: Tensor, *, temperature: float | Tensor = 0.1, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The mean over positives stands outside the logarithm: L_out. Anchors without a positive do not count."""
    rows = unit(embeddings)
    log_p = log_softmax(without(without_self(rows / temperature @ rows.T), mask))
    positive = positives(labels, mask)
    count = positive.sum(1)
    value = divide(-torch.where(positive, log_p, 0.0).sum(1), count)
    return value, count > 0


def positives(labels: Tensor, mask: Tensor | None) -> Tensor:
    """(N, N): whether j is another sample with the label of i, and both count."""
    same = labels.unsqueeze(1) == labels
    same.diagonal().fill_(False)
    return same if mask is None else same & mask & mask.unsqueeze(1)


def _least(embeddings: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """All of a label at one point, all others opposite."""
    count = positives(labels, None).sum(1).double()
    least = torch.log(count + (len(labels) - 1 - count) * math.exp(-2 / temperature))
    return least[count > 0].mean()


def _opposite(embeddings: Tensor, labels: Tensor, **_: object) -> tuple[Tensor, Tensor]:
    """Two labels at the two ends of a line."""
    return torch.where(labels == 0, 1.0, -1.0).to(embeddings).unsqueeze(1).expand_as(embeddings), labels


SUPERVISED_CONTRASTIVE = LossSpec(
    name="supervised_contrastive_loss",
    module="SupervisedContrastiveLoss",
    title=Text("Supervised contrastive loss", "监督对比损失"),
    aliases=("supcon", "supervised contrastive", "labelled contrastive", "监督对比", "监督对比学习"),
    family="contrastive",
    purpose=Text(
        "Embeddings with labels: each sample is to be near all others of its label and far from the rest.",
        "带标签的嵌入：每个样本应靠近所有同标签样本，远离其余样本。",
    ),
    formula=r"-\frac{1}{|P_i|} \sum_{p \in P_i} \log \frac{\exp(\cos(z_i, z_p) / T)}{\sum_{a \ne i} "
    r"\exp(\cos(z_i, z_a) / T)}, \quad P_i = \{p \ne i : y_p = y_i\}",
    papers=(Paper("Khosla et al. 2020", "Supervised Contrastive Learning", "arXiv:2004.11362", "eq. 2"),),
    arguments=(Argument("embeddings", "embeddings", "N D"), Argument("labels", "labels", "N")),
    unit="anchor",
    options=(TEMPERATURE,),
    code="""
>>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0], [-1.0, 0.0]])
>>> labels = torch.tensor([0, 0, 1, 2])  # the last two have no positive, and do not count
>>> losses.SupervisedContrastiveLoss(temperature=0.5)(embeddings, labels)
tensor(0.1768)
""",
    draw=lambda generator, n: (directions(generator, n, 8), classes(generator, n, 2)),
    start=Start(
        Text("ln(N - 1), and up to 1/(2 T² D) more for random directions", "ln(N - 1)；方向随机时最多再加 1/(2 T² D)"),
        lambda embeddings, labels, **_: torch.tensor(len(embeddings) - 1.0).double().log(),
    ),
    minimum=Minimum(
        Text("the mean of ln |P_i|, nearly: 0 only for pairs", "约为 ln |P_i| 的均值：仅当每个标签恰有两个样本时为 0"),
        _least,
        _opposite,
    ),
    kernel=supervised_contrastive_loss,
    invariances=(STRETCH, RELABEL, ROTATE),
    hazards=(
        Text(
            "It does not go to 0: with m samples of each label it ends near ln(m - 1).",
            "它不会降到 0：每个标签有 m 个样本时，最终约为 ln(m - 1)。",
        ),
        Text(
            "A batch without any two samples of one label teaches nothing and gives 0: draw several of each label, or "
            "two views of each sample with the label of both.",
            "若批内没有任何两个样本同标签，损失为 0，什么也学不到：每个标签应抽取多个样本，"
            "或每个样本给两个带同一标签的视图。",
        ),
        GROWS,
        RANKS,
    ),
    avoid=Text(
        "The classes are fixed and few: cross_entropy trains the classifier itself.",
        "类别固定且不多时：cross_entropy 直接训练分类器。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.SupConLoss",
            Text(
                "its default mean leaves out anchors whose loss is 0, with or without a positive",
                "默认均值会略去损失为 0 的锚点，不论其有无正样本",
            ),
        ),
    ),
    plot=Plot(
        Text(
            "angle between two samples of a label, in degrees; two of another label at 90°",
            "同标签两样本的夹角（度）；另一标签的两个样本与之成 90°",
        ),
        0.0,
        180.0,
        lambda x: (torch.cat(pairs_at(x)), torch.tensor([0, 1, 0, 1])),
        tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (0.1, 0.2, 0.5)),
    ),
)

SPECS = (SUPERVISED_CONTRASTIVE,)
