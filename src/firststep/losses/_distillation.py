"""Losses by which a student learns a teacher's distribution over classes, from the logits of both."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._divergence import js_divergence, kl_divergence
from ._draw import logits
from ._invariances import SHIFT, SWAP
from ._numerics import log_softmax
from ._spec import (
    Args,
    Argument,
    Curve,
    Equivalent,
    Invariance,
    Limit,
    LossSpec,
    Minimum,
    Option,
    Paper,
    Plot,
    Start,
    Text,
)

STUDENT = Argument("student", "logits", "N C *", "of the model that learns", "学生模型的输出")
TEACHER = Argument("teacher", "logits", "N C *", "of the model it learns from", "教师模型的输出")
TEMPERATURE = Option(
    "temperature",
    Text(
        "T, what both logits are divided by; the loss is multiplied by T² in turn, so that gradients keep their size",
        "T，两组 logits 均除以它；损失再乘以 T²，使梯度大小不变",
    ),
    low=0.0,
    low_open=True,
)
FROZEN = Text(
    "The gradient runs into the teacher too: compute its logits under torch.no_grad(), in eval mode.",
    "梯度也会传入教师模型：应在 torch.no_grad() 下以 eval 模式计算其 logits。",
)
VOCABULARY = Text(
    "Both must have the same classes in the same order. A vocabulary padded to another size is an error here: cut the "
    "larger one. Logits of -inf, masked classes, are taken.",
    "两者须有相同的类别与次序。词表被填充到不同大小时此处报错：请截去多出的部分。可以含有 -inf（被屏蔽的类别）。",
)
_SIZES = Text(
    "T² keeps the gradients of one size, not the values: losses at different temperatures cannot be compared. In "
    "float32 values below about 1e-6 T² are rounding.",
    "T² 保持的是梯度而非数值的大小：不同温度下的损失值不可比较。float32 下小于约 1e-6 T² 的数值只是舍入误差。",
)
TEACHER_GIVES = Text(
    "logit of the first class, the other at 0; the teacher's is 2", "第一类的 logit，另一类为 0；教师为 2"
)


def _shift(generator: Generator, student: Tensor, teacher: Tensor, *others: Tensor) -> Args:
    return (student, *SHIFT.change(generator, teacher), *others)


SHIFT_TEACHER = Invariance(
    Text("the same number added to all teacher logits of a sample", "给一个样本的所有教师 logits 加上同一个数"), _shift
)
AGREED = Minimum(
    Text("0, where both distributions are the same", "0，两个分布相同时"),
    lambda *_, **__: 0.0,
    lambda student, teacher, *others, **_: (teacher, teacher, *others),
)


def two_classes(x: Tensor) -> Args:
    """A student of logits (x, 0) beside a teacher of (2, 0)."""
    return torch.stack((x, torch.zeros_like(x))).unsqueeze(0), x.new_tensor([[2.0, 0.0]])


def softened(scores: Tensor, temperature: float) -> Tensor:
    """The log-probabilities at a temperature."""
    return log_softmax(scores if temperature == 1 else scores / temperature)


def distillation_loss(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """A class that the teacher rules out counts nothing, even where the student's logit is -inf too."""
    return temperature**2 * kl_divergence(softened(teacher, temperature), softened(student, temperature))


def _draw(generator: Generator, n: int) -> Args:
    return logits(generator, n, 5), logits(generator, n, 5)


def _entropy(teacher: Tensor, temperature: float) -> Tensor:
    p = (teacher / temperature).softmax(1)
    return -torch.xlogy(p, p).sum(1).mean()


