"""Losses of policies: tokens or actions, each with an advantage."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ._draw import logits, uniform
from ._invariances import MOVE
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_LARGEST = 20.0
"""Log-ratios above it, a ratio of 5e8, are no longer followed: in float32 the exponential ends at 88."""


def probability(name: str, shape: str, en: str, zh: str) -> Argument:
    return Argument(name, "log-probabilities", shape, en, zh)


NOW = Text("log-probabilities of the tokens under the model in training", "正在训练的模型给各词元的对数概率")
THEN = Text("the same under the model that wrote them, without a gradient", "生成它们的模型的对数概率，不带梯度")
CLIP = (
    Option("clip_low", Text("the ratio counts down to 1 - clip_low", "比值最低计到 1 - clip_low"), low=0.0, high=1.0),
    Option("clip_high", Text("the ratio counts up to 1 + clip_high", "比值最高计到 1 + clip_high"), low=0.0),
    Option(
        "dual_clip",
        Text(
            "where the advantage is negative the ratio counts up to this number; None for no bound",
            "优势为负时比值最高计到此数；None 为不设上限",
        ),
        low=1.0,
    ),
)
_PPO_PAPER = Paper("Schulman et al. 2017", "Proximal Policy Optimization Algorithms", "arXiv:1707.06347", "eq. 7")
_DUAL_PAPER = Paper(
    "Ye et al. 2020",
    "Mastering Complex Control in MOBA Games with Deep Reinforcement Learning",
    "arXiv:1912.09729",
)
SAME_TENSOR = Text(
    "old_log_prob is a number that was stored or detached: log_prob given twice has the right value and no gradient.",
    "old_log_prob 应为保存下来或 detach 过的数值：两次传入 log_prob 时数值正确但没有梯度。",
)


def ppo_clip_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> Tensor:
    """Of the two products the smaller is the one clipped on the side that the advantage's sign says, so the log-ratio
    is clipped before the exponential, which then cannot overflow. A negative advantage leaves the ratio unbounded: it
    is followed up to exp(20)."""
    floor = math.log1p(-clip_low) if clip_low < 1 else -math.inf
    ceiling = _LARGEST if dual_clip is None else math.log(dual_clip)
    negative = advantage < 0
    log_ratio = log_prob - old_log_prob
    high = torch.where(negative, log_ratio.new_full((), ceiling), math.log1p(clip_high))
    low = torch.where(negative, log_ratio.new_full((), floor), -math.inf)
    return -advantage * torch.exp(log_ratio.clamp(low, high))


def at_the_clip(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    **_: object,
) -> tuple[Tensor, ...]:
    ratio = torch.where(advantage < 0, advantage.new_full((), 1 - clip_low), 1 + clip_high)
    return old_log_prob + ratio.log(), old_log_prob, advantage


def least(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    **_: object,
) -> Tensor:
    return -(torch.where(advantage < 0, advantage.new_full((), 1 - clip_low), 1 + clip_high) * advantage).mean()


def draw_ppo(generator: Generator, n: int) -> tuple[Tensor, ...]:
    old = -uniform(generator, n, 4, low=0.5, high=3.0)
    return old + 0.3 * logits(generator, n, 4), old, logits(generator, n, 4)


PPO_CLIP = LossSpec(
    name="ppo_clip_loss",
    module="PPOClipLoss",
    title=Text("PPO, clipped", "PPO 截断目标"),
    aliases=(
        "ppo",
        "proximal policy optimization",
        "clipped surrogate",
        "dual clip",
        "gspo",
        "近端策略优化",
        "截断代理目标",
    ),
    family="preference",
    purpose=Text(
        "Make actions with a positive advantage likelier and others less likely, but not by more than the clip allows, "
        "from samples that an older policy drew.",
        "利用旧策略采样的数据，使优势为正的动作更可能、为负的更不可能，但幅度不超过截断范围。",
    ),
    formula=r"-\min \left( \rho A, \; \text{clip}(\rho, 1 - \epsilon_{low}, 1 + \epsilon_{high}) \, A \right), \quad "
    r"\rho = \frac{\pi(a)}{\pi_{old}(a)}",
    papers=(_PPO_PAPER, _DUAL_PAPER),
    arguments=(
        probability("log_prob", "*", *NOW),
        probability("old_log_prob", "*", *THEN),
        Argument("advantage", "values", "*", "A, of each token or action", "A，每个词元或动作的优势"),
    ),
    unit="token",
    options=CLIP,
    code="""
