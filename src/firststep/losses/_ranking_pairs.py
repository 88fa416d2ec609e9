"""Losses of lists to be put in order, pair by pair."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import logits
from ._invariances import MOVE, SHIFT
from ._preference import logistic
from ._spec import Args, Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

SCORES = Argument("scores", "values", "N L", "s, of the L documents of each list", "s，每个列表中 L 个文档的得分")
GRADES = Argument(
    "relevance",
    "counts",
    "N L",
    "y, grades: higher is to stand first",
    "y，相关性等级：越高越应排在前面",
    Argument("relevance", "values", "N L", "the same as real numbers", "同上，可为实数"),
)
PADDING = Text(
    "Shorter lists are padded to L: give mask, (N, L), True for documents that are there. Padding that is not masked is "
    "ranked as a document.",
    "较短的列表会被填充到 L：应给出 mask (N, L)，真实文档为 True。未屏蔽的填充会被当作文档参与排序。",
)
_NO_PAIR = Text(
    "A list whose documents are all of one grade has no pair and does not count, also not in the mean.",
    "所有文档等级相同的列表没有样本对，不计入均值。",
)
_SIGMA = Option("sigma", Text("σ, what differences of scores are multiplied by", "σ，得分之差所乘的系数"), low=0.0, low_open=True)


def grades(generator: Generator, n: int, length: int) -> Tensor:
    """Relevance from 0 to 4; each list has a 0 and a 3."""
    given = torch.randint(0, 5, (n, length), generator=generator)
    given[:, 0], given[:, 1] = 0, 3
    return given


def _draw(generator: Generator, n: int) -> Args:
    return logits(generator, n, 6), grades(generator, n, 6)


def _reorder(generator: Generator, *tensors: Tensor) -> Args:
    order = torch.randperm(tensors[0].shape[1], generator=generator)
    return tuple(one[:, order] for one in tensors)


REORDER = Invariance(Text("the documents of the lists in another order", "改变列表中文档的排列次序"), _reorder)
_REGRADE = Invariance(
    Text("grades changed in a way that keeps their order", "保持次序的等级变换"),
    lambda _, scores, relevance: (scores, 3 * relevance**2 + 1),
)
IN_ORDER = Minimum(
    Text("0, approached as the scores of different grades move apart in the right order", "0，不同等级的得分按正确次序拉开时趋近"),
    lambda *_, **__: 0.0,
    lambda scores, relevance, **_: (200 * relevance.to(scores.dtype), relevance),
)


def ranknet_loss(
    scores: Tensor, relevance: Tensor, *, sigma: float = 1.0, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    above = below = relevance
    if mask is not None:  # a document that is not there is neither above nor below another
        scores, relevance = torch.where(mask, scores, 0.0), relevance.to(scores.dtype)
        above, below = torch.where(mask, relevance, -math.inf), torch.where(mask, relevance, math.inf)
    pair = (above.unsqueeze(2) > below.unsqueeze(1)).to(scores.dtype)
    count = pair.sum((1, 2))
    return (_costs(scores, sigma) * pair).sum((1, 2)) / count.clamp(min=1), count > 0


def _costs(scores: Tensor, sigma: float) -> Tensor:
    """``log(1 + exp(-sigma (s_i - s_j)))`` of all pairs, (N, L, L)."""
    scores = scores if sigma == 1 else sigma * scores
    return logistic(scores.unsqueeze(1) - scores.unsqueeze(2))


RANKNET = LossSpec(
    name="ranknet_loss",
    module="RankNetLoss",
    title=Text("RankNet", "RankNet"),
    aliases=("ranknet", "pairwise logistic", "pairwise ranking", "learning to rank", "成对排序", "排序学习"),
    family="ranking",
    purpose=Text(
        "Documents of a list by pairs: the one of the higher grade is to have the higher score.",
        "对列表中的文档两两比较：等级更高者的得分应更高。",
    ),
    formula=r"\frac{1}{|P|} \sum_{(i, j) \in P} \log(1 + e^{-\sigma (s_i - s_j)}), "
    r"\quad P = \{(i, j) : y_i > y_j\}",
    papers=(Paper("Burges et al. 2005", "Learning to Rank using Gradient Descent", "ICML 2005", "eq. 3"),),
    arguments=(SCORES, GRADES),
    unit="list",
    mask_shape="N L",
    options=(_SIGMA,),
    code="""
