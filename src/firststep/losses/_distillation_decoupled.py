"""Distillation in two parts: how sure the teacher is of the target class, and what it thinks of the others."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._distillation import AGREED, FROZEN, SHIFT_TEACHER, STUDENT, TEACHER, TEACHER_GIVES, TEMPERATURE, two_classes
from ._divergence import kl_divergence
from ._draw import classes, logits
from ._invariances import SHIFT
from ._numerics import pick
from ._spec import Args, Argument, Curve, Equivalent, Limit, LossSpec, Option, Paper, Plot, Start, Text


class _Parts(NamedTuple):
    """The target class against the rest, (N, 2, *), and the rest among themselves, (N, C, *): log-probabilities."""

    target: Tensor
    others: Tensor


def decoupled_distillation_loss(
    student: Tensor, teacher: Tensor, target: Tensor, *, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
) -> Tensor:
    """The target's log-odds are its logit less the log-sum-exp of the others: no probability is formed and logged."""
    p, q = (_parts(scores, target, temperature) for scores in (teacher, student))
    value = (temperature**2 * alpha) * kl_divergence(p.target, q.target)
    return value if beta == 0 else value + (temperature**2 * beta) * kl_divergence(p.others, q.others)


def _parts(scores: Tensor, target: Tensor, temperature: float) -> _Parts:
    scores = scores - scores.detach().amax(1, keepdim=True)  # sums of large logits are rounded as coarsely as they are
    scores = scores if temperature == 1 else scores / temperature
    nothing = torch.finfo(scores.dtype).min / 2  # finite, so that a target without other classes is no NaN
    others = scores.scatter(1, target.unsqueeze(1), nothing)
    rest = others.logsumexp(1, keepdim=True)
    odds = pick(scores, target).unsqueeze(1) - rest
    return _Parts(F.logsigmoid(torch.cat((odds, -odds), 1)), others - rest)


def _draw(generator: Generator, n: int) -> Args:
    return logits(generator, n, 5), logits(generator, n, 5), classes(generator, n, 5)


def _draw_two(generator: Generator, n: int) -> Args:
    return logits(generator, n, 2), logits(generator, n, 2), classes(generator, n, 2)


def _start(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    **_: object,
) -> Tensor:
    count = student.shape[1]
    p = (teacher / temperature).softmax(1)
    sure = pick(p, target)
    rest = p.scatter(1, target.unsqueeze(1), 0.0) / (1 - sure).unsqueeze(1)
    first = sure * (sure * count).log() + (1 - sure) * ((1 - sure) * count / (count - 1)).log()
    second = math.log(count - 1) + torch.xlogy(rest, rest).sum(1)
    return temperature**2 * (alpha * first + beta * second).mean()


def _hinton(student: Tensor, teacher: Tensor, _: Tensor) -> Tensor:
    return 16 * F.kl_div((student / 4).log_softmax(1), (teacher / 4).softmax(1), reduction="none").sum(1)


