"""torch.nn's losses of distributions."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ._draw import logits, probabilities, uniform, values
from ._invariances import MOVE
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def _kl_at_uniform(input: Tensor, target: Tensor) -> Tensor:
    return (torch.xlogy(target, target) + target * math.log(input.shape[1])).mean()


KL_DIV = LossSpec(
    name="torch.nn.KLDivLoss",
    module="",
    path="torch.nn.KLDivLoss",
    title=Text("Kullback-Leibler divergence", "KL 散度"),
    aliases=("KLDivLoss", "kl", "kl div", "kl divergence", "F.kl_div", "relative entropy", "KL散度", "相对熵"),
    family="transport",
    purpose=Text(
        "How much a predicted distribution q differs from a target distribution p: KL(p || q).",
        "预测分布 q 与目标分布 p 相差多少：KL(p || q)。",
    ),
    formula=r"p (\log p - \log q)",
    papers=(Paper("Kullback, Leibler 1951", "On Information and Sufficiency", "Ann. Math. Statist. 22(1)"),),
    arguments=(
        Argument("input", "log-probabilities", "N C *", "log q, of the model", "log q，来自模型"),
        Argument("target", "probabilities", "N C *", "p; log p with log_target=True", "p；log_target=True 时为 log p"),
    ),
    unit="element",
    options=(
        Option(
            "reduction",
            Text(
                "'batchmean' divides by N and is the divergence; default 'mean', which is not",
                "'batchmean' 除以 N，才是散度；默认 'mean' 并不是",
            ),
        ),
        Option("log_target", Text("whether the target is log p; default False", "目标是否为 log p；默认 False")),
    ),
    code="""
>>> q, p = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
>>> torch.nn.KLDivLoss(reduction="batchmean")(q.log(), p)
tensor(0.3681)
""",
    draw=lambda generator, n: (logits(generator, n, 5).log_softmax(1), probabilities(generator, n, 5)),
    start=Start(
        Text(
            "(ln C - entropy of p) / C by 'mean', without / C by 'batchmean'",
            "'mean' 时为 (ln C - p 的熵) / C，'batchmean' 时不除以 C",
        ),
        _kl_at_uniform,
        lambda input, target: (torch.zeros_like(input).log_softmax(1), target),
    ),
    minimum=Minimum(
        Text("0, at q = p", "0，在 q = p 处"), lambda *_: 0.0, lambda input, target: (target.log(), target)
    ),
    hazards=(
        Text(
            "The default 'mean' divides by the number of elements, C times too much: use reduction='batchmean'.",
            "默认的 'mean' 除以元素个数，多除了 C 倍：应使用 reduction='batchmean'。",
        ),
        Text(
            "The input is log q, the target p, in this order. Probabilities or logits as input are taken and give "
            "values "
            "below 0, exchanged arguments NaN.",
            "输入是 log q，目标是 p，次序不可颠倒。以概率或 logits 作输入会被接受并得到负值，参数颠倒则得 NaN。",
        ),
        Text(
            "log q = -inf beside p = 0 is NaN, and so is log p = -inf with log_target=True: masked classes must be "
            "left out.",
            "log q = -inf 而 p = 0 时得 NaN；log_target=True 且 log p = -inf 时亦然：被屏蔽的类别必须去掉。",
        ),
    ),
    avoid=Text(
        "A student learns from a teacher's logits: distillation_loss has the temperature and its square. p does not "
        "change: "
        "soft_target_cross_entropy has the same gradient.",
        "学生模型向教师的 logits 学习时：distillation_loss 含温度及其平方。p 不变时：soft_target_cross_entropy 的梯度"
        "相同。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.distillation_loss",
            Text("from logits, one value per sample", "由 logits 计算，每个样本一个数值"),
        ),
        Equivalent("scipy.stats.entropy", Text("entropy(p, q), of probabilities", "entropy(p, q)，输入为概率")),
        Equivalent(
            "keras.losses.KLDivergence",
            Text("of probabilities, target first; clips them", "输入为概率，目标在前；会做截断"),
        ),
    ),
    plot=Plot(
        Text("q, for a target (p, 1 - p)", "q，目标为 (p, 1 - p)"),
        0.02,
        0.98,
        lambda x: (torch.stack((x, 1 - x)).log().unsqueeze(0), torch.tensor([[0.5, 0.5]])),
        tuple(
            Curve(
                f"p = {p:g}",
                {"reduction": "batchmean"},
                lambda x, p=p: (torch.stack((x, 1 - x)).log().unsqueeze(0), torch.tensor([[p, 1 - p]])),
            )
            for p in (0.5, 0.8, 1.0)
        ),
    ),
)


def _counts(generator: Generator, n: int) -> tuple[Tensor, Tensor]:
    return logits(generator, n, 3), torch.poisson(torch.full((n, 3), 2.0, dtype=torch.float64), generator=generator)


POISSON = LossSpec(
    name="torch.nn.PoissonNLLLoss",
    module="",
    path="torch.nn.PoissonNLLLoss",
    title=Text("Negative log-likelihood of counts", "计数的负对数似然"),
    aliases=("PoissonNLLLoss", "poisson", "poisson nll", "count regression", "F.poisson_nll_loss", "泊松", "计数回归"),
    family="probabilistic",
    purpose=Text(
        "The target is a count, drawn from a Poisson distribution whose logarithmic rate the model gives.",
        "目标是计数，服从泊松分布，模型给出其速率的对数。",
    ),
    formula=r"e^{x} - y x",
    papers=(Paper("Nelder, Wedderburn 1972", "Generalized Linear Models", "J. R. Stat. Soc. A 135(3)"),),
    arguments=(
        Argument(
            "log_input",
            "values",
            "*",
            "x, the log of the rate; the rate with log_input=False",
            "x，速率的对数；log_input=False 时为速率",
        ),
        Argument(
            "target",
            "counts",
            "*",
            "y, counts, 0 or more",
            "y，计数，不小于 0",
            Argument("target", "positive", "*", "y, the same in a floating dtype", "y，浮点类型的计数"),
        ),
    ),
    unit="element",
    options=(
        Option(
            "log_input",
            Text("whether the input is the log of the rate; default True", "输入是否为速率的对数；默认 True"),
        ),
        Option(
            "full",
            Text(
                "adds Stirling's approximation of ln y! for y > 1; default False",
                "y > 1 时加上 ln y! 的斯特林近似；默认 False",
            ),
        ),
        Option(
            "eps",
            Text("added to the rate with log_input=False; default 1e-8", "log_input=False 时加到速率上；默认 1e-8"),
        ),
    ),
    code="""