DISTILLATION = LossSpec(
    name="distillation_loss",
    module="DistillationLoss",
    title=Text("Knowledge distillation", "知识蒸馏"),
    aliases=("kd", "knowledge distillation", "forward kl", "teacher student", "soft targets", "教师学生", "前向 KL"),
    family="distillation",
    purpose=Text(
        "A student learns the whole distribution that a teacher gives, not only its first choice.",
        "学生学习教师给出的整个分布，而不只是其首选类别。",
    ),
    formula=r"T^2 \sum_{k} p_k \log \frac{p_k}{q_k}, \quad p = \text{softmax}(t / T), \quad q = \text{softmax}(s / T)",
    papers=(
        Paper(
            "Hinton, Vinyals, Dean 2015", "Distilling the Knowledge in a Neural Network", "arXiv:1503.02531", "sec. 2"
        ),
    ),
    arguments=(STUDENT, TEACHER),
    unit="sample",
    options=(TEMPERATURE,),
    code="""
>>> student = torch.tensor([[2.0, 0.0, -1.0]])
>>> with torch.no_grad():  # where the teacher model would run
...     teacher = torch.tensor([[3.0, 1.0, -1.0]])
>>> soft = losses.DistillationLoss(temperature=4.0)(student, teacher)
>>> hard = losses.CrossEntropyLoss()(student, torch.tensor([0]))
>>> 0.5 * soft + 0.5 * hard
tensor(0.1248)
""",
    draw=_draw,
    start=Start(
        Text("T² (ln C - H), H the entropy of the teacher at T", "T² (ln C - H)，H 为教师在温度 T 下的熵"),
        lambda student, teacher, temperature=1.0, **_: (
            temperature**2 * (math.log(student.shape[1]) - _entropy(teacher, temperature))
        ),
    ),
    minimum=AGREED,
    kernel=distillation_loss,
    invariances=(SHIFT, SHIFT_TEACHER),
    limits=(
        Limit(
            Text("temperature=1 is KL(p || q)", "temperature=1 即 KL(p || q)"),
            {"temperature": 1.0},
            lambda student, teacher: F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="none").sum(1),
        ),
        Limit(
            Text(
                "at a high temperature, half the mean square of the difference of centred logits",
                "高温下趋于中心化 logits 之差的均方的一半",
            ),
            {"temperature": 1e4},
            lambda student, teacher: (student - teacher).var(1, correction=0) / 2,
            tolerance=1e-3,
        ),
    ),
    hazards=(
        FROZEN,
        _SIZES,
        VOCABULARY,
        Text(
            "T is 1 by default, right for language models; for image classes 2 to 4 is usual, and another term, "
            "cross_entropy of the labels.",
            "T 默认为 1，适合语言模型；图像分类常用 2 到 4，并另加标签的 cross_entropy。",
        ),
    ),
    avoid=Text(
        "The student is much smaller and should drop what it cannot hold: reverse_distillation_loss, "
        "js_distillation_loss. The target's weight should be set apart: decoupled_distillation_loss.",
        "学生容量小得多、应舍弃学不下的部分时：用 reverse_distillation_loss、js_distillation_loss。"
        "希望单独设定目标类的权重时：用 decoupled_distillation_loss。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.KLDivLoss",
            Text(
                "of log-probabilities, which you divide by T before and multiply by T² after; its 'mean' is C times "
                "too small, 'batchmean' is right for (N, C)",
                "输入为对数概率，需自行先除以 T、再乘以 T²；其 'mean' 小 C 倍，对 (N, C) 用 'batchmean' 才正确",
            ),
        ),
        Equivalent(
            "torchtune.modules.loss.ForwardKLLoss",
            Text("without T, and without the teacher's entropy: a cross-entropy", "没有 T，也不含教师的熵：即交叉熵"),
        ),
    ),
    plot=Plot(TEACHER_GIVES, -6.0, 8.0, two_classes, tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (1, 2, 4))),
)


