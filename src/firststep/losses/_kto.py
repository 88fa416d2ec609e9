"""Losses of single answers, each marked good or bad, measured against a reference model."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ._draw import flags, logits, uniform
from ._invariances import MOVE
from ._preference import BETA
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def kto_loss(
    policy: Tensor,
    reference: Tensor,
    desirable: Tensor,
    kl: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """``1 - sigmoid(x)`` as ``sigmoid(-x)``, which does not cancel."""
    wanted = desirable != 0
    score = beta * (policy - reference - kl)
    value = torch.sigmoid(torch.where(wanted, -score, score))
    if desirable_weight == undesirable_weight:
        return value if desirable_weight == 1 else desirable_weight * value
    return torch.where(wanted, desirable_weight * value, undesirable_weight * value)


def kto_reference_point(policy: Tensor, reference: Tensor) -> Tensor:
    """The ``kl`` of :func:`kto_loss`: how far the policy has gone from the reference, at least 0, without a gradient.

    Args:
        policy, reference: (N,) summed log-probabilities of answers beside prompts that they do not belong to, such as
            each prompt with the next one's answer.

    Returns:
        (N,), the same number for each.

    >>> import torch
    >>> from firststep import losses
    >>> losses.kto_reference_point(torch.tensor([-9.0, -12.0]), torch.tensor([-10.0, -14.0]))
    tensor([1.5000, 1.5000])
    """
    ratio = (policy.detach().to(torch.promote_types(policy.dtype, torch.float32)) - reference.detach()).mean()
    return ratio.clamp(min=0).expand_as(policy)


def _kto_share(desirable: Tensor, desirable_weight: float = 1.0, undesirable_weight: float = 1.0) -> Tensor:
    return torch.where(desirable != 0, desirable_weight, undesirable_weight).double().mean()


def _draw_kto(generator: Generator, n: int) -> tuple[Tensor, ...]:
    reference = -uniform(generator, n, low=5.0, high=40.0)
    kl = uniform(generator, n, low=0.1, high=2.0)
    return reference + 3 * logits(generator, n), reference, flags(generator, n), kl


def _answer(x: Tensor, good: float, kl: float) -> tuple[Tensor, ...]:
    """One answer of log-ratio x."""
    return x.reshape(1), torch.zeros(1), torch.full((1,), good), torch.full((1,), kl)


KTO = LossSpec(
    name="kto_loss",
    module="KTOLoss",
    title=Text("Kahneman-Tversky optimization", "卡尼曼-特沃斯基优化"),
    aliases=("kto", "kahneman tversky", "thumbs up", "unpaired preference", "点赞点踩", "非成对偏好"),
    family="preference",
    purpose=Text(
        "Answers marked good or bad one by one, without pairs: thumbs up and down.",
        "逐条标为好或坏、不成对的回答：点赞与点踩。",
    ),
    formula=(
        r"\lambda_y \, \sigma(-s_y \, \beta (r - z)), \quad r = \log \frac{\pi(y)}{\pi_0(y)}, \quad "
        r"s_y = \pm 1 \text{ for a good or a bad answer}"
    ),
    papers=(
        Paper("Ethayarajh et al. 2024", "KTO: Model Alignment as Prospect Theoretic Optimization", "arXiv:2402.01306"),
    ),
    arguments=(
        Argument(
            "policy",
            "log-probabilities",
            "N",
            "the model's log-probability of each answer, summed over its tokens",
            "模型对每个回答的对数概率，对其词元求和",
        ),
        Argument("reference", "log-probabilities", "N", "the reference model's", "参考模型的对数概率"),
        Argument("desirable", "flags", "N", "whether the answer is good", "回答是否为好"),
        Argument(
            "kl",
            "values",
            "N",
            "z, the reference point: one number for the batch, as kto_reference_point gives it",
            "z，参考点：整批同一个数，由 kto_reference_point 给出",
        ),
    ),
    unit="sequence",
    options=(
        BETA,
        Option("desirable_weight", Text("lambda of good answers", "好回答的 λ"), low=0.0),
        Option("undesirable_weight", Text("lambda of bad answers", "坏回答的 λ"), low=0.0),
    ),
    code="""
>>> policy, reference = torch.tensor([-20.0, -28.0]), torch.tensor([-22.0, -30.0])
>>> desirable = torch.tensor([True, False])
>>> kl = losses.kto_reference_point(torch.tensor([-40.0, -51.0]), torch.tensor([-41.0, -52.0]))
>>> losses.KTOLoss(beta=0.1, reduction="none")(policy, reference, desirable, kl)
tensor([0.4750, 0.5250])
""",
    draw=_draw_kto,
    start=Start(
        Text("λ/2, the mean of the weights over 2", "λ/2，即权重均值的一半"),
        lambda policy, reference, desirable, kl, desirable_weight=1.0, undesirable_weight=1.0, **_: (
            _kto_share(desirable, desirable_weight, undesirable_weight) / 2
        ),
        lambda policy, reference, desirable, kl, **_: (reference, reference, desirable, torch.zeros_like(kl)),
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda policy, reference, desirable, kl, beta=0.1, **_: (
            reference + kl + (2 * desirable - 1) * 50 / beta,
            reference,
            desirable,
            kl,
        ),
    ),
    kernel=kto_loss,
    invariances=(MOVE,),
    hazards=(
        Text(
            "kl must carry no gradient, and comes from mismatched prompts and answers: the log-ratio of the batch's "
            "own answers is no reference point. Zero is a common choice where that costs too much.",
            "kl 不可带梯度，且须来自错配的提示与回答：批内回答自身的对数比不是参考点。开销过大时常取 0。",
        ),
        Text(
            "The loss is bounded: an answer far on the wrong side has next to no gradient and is given up.",
            "损失有界：严重判错的回答几乎没有梯度，等于被放弃。",
        ),
        Text(
            "Where good and bad are not equally many, set the weights so that lambda times count is about the same "
            "for both.",
            "好坏数量不均时，应设权重使两者的 λ 乘以数量大致相等。",
        ),
    ),
    avoid=Text(
        "There are pairs of answers to the same prompt: dpo_loss uses that they belong together.",
        "同一提示有成对的回答时：dpo_loss 能利用其配对关系。",
    ),
    equivalents=(
        Equivalent(
            "trl.KTOTrainer",
            Text("inside the trainer; estimates the reference point itself", "在训练器内部；自行估计参考点"),
        ),
    ),
    plot=Plot(
        Text("log-ratio r", "对数比 r"),
        -60.0,
        60.0,
        lambda x: _answer(x, good=1.0, kl=0.0),
        (
            Curve("s = 1"),
            Curve("s = -1", at=lambda x: _answer(x, good=0.0, kl=0.0)),
            Curve("s = 1, z = 10", at=lambda x: _answer(x, good=1.0, kl=10.0)),
        ),
    ),
)

SPECS = (KTO,)
