"""Losses of preferences, measured against a reference model."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import logits, uniform
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

PAIR = (
    Argument(
        "policy_chosen",
        "log-probabilities",
        "N",
        "the model's log-probability of the chosen answer, summed over its tokens",
        "模型对被选中回答的对数概率，对其词元求和",
    ),
    Argument(
        "policy_rejected", "log-probabilities", "N", "the same of the rejected answer", "被拒绝回答的对数概率，同上"
    ),
    Argument(
        "reference_chosen",
        "log-probabilities",
        "N",
        "the reference model's, of the chosen answer",
        "参考模型对被选中回答的对数概率",
    ),
    Argument(
        "reference_rejected",
        "log-probabilities",
        "N",
        "the reference model's, of the rejected answer",
        "参考模型对被拒绝回答的对数概率",
    ),
)
BETA = Option(
    "beta",
    Text(
        "how strongly the policy is held to the reference; larger moves less",
        "策略受参考模型约束的强度；越大则偏离越少",
    ),
    low=0.0,
    low_open=True,
)
LEAD = r"h = \log \frac{\pi(y_w)}{\pi_0(y_w)} - \log \frac{\pi(y_l)}{\pi_0(y_l)}"
_IN_FLOAT32 = Text(
    "Sum the log-probabilities in float32, over the answer's tokens alone: sequence_log_prob does. "
    "In bfloat16 a sum of -500 is rounded to a multiple of 2, more than the differences that matter.",
    "对数概率须以 float32 求和，且只对回答的词元求和：可用 sequence_log_prob。"
    "bfloat16 会把 -500 左右的和舍入到 2 的倍数，比所关心的差还大。",
)


def _move(generator: Generator, chosen: Tensor, rejected: Tensor, *reference: Tensor) -> tuple[Tensor, ...]:
    first, second = logits(generator, len(chosen)), logits(generator, len(chosen))
    return chosen + first, rejected + second, reference[0] + first, reference[1] + second


RATIOS = Invariance(
    Text(
        "the same number added to policy and reference of an answer",
        "给同一回答的策略与参考对数概率加上同一个数",
    ),
    _move,
)


def draw_pairs(generator: Generator, n: int) -> tuple[Tensor, ...]:
    chosen, rejected = (-uniform(generator, n, low=5.0, high=40.0) for _ in range(2))
    return chosen + 3 * logits(generator, n), rejected + 3 * logits(generator, n), chosen, rejected


def untrained(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, **_: object
) -> tuple[Tensor, ...]:
    """The policy is the reference."""
    return reference_chosen, reference_rejected, reference_chosen, reference_rejected


def apart(x: Tensor) -> tuple[Tensor, ...]:
    """One pair whose log-ratios differ by x."""
    zero = torch.zeros(1)
    return x.reshape(1), zero, zero, zero


def log_ratio_difference(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor
) -> Tensor:
    """h: each answer's ratio first, as numbers that lie close together lose nothing when they are subtracted."""
    return (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)


def logistic(behind: Tensor, smoothing: float = 0.0) -> Tensor:
    """``-(1 - s) log sigmoid(x) - s log sigmoid(-x)`` of x = -behind, which is ``log(1 + exp(behind)) - s behind``."""
    value = F.softplus(behind, threshold=40.0)
    return value if smoothing == 0 else value - smoothing * behind


def dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Through softplus: finite at any log-ratio."""
    h = log_ratio_difference(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return logistic(-beta * h, label_smoothing)


def _entropy(s: float) -> float:
    return 0.0 if s == 0 else -s * math.log(s) - (1 - s) * math.log1p(-s)


def _dpo_best(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    **_: object,
) -> tuple[Tensor, ...]:
    best = 50.0 if label_smoothing == 0 else math.log((1 - label_smoothing) / label_smoothing)
    return reference_chosen + best / beta, reference_rejected, reference_chosen, reference_rejected


DPO = LossSpec(
    name="dpo_loss",
    module="DPOLoss",
    title=Text("Direct preference optimization", "直接偏好优化"),
    aliases=("dpo", "cdpo", "conservative dpo", "direct preference optimization", "直接偏好优化损失", "人类偏好对齐"),
    family="preference",
    purpose=Text(
        "Train a language model on pairs of a chosen and a rejected answer, without a reward model. "
        "With label smoothing it is the conservative cDPO.",
        "用“选中与拒绝”的回答对训练语言模型，无需奖励模型。加上标签平滑即为保守的 cDPO。",
    ),
    formula=rf"-(1 - \epsilon) \log \sigma(\beta h) - \epsilon \log \sigma(-\beta h), \quad {LEAD}",
    papers=(
        Paper(
            "Rafailov et al. 2023",
            "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
            "arXiv:2305.18290",
            "eq. 7",
        ),
        Paper(
            "Mitchell 2023",
            "A note on DPO with noisy preferences & relationship to IPO",
            "https://ericmitchell.ai/cdpo.pdf",
            "eq. 3",
        ),
    ),
    arguments=PAIR,
    unit="pair",
    options=(
        BETA,
        Option(
            "label_smoothing",
            Text("epsilon, the share of pairs believed to be the wrong way round", "ε，认为标反了的样本对所占比例"),
            low=0.0,
            high=0.5,
        ),
    ),
    code="""
>>> policy_chosen, policy_rejected = torch.tensor([-20.0, -31.0]), torch.tensor([-25.0, -30.0])
>>> reference_chosen, reference_rejected = torch.tensor([-22.0, -31.0]), torch.tensor([-24.0, -30.0])
>>> loss = losses.DPOLoss(beta=0.1, reduction="none")
>>> loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected)  # the second pair is as at the start
tensor([0.5544, 0.6931])
""",
    draw=draw_pairs,
    start=Start(Text("ln 2", "ln 2"), lambda *_, **__: math.log(2), untrained),
    minimum=Minimum(
        Text("0; with smoothing the entropy of epsilon", "0；有平滑时为 ε 的熵"),
        lambda *_, label_smoothing=0.0, **__: _entropy(label_smoothing),
        _dpo_best,
    ),
    kernel=dpo_loss,
    invariances=(RATIOS,),
    limits=(
        Limit(
            Text(
                "with beta=1 it is logistic regression on the difference of the log-ratios",
                "beta=1 时即为对数比之差上的逻辑回归",
            ),
            {"beta": 1.0},
            lambda a, b, c, d: F.binary_cross_entropy_with_logits(a - c - b + d, torch.ones_like(a), reduction="none"),
        ),
    ),
    hazards=(
        _IN_FLOAT32,
        Text(
            "The loss falls also where the probability of the chosen answer falls, as long as the rejected one falls "
            "faster: watch both log-probabilities.",
            "只要被拒绝回答的概率降得更快，即使被选中回答的概率下降，损失也会降低：两者的对数概率都要监控。",
        ),
        Text(
            "A first value other than ln 2 says that policy and reference differ: dropout, another dtype, another "
            "mask.",
            "首步数值若不是 ln 2，说明策略与参考不一致：dropout、数据类型或掩码不同。",
        ),
    ),
    avoid=Text(
        "Answers are judged one by one, not in pairs (kto_loss), or there is no room for a reference model "
        "(simpo_loss, orpo_loss).",
        "回答是逐条评判而非成对时（用 kto_loss），或放不下参考模型时（用 simpo_loss、orpo_loss）。",
    ),
    equivalents=(
        Equivalent(
            "trl.DPOTrainer", Text("inside the trainer, loss_type='sigmoid'", "在训练器内部，loss_type='sigmoid'")
        ),
        Equivalent(
            "torchtune.rlhf.loss.DPOLoss",
            Text("not reduced; returns the rewards too", "不做归约；同时返回奖励"),
        ),
    ),
    plot=Plot(
        Text("difference of the log-ratios h", "对数比之差 h"),
        -60.0,
        60.0,
        apart,
        (
            Curve("β = 0.1"),
            Curve("β = 0.3", {"beta": 0.3}),
            Curve("β = 0.1, ε = 0.2", {"label_smoothing": 0.2}),
        ),
    ),
)


def robust_dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.1,
) -> Tensor:
    """DPO with the smoothing ``-e / (1 - 2e)``: what undoes the smoothing that wrong pairs amount to."""
    undone = -label_smoothing / (1 - 2 * label_smoothing)
    return dpo_loss(
        policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=beta, label_smoothing=undone
    )


ROBUST_DPO = LossSpec(
    name="robust_dpo_loss",
    module="RobustDPOLoss",
    title=Text("Robust DPO", "稳健 DPO"),
    aliases=("rdpo", "robust dpo", "provably robust dpo", "noisy preferences", "稳健直接偏好优化", "噪声偏好"),
    family="preference",
    purpose=Text(
        "DPO where a known share of the pairs is the wrong way round: its mean is that of DPO on the right ones.",
        "已知有一定比例的样本对标反时的 DPO：其均值等于在正确样本对上的 DPO。",
    ),
    formula=(
        r"\frac{-(1 - \epsilon) \log \sigma(\beta h) + \epsilon \log \sigma(-\beta h)}{1 - 2 \epsilon}, \quad " + LEAD
    ),
    papers=(
        Paper(
            "Chowdhury, Kini, Natarajan 2024",
            "Provably Robust DPO: Aligning Language Models with Noisy Feedback",
            "arXiv:2403.00409",
        ),
    ),
    arguments=PAIR,
    unit="pair",
    options=(
        BETA,
        Option(
            "label_smoothing",
            Text("epsilon, the share of pairs that are the wrong way round", "ε，标反的样本对所占比例"),
            low=0.0,
            high=0.5,
            high_open=True,
        ),
    ),
    code="""