def reverse_distillation_loss(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """The same divergence the other way round: a class that the teacher alone rules out costs a number like 1e19."""
    return distillation_loss(teacher, student, temperature=temperature)


def _reverse_start(student: Tensor, teacher: Tensor, temperature: float = 1.0, **_: object) -> Tensor:
    return temperature**2 * (-math.log(student.shape[1]) - (teacher / temperature).log_softmax(1).mean())


REVERSE = LossSpec(
    name="reverse_distillation_loss",
    module="ReverseDistillationLoss",
    title=Text("Distillation by reverse KL", "反向 KL 蒸馏"),
    aliases=("reverse kl", "minillm", "mode seeking", "反向 KL", "反向蒸馏"),
    family="distillation",
    purpose=Text(
        "A student too small for all that the teacher does learns its main choices well, and leaves out the rest.",
        "学生容量不足以学会教师的全部行为时，学好其主要选择而舍弃其余。",
    ),
    formula=r"T^2 \sum_{k} q_k \log \frac{q_k}{p_k}, \quad p = \text{softmax}(t / T), \quad q = \text{softmax}(s / T)",
    papers=(Paper("Gu et al. 2024", "MiniLLM: Knowledge Distillation of Large Language Models", "arXiv:2306.08543"),),
    arguments=(STUDENT, TEACHER),
    unit="sample",
    options=(TEMPERATURE,),
    code="""
>>> student = torch.tensor([[2.0, 0.0, -1.0]])
>>> teacher = torch.tensor([[3.0, 1.0, -1.0]])
>>> losses.ReverseDistillationLoss()(student, teacher)
tensor(0.0151)
""",
    draw=_draw,
    start=Start(Text("-T² (ln C + the mean of the teacher's log p)", "-T² (ln C + 教师 log p 的均值)"), _reverse_start),
    minimum=AGREED,
    kernel=reverse_distillation_loss,
    invariances=(SHIFT, SHIFT_TEACHER),
    limits=(
        Limit(
            Text("temperature=1 is KL(q || p)", "temperature=1 即 KL(q || p)"),
            {"temperature": 1.0},
            lambda student, teacher: F.kl_div(teacher.log_softmax(1), student.softmax(1), reduction="none").sum(1),
        ),
    ),
    hazards=(
        FROZEN,
        Text(
            "For language models this is one step of it: the reverse KL of whole answers needs answers that the "
            "student itself has written, and on the teacher's or a data set's it is something else.",
            "对语言模型，这只是单步的形式：整段回答的反向 KL 需要学生自己生成的回答；用教师或数据集的回答则是另一个量。"
            "",
        ),
        Text(
            "A teacher with -inf logits, as after top-k sampling, makes it infinite (here 1e18 and more): give its "
            "full logits.",
            "教师含 -inf logits（如 top-k 采样之后）时损失为无穷大（此处为 1e18 以上）：应给出完整的 logits。",
        ),
        Text(
            "Outputs lose variety: the student settles on few of the teacher's choices.",
            "输出多样性下降：学生会集中于教师的少数选择。",
        ),
    ),
    avoid=Text(
        "Probabilities matter, not only good samples: distillation_loss.",
        "概率本身重要而不只是样本质量时：用 distillation_loss。",
    ),
    equivalents=(
        Equivalent(
            "trl.experimental.gkd.GKDTrainer",
            Text("at beta=1, inside the trainer; without T²", "beta=1 时，在训练器内部；没有 T²"),
        ),
    ),
    plot=Plot(TEACHER_GIVES, -6.0, 8.0, two_classes, tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (1, 2, 4))),
)


def js_distillation_loss(student: Tensor, teacher: Tensor, *, beta: float = 0.5, temperature: float = 1.0) -> Tensor:
    """From differences of log-probabilities, without forming the mixture."""
    return temperature**2 * js_divergence(softened(teacher, temperature), softened(student, temperature), beta)


def _js_start(student: Tensor, teacher: Tensor, beta: float = 0.5, temperature: float = 1.0, **_: object) -> Tensor:
    p, q = (teacher / temperature).softmax(1), torch.full_like(teacher, 1 / teacher.shape[1])
    m = beta * p + (1 - beta) * q
    return temperature**2 * (beta * p * (p / m).log() + (1 - beta) * q * (q / m).log()).sum(1).mean()


