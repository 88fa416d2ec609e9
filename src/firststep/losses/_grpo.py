"""Group-relative policy optimization, and the advantages that it takes."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import logits
from ._numerics import divide
from ._policy import CLIP, NOW, SAME_TENSOR, THEN, at_the_clip, draw_ppo, least, ppo_clip_loss, probability
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_BEND = 10.0
"""Where the exponential of the divergence goes on as its tangent: its gradient, 22026, still fits into float16."""


def _k3(log_prob: Tensor, reference: Tensor) -> Tensor:
    """``exp(d) - d - 1``, d = reference - log_prob; a tangent above 10, so that the pull back to the reference stays
    where the exponential would overflow."""
    d = reference - log_prob
    beyond = torch.relu(d - _BEND)
    return torch.expm1(d.clamp(max=_BEND)) + math.exp(_BEND) * beyond - d


def grpo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    reference_log_prob: Tensor,
    advantage: Tensor,
    *,
    beta: float = 0.04,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> Tensor:
    """PPO's loss with one advantage for each answer, and the divergence from the reference."""
    value = ppo_clip_loss(
        log_prob, old_log_prob, advantage.unsqueeze(1), clip_low=clip_low, clip_high=clip_high, dual_clip=dual_clip
    )
    return value if beta == 0 else value + beta * _k3(log_prob, reference_log_prob)


def group_advantage(
    rewards: Tensor,
    *,
    group_size: int | None = None,
    groups: Tensor | None = None,
    scale: Literal["group", "batch", "none"] = "group",
    eps: float = 1e-4,
) -> Tensor:
    """The ``advantage`` of :func:`grpo_loss`: each reward less the mean of its group, the answers to one prompt.

    Args:
        rewards: (N,), of each answer.
        group_size: of groups of one size that stand one after the other.
        groups: or (N,) integers: answers with the same number are a group.
        scale: what it is divided by: the standard deviation of its "group" (GRPO) or of all rewards of the "batch",
            each over n - 1; or "none" (Dr. GRPO, where a prompt that is nearly always or never solved counts no more
            than others).
        eps: added to the standard deviation, so that a group of equal rewards gives 0.

    Returns:
        (N,), float32, or float64 for float64 rewards.

    Raises:
        LossError: unless exactly one of ``group_size`` and ``groups`` is given and fits, or for an unknown scale.

    >>> import torch
    >>> from firststep import losses
    >>> rewards = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    >>> losses.group_advantage(rewards, group_size=3)
    tensor([ 1.1545, -0.5773, -0.5773,  0.0000,  0.0000,  0.0000])
    >>> losses.group_advantage(rewards, groups=torch.tensor([7, 7, 7, 9, 9, 9]), scale="none")
    tensor([ 0.6667, -0.3333, -0.3333,  0.0000,  0.0000,  0.0000])
    """
    if scale not in ("group", "batch", "none"):
        raise LossError(f"group_advantage(scale={scale!r}): expected one of 'group', 'batch', 'none'")
    index = _group_index(rewards, group_size, groups)
    rewards = rewards if rewards.dtype == torch.float64 else rewards.float()

    def of_group(each: Tensor) -> Tensor:
        return torch.zeros_like(each).index_add(0, index, each)[index]

    count = of_group(torch.ones_like(rewards))
    centred = rewards - of_group(rewards) / count
    if scale == "none":
        return centred
    if scale == "batch":
        spread = ((rewards - rewards.mean()) ** 2).sum() / max(len(rewards) - 1, 1)
    else:
        spread = divide(of_group(centred**2), count - 1)
    return centred / (spread.sqrt() + eps)


def _group_index(rewards: Tensor, group_size: int | None, groups: Tensor | None) -> Tensor:
    """For each reward the position of one of its group's: the same for the whole group."""
    if rewards.ndim != 1:
        raise LossError(f"group_advantage: rewards has shape {tuple(rewards.shape)}, expected (N,)")
    if (group_size is None) == (groups is None):
        raise LossError("group_advantage: give either group_size or groups")
    if groups is not None:
        if groups.shape != rewards.shape:
            raise LossError(
                f"group_advantage: groups has shape {tuple(groups.shape)} beside rewards of shape "
                f"{tuple(rewards.shape)}: expected the same"
            )
        return torch.searchsorted(groups.sort().values, groups)
    assert group_size is not None
    if group_size < 1 or len(rewards) % group_size:
        raise LossError(f"group_advantage: {len(rewards)} rewards do not make groups of {group_size}")
    return torch.arange(len(rewards), device=rewards.device) // group_size


