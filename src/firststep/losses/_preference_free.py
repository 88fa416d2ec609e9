"""Losses of preferences without a reference model."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import uniform, values
from ._invariances import MOVE
from ._preference import logistic
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_AVERAGED = (
    Argument(
        "chosen",
        "log-probabilities",
        "N",
        "the model's log-probability of the chosen answer, averaged over its tokens",
        "模型对被选中回答的对数概率，按其词元平均",
    ),
    Argument("rejected", "log-probabilities", "N", "the same of the rejected answer", "被拒绝回答的对数概率，同上"),
)


def _draw(generator: Generator, n: int) -> tuple[Tensor, ...]:
    return -uniform(generator, n, low=0.2, high=3.0), -uniform(generator, n, low=0.2, high=3.0)


def _equal(chosen: Tensor, rejected: Tensor, **_: object) -> tuple[Tensor, ...]:
    """Both answers are equally likely."""
    return chosen, chosen


def simpo_loss(chosen: Tensor, rejected: Tensor, *, beta: float = 2.0, gamma: float = 0.5) -> Tensor:
    """Through softplus: finite at any difference."""
    behind = beta * (rejected - chosen)
    return logistic(behind if gamma == 0 else behind + gamma)


SIMPO = LossSpec(
    name="simpo_loss",
    module="SimPOLoss",
    title=Text("Simple preference optimization", "简单偏好优化"),
    aliases=(
        "simpo",
        "reference-free preference",
        "simple preference optimization",
        "无参考模型偏好",
        "简单偏好优化损失",
    ),
    family="preference",
    purpose=Text(
        "Pairs of answers without a reference model: the mean log-probability of a token is the reward, and the chosen "
        "answer is to lead by a margin.",
        "成对的回答，无需参考模型：以词元的平均对数概率为奖励，要求被选中的回答领先一个间隔。",
    ),
    formula=r"-\log \sigma(\beta \, (\bar{\ell}_w - \bar{\ell}_l) - \gamma), \quad "
    r"\bar{\ell} = \frac{1}{|y|} \sum_{t} \log \pi(y_t)",
    papers=(
        Paper(
            "Meng, Xia, Chen 2024",
            "SimPO: Simple Preference Optimization with a Reference-Free Reward",
            "arXiv:2405.14734",
            "eq. 6",
        ),
    ),
    arguments=_AVERAGED,
    unit="pair",
    options=(
        Option(
            "beta",
            Text("what the mean log-probabilities are multiplied by", "平均对数概率所乘的系数"),
            low=0.0,
            low_open=True,
        ),
        Option("gamma", Text("the margin of the rewards", "奖励的间隔"), low=0.0),
    ),
    code="""