>>> scores = torch.tensor([[2.0, 1.0, 0.5], [0.3, 0.1, 9.9]])
>>> relevance = torch.tensor([[2, 0, 1], [0, 1, 0]])
>>> there = torch.tensor([[True, True, True], [True, True, False]])  # the second list has two documents
>>> losses.RankNetLoss()(scores, relevance, mask=there)
tensor(0.6472)
""",
    draw=_draw,
    start=Start(Text("ln 2", "ln 2"), lambda *_, **__: math.log(2)),
    minimum=IN_ORDER,
    kernel=ranknet_loss,
    invariances=(SHIFT, REORDER, _REGRADE),
    limits=(
        Limit(
            Text("of two documents, bpr_loss", "只有两个文档时即 bpr_loss"),
            {},
            lambda scores, relevance: F.soft_margin_loss(
                scores[:, 1] - scores[:, 0], torch.ones_like(scores[:, 0]), reduction="none"
            ),
            draw=lambda generator, n: (logits(generator, n, 2), grades(generator, n, 2)),
        ),
    ),
    hazards=(
        PADDING,
        _NO_PAIR,
        Text(
            "Every pair counts the same, at the top of the list and at its end; a long list counts as much as a short "
            "one. For the mean over all pairs give weight, the number of pairs of each list.",
            "列表顶部与底部的样本对权重相同；长短列表权重相同。若要对所有样本对求平均，以每个列表的样本对数作为 weight。",
        ),
        Text("Memory is N times L squared.", "内存为 N 乘以 L 的平方。"),
    ),
    avoid=Text(
        "The top of the list matters most: lambdarank_loss, listnet_loss.",
        "列表顶部最重要时：用 lambdarank_loss、listnet_loss。",
    ),
    equivalents=(
        Equivalent(
            "allrank.models.losses.rankNet",
            Text(
                "the mean over the pairs of all lists, where lists of many pairs count more; no value per list",
                "对所有列表的样本对求平均，样本对多的列表占比更大；不能逐列表输出",
            ),
        ),
        Equivalent(
            "tensorflow_ranking.keras.losses.PairwiseLogisticLoss",
            Text(
                "the sum over the pairs of all lists, divided by N times L, padding included",
                "所有列表样本对之和，除以 N 乘以 L（含填充）",
            ),
        ),
    ),
    plot=Plot(
        Text("s_i - s_j of the one pair", "唯一一对的 s_i - s_j"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, 0 * x)).unsqueeze(0), torch.tensor([[1, 0]])),
        tuple(Curve(f"σ = {s:g}", {"sigma": s}) for s in (0.5, 1.0, 2.0)),
    ),
)


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
    return (_costs(scores, sigma) * weight).sum((1, 2)), best.squeeze(1) > least


def _discounts(scores: Tensor, k: int | None) -> Tensor:
    """``1 / log2(1 + rank)`` of the ranks from 1, and 0 beyond k."""
    discount = 1 / torch.arange(2, 2 + scores.shape[1], dtype=scores.dtype, device=scores.device).log2()
    return discount if k is None or k >= len(discount) else F.pad(discount[:k], (0, len(discount) - k))


def _gains(relevance: Tensor, best: Tensor, gain: str) -> Tensor:
    """Up to a factor for each list: ``2 ** y - 1`` as ``2 ** (y - best) - 2 ** -best``, which does not overflow."""
    return relevance if gain == "linear" else torch.exp2(relevance - best) - torch.exp2(-best)


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
        "As RankNet, each pair weighed by how much NDCG changes if the two documents change places: the top of the list "
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
        _SIGMA,
        Option(
            "k",
            Text("NDCG@k: ranks beyond it count 0; None for the whole list", "NDCG@k：其后的名次计 0；None 表示整个列表"),
            low=1,
        ),
        Option(
            "gain",
            Text('"exponential", 2^y - 1, or "linear", y; a y below 0 counts as 0', '"exponential" 即 2^y - 1，"linear" 即 y；小于 0 的 y 视为 0'),
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
    draw=_draw,
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
            lambda scores, relevance: (1 - 1 / math.log2(3)) * F.soft_margin_loss(
                scores[:, 1] - scores[:, 0], torch.ones_like(scores[:, 0]), reduction="none"
            ),
            draw=lambda generator, n: (logits(generator, n, 2), grades(generator, n, 2)),
        ),
    ),
    hazards=(
        PADDING,
        _NO_PAIR,
        Text(
            "It jumps where two documents change places, and differs from LambdaLoss by the base of the logarithm, there "
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
        "All places matter the same (ranknet_loss), or lists are so long that L squared pairs do not fit (listnet_loss, "
        "listmle_loss).",
        "各名次同等重要时用 ranknet_loss；列表太长、容不下 L 平方个样本对时用 listnet_loss、listmle_loss。",
    ),
    equivalents=(
        Equivalent(
            "allrank.models.losses.lambdaLoss",
            Text(
                "with weighing_scheme='lambdaRank_scheme': log2 by default, the sum over the batch, at k only pairs that "
                "both stand within k, and no gradient for pairs far on the wrong side (probabilities are held at 1e-10)",
                "取 weighing_scheme='lambdaRank_scheme'：默认以 2 为底，对整批求和，k 只取两者都在前 k 的样本对，"
                "严重排错的样本对没有梯度（概率下限 1e-10）",
            ),
        ),
        Equivalent(
            "lightgbm.LGBMRanker",
            Text(
                "objective 'lambdarank', for trees: these gradients, rescaled by lambdarank_norm, and only of pairs that "
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


def bpr_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """Through softplus: finite, and with a gradient, at any difference."""
    return logistic(negative - positive)


BPR = LossSpec(
    name="bpr_loss",
    module="BPRLoss",
    title=Text("Bayesian personalized ranking", "贝叶斯个性化排序"),
    aliases=("bpr", "implicit feedback", "recommendation", "recommender", "推荐系统", "隐式反馈"),
    family="ranking",
    purpose=Text(
        "Recommend from clicks alone: an item that the user took is to score higher than one drawn at random.",
        "仅凭点击做推荐：用户选过的物品得分应高于随机抽取的物品。",
    ),
    formula=r"-\log \sigma(s_p - s_n)",
    papers=(
        Paper(
            "Rendle et al. 2009",
            "BPR: Bayesian Personalized Ranking from Implicit Feedback",
            "arXiv:1205.2618",
        ),
    ),
    arguments=(
        Argument("positive", "values", "*", "scores of items that the user took", "用户选过的物品的得分"),
        Argument("negative", "values", "*", "scores of items that the user did not take", "用户未选的物品的得分"),
    ),
    unit="pair",
    code="""
