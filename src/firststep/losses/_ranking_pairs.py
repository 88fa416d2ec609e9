"""Losses of lists to be put in order, pair by pair."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import logits
from ._invariances import MOVE, SHIFT
from ._preference import logistic
from ._spec import (
    Args,
    Argument,
    Curve,
    Equivalent,
    Invariance,
    Limit,
    LossSpec,
    Minimum,
    Option,
    Paper,
    Plot,
    Start,
    Text,
)

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
    "Shorter lists are padded to L: give mask, (N, L), True for documents that are there. Padding that is not masked "
    "is "
    "ranked as a document.",
    "较短的列表会被填充到 L：应给出 mask (N, L)，真实文档为 True。未屏蔽的填充会被当作文档参与排序。",
)
NO_PAIR = Text(
    "A list whose documents are all of one grade has no pair and does not count, also not in the mean.",
    "所有文档等级相同的列表没有样本对，不计入均值。",
)
SIGMA = Option(
    "sigma", Text("σ, what differences of scores are multiplied by", "σ，得分之差所乘的系数"), low=0.0, low_open=True
)


def grades(generator: Generator, n: int, length: int) -> Tensor:
    """Relevance from 0 to 4; each list has a 0 and a 3."""
    given = torch.randint(0, 5, (n, length), generator=generator)
    given[:, 0], given[:, 1] = 0, 3
    return given


def draw_lists(generator: Generator, n: int) -> Args:
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
    Text(
        "0, approached as the scores of different grades move apart in the right order",
        "0，不同等级的得分按正确次序拉开时趋近",
    ),
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
    return (pair_costs(scores, sigma) * pair).sum((1, 2)) / count.clamp(min=1), count > 0


def pair_costs(scores: Tensor, sigma: float) -> Tensor:
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
    options=(SIGMA,),
    code="""
>>> scores = torch.tensor([[2.0, 1.0, 0.5], [0.3, 0.1, 9.9]])
>>> relevance = torch.tensor([[2, 0, 1], [0, 1, 0]])
>>> there = torch.tensor([[True, True, True], [True, True, False]])  # the second list has two documents
>>> losses.RankNetLoss()(scores, relevance, mask=there)
tensor(0.6472)
""",
    draw=draw_lists,
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
        NO_PAIR,
        Text(
            "Every pair counts the same, at the top of the list and at its end; a long list counts as much as a short "
            "one. For the mean over all pairs give weight, the number of pairs of each list.",
            "列表顶部与底部的样本对权重相同；长短列表权重相同。若要对所有样本对求平均，以每个列表的样本对数作为 "
            "weight。",
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
            "随机抽取的负样本很快得分很低、不再提供信息：可按热度抽取，或从当前高分物品中抽取。"
            "其中有些其实是用户会喜欢的。",
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
            "firststep.losses.functional.reward_model_loss",
            Text("the same of answers, with a margin", "用于回答，可带间隔"),
        ),
    ),
    plot=Plot(Text("s_p - s_n", "s_p - s_n"), -6.0, 6.0, lambda x: (x, 0 * x)),
)

SPECS = (RANKNET, BPR)