>>> chosen, rejected = torch.tensor([-0.8, -1.5]), torch.tensor([-1.3, -1.5])  # per token
>>> losses.SimPOLoss(beta=2.0, gamma=0.5, reduction="none")(chosen, rejected)
tensor([0.4741, 0.9741])
""",
    draw=_draw,
    start=Start(
        Text("ln(1 + e^γ) for answers equally likely", "两回答同样可能时为 ln(1 + e^γ)"),
        lambda *_, gamma=0.5, **__: math.log1p(math.exp(gamma)),
        _equal,
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda chosen, rejected, beta=2.0, gamma=0.5: (rejected + (gamma + 50) / beta, rejected),
    ),
    kernel=simpo_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text(
                "gamma=0, beta=1 is reward_model_loss of the mean log-probabilities",
                "gamma=0、beta=1 即平均对数概率的 reward_model_loss",
            ),
            {"gamma": 0.0, "beta": 1.0},
            lambda chosen, rejected: F.softplus(rejected - chosen),
        ),
    ),
    hazards=(
        Text(
            "Give means over tokens, not sums: sequence_log_prob(..., average=True). With sums beta = 2 is twenty and "
            "more times too large.",
            "应传入按词元的平均值而非求和：sequence_log_prob(..., average=True)。若为求和，beta = 2 会大出二十倍以上。",
        ),
        Text(
            "The authors' code asks for gamma_beta_ratio, which is gamma/beta: 0.25 and beta = 2 there are gamma = "
            "0.5 here.",
            "作者的代码以 gamma_beta_ratio（即 gamma/beta）为选项：那里的 0.25 与 beta = 2 即此处 gamma = 0.5。",
        ),
        Text(
            "Nothing holds the model near where it began: use a small learning rate and few epochs.",
            "没有任何约束使模型留在起点附近：应使用小学习率与少轮数。",
        ),
    ),
    avoid=Text(
        "The model must stay near a reference: dpo_loss.",
        "模型必须贴近参考模型时：用 dpo_loss。",
    ),
    equivalents=(
        Equivalent(
            "trl.experimental.cpo.CPOTrainer",
            Text(
                "inside the trainer, loss_type='simpo'; adds a likelihood term unless cpo_alpha=0",
                "在训练器内部，loss_type='simpo'；除非 cpo_alpha=0，否则会加上似然项",
            ),
        ),
    ),
    plot=Plot(
        Text("lead of the chosen answer per token", "被选中回答每词元的领先量"),
        -3.0,
        3.0,
        lambda x: (x.reshape(1), torch.zeros(1)),
        tuple(Curve(f"γ = {gamma:g}", {"gamma": gamma}) for gamma in (0.0, 0.5, 1.6)),
    ),
)


def _log_complement(log_p: Tensor) -> Tensor:
    """``log(1 - p)``, by expm1: good where p is near 1; where p is small what is lost is nothing beside log p.
    Certainty counts as the largest p below 1, without a gradient."""
    tiny = torch.finfo(torch.float32).tiny
    return F.threshold(-torch.expm1(log_p), tiny, tiny).log()


def orpo_loss(chosen: Tensor, rejected: Tensor, *, beta: float = 0.1, nll_weight: float = 1.0) -> Tensor:
    """The chosen answer's mean log-probability is at once its likelihood term: nothing else is needed."""
    behind = (rejected - chosen) - (_log_complement(rejected) - _log_complement(chosen))
    value = beta * logistic(behind)
    return value if nll_weight == 0 else torch.sub(value, chosen, alpha=nll_weight)


