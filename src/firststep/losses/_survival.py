"""Losses of times until an event that some samples have not had yet."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from ._draw import flags, logits
from ._ranking_lists import prefix_log_sum_exp
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def cox_loss(
    log_hazard: Tensor, time: Tensor, event: Tensor, *, ties: str = "efron", mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sorted once, latest first, so that a risk set is what stands before: its log-sum-exp is a cumulative one.

    The samples of one time stand side by side, and the first of them names the group. Efron's denominators take a share
    of the tied events off the risk set; the sum is formed of positive parts only, and each tied event gets the mean of
    the logarithms of its group, so that their order does not matter.
    """
    event = event != 0
    if mask is not None:
        time = time if time.dtype.is_floating_point else time.long()  # the least uint8 is 0, a time like others
        event = event & mask
        largest = log_hazard.detach().masked_fill(~mask, torch.finfo(log_hazard.dtype).min).amax() if len(mask) else 0.0
        log_hazard = torch.where(mask, log_hazard, largest)  # no larger than what counts: the shift below is by that
        time = torch.where(mask, time, _least(time.dtype))  # last, in nobody's risk set
    n = log_hazard.shape[0]
    if n == 0:
        return log_hazard, event
    time, order = time.sort(descending=True)
    score = log_hazard[order]
    score = score - score.detach().amax()
    index = torch.arange(n, device=score.device)
    step, edge = time[1:] != time[:-1], event.new_ones(1)
    first = torch.where(torch.cat((edge, step)), index, 0).cummax(0).values
    last = torch.where(torch.cat((step, edge)), index, n).flip(0).cummin(0).values.flip(0)
    at_risk = prefix_log_sum_exp(score.unsqueeze(0)).squeeze(0)  # torch's has second derivatives that are NaN
    risk = at_risk[last] if ties == "breslow" else _efron(score, event[order], at_risk, first, last)
    return torch.zeros_like(score).scatter(0, order, risk - score), event


