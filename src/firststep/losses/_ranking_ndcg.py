"""LambdaRank: pairs of a list, weighed by what they matter to NDCG."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import logits
from ._invariances import SHIFT
from ._ranking_pairs import (
    GRADES,
    IN_ORDER,
    NO_PAIR,
    PADDING,
    REORDER,
    SCORES,
    SIGMA,
    draw_lists,
    grades,
    pair_costs,
)
from ._spec import Args, Curve, Equivalent, Limit, LossSpec, Option, Paper, Plot, Start, Text


def lambdarank_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    sigma: float = 1.0,
    k: int | None = None,
    gain: str = "exponential",
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The weights depend on the scores through the ranks alone, so that no gradient goes through them.

    Of equal scores the document of the lower grade stands first: what a model of constant output is shown does not
    depend on the order in which the documents are given.
    """
    if scores.shape[1] == 0:
        return scores.sum(1), scores.new_zeros(len(scores), dtype=torch.bool)
    relevance = relevance.detach().to(scores.dtype).clamp(min=0)
    if mask is not None:
        scores, relevance = torch.where(mask, scores, 0.0), torch.where(mask, relevance, -1.0)
    worst, order = relevance.sort(dim=1, stable=True)
    best = worst[:, -1:].clamp(min=0)
    given = scores.detach() if mask is None else torch.where(mask, scores.detach(), -math.inf)
    ranking = order.gather(1, given.gather(1, order).argsort(dim=1, stable=True, descending=True))
    discount = _discounts(scores, k)
    standing = torch.zeros_like(relevance).scatter(1, ranking, discount.expand_as(relevance))
    ideal = (_gains(worst.clamp(min=0), best, gain).flip(1) * discount).sum(1, keepdim=True)
    worth = _gains(relevance.clamp(min=0), best, gain) / torch.where(ideal > 0, ideal, 1.0)
    above = below = worth
    least = worst[:, 0]
    if mask is not None:
        above, below = torch.where(mask, worth, -math.inf), torch.where(mask, worth, math.inf)
        least = torch.where(mask, relevance, math.inf).amin(1)
    weight = (above.unsqueeze(2) - below.unsqueeze(1)).relu_()
    weight = weight * (standing.unsqueeze(2) - standing.unsqueeze(1)).abs_()
    return (pair_costs(scores, sigma) * weight).sum((1, 2)), best.squeeze(1) > least


def _discounts(scores: Tensor, k: int | None) -> Tensor:
    """``1 / log2(1 + rank)`` of the ranks from 1, and 0 beyond k."""
    discount = 1 / torch.arange(2, 2 + scores.shape[1], dtype=scores.dtype, device=scores.device).log2()
    return discount if k is None or k >= len(discount) else F.pad(discount[:k], (0, len(discount) - k))


def _gains(relevance: Tensor, best: Tensor, gain: str) -> Tensor:
    """Up to a factor for each list: ``2 ** y - 1`` as ``2 ** (y - best) (1 - 2 ** -y)``: no overflow, no cancelling."""
    if gain == "linear":
        return relevance
    return torch.exp2(relevance - best) * -torch.expm1(-math.log(2) * relevance)


def _lambda_start(
    scores: Tensor, relevance: Tensor, k: int | None = None, gain: str = "exponential", **_: object
) -> float:
    """The pairs' weights, with the lowest grades on top, list by list."""
    total = 0.0
    for row in relevance.sort(1).values.tolist():
        worth = [2.0**y - 1 if gain == "exponential" else float(y) for y in row]
        discount = [1 / math.log2(2 + i) if k is None or i < k else 0.0 for i in range(len(row))]
        ideal = sum(g * d for g, d in zip(sorted(worth, reverse=True), discount, strict=True))
        total += sum(
            (worth[j] - worth[i]) * (discount[i] - discount[j]) / ideal for j in range(len(row)) for i in range(j)
        )
    return math.log(2) * total / len(relevance)


def _one_of_three(x: Tensor) -> Args:
    """A relevant document of score x beside two others, of scores 1 and -1."""
    return torch.stack((x, torch.ones_like(x), -torch.ones_like(x))).unsqueeze(0), torch.tensor([[1, 0, 0]])


