"""The bi-tempered logistic loss: a bounded logarithm on a softmax with heavy tails."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import LossError
from ._cross_entropy import cross_entropy
from ._draw import classes, logits
from ._invariances import SHIFT
from ._multiclass import CLASS_ARGUMENTS, TARGET_LOGIT, sure, two_classes
from ._numerics import log_softmax, pick
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def bi_tempered_logistic_loss(
    input: Tensor, target: Tensor, *, t1: float = 0.8, t2: float = 1.4, label_smoothing: float = 0.0
) -> Tensor:
    """All in log p: ``log_t p = expm1((1 - t) log p) / (1 - t)``, so that nothing overflows and t = 1 is no hole."""
    if t1 == 1 and t2 < 1:
        raise LossError(
            f"bi_tempered_logistic_loss(t1=1, t2={t2:g}): with t2 < 1 probabilities may be 0, and their logarithm is "
            "finite only for t1 < 1"
        )
    own, other = _label(input.shape[1], label_smoothing)
    constant = _bregman_constant(own, other, input.shape[1], t1)
    if t1 == 1 and t2 == 1:
        return cross_entropy(input, target, label_smoothing=label_smoothing) + (constant + 1)
    log_p = tempered_log_softmax(input, t2)
    cost = _tempered_log(pick(log_p, target), t1) * (other - own)
    if other != 0:
        cost = cost - other * _tempered_log(log_p, t1).sum(1)
    if t1 == 1:  # the probabilities sum to 1
        return cost + (constant + 1)
    return cost + torch.exp((2 - t1) * log_p).sum(1) / (2 - t1) + constant


def _label(size: int, label_smoothing: float) -> tuple[float, float]:
    """What the label gives to its class, and to each other one."""
    return 1 - label_smoothing + label_smoothing / size, label_smoothing / size


def _bregman_constant(own: float, other: float, size: int, t1: float) -> float:
    """``sum(y log_t y - y^(2 - t) / (2 - t))`` over the label."""

    def term(y: float) -> float:
        if y == 0:
            return 0.0
        power = y * math.log(y) if t1 == 1 else y * math.expm1((1 - t1) * math.log(y)) / (1 - t1)
        return power - y ** (2 - t1) / (2 - t1)

    return term(own) + (size - 1) * term(other)


def _tempered_log(log_p: Tensor, t: float) -> Tensor:
    return log_p if t == 1 else torch.expm1((1 - t) * log_p) / (1 - t)


def tempered_log_softmax(input: Tensor, t: float) -> Tensor:
    """``log exp_t(z - lambda)`` over axis 1, where lambda makes the probabilities sum to 1.

    ``g(lambda) ** (1 - t)``, g the sum of the probabilities, is concave in lambda for t > 1 and convex for t < 1, and
    nearly straight. Newton's method on it climbs from the left without overshooting, and is done in a few steps. The
    gradient is that of the implicit function, exact however many steps there were.
    """
    if t == 1:
        return log_softmax(input)
    z = input - input.detach().amax(1, keepdim=True)
    steps = 12 if t < 0.5 else 6 if z.dtype == torch.float32 else 8
    if torch.compiler.is_compiling():
        level = torch.zeros_like(z.detach().narrow(1, 0, 1))
        for _ in range(steps):
            level = _newton(z.detach(), level, t)
        return _log_p(z, _newton(z, _newton(z, level, t), t), t)  # two steps with a gradient: exact to the second one
    level: Any = _Level.apply(z, t, steps)
    return _log_p(z, level, t)


def _log_p(z: Tensor, level: Tensor, t: float) -> Tensor:
    """``log exp_t(z - level)``, -inf with gradient 0 where the probability is 0."""
    depth = (level - z) * (t - 1)
    if t > 1:
        return torch.log1p(depth) / (1 - t)
    inside = depth > -1
    return torch.where(inside, torch.log1p(torch.where(inside, depth, 0.0)) / (1 - t), -math.inf)


def _newton(z: Tensor, level: Tensor, t: float) -> Tensor:
    log_p = _log_p(z, level, t)
    mass = torch.exp(log_p).sum(1, keepdim=True)
    slope = torch.exp(t * log_p).sum(1, keepdim=True)
    return level + mass / slope * torch.expm1((t - 1) * mass.log()) / (t - 1)


class _Level(torch.autograd.Function):
    """lambda of the scores: its gradient is the escort distribution ``p ** t / sum(p ** t)``."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, t: float, steps: int) -> Tensor:
        level = torch.zeros_like(z.narrow(1, 0, 1))
        scaled = z * (1 - t)
        for _ in range(steps):  # as _newton, in place
            depth = scaled + level * (t - 1)
            log_p = torch.log1p(depth if t > 1 else depth.clamp(min=-1.0)).mul_(1 / (1 - t))
            mass = torch.exp(log_p).sum(1, keepdim=True)
            slope = log_p.mul_(t).exp_().sum(1, keepdim=True)
            level = level + mass / slope * torch.expm1((t - 1) * mass.log()) / (t - 1)
        return level

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, int], output: Tensor) -> None:
        ctx.t = inputs[1]
        ctx.save_for_backward(inputs[0], output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        z, level = ctx.saved_tensors
        return gradients[0] * _escort(z, level, ctx.t), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        z, level = ctx.saved_tensors
        return (tangents[0] * _escort(z, level, ctx.t)).sum(1, keepdim=True)


def _escort(z: Tensor, level: Tensor, t: float) -> Tensor:
    power = torch.exp(t * _log_p(z, level, t))
    return power / power.sum(1, keepdim=True)


def _start(
    input: Tensor, target: Tensor, t1: float = 0.8, t2: float = 1.4, label_smoothing: float = 0.0, **_: object
) -> float:
    size = input.shape[1]
    own, other = _label(size, label_smoothing)
    log_p = -math.log(size)
    log_t = log_p if t1 == 1 else (math.exp((1 - t1) * log_p) - 1) / (1 - t1)
    return _bregman_constant(own, other, size, t1) - log_t + size ** (t1 - 1) / (2 - t1)


def _least(
    input: Tensor, target: Tensor, t2: float = 1.4, label_smoothing: float = 0.0, **_: object
) -> tuple[Tensor, Tensor]:
    """``log_t2`` of the label, whose lambda is 0."""
    if label_smoothing == 0:
        return sure(input, target, 1e9 ** max(1.0, t2 - 1))
    own, other = _label(input.shape[1], label_smoothing)
    label = sure(input, target, own - other)[0] + other
    return label.log() if t2 == 1 else (label ** (1 - t2) - 1) / (1 - t2), target


BI_TEMPERED = LossSpec(
    name="bi_tempered_logistic_loss",
    module="BiTemperedLogisticLoss",
    title=Text("Bi-tempered logistic loss", "双温度逻辑损失"),
    aliases=("bi-tempered", "bitempered", "tempered softmax", "tempered logistic", "双温度", "双温度损失"),
    family="noise",
    purpose=Text(
        "Some labels are wrong: t1 < 1 bounds what one sample can cost, t2 > 1 gives probabilities heavy tails near "
        "the boundary.",
        "部分标签有误：t1 < 1 限制单个样本的损失，t2 > 1 使概率在边界附近有重尾。",
    ),
    formula=r"-\log_{t_1} p_y - \frac{1}{2 - t_1} (1 - \sum_{k} p_k^{2 - t_1}), "
    r"\quad p_k = \exp_{t_2}(z_k - \lambda), \quad \sum_{k} p_k = 1, \quad \log_t x = \frac{x^{1 - t} - 1}{1 - t}, "
    r"\quad \exp_t x = \max(0, 1 + (1 - t) x)^{1/(1 - t)}",
    papers=(
        Paper(
            "Amid et al. 2019",
            "Robust Bi-Tempered Logistic Loss Based on Bregman Divergences",
            "arXiv:1906.03361",
        ),
    ),
    arguments=CLASS_ARGUMENTS,
    unit="sample",
    options=(
        Option(
            "t1",
            Text(
                "temperature of the logarithm: below 1 no sample costs more than about 1/(1 - t1)",
                "对数的温度：小于 1 时单个样本的损失约不超过 1/(1 - t1)",
            ),
            low=0.0,
            high=1.0,
        ),
        Option(
            "t2",
            Text(
                "temperature of the softmax: above 1 heavy tails, below 1 probabilities of exactly 0",
                "softmax 的温度：大于 1 为重尾，小于 1 时概率可恰为 0",
            ),
            low=0.0,
            high=5.0,
            low_open=True,
        ),
        Option(
            "label_smoothing",
            Text("share of the label that is spread evenly over all classes", "均匀分给所有类别的标签份额"),
            low=0.0,
            high=1.0,
        ),
    ),
    code="""
>>> input = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
>>> target = torch.tensor([0, 1])  # the second label is wrong
>>> losses.BiTemperedLogisticLoss(reduction="none")(input, target)
tensor([0.1028, 1.8638])
>>> losses.BiTemperedLogisticLoss(t1=1.0, t2=1.0, reduction="none")(input, target)  # cross-entropy
tensor([0.0360, 4.0360])
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("-log_t1(1/C) - (1 - C^(t1 - 1)) / (2 - t1)", "-log_t1(1/C) - (1 - C^(t1 - 1)) / (2 - t1)"),
        _start,
    ),
    minimum=Minimum(
        Text("0, with smoothing too", "0，有平滑时也是"),
        lambda *_, **__: 0.0,
        _least,
    ),
    kernel=bi_tempered_logistic_loss,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("t1 = t2 = 1 is cross-entropy", "t1 = t2 = 1 即交叉熵"),
            {"t1": 1.0, "t2": 1.0},
            lambda input, target: F.cross_entropy(input, target, reduction="none"),
        ),
        Limit(
            Text("t1 = 0, t2 = 1 is half the Brier score", "t1 = 0、t2 = 1 即 Brier 分数的一半"),
            {"t1": 0.0, "t2": 1.0},
            lambda input, target: (F.one_hot(target, input.shape[1]) - input.softmax(1)).square().sum(1) / 2,
        ),
    ),
    hazards=(
        Text(
            "Predict with the tempered softmax, or by the largest logit: the ordinary softmax of these logits is not "
            "the model's probability.",
            "预测概率应使用带温度的 softmax，或直接取最大 logit：对这些 logits 做普通 softmax 得不到模型的概率。",
        ),
        Text(
            "With t1 < 1 a sample that is far off has almost no gradient: where most are, start from a trained model, "
            "or with t1 nearer to 1.",
            "t1 < 1 时错得很远的样本几乎没有梯度：若多数样本如此，应从训练过的模型开始，或让 t1 更接近 1。",
        ),
        Text(
            "The value is a divergence: at t1 = t2 = 1 with smoothing it is cross-entropy less the entropy of the "
            "smoothed label.",
            "数值是一种散度：t1 = t2 = 1 且有平滑时，为交叉熵减去平滑后标签的熵。",
        ),
    ),
    avoid=Text(
        "Labels are clean (cross_entropy), or one number should do (generalized_cross_entropy).",
        "标签干净（用 cross_entropy），或只想调一个数（用 generalized_cross_entropy）时。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_toolbelt.losses.BiTemperedLogisticLoss",
            Text(
                "5 steps of a fixed-point iteration, not converged for wide logits: with 1000 classes of standard "
                "deviation 10 at t2 = 1.4 probabilities sum to 1.03 to 1.15; smoothing gives the label's class none of "
                "its share",
                "5 步不动点迭代，logits 分散时尚未收敛：1000 类、标准差 10、t2 = 1.4 时概率之和为 1.03 到 1.15；"
                "平滑份额不分给标签类",
            ),
        ),
    ),
    plot=Plot(
        TARGET_LOGIT,
        -6.0,
        6.0,
        two_classes,
        tuple(
            Curve(f"t1 = {t1:g}, t2 = {t2:g}", {"t1": t1, "t2": t2})
            for t1, t2 in ((1.0, 1.0), (0.8, 1.4), (0.2, 1.0), (0.2, 4.0))
        ),
    ),
)

SPECS = (BI_TEMPERED,)
