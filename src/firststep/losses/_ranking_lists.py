"""Losses of lists to be put in order, by the probability of the whole list."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._cross_entropy import expected_cost
from ._draw import logits, uniform
from ._invariances import SHIFT
from ._numerics import log_softmax
from ._ranking_pairs import GRADES, PADDING, REORDER, SCORES, draw_lists
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
    Values,
)


def listnet_loss(scores: Tensor, relevance: Tensor, *, mask: Tensor | None = None) -> Values:
    """Documents that are not there have probability 0 on both sides."""
    relevance = relevance.to(scores.dtype)
    if mask is None:
        return expected_cost(log_softmax(scores), relevance.softmax(1))
    counts = mask.any(1)
    absent = torch.where(counts, -math.inf, 0.0).to(scores.dtype).unsqueeze(1)
    log_p, target = (torch.where(mask, one, absent) for one in (scores, relevance))
    return expected_cost(log_softmax(log_p), target.softmax(1)), counts


def _entropy(relevance: Tensor) -> Tensor:
    p = relevance.softmax(1)
    return -torch.xlogy(p, p).sum(1).mean()


def _pair_of(x: Tensor, y: float) -> Args:
    """Two documents, the first of score x and relevance y, the other of 0 and 0."""
    return torch.stack((x, torch.zeros_like(x))).unsqueeze(0), x.new_tensor([[y, 0.0]])


LISTNET = LossSpec(
    name="listnet_loss",
    module="ListNetLoss",
    title=Text("ListNet", "ListNet"),
    aliases=("listnet", "listwise", "top-one probability", "listwise softmax", "列表级排序", "列表排序"),
    family="ranking",
    purpose=Text(
        "A list as a whole: the softmax of the scores is to be the softmax of the relevance.",
        "以整个列表为单位：使得分的 softmax 等于相关性的 softmax。",
    ),
    formula=r"-\sum_{i} q_i \log p_i, \quad q = \text{softmax}(y), \quad p = \text{softmax}(s)",
    papers=(
        Paper(
            "Cao et al. 2007", "Learning to Rank: From Pairwise Approach to Listwise Approach", "ICML 2007", "sec. 5"
        ),
    ),
    arguments=(
        SCORES,
        Argument(
            "relevance",
            "values",
            "N L",
            "y, or the scores of a teacher",
            "y，也可以是教师模型的得分",
            Argument("relevance", "counts", "N L", "the same as grades", "同上，可为等级"),
        ),
    ),
    unit="list",
    mask_shape="N L",
    code="""