JENSEN_SHANNON = LossSpec(
    name="js_distillation_loss",
    module="JSDistillationLoss",
    title=Text("Distillation by Jensen-Shannon divergence", "Jensen-Shannon 散度蒸馏"),
    aliases=(
        "gkd",
        "jsd",
        "jensen-shannon",
        "generalized jensen-shannon",
        "generalized knowledge distillation",
        "JS散度",
    ),
    family="distillation",
    purpose=Text(
        "Between forward and reverse KL: bounded, and finite even where one rules out what the other does not.",
        "介于前向与反向 KL 之间：有界，即使一方排除另一方未排除的类别也是有限值。",
    ),
    formula=r"T^2 \left( \beta \sum_{k} p_k \log \frac{p_k}{m_k} + (1 - \beta) \sum_{k} q_k \log \frac{q_k}{m_k} "
    r"\right), \quad m = \beta p + (1 - \beta) q",
    papers=(
        Paper(
            "Agarwal et al. 2024",
            "On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes",
            "arXiv:2306.13649",
            "sec. 2",
        ),
    ),
    arguments=(STUDENT, TEACHER),
    unit="sample",
    options=(
        Option(
            "beta",
            Text(
                "the teacher's share in the mixture m; near 0 it is beta times the forward, near 1 (1 - beta) times "
                "the reverse KL",
                "教师在混合 m 中的份额；接近 0 时为 beta 乘以前向 KL，接近 1 时为 (1 - beta) 乘以反向 KL",
            ),
            low=0.0,
            high=1.0,
            low_open=True,
            high_open=True,
        ),
        TEMPERATURE,
    ),
    code="""
>>> student = torch.tensor([[2.0, 0.0, -torch.inf]])
>>> teacher = torch.tensor([[3.0, -torch.inf, -1.0]])
>>> losses.JSDistillationLoss(beta=0.5)(student, teacher)
tensor(0.0489)
""",
    draw=_draw,
    start=Start(
        Text("T² times the divergence of the teacher from the uniform distribution", "T² 乘以教师与均匀分布的散度"),
        _js_start,
    ),
    minimum=AGREED,
    kernel=js_distillation_loss,
    invariances=(
        SHIFT,
        SHIFT_TEACHER,
        Invariance(Text("student and teacher exchanged, at β = 1/2", "β = 1/2 时交换学生与教师"), SWAP.change),
    ),
    limits=(
        Limit(
            Text("β near 0 is β KL(p || q)", "β 接近 0 时为 β KL(p || q)"),
            {"beta": 1e-6},
            lambda student, teacher: (
                1e-6 * F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="none").sum(1)
            ),
        ),
        Limit(
            Text("β near 1 is (1 - β) KL(q || p)", "β 接近 1 时为 (1 - β) KL(q || p)"),
            {"beta": 1 - 1e-6},
            lambda student, teacher: (
                1e-6 * F.kl_div(teacher.log_softmax(1), student.softmax(1), reduction="none").sum(1)
            ),
        ),
    ),
    hazards=(
        FROZEN,
        Text(
            "It is at most T² times the entropy of (β, 1 - β), ln 2 at β = 1/2, and its gradient fades where the two "
            "have nothing in common: start from a student that is not too far off.",
            "它不超过 T² 乘以 (β, 1 - β) 的熵（β = 1/2 时为 ln 2），毫无重叠时梯度消失：学生的起点不应相差太远。",
        ),
        Text(
            "Values at different β cannot be compared: near 0 and 1 they vanish.",
            "不同 β 的数值不可比较：接近 0 和 1 时数值趋于 0。",
        ),
        VOCABULARY,
    ),
    avoid=Text(
        "The teacher's probabilities must be matched everywhere: distillation_loss is stronger where the student "
        "rules out too much.",
        "需要处处匹配教师概率时：学生错误排除类别时 distillation_loss 的惩罚更强。",
    ),
    equivalents=(
        Equivalent(
            "trl.experimental.gkd.GKDTrainer",
            Text(
                "inside the trainer; without T²; takes beta=0 and 1 for the forward and the reverse KL",
                "在训练器内部；没有 T²；beta=0 与 1 分别表示前向与反向 KL",
            ),
        ),
        Equivalent("scipy.spatial.distance.jensenshannon", Text("its square root, at β = 1/2", "β = 1/2 时的平方根")),
    ),
    plot=Plot(TEACHER_GIVES, -6.0, 8.0, two_classes, tuple(Curve(f"β = {b:g}", {"beta": b}) for b in (0.1, 0.5, 0.9))),
)

SPECS = (DISTILLATION, REVERSE, JENSEN_SHANNON)