ORPO = LossSpec(
    name="orpo_loss",
    module="ORPOLoss",
    title=Text("Odds-ratio preference optimization", "优势比偏好优化"),
    aliases=("orpo", "odds ratio", "monolithic preference optimization", "优势比", "比值比偏好优化"),
    family="preference",
    purpose=Text(
        "Fine-tuning and preferences in one step, without a reference model: the likelihood of the chosen answer, plus "
        "a penalty on the odds of the rejected one.",
        "微调与偏好对齐一步完成，无需参考模型：被选中回答的似然，加上对被拒绝回答优势的惩罚。",
    ),
    formula=r"-\lambda \log p_w - \beta \log \sigma \left( \log \frac{p_w}{1 - p_w} - \log \frac{p_l}{1 - p_l} \right)"
    r", \quad \log p = \frac{1}{|y|} \sum_{t} \log \pi(y_t)",
    papers=(
        Paper(
            "Hong, Lee, Thorne 2024",
            "ORPO: Monolithic Preference Optimization without Reference Model",
            "arXiv:2403.07691",
            "eq. 6, 7",
        ),
    ),
    arguments=_AVERAGED,
    unit="pair",
    options=(
        Option(
            "beta",
            Text("the weight of the odds-ratio term, the paper's lambda", "优势比项的权重，即论文中的 λ"),
            low=0.0,
        ),
        Option(
            "nll_weight",
            Text(
                "the weight of the likelihood term; 0 where a cross-entropy of your own is added",
                "似然项的权重；若另加自己的交叉熵则设为 0",
            ),
            low=0.0,
        ),
    ),
    code="""
>>> chosen, rejected = torch.tensor([-0.8, -1.5]), torch.tensor([-1.3, -1.5])  # per token
>>> losses.ORPOLoss(beta=0.1, reduction="none")(chosen, rejected)
tensor([0.8378, 1.5693])
>>> losses.ORPOLoss(beta=1.0, nll_weight=0.0, reduction="none")(chosen, rejected)  # the odds ratio alone
tensor([0.3778, 0.6931])
""",
    draw=_draw,
    start=Start(
        Text("ln V + β ln 2 for a vocabulary of V", "词表大小为 V 时为 ln V + β ln 2"),
        lambda chosen, rejected, beta=0.1, nll_weight=1.0: -nll_weight * chosen.mean() + beta * math.log(2),
        lambda chosen, rejected, **_: (torch.full_like(chosen, -math.log(32000)),) * 2,
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda chosen, rejected, **_: (torch.full_like(chosen, -1e-9), torch.full_like(rejected, -50.0)),
    ),
    kernel=orpo_loss,
    limits=(
        Limit(
            Text("beta=0 is the likelihood of the chosen answer alone", "beta=0 即只有被选中回答的似然"),
            {"beta": 0.0},
            lambda chosen, rejected: -chosen,
        ),
    ),
    hazards=(
        Text(
            "Give means over tokens: of sums the odds are nearly the probabilities, and the odds ratio is lost.",
            "应传入按词元的平均值：若为求和，优势几乎等于概率，优势比便失去意义。",
        ),
        Text(
            "The likelihood term is here a mean over pairs; a trainer's cross-entropy is a mean over all tokens, "
            "where long answers count more. For that one set nll_weight=0 and add it.",
            "此处似然项对样本对取平均；训练器中的交叉熵则对所有词元取平均，长回答权重更大。若要后者，设 nll_weight=0 "
            "再另行相加。",
        ),
        Text(
            "The gradient by the rejected answer grows as 1/(1 - p): start from a base model, not from one that is "
            "sure of both.",
            "对被拒绝回答的梯度按 1/(1 - p) 增长：应从基座模型开始，而非对两者都已很确定的模型。",
        ),
    ),
    avoid=Text(
        "The model is fine-tuned already: dpo_loss or simpo_loss.",
        "模型已经微调过时：用 dpo_loss 或 simpo_loss。",
    ),
    equivalents=(
        Equivalent(
            "trl.experimental.orpo.ORPOTrainer",
            Text("inside the trainer; its likelihood term is a mean over tokens", "在训练器内部；其似然项按词元平均"),
        ),
    ),
    plot=Plot(
        Text("mean log-probability of the chosen answer", "被选中回答的平均对数概率"),
        -4.0,
        -0.02,
        lambda x: (x.reshape(1), torch.full((1,), -1.0)),
        tuple(Curve(f"β = {beta:g}", {"beta": beta}) for beta in (0.0, 0.1, 1.0)),
    ),
)


def reward_model_loss(chosen: Tensor, rejected: Tensor, *, margin: float | Tensor = 0.0) -> Tensor:
    """Through softplus: finite at any difference."""
    behind = rejected - chosen
    return logistic(behind + margin if isinstance(margin, Tensor) or margin != 0 else behind)


