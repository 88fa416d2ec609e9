"""Identity preference optimization: a squared error of the log-ratio, in place of a logistic loss."""

from __future__ import annotations

from torch import Tensor

from ._preference import BETA, LEAD, PAIR, RATIOS, apart, draw_pairs, log_ratio_difference, untrained
from ._spec import Curve, Equivalent, LossSpec, Minimum, Paper, Plot, Start, Text


def ipo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
) -> Tensor:
    """The paper's tau is named beta, as everywhere."""
    h = log_ratio_difference(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return (h - 1 / (2 * beta)) ** 2


def _ipo_best(a: Tensor, b: Tensor, c: Tensor, d: Tensor, beta: float = 0.1, **_: object) -> tuple[Tensor, ...]:
    return c + (b - d) + 1 / (2 * beta), b, c, d


IPO = LossSpec(
    name="ipo_loss",
    module="IPOLoss",
    title=Text("Identity preference optimization", "恒等偏好优化"),
    aliases=("ipo", "identity preference optimization", "psi-po", "恒等偏好优化损失"),
    family="preference",
    purpose=Text(
        "Pairs of answers, with a margin to reach and not to pass: it does not drive the ratio to infinity where "
        "every pair agrees.",
        "成对的回答，间隔有固定目标而不越过：即使所有样本对都一致，也不会把比值推向无穷。",
    ),
    formula=rf"\left( h - \frac{{1}}{{2 \beta}} \right)^2, \quad {LEAD}",
    papers=(
        Paper(
            "Azar et al. 2023",
            "A General Theoretical Paradigm to Understand Learning from Human Preferences",
            "arXiv:2310.12036",
            "eq. 17",
        ),
    ),
    arguments=PAIR,
    unit="pair",
    options=(BETA,),
    code="""
>>> policy_chosen, policy_rejected = torch.tensor([-20.0, -31.0]), torch.tensor([-25.0, -30.0])
>>> reference_chosen, reference_rejected = torch.tensor([-22.0, -31.0]), torch.tensor([-24.0, -30.0])
>>> loss = losses.IPOLoss(beta=0.1, reduction="none")
>>> loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
tensor([ 4., 25.])
""",
    draw=draw_pairs,
    start=Start(Text("1/(4 β²)", "1/(4 β²)"), lambda *_, beta=0.1, **__: 1 / (4 * beta**2), untrained),
    minimum=Minimum(Text("0, at h = 1/(2 β)", "0，在 h = 1/(2 β) 处"), lambda *_, **__: 0.0, _ipo_best),
    kernel=ipo_loss,
    invariances=(RATIOS,),
    hazards=(
        Text(
            "The paper sums the log-probabilities over an answer; TRL takes their mean. The two want a different beta: "
            "give sums or means, and say which.",
            "论文对回答的对数概率求和；TRL 取平均。两者所需的 beta 不同：传入和或均值均可，但须说明是哪一种。",
        ),
        Text(
            "The first value is 1/(4 beta²): 25 for beta = 0.1, and a gradient of -1/beta. Lower the learning rate "
            "with beta.",
            "首步数值为 1/(4 beta²)：beta = 0.1 时为 25，梯度为 -1/beta。减小 beta 时应同时降低学习率。",
        ),
    ),
    avoid=Text(
        "Answers differ much in length and log-probabilities are summed: one margin then asks little of the long ones "
        "(dpo_loss).",
        "回答长短悬殊且对数概率为求和时：同一间隔对长回答要求过低（用 dpo_loss）。",
    ),
    equivalents=(
        Equivalent(
            "trl.DPOTrainer",
            Text(
                "inside the trainer, loss_type='ipo', of length-averaged log-probabilities",
                "在训练器内部，loss_type='ipo'，使用按长度平均的对数概率",
            ),
        ),
    ),
    plot=Plot(
        Text("difference of the log-ratios h", "对数比之差 h"),
        -5.0,
        15.0,
        apart,
        tuple(Curve(f"β = {beta:g}", {"beta": beta}) for beta in (0.1, 0.2, 0.5)),
    ),
)

SPECS = (IPO,)