>>> scores = torch.tensor([[2.0, 1.0, 0.5], [0.3, 0.1, 9.9]])
>>> relevance = torch.tensor([[2, 0, 1], [0, 1, 0]])
>>> there = torch.tensor([[True, True, True], [True, True, False]])  # the second list has two documents
>>> losses.ListNetLoss()(scores, relevance, mask=there)
tensor(0.8329)
""",
    draw=lambda generator, n: (logits(generator, n, 6), uniform(generator, n, 6, low=0.0, high=4.0)),
    start=Start(
        Text("ln L, of the documents that are there", "ln L，L 为真实文档数"),
        lambda scores, relevance, **_: math.log(scores.shape[1]),
    ),
    minimum=Minimum(
        Text("the entropy of q", "q 的熵"),
        lambda scores, relevance, **_: _entropy(relevance),
        lambda scores, relevance, **_: (relevance, relevance),
    ),
    kernel=listnet_loss,
    invariances=(
        SHIFT,
        REORDER,
        Invariance(
            Text("the same number added to the relevance of all documents", "给所有文档的相关性加上同一个数"),
            lambda _, scores, relevance: (scores, relevance + 2.5),
        ),
    ),
    hazards=(
        PADDING,
        Text(
            "Grades 0 and 1 differ by a factor of e in q, so that one relevant document among a hundred is given 2.7 "
            "%. "
            "Multiply the grades: 10 times as large makes q all but certain.",
            "等级 0 与 1 在 q 中只差 e 倍：一百个文档中唯一的相关文档只得到 2.7%。应放大等级：乘以 10 即可使 q "
            "几乎确定。",
        ),
        Text(
            "The value does not go to 0 but to the entropy of q, and grows with ln L: lists of different lengths "
            "cannot "
            "be compared.",
            "数值不趋于 0 而趋于 q 的熵，并随 ln L 增长：不同长度的列表不可比较。",
        ),
    ),
    avoid=Text(
        "The order is all that counts, and not how far apart: listmle_loss, ranknet_loss. One document is right: "
        "cross_entropy over the list.",
        "只关心次序而非差距时：用 listmle_loss、ranknet_loss。只有一个正确文档时：在列表上用 cross_entropy。",
    ),
    equivalents=(
        Equivalent(
            "allrank.models.losses.listNet",
            Text(
                "adds 1e-10 to the probabilities: documents far below the first get no gradient; mean only",
                "对概率加 1e-10：远低于首位的文档没有梯度；只有 mean",
            ),
        ),
        Equivalent(
            "tensorflow_ranking.keras.losses.SoftmaxLoss",
            Text("with q = y itself, without a softmax", "q 即 y 本身，不做 softmax"),
        ),
    ),
    plot=Plot(
        Text("score of the first document, the other at 0", "第一个文档的得分，另一个为 0"),
        -6.0,
        6.0,
        lambda x: _pair_of(x, 1.0),
        tuple(Curve(f"y = ({y:g}, 0)", at=lambda x, y=y: _pair_of(x, y)) for y in (0.0, 1.0, 3.0)),
    ),
)


def listmle_loss(scores: Tensor, relevance: Tensor, *, ties: str = "efron", mask: Tensor | None = None) -> Values:
    """Sorted once, the least relevant first, so that what is left to choose from is what stands before.

    Equal grades have no order of their own. Efron's formula, of ties in survival times, takes the mean over their
    orders inside the logarithm: it does not depend on how the documents are given, and draws no random order.
    """
    if mask is not None:
        scores = torch.where(mask, scores, 0.0)
        relevance = torch.where(mask, relevance.to(scores.dtype), math.inf)  # they stand last, and nothing sees them
    level, order = relevance.sort(dim=1, descending=True, stable=True)
    order = order.flip(1)
    score = scores.gather(1, order)
    left = prefix_log_sum_exp(score)
    cost = (left if ties == "given" else _efron(left, score, level.flip(1))) - score
    if mask is None:
        return cost.sum(1)
    return torch.where(mask.gather(1, order), cost, 0.0).sum(1), mask.any(1)


def _efron(left: Tensor, score: Tensor, level: Tensor) -> Tensor:
    """``log(R - l/d D)``: of the documents R that are left, l of the d tied ones D are taken off in equal shares."""
    index = torch.arange(level.shape[1], device=level.device)
    step, edge = level[:, 1:] != level[:, :-1], torch.ones_like(level[:, :1], dtype=torch.bool)
    first = torch.where(torch.cat((edge, step), 1), index, 0).cummax(1).values
    last = torch.where(torch.cat((step, edge), 1), index, len(index)).flip(1).cummin(1).values.flip(1)
    whole = left.detach().gather(1, last)  # a shift that no exponential exceeds
    below = F.pad(left, (1, 0), value=-math.inf)[:, :-1].gather(1, first)
    tied = torch.zeros_like(score).scatter_add(1, first, (score - whole).exp()).gather(1, first)
    share = (last + 1 - index).to(score.dtype) / (last + 1 - first)
    return whole + ((below - whole).exp() + share * tied).log()


def prefix_log_sum_exp(x: Tensor) -> Tensor:
    """``log(exp(x_0) + ... + exp(x_i))`` along axis 1, as ``logcumsumexp``, several times as fast on a CPU."""
    if x.shape[1] == 0:
        return x
    if torch.compiler.is_compiling():  # the compiler fuses what by hand is below
        return _scan(x)
    value: Any = _PrefixLogSumExp.apply(x)
    return value


def _scan(x: Tensor) -> Tensor:
    """Sums relative to the greatest so far, which no gap overflows: at least 1, and a linear recurrence."""
    most = x.detach().cummax(1).values
    return most + _recur(_ratios(most), (x - most).exp()).log()


class _PrefixLogSumExp(torch.autograd.Function):
    """The gradient by hand is a linear recurrence too; autograd would go back through each of the steps."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _scan(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return _recur_back(_ratios(y), gradients[0]) * (x - y).exp()

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return _recur(_ratios(y), (x - y).exp() * tangents[0])