>>> policy_chosen, policy_rejected = torch.tensor([-20.0, -31.0]), torch.tensor([-25.0, -30.0])
>>> reference_chosen, reference_rejected = torch.tensor([-22.0, -31.0]), torch.tensor([-24.0, -30.0])
>>> loss = losses.RobustDPOLoss(beta=0.1, label_smoothing=0.1, reduction="none")
>>> loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
tensor([0.5169, 0.6931])
""",
    draw=draw_pairs,
    start=Start(Text("ln 2", "ln 2"), lambda *_, **__: math.log(2), untrained),
    kernel=robust_dpo_loss,
    invariances=(RATIOS,),
    limits=(
        Limit(
            Text("label_smoothing=0 is dpo_loss", "label_smoothing=0 即 dpo_loss"),
            {"label_smoothing": 0.0},
            lambda a, b, c, d: F.softplus(-0.1 * (a - b - c + d)),
        ),
    ),
    hazards=(
        Text(
            "It has no least value: beyond the right margin it falls without end. Stop early, or use dpo_loss.",
            "它没有最小值：间隔足够大后会无限下降。应早停，或改用 dpo_loss。",
        ),
        Text(
            "label_smoothing has the opposite effect to that of dpo_loss: there a pair counts less, here more.",
            "label_smoothing 的作用与 dpo_loss 相反：那里削弱每个样本对，这里则增强。",
        ),
        _IN_FLOAT32,
    ),
    avoid=Text(
        "The share of wrong pairs is not known: dpo_loss with label_smoothing is bounded below.",
        "不知道标反的比例时：带 label_smoothing 的 dpo_loss 有下界。",
    ),
    equivalents=(
        Equivalent(
            "trl.DPOTrainer", Text("inside the trainer, loss_type='robust'", "在训练器内部，loss_type='robust'")
        ),
    ),
    plot=Plot(
        Text("difference of the log-ratios h", "对数比之差 h"),
        -60.0,
        60.0,
        apart,
        tuple(Curve(f"ε = {e:g}", {"label_smoothing": e}) for e in (0.0, 0.1, 0.3)),
    ),
)


SPECS = (DPO, ROBUST_DPO)
