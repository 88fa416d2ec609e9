"""Losses of tag sequences."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import classes, logits
from ._invariances import SHIFT
from ._reduce import fit
from ._shapes import check
from ._spec import (
    Argument,
    Curve,
    Equivalent,
    Invariance,
    Learned,
    Limit,
    LossSpec,
    Minimum,
    Paper,
    Plot,
    Start,
    Text,
)

_FORBIDDEN = -1e30
"""Stands for -inf: its sums and its softmax are finite."""


def linear_chain_crf_loss(
    emissions: Tensor, tags: Tensor, transitions: Tensor, start: Tensor, end: Tensor, *, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The forward recursion over scores relative to the true path's.

    Each step takes the true path's part off all scores, so that the last log-sum-exp is the loss itself: two sums that
    grow with T are never subtracted. Steps that do not count are passed over, wherever they stand.
    """
    _at_least_one_step("linear_chain_crf_loss", emissions)
    counts = None
    if mask is not None:
        order, counts = _packed(mask)
        emissions, tags = emissions.gather(1, order.unsqueeze(2).expand(emissions.shape)), tags.gather(1, order)
    transitions, start, end = (one.clamp(min=_FORBIDDEN) for one in (transitions, start, end))
    entered = torch.cat((start[tags[:, :1]], transitions[tags[:, :-1], tags[:, 1:]]), 1).unsqueeze(2)
    first, *rest = (emissions - emissions.gather(2, tags.unsqueeze(2)) - entered).unbind(1)
    score, into = start + first, transitions.T.contiguous()
    for t, step in enumerate(rest, start=1):
        moved = (score.unsqueeze(1) + into).logsumexp(2) + step
        score = moved if counts is None else torch.where(counts[:, t, None], moved, score)
    last = tags[:, -1:] if counts is None else tags.gather(1, (counts.sum(1, keepdim=True) - 1).clamp(min=0))
    values = (score + end - end[last]).logsumexp(1)
    return values, torch.ones_like(values, dtype=torch.bool) if counts is None else counts[:, 0]


@torch.no_grad()
def crf_decode(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    """The best path of a linear-chain CRF (Viterbi).

    Args:
        emissions: (N, T, K) scores of the tags at each step.
        transitions: (K, K) scores of going from one tag (row) to the next (column); -inf forbids it.
        start: (K,) scores of the first tag.
        end: (K,) scores of the last tag.
        mask: (N, T), or (N,) for whole sequences; bool, True where a step counts. The others are passed over.

    Returns:
        (N, T) tags, -100 where a step does not count: what ``linear_chain_crf_loss`` takes.

    Raises:
        LossError: for shapes or dtypes that do not fit.

    >>> import torch
    >>> from firststep import losses
    >>> emissions = torch.tensor([[[1.0, 0.0], [0.4, 0.5], [2.0, 0.0]]])
    >>> stay = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> losses.crf_decode(emissions, stay, torch.zeros(2), torch.zeros(2))
    tensor([[0, 0, 0]])
    """
    check("crf_decode", [one for one in _ARGUMENTS if one.name != "tags"], (emissions, transitions, start, end))
    _at_least_one_step("crf_decode", emissions)
    emissions, transitions, start, end = (
        one.float() if one.dtype in (torch.bfloat16, torch.float16) else one
        for one in (emissions, transitions.clamp(min=_FORBIDDEN), start, end)
    )
    counts = torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
    if mask is not None:
        counts = counts & fit("crf_decode", "mask", mask, counts.shape)
    order, packed = _packed(counts)
    first, *rest = emissions.gather(1, order.unsqueeze(2).expand(emissions.shape)).unbind(1)
    score, into, stay = start + first, transitions.T.contiguous(), torch.arange(emissions.shape[2], device=order.device)
    origins: list[Tensor] = []
    for t, step in enumerate(rest, start=1):
        best, origin = (score.unsqueeze(1) + into).max(2)
        here = packed[:, t, None]
        score = torch.where(here, best + step, score)
        origins.append(torch.where(here, origin, stay))
    path = [(score + end).argmax(1, keepdim=True)]
    for origin in reversed(origins):
        path.append(origin.gather(1, path[-1]))
    tags = torch.empty_like(order).scatter(1, order, torch.cat(path[::-1], 1))
    return torch.where(counts, tags, -100)


def _packed(counts: Tensor) -> tuple[Tensor, Tensor]:
    """The order in which the steps that count come first, and which of the steps do then."""
    left_out, order = (~counts).byte().sort(dim=1, stable=True)
    return order, left_out == 0


def _at_least_one_step(name: str, emissions: Tensor) -> None:
    if emissions.shape[1] == 0:
        raise LossError(f"{name}: emissions has shape {tuple(emissions.shape)}, a sequence of no steps has no tags")


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape)