def _efron(score: Tensor, event: Tensor, at_risk: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """The mean of ``log(R - l/d D)`` over l < d: R the risk set's sum of hazards, D that of the d tied events."""
    whole = at_risk.detach()[last]  # a shift that no exponential exceeds
    later = torch.cat((at_risk.new_full((1,), -math.inf), at_risk))[first]
    hazard, nothing = (score - whole).exp(), torch.zeros_like(score)
    rest = (later - whole).exp() + nothing.scatter_add(0, first, torch.where(event, 0.0, hazard))[first]
    tied = nothing.scatter_add(0, first, torch.where(event, hazard, 0.0))[first]
    one = event.to(score.dtype)
    count = nothing.scatter_add(0, first, one)[first]
    before = event.cumsum(0) - event.long()
    rank = torch.where(event, before - before[first], 0)
    terms = torch.where(event, (rest + (1 - rank / count.clamp(min=1)) * tied).log(), 0.0)
    return whole + nothing.scatter_add(0, first, terms)[first] / count.clamp(min=1)


def _least(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).min if dtype.is_floating_point else torch.iinfo(dtype).min


def _draw_cox(generator: Generator, n: int) -> tuple[Tensor, ...]:
    time = torch.randint(1, 2 + n // 2, (n,), generator=generator).double()
    event = flags(generator, n)
    event[: min(n, 2)] = 1.0
    return logits(generator, n), time, event


def _log_numbers(time: Tensor, event: Tensor, ties: str, alone: bool) -> Tensor:
    """The mean of log |R|, Efron's shares taken off; ``alone``: of the risk set without all but the tied events."""
    happened = event != 0
    same = time == time[:, None]
    tied = (same & happened).sum(1).double()
    at_risk = tied if alone else (time >= time[:, None]).sum(1).double()
    if ties == "breslow":
        return at_risk[happened].log().mean()
    earlier = (same & happened & (torch.arange(len(time)) < torch.arange(len(time))[:, None])).sum(1)
    return (at_risk - earlier)[happened].log().mean()


def _ordered(log_hazard: Tensor, time: Tensor, event: Tensor, **_: Any) -> tuple[Tensor, ...]:
    rank = (time[:, None] > time).double().sum(1)
    return -40 * (2 * rank + (event == 0)), time, event


def _shift_all(generator: Generator, log_hazard: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return log_hazard + logits(generator, 1), *others


def _stretch_time(_: Generator, log_hazard: Tensor, time: Tensor, event: Tensor) -> tuple[Tensor, ...]:
    return log_hazard, time.square().exp(), event


def _draw_order(generator: Generator, n: int) -> tuple[Tensor, ...]:
    time = torch.randperm(n, generator=generator).double()
    return logits(generator, n), time, torch.ones(n, dtype=torch.float64)


def _plackett_luce(log_hazard: Tensor, time: Tensor, _: Tensor) -> Tensor:
    """Minus the log-probability of each choice, the first first."""
    left = torch.where(time >= time[:, None], log_hazard, -math.inf)
    return -left.log_softmax(1).diagonal()


def _first_of(x: Tensor, n: int) -> tuple[Tensor, ...]:
    """One sample of log-hazard x that has the event, and n - 1 that are seen for longer."""
    return torch.cat((x.reshape(1), x.new_zeros(n - 1))), torch.arange(1, n + 1), torch.arange(n) == 0


COX = LossSpec(
    name="cox_loss",
    module="CoxLoss",
    title=Text("Cox partial likelihood", "Cox 偏似然"),
    aliases=(
        "cox",
        "cox ph",
        "proportional hazards",
        "partial likelihood",
        "deepsurv",
        "比例风险",
        "生存分析",
        "偏似然",
    ),
    family="survival",
    purpose=Text(
        "Times until an event, some of them only known to be longer (censored): who has it before whom, and how "
        "much more likely.",
        "事件发生前的时间，其中一些只知道更长（删失）：谁先发生，可能性高多少。",
    ),
    formula=(
        r"-h_i + \frac{1}{d} \sum_{l=0}^{d-1} \log \left( \sum_{j : t_j \ge t_i} e^{h_j} - \frac{l}{d} \sum_{j "
        r"\in D_i} e^{h_j} \right)"
    ),
    papers=(
        Paper("Cox 1972", "Regression Models and Life-Tables", "J. R. Stat. Soc. B 34(2)"),
        Paper("Breslow 1974", "Covariance Analysis of Censored Survival Data", "Biometrics 30(1)"),
        Paper(
            "Efron 1977", "The Efficiency of Cox's Likelihood Function for Censored Data", "J. Am. Stat. Assoc. 72(359)"
        ),
        Paper(
            "Katzman et al. 2018",
            "DeepSurv: Personalized Treatment Recommender System Using a Cox Proportional Hazards Deep Neural Network",
            "arXiv:1606.00931",
        ),
    ),
    arguments=(
        Argument("log_hazard", "values", "N", "h, the model's output", "h，模型输出的对数风险"),
        Argument(
            "time",
            "counts",
            "N",
            "t, when the event was, or the sample was last seen without it",
            "t，事件发生或最后一次观察到尚未发生的时间",
            Argument("time", "values", "N", "the same as real numbers", "同上，可为实数"),
        ),
        Argument(
            "event",
            "flags",
            "N",
            "whether the event was seen; otherwise the sample is censored",
            "是否观察到事件；否则为删失",
        ),
    ),
    unit="anchor",
    options=(
        Option(
            "ties",
            Text(
                'events at the same time: "efron" takes l/d of the d tied ones (D) off the l-th denominator, '
                '"breslow" nothing (l = 0)',
                '同一时刻的事件："efron" 从第 l 个分母中减去 d 个同时事件（D）的 l/d，"breslow" 不减（l = 0）',
            ),
            choices=("efron", "breslow"),
        ),
    ),
    code="""
>>> log_hazard = torch.tensor([1.0, 0.0, -1.0, 0.5])
>>> time = torch.tensor([2.0, 5.0, 7.0, 5.0])
>>> event = torch.tensor([True, True, False, True])  # the third was last seen at 7, without an event
>>> losses.CoxLoss()(log_hazard, time, event)
tensor(0.6256)
>>> losses.CoxLoss(ties="breslow")(log_hazard, time, event)
tensor(0.8183)
""",
    draw=_draw_cox,
    start=Start(
        Text(
            "the mean over events of ln |R|, R the samples at risk; Efron's counts l less in the l-th of tied events",
            "各事件 ln |R| 的均值，R 为处于风险中的样本；Efron 对第 l 个同时事件少计 l 个",
        ),
        lambda log_hazard, time, event, ties="efron", **_: _log_numbers(time, event, ties, alone=False),
    ),
    minimum=Minimum(
        Text("0 where no two events share a time", "没有两个事件同时发生时为 0"),
        lambda log_hazard, time, event, ties="efron", **_: _log_numbers(time, event, ties, alone=True),
        _ordered,
    ),
    kernel=cox_loss,
    invariances=(
        Invariance(Text("one number added to all log-hazards", "给所有对数风险加上同一个数"), _shift_all),
        Invariance(Text("times changed in a way that keeps their order", "保持次序的时间变换"), _stretch_time),
    ),
    limits=(
        Limit(
            Text(
                "all events seen at different times: the Plackett-Luce likelihood of their order, as in ListMLE",
                "所有事件都被观察到且时刻各异：其次序的 Plackett-Luce 似然，即 ListMLE",
            ),
            {},
            _plackett_luce,
            draw=_draw_order,
        ),
    ),
    hazards=(
        Text(
            "Risk sets are those of the batch: with few samples, or few events, in it the gradient is noisy. The "
            "value grows with ln N.",
            "风险集只在批内：样本或事件少时梯度噪声大。数值随 ln N 增长。",
        ),
        Text(
            "weight weighs the events' terms, not the samples within risk sets; R's coxph weighs both.",
            "weight 只对事件项加权，不对风险集内的样本加权；R 的 coxph 两者都加权。",
        ),
        Text(
            'Strata have risk sets of their own: call it once per stratum with reduction="total" and add the totals.',
            '分层数据各层有各自的风险集：每层以 reduction="total" 调用一次再相加。',
        ),
        Text(
            "Times in half precision become ties: keep them in float32 or as integers.",
            "半精度的时间会产生虚假的同时事件：应保持 float32 或整数。",
        ),
    ),
    avoid=Text(
        "The time itself is wanted, or batches must be tiny: a Weibull or log-normal likelihood with a censored part.",
        "需要时间本身的预测，或批必须很小时：用含删失项的 Weibull 或对数正态似然。",
    ),
    equivalents=(
        Equivalent(
            "torchsurv.loss.cox.neg_partial_log_likelihood",
            Text(
                "takes (log_hazard, event, time); Efron's by default; overflows at log-hazards of 100 with ties",
                "参数次序为 (log_hazard, event, time)；默认 Efron；对数风险为 100 且有同时事件时溢出",
            ),
        ),
        Equivalent(
            "pycox.models.loss.CoxPHLoss",
            Text(
                "tied samples are at risk in the order they happen to stand; adds 1e-7 of the greatest hazard to "
                "each risk set",
                "同时的样本按其排列次序计入风险集；每个风险集加上最大风险的 1e-7",
            ),
        ),
    ),
    plot=Plot(
        Text(
            "log-hazard of the sample that has the event first, the others at 0",
            "最先发生事件的样本的对数风险，其余为 0",
        ),
        -6.0,
        6.0,
        lambda x: _first_of(x, 2),
        tuple(Curve(f"N = {n}", at=lambda x, n=n: _first_of(x, n)) for n in (2, 4, 16, 64)),
    ),
)

SPECS = (COX,)