>>> log_rate, count = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 3.0])
>>> torch.nn.PoissonNLLLoss()(log_rate, count)
tensor(0.3591)
""",
    draw=_counts,
    start=Start(Text("1, for a log-rate of 0", "对数速率为 0 时为 1"), lambda *_: 1.0),
    minimum=Minimum(
        Text("y - y ln y, at x = ln y", "y - y ln y，在 x = ln y 处"),
        lambda input, target: (target - torch.xlogy(target, target)).mean(),
        lambda input, target: (target.clamp(min=1e-9).log(), target),
    ),
    hazards=(
        Text(
            "The rate is an exponential: infinite from x = 89 in float32, from 12 in float16, and one such step ruins "
            "the "
            "weights. Bound x, or start with its bias at the log of the mean count.",
            "速率是指数：float32 下 x 到 89、float16 下到 12 即为无穷，一步就会毁掉权重。应限制 x，或让其偏置从平均计"
            "数的对数开始。",
        ),
        Text(
            "Negative and fractional targets are taken without a word.",
            "负数和小数目标会被无声接受。",
        ),
        Text(
            "Shapes (N, 1) and (N,) are broadcast to (N, N) without even a warning.",
            "形状 (N, 1) 与 (N,) 会广播成 (N, N)，连警告都没有。",
        ),
        Text("With log_input=False a rate below 0 is NaN.", "log_input=False 时，负的速率得 NaN。"),
    ),
    avoid=Text(
        "Counts vary more than their mean (overdispersion): distribution_nll_loss with a negative binomial.",
        "计数的方差大于均值（过离散）时：用 distribution_nll_loss 配负二项分布。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.distribution_nll_loss",
            Text("with torch.distributions.Poisson, ln y! included", "配 torch.distributions.Poisson，含 ln y!"),
        ),
        Equivalent("keras.losses.Poisson", Text("takes the rate", "接受速率")),
    ),
    plot=Plot(
        Text("log-rate x", "对数速率 x"),
        -2.0,
        3.0,
        lambda x: (x, torch.ones_like(x)),
        (
            Curve("y = 1"),
            Curve("y = 0", at=lambda x: (x, torch.zeros_like(x))),
            Curve("y = 5", at=lambda x: (x, torch.full_like(x, 5.0))),
        ),
    ),
)


GAUSSIAN = LossSpec(
    name="torch.nn.GaussianNLLLoss",
    module="",
    path="torch.nn.GaussianNLLLoss",
    title=Text("torch's Gaussian likelihood", "torch 的高斯似然"),
    aliases=("nn.GaussianNLLLoss", "F.gaussian_nll_loss", "torch gaussian nll"),
    family="probabilistic",
    purpose=Text(
        "Regression where the model also gives the variance of its error.", "模型除预测值外还给出误差方差的回归。"
    ),
    formula=r"\frac{1}{2} (\log v + \frac{(x - y)^2}{v}), \quad v = \max(v, \epsilon)",
    papers=(
        Paper(
            "Nix, Weigend 1994", "Estimating the Mean and Variance of the Target Probability Distribution", "ICNN 1994"
        ),
    ),
    arguments=(
        Argument("input", "values", "*"),
        Argument("target", "values", "*"),
        Argument("var", "positive", "*", "v, the variance", "v，方差"),
    ),
    unit="element",
    options=(
        Option("full", Text("adds ln(2π)/2; default False", "加上 ln(2π)/2；默认 False")),
        Option("eps", Text("ε, the least variance; default 1e-6", "ε，方差的下限；默认 1e-6")),
    ),
    code="""