def _best_answers(old: Tensor, advantage: Tensor, **options: Any) -> tuple[Tensor, ...]:
    policy, _, _ = at_the_clip(old, old, advantage.unsqueeze(1), **options)
    return policy, old, policy, advantage


def _draw_grpo(generator: Generator, n: int) -> tuple[Tensor, ...]:
    log_prob, old, _ = draw_ppo(generator, n)
    return log_prob, old, old + 0.5 * logits(generator, n, 4), logits(generator, n)


def _move_all(
    generator: Generator, log_prob: Tensor, old: Tensor, reference: Tensor, advantage: Tensor
) -> tuple[Tensor, ...]:
    by = logits(generator, *log_prob.shape)
    return log_prob + by, old + by, reference + by, advantage


GRPO = LossSpec(
    name="grpo_loss",
    module="GRPOLoss",
    title=Text("Group relative policy optimization", "组相对策略优化"),
    aliases=(
        "grpo",
        "dapo",
        "dr. grpo",
        "dr grpo",
        "group relative policy optimization",
        "rlvr",
        "组相对策略优化损失",
        "可验证奖励",
    ),
    family="preference",
    purpose=Text(
        "Train a language model on several answers to each prompt, each with a reward: better than its group becomes "
        "likelier. What the tokens are divided by is said, not hidden: the mask and the denominator make it GRPO, "
        "DAPO or Dr. GRPO.",
        "每个提示生成多个回答并各得奖励，优于同组平均者变得更可能。词元损失除以什么由你明说：mask 与 denominator "
        "决定它是 GRPO、DAPO 还是 Dr. GRPO。",
    ),
    formula=r"-\min \left( \rho_t A, \; \text{clip}(\rho_t, 1 - \epsilon_{low}, 1 + \epsilon_{high}) \, A \right) "
    r"+ \beta \left( e^{d_t} - d_t - 1 \right), \quad \rho_t = \frac{\pi(y_t)}{\pi_{old}(y_t)}, \quad "
    r"d_t = \log \frac{\pi_0(y_t)}{\pi(y_t)}",
    papers=(
        Paper(
            "Shao et al. 2024",
            "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
            "arXiv:2402.03300",
            "eq. 3, 4",
        ),
        Paper("Yu et al. 2025", "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", "arXiv:2503.14476"),
        Paper("Liu et al. 2025", "Understanding R1-Zero-Like Training: A Critical Perspective", "arXiv:2503.20783"),
    ),
    arguments=(
        probability("log_prob", "N T", *NOW),
        probability("old_log_prob", "N T", *THEN),
        probability(
            "reference_log_prob",
            "N T",
            "the same under the reference model; not read where beta is 0: give old_log_prob again",
            "参考模型的对数概率；beta 为 0 时不会读取：再传一次 old_log_prob 即可",
        ),
        Argument(
            "advantage",
            "values",
            "N",
            "A, of each answer, as group_advantage gives it",
            "A，每个回答的优势，由 group_advantage 给出",
        ),
    ),
    unit="token",
    options=(
        Option("beta", Text("the weight of the divergence from the reference", "与参考模型散度的权重"), low=0.0),
        *CLIP,
    ),
    code="""
>>> log_prob = torch.tensor([[-1.0, -1.0, -1.0, -1.0], [-2.0, -2.0, 0.0, 0.0]])
>>> old_log_prob = log_prob - torch.tensor([[0.1], [0.0]])  # the first answer is likelier than it was
>>> mask = torch.tensor([[True, True, True, True], [True, True, False, False]])  # answers of 4 and 2 tokens
>>> advantage = losses.group_advantage(torch.tensor([1.0, 0.0]), group_size=2, scale="none")
>>> loss = losses.GRPOLoss(beta=0.0)
>>> tensors = (log_prob, old_log_prob, old_log_prob, advantage)
>>> loss(*tensors, mask=mask, weight=1 / mask.sum(1).clamp(min=1))  # GRPO: over each answer, then over answers
tensor(-0.0263)
>>> loss(*tensors, mask=mask)  # DAPO: mean over all tokens
tensor(-0.2017)
>>> loss(*tensors, mask=mask, denominator=2 * 8)  # Dr. GRPO: answers times the longest length allowed
tensor(-0.0756)
""",
    draw=_draw_grpo,
    start=Start(
        Text("-mean(A): 0 for advantages of groups", "-mean(A)：组内优势时为 0"),
        lambda log_prob, old, reference, advantage, **_: -advantage.mean(),
        lambda log_prob, old, reference, advantage, **_: (old, old, old, advantage),
    ),
    minimum=Minimum(
        Text(
            "-(1 + ε_high) A for A > 0, -(1 - ε_low) A for A < 0",
            "A > 0 时为 -(1 + ε_high) A，A < 0 时为 -(1 - ε_low) A",
        ),
        lambda log_prob, old, reference, advantage, **options: least(log_prob, old, advantage, **options),
        lambda log_prob, old, reference, advantage, **options: _best_answers(old, advantage, **options),
    ),
    kernel=grpo_loss,
    invariances=(
        Invariance(
            Text("the same number added to a token's three log-probabilities", "给一个词元的三个对数概率加上同一个数"),
            _move_all,
        ),
    ),
    limits=(
        Limit(
            Text(
                "beta=0 with a wide clip is the importance-weighted policy gradient",
                "beta=0 且截断范围很宽时即重要性加权的策略梯度",
            ),
            {"beta": 0.0, "clip_low": 1.0, "clip_high": 1e9},
            lambda log_prob, old, reference, advantage: -advantage[:, None] * log_prob.exp() / old.exp(),
        ),
    ),
    hazards=(
        Text(
            "The mean is over all tokens that count (DAPO). GRPO's mean over each answer first is "
            "weight=1/mask.sum(1).clamp(min=1): long answers then get less for each token, and wrong ones grow long. "
            "Dr. GRPO is denominator=N * longest length, and group_advantage(scale='none').",
            "默认对所有有效词元取平均（DAPO）。GRPO 先对每个回答取平均，即 weight=1/mask.sum(1).clamp(min=1)："
            "长回答每个词元分得更少，错误回答因此变长。Dr. GRPO 为 denominator=N * 最大长度，并用 "
            "group_advantage(scale='none')。",
        ),
        Text(
            "With gradient accumulation give the denominator of the whole update, not of each part: the parts' means "
            "do not average to it.",
            "梯度累积时应给出整个更新的分母，而非各部分各自的分母：各部分均值的平均并不等于它。",
        ),
        SAME_TENSOR,
        Text(
            "The divergence is the estimator k3, never negative. Its value is unbiased for KL(policy, reference) on "
            "tokens of the policy; its gradient is not that of the KL.",
            "散度为 k3 估计量，恒非负。在策略自身采样的词元上，其值是 KL(策略, 参考) 的无偏估计；其梯度则不是 KL "
            "的梯度。",
        ),
    ),
    avoid=Text(
        "Each token has an advantage of its own, as from a value network: ppo_clip_loss.",
        "每个词元有各自的优势（如来自价值网络）时：用 ppo_clip_loss。",
    ),
    equivalents=(
        Equivalent(
            "trl.GRPOTrainer",
            Text(
                "inside the trainer; beta=0 by default, and loss_type chooses the denominator",
                "在训练器内部；beta 默认为 0，由 loss_type 选择分母",
            ),
        ),
    ),
    plot=Plot(
        Text("log of the ratio; the reference is the old policy", "比值的对数；参考即旧策略"),
        -2.0,
        2.0,
        lambda x: (x.reshape(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1)),
        (
            Curve("A = 1"),
            Curve(
                "A = -1",
                at=lambda x: (x.reshape(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), -torch.ones(1)),
            ),
            Curve("A = 1, β = 0.5", {"beta": 0.5}),
        ),
    ),
)

SPECS = (GRPO,)