def _ratios(y: Tensor) -> Tensor:
    """``exp(y_(i-1) - y_i)`` for i > 0, at most 1."""
    return (y[:, :-1] - y[:, 1:]).exp()


def _recur(a: Tensor, b: Tensor) -> Tensor:
    """``w_i = b_i + a_(i-1) w_(i-1)``: in log2(L) steps, each of which reaches twice as far."""
    reach, count = 1, b.shape[1]
    while reach < count:
        b = torch.cat((b[:, :reach], torch.addcmul(b[:, reach:], a, b[:, :-reach])), 1)
        a = a[:, reach:] * a[:, :-reach]
        reach *= 2
    return b


def _recur_back(a: Tensor, b: Tensor) -> Tensor:
    """``w_i = b_i + a_i w_(i+1)``."""
    reach, count = 1, b.shape[1]
    while reach < count:
        b = torch.cat((torch.addcmul(b[:, :-reach], a, b[:, reach:]), b[:, -reach:]), 1)
        a = a[:, reach:] * a[:, :-reach]
        reach *= 2
    return b


def _draw_order(generator: Generator, n: int) -> Args:
    return logits(generator, n, 6), torch.stack([torch.randperm(6, generator=generator) for _ in range(n)])


def _plackett_luce(scores: Tensor, relevance: Tensor) -> Tensor:
    """Minus the log-probability of choosing the most relevant that is left, again and again."""
    left = relevance.unsqueeze(1) <= relevance.unsqueeze(2)
    return (torch.where(left, scores.unsqueeze(1), -math.inf).logsumexp(2) - scores).sum(1)


def _least(scores: Tensor, relevance: Tensor, ties: str = "efron", **_: object) -> float | Tensor:
    """The logarithm of the number of orders of the tied documents."""
    if ties == "given":
        return 0.0
    earlier = torch.ones(relevance.shape[1], relevance.shape[1], dtype=torch.bool).tril()
    rank = ((relevance.unsqueeze(1) == relevance.unsqueeze(2)) & earlier).sum(2)
    return rank.double().log().sum(1).mean()


def _first_of(x: Tensor, n: int) -> Args:
    """The most relevant document has score x, the n - 1 others 0 and are of different grades."""
    return torch.cat((x.reshape(1), x.new_zeros(n - 1))).unsqueeze(0), torch.arange(n, 0, -1).unsqueeze(0)