>>> mean, target = torch.tensor([1.0, 3.0]), torch.tensor([1.5, 2.0])
>>> torch.nn.GaussianNLLLoss()(mean, target, torch.tensor([0.25, 1.0]))
tensor(0.1534)
""",
    draw=lambda generator, n: (
        values(generator, n, 3),
        values(generator, n, 3),
        uniform(generator, n, 3, low=0.3, high=2.0),
    ),
    start=Start(
        Text(
            "mean y² / 2 for x = 0 and v = 1: 1/2 for standardized targets, 1.419 with full=True",
            "x = 0、v = 1 时为 mean y² / 2：标准化目标为 1/2，full=True 时为 1.419",
        ),
        lambda input, target, var: target.square().mean() / 2,
        lambda input, target, var: (0 * input, target, torch.ones_like(var)),
    ),
    minimum=Minimum(
        Text("ln(ε)/2 = -6.908, at v = ε", "ln(ε)/2 = -6.908，在 v = ε 处"),
        lambda *_: math.log(1e-6) / 2,
        lambda input, target, var: (target, target, torch.full_like(var, 1e-6)),
    ),
    invariances=(MOVE,),
    hazards=(
        Text(
            "v near 0 explodes: at v = 0 and an error of 1 the loss is 5e5 and its gradient -5e11; in float16 "
            "infinite and NaN. "
            "Let the model give log v, or softplus and a floor.",
            "v 接近 0 时会爆炸：v = 0、误差为 1 时损失为 5e5，梯度为 -5e11；float16 下为无穷和 NaN。应让模型输出 log "
            "v，或用 softplus 加下限。",
        ),
        Text(
            "It wants the variance. A standard deviation in its place is taken and trains another model.",
            "它要的是方差。传入标准差也会被接受，但训练的是另一个模型。",
        ),
        Text(
            "It looks for negative variances on the host: torch.compile(fullgraph=True) fails, and a GPU waits at "
            "each call.",
            "它在主机端检查方差是否为负：torch.compile(fullgraph=True) 会失败，GPU 每次调用都要等待。",
        ),
        Text(
            "Input (N, 1) and target (N,) are broadcast to (N, N) without a warning. v of shape (N,) is taken for (N, "
            "D).",
            "输入 (N, 1) 与目标 (N,) 会广播成 (N, N)，没有警告；对 (N, D)，形状 (N,) 的 v 也会被接受。",
        ),
    ),
    avoid=Text(
        "In general: gaussian_nll_loss is stable and compiles; beta_nll_loss where the mean is learned badly; "
        "student_t_nll_loss for outliers.",
        "一般应改用 gaussian_nll_loss：稳定且可编译；均值学得不好时用 beta_nll_loss；有离群值时用 student_t_nll_loss。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.gaussian_nll_loss",
            Text("takes log v, has no floor, compiles", "接受 log v，没有下限，可编译"),
        ),
        Equivalent(
            "torch.distributions.Normal",
            Text("-log_prob, of the standard deviation, with ln(2π)/2", "-log_prob，用标准差，含 ln(2π)/2"),
        ),
    ),
    plot=Plot(
        Text("error x - y", "误差 x - y"),
        -4.0,
        4.0,
        lambda x: (x, 0 * x, torch.ones_like(x)),
        tuple(Curve(f"v = {v:g}", at=lambda x, v=v: (x, 0 * x, torch.full_like(x, v))) for v in (0.25, 1.0, 4.0)),
    ),
)

SPECS = (KL_DIV, POISSON, GAUSSIAN)