REWARD_MODEL = LossSpec(
    name="reward_model_loss",
    module="RewardModelLoss",
    title=Text("Reward model (Bradley-Terry)", "奖励模型（Bradley-Terry）"),
    aliases=("bradley-terry", "bradley terry", "reward model", "pairwise reward", "奖励模型", "奖励建模"),
    family="preference",
    purpose=Text(
        "Train a model that scores answers, from pairs of which one was preferred.",
        "从“更偏好其一”的回答对训练给回答打分的模型。",
    ),
    formula=r"-\log \sigma(r_w - r_l - m)",
    papers=(
        Paper(
            "Bradley, Terry 1952",
            "Rank Analysis of Incomplete Block Designs: I. The Method of Paired Comparisons",
            "Biometrika 39(3/4)",
        ),
        Paper(
            "Ouyang et al. 2022",
            "Training language models to follow instructions with human feedback",
            "arXiv:2203.02155",
            "eq. 1",
        ),
        Paper(
            "Touvron et al. 2023", "Llama 2: Open Foundation and Fine-Tuned Chat Models", "arXiv:2307.09288", "eq. 2"
        ),
    ),
    arguments=(
        Argument("chosen", "values", "N", "the score of the preferred answer", "被偏好回答的得分"),
        Argument("rejected", "values", "N", "the score of the other answer", "另一回答的得分"),
    ),
    unit="pair",
    options=(
        Option(
            "margin",
            Text(
                "m, the lead that is asked for: a number, or a tensor (N,) where some pairs are clearer than others",
                "m，所要求的领先量：一个数，或在样本对明确程度不同时为张量 (N,)",
            ),
        ),
    ),
    code="""
>>> chosen, rejected = torch.tensor([2.0, 0.5]), torch.tensor([1.0, 0.5])
>>> losses.RewardModelLoss(reduction="none")(chosen, rejected)
tensor([0.3133, 0.6931])
>>> margin = torch.tensor([1.0, 0.0])
>>> losses.functional.reward_model_loss(chosen, rejected, margin=margin, reduction="none")
tensor([0.6931, 0.6931])
""",
    draw=lambda generator, n: (values(generator, n), values(generator, n)),
    start=Start(
        Text("ln(1 + e^m): ln 2 without a margin", "ln(1 + e^m)：无间隔时为 ln 2"),
        lambda chosen, rejected, margin=0.0, **_: F.softplus(torch.as_tensor(margin).double()).mean(),
        lambda chosen, rejected, **_: (torch.zeros_like(chosen), torch.zeros_like(rejected)),
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda chosen, rejected, margin=0.0, **_: (rejected + margin + 50, rejected),
    ),
    kernel=reward_model_loss,
    invariances=(MOVE,),
    limits=(
        Limit(
            Text("binary cross-entropy of the difference, with label 1", "差值的二元交叉熵，标签为 1"),
            {},
            lambda chosen, rejected: F.binary_cross_entropy_with_logits(
                chosen - rejected, torch.ones_like(chosen), reduction="none"
            ),
        ),
    ),
    hazards=(
        Text(
            "Scores are known up to a constant for each prompt: subtract their mean before they serve as rewards.",
            "得分只在每个提示内确定到一个常数：用作奖励前应减去均值。",
        ),
        Text(
            "A module keeps its margin. For a margin of each pair call the function, or give chosen - margin.",
            "模块的间隔是固定的。若每个样本对间隔不同，应调用函数形式，或传入 chosen - margin。",
        ),
        Text(
            "All pairs of one prompt belong into one batch, not shuffled apart: seen as separate samples they overfit "
            "in an epoch.",
            "同一提示的所有样本对应放在同一批中，而非打散：当作独立样本时一轮之内就会过拟合。",
        ),
    ),
    avoid=Text(
        "The answers of a prompt are ranked as a whole list: ListMLE.",
        "同一提示的回答按整个列表排序时：用 ListMLE。",
    ),
    equivalents=(
        Equivalent("trl.RewardTrainer", Text("inside the trainer", "在训练器内部")),
        Equivalent(
            "torch.nn.MarginRankingLoss",
            Text(
                "a hinge instead of the logistic: no gradient past the margin", "用合页而非对数几率：越过间隔后没有梯度"
            ),
        ),
    ),
    plot=Plot(
        Text("lead of the preferred answer", "被偏好回答的领先量"),
        -6.0,
        6.0,
        lambda x: (x.reshape(1), torch.zeros(1)),
        tuple(Curve(f"m = {margin:g}", {"margin": margin}) for margin in (0.0, 1.0, 3.0)),
    ),
)

SPECS = (SIMPO, ORPO, REWARD_MODEL)