>>> user, taken, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, -1.0]])
>>> losses.BPRLoss()((user * taken).sum(1), (user * other).sum(1))
tensor(0.0789)
""",
    draw=lambda generator, n: (logits(generator, n), logits(generator, n)),
    start=Start(
        Text("ln 2", "ln 2"),
        lambda *_, **__: math.log(2),
        lambda positive, negative, **_: (torch.zeros_like(positive), torch.zeros_like(negative)),
    ),
    minimum=Minimum(
        Text("0, approached as the scores move apart", "0，得分拉开时趋近"),
        lambda *_, **__: 0.0,
        lambda positive, negative, **_: (negative + 40, negative),
    ),
    kernel=bpr_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text("soft margin loss of the difference", "得分之差的 soft margin 损失"),
            {},
            lambda positive, negative: F.soft_margin_loss(
                positive - negative, torch.ones_like(positive), reduction="none"
            ),
        ),
    ),
    hazards=(
        Text(
            "Negatives drawn at random soon score low and teach nothing: draw them by popularity, or among those that "
            "score high now. Some are items that the user would like.",
            "随机抽取的负样本很快得分很低、不再提供信息：可按热度抽取，或从当前高分物品中抽取。其中有些其实是用户会喜欢的。",
        ),
        Text(
            "Scores grow without end: the paper adds weight decay on the embeddings used, not part of this.",
            "得分会无限增大：论文对所用嵌入加了权重衰减，此处不含。",
        ),
    ),
    avoid=Text(
        "Many negatives per positive are at hand: info_nce_loss or cross_entropy over them. Grades are known: "
        "ranknet_loss.",
        "每个正样本有许多负样本时：用 info_nce_loss 或在其上用 cross_entropy。已知相关性等级时：用 ranknet_loss。",
    ),
    equivalents=(
        Equivalent(
            "recbole.model.loss.BPRLoss",
            Text(
                "adds 1e-10 to the sigmoid: no gradient for pairs more than 23 apart on the wrong side; mean only",
                "对 sigmoid 加 1e-10：排错超过 23 的样本对没有梯度；只有 mean",
            ),
        ),
        Equivalent(
            "firststep.losses.functional.reward_model_loss", Text("the same of answers, with a margin", "用于回答，可带间隔")
        ),
    ),
    plot=Plot(Text("s_p - s_n", "s_p - s_n"), -6.0, 6.0, lambda x: (x, 0 * x)),
)

SPECS = (RANKNET, LAMBDARANK, BPR)