def _draw_crf(generator: Generator, n: int) -> tuple[Tensor, ...]:
    tags = classes(generator, n, 3, 4)
    return logits(generator, n, 4, 3), tags, logits(generator, 3, 3), logits(generator, 3), logits(generator, 3)


def _draw_independent(generator: Generator, n: int) -> tuple[Tensor, ...]:
    emissions, tags, *own = _draw_crf(generator, n)
    return emissions, tags, *(torch.zeros_like(one) for one in own)


def _rename(generator: Generator, emissions: Tensor, tags: Tensor, *own: Tensor) -> tuple[Tensor, ...]:
    transitions, start, end = own
    new = torch.randperm(len(start), generator=generator)
    old = new.argsort()
    return emissions[:, :, old], new[tags], transitions[old][:, old], start[old], end[old]


def _raise(generator: Generator, emissions: Tensor, tags: Tensor, *own: Tensor) -> tuple[Tensor, ...]:
    return emissions, tags, *(one + logits(generator, 1) for one in own)


_ARGUMENTS = (
    Argument(
        "emissions",
        "logits",
        "N T K",
        "scores of the K tags at each step, K last",
        "每一步 K 个标签的得分，K 在最后一维",
    ),
    Argument(
        "tags",
        "class",
        "N T",
        "true tags, 0 to K - 1; -100 for a step that does not count",
        "真实标签，从 0 到 K - 1；不计入的步为 -100",
    ),
    Argument(
        "transitions",
        "parameters",
        "K K",
        "A, scores from tag (row) to next tag (column)",
        "A，由标签（行）到下一标签（列）的得分",
    ),
    Argument("start", "parameters", "K", "a, scores of the first tag", "a，第一个标签的得分"),
    Argument("end", "parameters", "K", "b, scores of the last tag", "b，最后一个标签的得分"),
)