LISTMLE = LossSpec(
    name="listmle_loss",
    module="ListMLELoss",
    title=Text("ListMLE: likelihood of the order", "ListMLE：次序的似然"),
    aliases=("listmle", "plackett-luce", "plackett luce", "likelihood of a ranking", "排列似然"),
    family="ranking",
    purpose=Text(
        "A list as a whole: the probability of the right order, when documents are chosen one after the other by the "
        "softmax of their scores.",
        "以整个列表为单位：按得分的 softmax 逐个选取文档时，选出正确次序的概率。",
    ),
    formula=r"\sum_{i} \left( \log \sum_{j \text{ left at } i} e^{s_j} - s_i \right), "
    r"\quad \text{by falling } y; \text{ of } d \text{ ties } D: \log \left( \sum_{j} e^{s_j} - \frac{l}{d} "
    r"\sum_{j \in D} e^{s_j} \right), l = 0, \ldots, d - 1",
    papers=(
        Paper("Xia et al. 2008", "Listwise Approach to Learning to Rank: Theory and Algorithm", "ICML 2008"),
        Paper(
            "Efron 1977", "The Efficiency of Cox's Likelihood Function for Censored Data", "J. Am. Stat. Assoc. 72(359)"
        ),
    ),
    arguments=(SCORES, GRADES),
    unit="list",
    mask_shape="N L",
    options=(
        Option(
            "ties",
            Text(
                'documents of one grade: "efron", the mean over their orders inside the logarithm; "given", in the '
                "order in which they stand, which is a little faster",
                '等级相同的文档："efron" 在对数内对其次序取平均；"given" 按给出的先后次序，略快',
            ),
            choices=("efron", "given"),
        ),
    ),
    code="""
>>> scores = torch.tensor([[2.0, 1.0, 0.5], [0.3, 0.1, 9.9]])
>>> relevance = torch.tensor([[2, 0, 1], [0, 1, 0]])
>>> there = torch.tensor([[True, True, True], [True, True, False]])  # the second list has two documents
>>> losses.ListMLELoss(reduction="none")(scores, relevance, mask=there)
tensor([1.4384, 0.7981])
""",
    draw=draw_lists,
    start=Start(
        Text("ln L!, of the documents that are there", "ln L!，L 为真实文档数"),
        lambda scores, relevance, **_: math.lgamma(scores.shape[1] + 1),
    ),
    minimum=Minimum(
        Text(
            'ln of the number of orders of the tied documents: 0 without ties, or with ties="given"',
            '同级文档排列数的对数：没有同级文档或 ties="given" 时为 0',
        ),
        _least,
        lambda scores, relevance, ties="efron", **_: (
            (200 * relevance - (30 * torch.arange(relevance.shape[1]) if ties == "given" else 0)).to(scores.dtype),
            relevance,
        ),
    ),
    kernel=listmle_loss,
    invariances=(
        SHIFT,
        REORDER,
        Invariance(
            Text("grades changed in a way that keeps their order", "保持次序的等级变换"),
            lambda _, scores, relevance: (scores, 3 * relevance**2 + 1),
        ),
    ),
    limits=(
        Limit(
            Text(
                "without ties, minus the Plackett-Luce log-likelihood, cox_loss of one list",
                "没有同级时即 Plackett-Luce 负对数似然，等于单个列表的 cox_loss",
            ),
            {},
            _plackett_luce,
            draw=_draw_order,
        ),
        Limit(
            Text('so it is with ties="given"', 'ties="given" 时亦然'),
            {"ties": "given"},
            _plackett_luce,
            draw=_draw_order,
        ),
    ),
    hazards=(
        PADDING,
        Text(
            "A choice at the end of the list counts as much as the first, and most documents of one grade are at the "
            "end: they are pulled to one score, which teaches little.",
            "列表末尾的选择与首位同等重要，而同级文档大多在末尾：它们的得分被拉到一起，学不到多少东西。",
        ),
        Text(
            "The value is a sum over the list, ln L! at the start: divide by L, as weight, where lengths differ much.",
            "数值对列表求和，初始为 ln L!：长度差别大时，应以 1/L 作为 weight。",
        ),
    ),
    avoid=Text(
        "Only the top matters: lambdarank_loss, or listnet_loss. Grades are few and lists long, so that almost all "
        "documents are tied: ranknet_loss.",
        "只关心顶部时：用 lambdarank_loss 或 listnet_loss。等级少而列表长、几乎全为同级时：用 ranknet_loss。",
    ),
    equivalents=(
        Equivalent(
            "allrank.models.losses.listMLE",
            Text(
                "ties in a new random order at each call; adds 1e-10 to sums relative to the greatest score: what is "
                "left far below it has the wrong value and gradient",
                "每次调用随机打乱同级文档；对（相对最高分的）和加 1e-10：远低于最高分的剩余文档数值与梯度都不对",
            ),
        ),
        Equivalent("tensorflow_ranking.keras.losses.ListMLELoss", Text("ties in a random order", "同级文档随机排序")),
    ),
    plot=Plot(
        Text(
            "score of the most relevant document, the others at 0",
            "最相关文档的得分，其余为 0",
        ),
        -6.0,
        6.0,
        lambda x: _first_of(x, 2),
        tuple(Curve(f"L = {n}", at=lambda x, n=n: _first_of(x, n)) for n in (2, 3, 5)),
    ),
)

SPECS = (LISTNET, LISTMLE)