LAMBDARANK = LossSpec(
    name="lambdarank_loss",
    module="LambdaRankLoss",
    title=Text("LambdaRank: pairs weighed by NDCG", "LambdaRank：按 NDCG 加权的样本对"),
    aliases=("lambdarank", "lambda loss", "lambdaloss", "lambdamart", "ndcg", "ndcg loss", "NDCG 优化"),
    family="ranking",
    purpose=Text(
        "As RankNet, each pair weighed by how much NDCG changes if the two documents change places: the top of the "
        "list "
        "counts most.",
        "同 RankNet，但每对按交换两文档所引起的 NDCG 变化加权：列表顶部最重要。",
    ),
    formula=r"\sum_{y_i > y_j} \Delta_{ij} \log(1 + e^{-\sigma (s_i - s_j)}), \quad "
    r"\Delta_{ij} = \frac{2^{y_i} - 2^{y_j}}{\text{maxDCG}} "
    r"\left| \frac{1}{\log_2(1 + r_i)} - \frac{1}{\log_2(1 + r_j)} \right|",
    papers=(
        Paper("Burges, Ragno, Le 2006", "Learning to Rank with Nonsmooth Cost Functions", "NeurIPS 2006"),
        Paper(
            "Burges 2010", "From RankNet to LambdaRank to LambdaMART: An Overview", "Microsoft Research MSR-TR-2010-82"
        ),
        Paper("Wang et al. 2018", "The LambdaLoss Framework for Ranking Metric Optimization", "CIKM 2018"),
    ),
    arguments=(SCORES, GRADES),
    unit="list",
    mask_shape="N L",
    options=(
        SIGMA,
        Option(
            "k",
            Text(
                "NDCG@k: ranks beyond it count 0; None for the whole list", "NDCG@k：其后的名次计 0；None 表示整个列表"
            ),
            low=1,
        ),
        Option(
            "gain",
            Text(
                '"exponential", 2^y - 1, or "linear", y; a y below 0 counts as 0',
                '"exponential" 即 2^y - 1，"linear" 即 y；小于 0 的 y 视为 0',
            ),
            choices=("exponential", "linear"),
        ),
    ),
    code="""
>>> scores = torch.tensor([[2.0, 1.0, 0.5], [0.3, 0.1, 9.9]])
>>> relevance = torch.tensor([[2, 0, 1], [0, 1, 0]])
>>> there = torch.tensor([[True, True, True], [True, True, False]])
>>> losses.LambdaRankLoss(reduction="none")(scores, relevance, mask=there)
tensor([0.1861, 0.2946])
""",
    draw=draw_lists,
    start=Start(
        Text(
            "ln 2 times the sum of the Δ, the lowest grades on top: of equal scores the worst order is assumed",
            "ln 2 乘以各 Δ 之和，此时低等级在上：得分相同时取最坏的次序",
        ),
        _lambda_start,
    ),
    minimum=IN_ORDER,
    kernel=lambdarank_loss,
    invariances=(SHIFT, REORDER),
    limits=(
        Limit(
            Text(
                "of two documents, one irrelevant: 1 - 1/log2(3) = 0.369 times bpr_loss",
                "只有两个文档且其一不相关时：bpr_loss 的 1 - 1/log2(3) = 0.369 倍",
            ),
            {},
            lambda scores, relevance: (
                (1 - 1 / math.log2(3))
                * F.soft_margin_loss(scores[:, 1] - scores[:, 0], torch.ones_like(scores[:, 0]), reduction="none")
            ),
            draw=lambda generator, n: (logits(generator, n, 2), grades(generator, n, 2)),
        ),
    ),
    hazards=(
        PADDING,
        NO_PAIR,
        Text(
            "It jumps where two documents change places, and differs from LambdaLoss by the base of the logarithm, "
            "there "
            "2: a factor of 1.443. Watch NDCG itself.",
            "两个文档交换名次处数值会跳变；与 LambdaLoss 相差对数的底（后者为 2），即 1.443 倍。应观察 NDCG 本身。",
        ),
        Text(
            "The value is a sum over pairs and grows with the length of the list: keep L and batches alike when rates "
            "are compared.",
            "数值是对样本对求和，随列表长度增长：比较学习率时应保持 L 与批一致。",
        ),
    ),
    avoid=Text(
        "All places matter the same (ranknet_loss), or lists are so long that L squared pairs do not fit "
        "(listnet_loss, "
        "listmle_loss).",
        "各名次同等重要时用 ranknet_loss；列表太长、容不下 L 平方个样本对时用 listnet_loss、listmle_loss。",
    ),
    equivalents=(
        Equivalent(
            "allrank.models.losses.lambdaLoss",
            Text(
                "with weighing_scheme='lambdaRank_scheme': log2 by default, the sum over the batch, at k only pairs "
                "that "
                "both stand within k, and no gradient for pairs far on the wrong side (probabilities are held at "
                "1e-10)",
                "取 weighing_scheme='lambdaRank_scheme'：默认以 2 为底，对整批求和，k 只取两者都在前 k 的样本对，"
                "严重排错的样本对没有梯度（概率下限 1e-10）",
            ),
        ),
        Equivalent(
            "lightgbm.LGBMRanker",
            Text(
                "objective 'lambdarank', for trees: these gradients, rescaled by lambdarank_norm, and only of pairs "
                "that "
                "reach into lambdarank_truncation_level",
                "objective 'lambdarank'，用于树模型：即此梯度，经 lambdarank_norm 缩放，"
                "且只含触及 lambdarank_truncation_level 的样本对",
            ),
        ),
    ),
    plot=Plot(
        Text("score of the relevant document, the others at 1 and -1", "相关文档的得分，其余为 1 与 -1"),
        -4.0,
        4.0,
        _one_of_three,
        (Curve("NDCG"), Curve("NDCG@1", {"k": 1}), Curve("NDCG, σ = 2", {"sigma": 2.0})),
    ),
)

SPECS = (LAMBDARANK,)