CRF = LossSpec(
    name="linear_chain_crf_loss",
    module="LinearChainCRFLoss",
    title=Text("Linear-chain conditional random field", "线性链条件随机场"),
    aliases=("crf", "conditional random field", "crf nll", "ner", "条件随机场", "序列标注", "命名实体识别"),
    family="sequence",
    purpose=Text(
        "A tag for each step of a sequence, where neighbouring tags depend on each other: entities, segments. "
        "crf_decode finds the "
        "best path.",
        "为序列的每一步打标签，且相邻标签相互关联：实体、分词等。crf_decode 求最优路径。",
    ),
    formula=(
        r"\log \sum_{y'} e^{s(y')} - s(y), \quad s(y) = a_{y_1} + \sum_{t=1}^{T} z_{t, y_t} + \sum_{t=2}^{T} "
        r"A_{y_{t-1}, y_t} + b_{y_T}"
    ),
    papers=(
        Paper(
            "Lafferty, McCallum, Pereira 2001",
            "Conditional Random Fields: Probabilistic Models for Segmenting and Labeling Sequence Data",
            "ICML 2001",
        ),
    ),
    arguments=_ARGUMENTS,
    unit="sequence",
    mask_shape="N T",
    learned=(
        Learned("transitions", ("K", "K"), _zeros, Text("scores from tag to next tag", "标签到下一标签的得分")),
        Learned("start", ("K",), _zeros, Text("scores of the first tag", "第一个标签的得分")),
        Learned("end", ("K",), _zeros, Text("scores of the last tag", "最后一个标签的得分")),
    ),
    code="""
>>> emissions = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
>>> tags = torch.tensor([[0, 1, -100]])  # two steps and one of padding
>>> loss = losses.LinearChainCRFLoss(K=2)
>>> loss(emissions, tags).detach()
tensor(0.4402)
>>> losses.crf_decode(emissions, loss.transitions, loss.start, loss.end, mask=tags != -100)
tensor([[   0,    1, -100]])
""",
    draw=_draw_crf,
    start=Start(
        Text("T ln K", "T ln K"),
        lambda emissions, *_, **__: emissions.shape[1] * math.log(emissions.shape[2]),
        lambda emissions, tags, *own, **_: (torch.zeros_like(emissions), tags, *(torch.zeros_like(one) for one in own)),
        note=Text("T is the mean number of steps that count.", "T 为计入步数的均值。"),
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda emissions, tags, *own, **_: (60 * F.one_hot(tags, emissions.shape[2]).to(emissions.dtype), tags, *own),
    ),
    kernel=linear_chain_crf_loss,
    invariances=(
        SHIFT,
        Invariance(
            Text(
                "one number added to all transitions, to all starts or to all ends",
                "给所有转移、所有起始或所有结束得分加上同一个数",
            ),
            _raise,
        ),
        Invariance(Text("the tags renamed", "标签改名"), _rename),
    ),
    limits=(
        Limit(
            Text(
                "transitions, start and end of zero: the sum of the steps' cross-entropies",
                "转移、起始与结束得分为零：各步交叉熵之和",
            ),
            {},
            lambda emissions, tags, *_: F.cross_entropy(emissions.movedim(2, 1), tags, reduction="none").sum(1),
            draw=_draw_independent,
        ),
    ),
    hazards=(
        Text(
            "It has parameters: loss.parameters() must be given to the optimizer too.",
            "它有参数：须把 loss.parameters() 一并交给优化器。",
        ),
        Text(
            "The mean is over sequences, and the value grows with their length: for a mean over steps give "
            "denominator=mask.sum().",
            "均值按序列计，数值随序列长度增长：若要按步平均，传入 denominator=mask.sum()。",
        ),
        Text(
            "A transition of -inf is forbidden and stays so. A true path over one costs 1e30: check the tags.",
            "转移得分 -inf 表示禁止，且不会改变。真实路径经过它时损失为 1e30：应检查标签。",
        ),
        Text(
            "Steps that do not count are passed over: the tags before and after them become neighbours.",
            "不计入的步会被跳过：其前后的标签变为相邻。",
        ),
    ),
    avoid=Text(
        "Tags of neighbouring steps do not depend on each other given the input: cross_entropy per step, which "
        "needs no recursion over T.",
        "给定输入后相邻标签互不依赖时：逐步用 cross_entropy，无需沿 T 递推。",
    ),
    equivalents=(
        Equivalent(
            "torchcrf.CRF",
            Text(
                "returns the log-likelihood, of the opposite sign, summed over the batch; its mask must begin with "
                "True",
                "返回对数似然（符号相反），默认对批求和；其 mask 必须以 True 开头",
            ),
        ),
    ),
    plot=Plot(
        Text(
            "score of the true tag at each of three steps, the other at 0", "三步中每一步真实标签的得分，另一标签为 0"
        ),
        -6.0,
        6.0,
        lambda x: _three_steps(x, 0.0),
        tuple(
            Curve(label, at=lambda x, stay=stay: _three_steps(x, stay))
            for label, stay in (("A = 0", 0.0), ("A favours the path", 2.0), ("A is against it", -2.0))
        ),
    ),
)


def _three_steps(x: Tensor, stay: float) -> tuple[Tensor, ...]:
    emissions = torch.stack((x, torch.zeros_like(x))).expand(1, 3, 2)
    zeros = x.new_zeros(2)
    return emissions, torch.zeros(1, 3, dtype=torch.long), stay * torch.eye(2), zeros, zeros


SPECS = (CRF,)