>>> log_prob = torch.tensor([-1.0, -1.0, -1.0], requires_grad=True)
>>> old_log_prob = torch.tensor([-1.0, -2.0, -2.0])  # the ratio is 1, 2.718, 2.718
>>> advantage = torch.tensor([1.0, 1.0, -1.0])
>>> value = losses.PPOClipLoss(reduction="none")(log_prob, old_log_prob, advantage)
>>> value.detach()  # the second is clipped: it went far enough
tensor([-1.0000, -1.2000,  2.7183])
>>> torch.autograd.grad(value.sum(), log_prob)[0]
tensor([-1.0000,  0.0000,  2.7183])
""",
    draw=draw_ppo,
    start=Start(
        Text("-mean(A): 0 for whitened advantages", "-mean(A)：优势经白化后为 0"),
        lambda log_prob, old_log_prob, advantage, **_: -advantage.mean(),
        lambda log_prob, old_log_prob, advantage, **_: (old_log_prob, old_log_prob, advantage),
    ),
    minimum=Minimum(
        Text(
            "-(1 + ε_high) A for A > 0, -(1 - ε_low) A for A < 0",
            "A > 0 时为 -(1 + ε_high) A，A < 0 时为 -(1 - ε_low) A",
        ),
        least,
        at_the_clip,
    ),
    kernel=ppo_clip_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text(
                "with a wide clip it is the importance-weighted policy gradient", "截断范围很宽时即重要性加权的策略梯度"
            ),
            {"clip_low": 1.0, "clip_high": 1e9},
            lambda log_prob, old_log_prob, advantage: -advantage * log_prob.exp() / old_log_prob.exp(),
        ),
    ),
    hazards=(
        SAME_TENSOR,
        Text(
            "The value says nothing: at the first step of each round it is -mean(A). Watch the reward, and the share "
            "of ratios that are clipped.",
            "损失值本身没有含义：每轮第一步都是 -mean(A)。应观察奖励以及被截断比值的比例。",
        ),
        Text(
            "A ratio above exp(20) at a negative advantage has no gradient; it comes from a mismatch of the two "
            "models. dual_clip=3 bounds it long before.",
            "优势为负且比值超过 exp(20) 时没有梯度；这来自两个模型不一致。dual_clip=3 会早早将其限制住。",
        ),
        Text(
            "GSPO is this loss of one number per answer: mean log-probabilities (N,), with clips near 3e-4.",
            "GSPO 即每个回答一个数的本损失：传入平均对数概率 (N,)，截断约 3e-4。",
        ),
    ),
    avoid=Text(
        "There are preferences but no rewards: dpo_loss learns from them without sampling.",
        "只有偏好而没有奖励时：dpo_loss 无需采样即可学习。",
    ),
    equivalents=(
        Equivalent(
            "torchrl.objectives.ClipPPOLoss",
            Text("holds the networks; adds entropy and value terms", "内含网络；另加熵项与价值项"),
        ),
        Equivalent("torchtune.rlhf.loss.PPOLoss", Text("adds the value term", "另加价值项")),
    ),
    plot=Plot(
        Text("log of the ratio", "比值的对数"),
        -1.0,
        1.0,
        lambda x: (x.reshape(1), torch.zeros(1), torch.ones(1)),
        (
            Curve("A = 1"),
            Curve("A = -1", at=lambda x: (x.reshape(1), torch.zeros(1), -torch.ones(1))),
            Curve("A = 1, ε_high = 0.5", {"clip_high": 0.5}),
        ),
    ),
)


SPECS = (PPO_CLIP,)