def _binary(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    p, q = (pick(scores.softmax(1), target) for scores in (teacher, student))
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()


def _three_classes(x: Tensor) -> Args:
    """A student of logits (x, 0, 0) beside a teacher of (2, 0, 0); the first class is the target."""
    return (*(F.pad(one, (0, 1)) for one in two_classes(x)), torch.zeros(1, dtype=torch.long))


DECOUPLED = LossSpec(
    name="decoupled_distillation_loss",
    module="DecoupledDistillationLoss",
    title=Text("Decoupled knowledge distillation", "解耦知识蒸馏"),
    aliases=("dkd", "tckd", "nckd", "decoupled knowledge distillation", "解耦蒸馏"),
    family="distillation",
    purpose=Text(
        "Distillation whose two parts are weighed apart, so that what the teacher thinks of the other classes is not "
        "lost where it is sure of the target.",
        "把蒸馏的两部分分开加权：即使教师对目标类很有把握，它对其余类别的看法也不会被淹没。",
    ),
    formula=r"T^2 \left( \alpha \left( p_y \log \frac{p_y}{q_y} + (1 - p_y) \log \frac{1 - p_y}{1 - q_y} \right) "
    r"+ \beta \sum_{k \ne y} \hat{p}_k \log \frac{\hat{p}_k}{\hat{q}_k} \right), "
    r"\quad \hat{p}_k = \frac{p_k}{1 - p_y}",
    papers=(Paper("Zhao et al. 2022", "Decoupled Knowledge Distillation", "arXiv:2203.08679", "sec. 3"),),
    arguments=(STUDENT, TEACHER, Argument("target", "class", "N *", "y, the labels", "y，标签")),
    unit="sample",
    options=(
        Option("alpha", Text("weight of the target class against the rest", "目标类与其余类之间一项的权重"), low=0.0),
        Option("beta", Text("weight of the other classes among themselves", "其余各类之间一项的权重"), low=0.0),
        TEMPERATURE,
    ),
    code="""
>>> student = torch.tensor([[2.0, 0.0, -1.0]])
>>> teacher = torch.tensor([[9.0, 2.0, -1.0]])
>>> target = torch.tensor([0])
>>> losses.DecoupledDistillationLoss()(student, teacher, target)
tensor(7.0415)
>>> losses.DistillationLoss(temperature=4.0)(student, teacher)  # here the second part counts 1 - p_y
tensor(3.4667)
""",
    draw=_draw,
    start=Start(
        Text(
            "T² (α KL of (p_y, 1 - p_y) from (1, C - 1)/C + β (ln(C - 1) - entropy of p̂))",
            "T² (α 乘以 (p_y, 1 - p_y) 与 (1, C - 1)/C 的 KL + β (ln(C - 1) - p̂ 的熵))",
        ),
        _start,
    ),
    minimum=AGREED,
    kernel=decoupled_distillation_loss,
    invariances=(SHIFT, SHIFT_TEACHER),
    limits=(
        Limit(
            Text("of two classes, with alpha=1: distillation_loss", "只有两类且 alpha=1 时即 distillation_loss"),
            {"alpha": 1.0},
            _hinton,
            draw=_draw_two,
        ),
        Limit(
            Text(
                "beta=0, alpha=1 and temperature=1: KL of the target against the rest",
                "beta=0、alpha=1、temperature=1 时为目标类与其余类之间的 KL",
            ),
            {"beta": 0.0, "alpha": 1.0, "temperature": 1.0},
            _binary,
        ),
    ),
    hazards=(
        FROZEN,
        Text(
            "beta=8 multiplies the usual gradient by 8 and more: the authors raise the weight of this loss over the "
            "first 20 epochs. The best beta depends on the teacher, larger for one that is surer.",
            "beta=8 会使梯度放大到通常的 8 倍以上：原作者在前 20 个 epoch 逐渐增大此损失的权重。"
            "最佳 beta 取决于教师，教师越有把握应越大。",
        ),
        Text(
            "It holds the labels, but not their cross-entropy: add cross_entropy, as the authors do.",
            "它用到标签，但不含标签的交叉熵：应像原作者那样另加 cross_entropy。",
        ),
    ),
    avoid=Text(
        "There are no labels, or two classes only: distillation_loss.", "没有标签或只有两类时：用 distillation_loss。"
    ),
    equivalents=(
        Equivalent(
            "mdistiller.distillers.DKD",
            Text(
                "with the models and the cross-entropy; infinite or NaN where a softmax rounds to 0",
                "含模型与交叉熵；softmax 舍入为 0 时得到无穷大或 NaN",
            ),
        ),
    ),
    plot=Plot(
        TEACHER_GIVES,
        -6.0,
        8.0,
        _three_classes,
        tuple(Curve(f"T = {t:g}", {"temperature": t, "beta": 1.0}) for t in (1, 2, 4)),
    ),
)

SPECS = (DECOUPLED,)
