"""torch.nn's losses over classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._draw import classes, logits
from ._invariances import SHIFT
from ._numerics import one_hot
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text

CLASS_WEIGHT = Option("weight", Text("(C,), a weight for each class; default None", "(C,)，每个类别的权重；默认 None"))
IGNORE_INDEX = Option("ignore_index", Text("target that does not count; default -100", "不计入的目标值；默认 -100"))
ALL_IGNORED = Text(
    "When all targets are ignored the mean is 0/0, NaN. cross_entropy gives 0.",
    "目标全部被忽略时均值为 0/0，即 NaN；cross_entropy 给出 0。",
)
_ONE_LOGIT = Plot(
    Text("logit of the target class, the other at 0", "目标类的 logit，另一类为 0"),
    -6.0,
    6.0,
    lambda x: (torch.stack((x, torch.zeros_like(x))).unsqueeze(0), torch.zeros(1, dtype=torch.long)),
)


def _sure(input: Tensor, target: Tensor, **_: object) -> tuple[Tensor, Tensor]:
    return 40 * one_hot(target, input), target


CROSS_ENTROPY = LossSpec(
    name="torch.nn.CrossEntropyLoss",
    module="",
    path="torch.nn.CrossEntropyLoss",
    title=Text("torch's cross-entropy", "torch 的交叉熵"),
    aliases=("nn.CrossEntropyLoss", "F.cross_entropy", "torch cross entropy"),
    family="classification",
    purpose=Text(
        "One of C classes per sample, or a distribution over them.",
        "每个样本属于 C 个类别之一，或给出 C 个类别上的分布。",
    ),
    formula=r"-w_y \log p_y, \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Bridle 1990",
            "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships to "
            "Statistical Pattern Recognition",
            "Neurocomputing, NATO ASI Series 68",
        ),
        Paper(
            "Szegedy et al. 2016",
            "Rethinking the Inception Architecture for Computer Vision",
            "arXiv:1512.00567",
            "sec. 7",
        ),
    ),
    arguments=(
        Argument("input", "logits", "N C *"),
        Argument("target", "class", "N *", otherwise=Argument("target", "probabilities", "N C *")),
    ),
    unit="sample",
    options=(
        CLASS_WEIGHT,
        IGNORE_INDEX,
        Option(
            "label_smoothing",
            Text("share of the target spread over all classes; default 0", "均匀分给所有类别的目标份额；默认 0"),
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 5.0]])
>>> target = torch.tensor([0, 1, -100])  # the last does not count
>>> torch.nn.CrossEntropyLoss()(input, target)
tensor(0.6691)
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(
        Text("ln C", "ln C"),
        lambda input, target: math.log(input.shape[1]),
        note=Text("Logits of variance v add about v/2.", "logits 的方差为 v 时约再加 v/2。"),
    ),
    minimum=Minimum(
        Text("0; with smoothing or soft targets, the target's entropy", "0；有平滑或软目标时为目标的熵"),
        lambda *_: 0.0,
        _sure,
    ),
    invariances=(SHIFT,),
    hazards=(
        ALL_IGNORED,
        Text(
            "The mean divides by the sum of the weights of the targets, not by N: the mean of reduction='none' is "
            "another "
            "number, and so is the mean over micro-batches with unequal counts.",
            "mean 除以各目标权重之和而非 N：对 reduction='none' 的结果再取平均得到的是另一个数；计数不等的微批次取平均"
            "亦然。",
        ),
        Text(
            "With label_smoothing, one logit of -inf (a masked class) makes the loss infinite. A soft target of 0 "
            "beside "
            "it makes it NaN.",
            "有 label_smoothing 时，只要有一个 logit 为 -inf（被屏蔽的类别），损失即为无穷；软目标为 0 而 logit 为 "
            "-inf 时得 NaN。",
        ),
        Text(
            "Classes stand on axis 1: (N, T, C) is taken without a word when T = C. Probabilities as input, and soft "
            "targets "
            "that do not sum to 1, are taken too.",
            "类别位于第 1 维：若 T = C，(N, T, C) 会被无声接受；以概率作输入、软目标之和不为 1 也不会报错。",
        ),
        Text(
            "The value has the input's dtype: ln 50257 = 10.825 is 10.8125 in bfloat16, and a float16 sum is infinite "
            "beyond "
            "65504.",
            "结果与输入类型相同：ln 50257 = 10.825 在 bfloat16 下为 10.8125；float16 的求和超过 65504 即为无穷。",
        ),
    ),
    avoid=Text(
        "You need masks, sample weights, or a denominator of your own: cross_entropy. Several labels at once: "
        "binary_cross_entropy_with_logits.",
        "需要 mask、样本权重或自定分母时：用 cross_entropy。多个标签可同时成立时：用 "
        "binary_cross_entropy_with_logits。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.cross_entropy",
            Text(
                "equal; 0 when all is ignored, smoothing skips classes at -inf, float32 for half inputs",
                "相同；目标全被忽略时为 0，平滑时跳过 logit 为 -inf 的类别，半精度输入给出 float32",
            ),
        ),
        Equivalent("optax.softmax_cross_entropy_with_integer_labels", Text("not reduced", "不做归约")),
        Equivalent(
            "keras.losses.SparseCategoricalCrossentropy",
            Text(
                "classes last; takes probabilities unless from_logits=True",
                "类别在最后一维；默认接受概率，除非 from_logits=True",
            ),
        ),
    ),
    plot=Plot(
        _ONE_LOGIT.x,
        _ONE_LOGIT.low,
        _ONE_LOGIT.high,
        _ONE_LOGIT.at,
        (Curve("ε = 0"), Curve("ε = 0.1", {"label_smoothing": 0.1})),
    ),
)


NLL = LossSpec(
    name="torch.nn.NLLLoss",
    module="",
    path="torch.nn.NLLLoss",
    title=Text("Negative log-likelihood of classes", "类别的负对数似然"),
    aliases=("nll", "nll loss", "NLLLoss", "F.nll_loss", "负对数似然"),
    family="classification",
    purpose=Text("Cross-entropy for a model that ends in a log-softmax.", "供以 log-softmax 结尾的模型使用的交叉熵。"),
    formula=r"-w_y \log p_y",
    arguments=(Argument("input", "log-probabilities", "N C *"), Argument("target", "class", "N *")),
    unit="sample",
    options=(CLASS_WEIGHT, IGNORE_INDEX),
    code="""
>>> log_p = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]]).log()
>>> torch.nn.NLLLoss()(log_p, torch.tensor([0, 1]))
tensor(0.6365)
""",
    draw=lambda generator, n: (logits(generator, n, 5).log_softmax(1), classes(generator, n, 5)),
    start=Start(
        Text("ln C", "ln C"),
        lambda input, target: math.log(input.shape[1]),
        lambda input, target: (torch.zeros_like(input).log_softmax(1), target),
    ),
    minimum=Minimum(
        Text("0, for log-probabilities", "0（输入为对数概率时）"),
        lambda *_: 0.0,
        lambda input, target: ((40 * one_hot(target, input)).log_softmax(1), target),
    ),
    hazards=(
        Text(
            "It picks a number and negates it. Logits or probabilities as input give a loss below 0, and nothing says "
            "so: "
            "NLLLoss of the probabilities (0.7, 0.3) is -0.7.",
            "它只是取出一个数再取负。以 logits 或概率作输入会得到负的损失，且没有任何提示：概率 (0.7, 0.3) 的 NLLLoss "
            "为 -0.7。",
        ),
        ALL_IGNORED,
    ),
    avoid=Text(
        "The model can give logits: cross_entropy needs no log-softmax before it.",
        "模型能输出 logits 时：用 cross_entropy，其前无需 log-softmax。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.cross_entropy",
            Text(
                "equal on log-probabilities, whose log-softmax is themselves", "对对数概率相同，因其 log-softmax 即自身"
            ),
        ),
    ),
    plot=Plot(
        Text("log-probability of the target class", "目标类的对数概率"),
        -6.0,
        0.0,
        lambda x: (torch.stack((x, torch.zeros_like(x))).unsqueeze(0), torch.zeros(1, dtype=torch.long)),
    ),
)


def _multi_margin_start(input: Tensor, target: Tensor) -> float:
    return (input.shape[1] - 1) / input.shape[1]


MULTI_MARGIN = LossSpec(
    name="torch.nn.MultiMarginLoss",
    module="",
    path="torch.nn.MultiMarginLoss",
    title=Text("Multi-class hinge, summed", "多类别合页损失（求和）"),
    aliases=("MultiMarginLoss", "weston watkins", "multi margin loss", "F.multi_margin_loss", "多类别间隔损失"),
    family="classification",
    purpose=Text(
        "Every wrong class is to score a margin less than the right one: a support vector machine for C classes.",
        "要求每个错误类别的得分都比正确类别低一个间隔：C 类支持向量机。",
    ),
    formula=r"\frac{w_y}{C} \sum_{j \neq y} \max(0, m - z_y + z_j)^p",
    papers=(
        Paper("Weston, Watkins 1999", "Support Vector Machines for Multi-Class Pattern Recognition", "ESANN 1999"),
    ),
    arguments=(Argument("input", "logits", "N C"), Argument("target", "class", "N")),
    unit="sample",
    options=(
        Option("p", Text("the power, 1 or 2; default 1", "幂次，1 或 2；默认 1")),
        Option("margin", Text("m; default 1", "m；默认 1")),
        CLASS_WEIGHT,
    ),
    code="""
>>> input = torch.tensor([[2.0, 1.5, 0.0], [0.0, 0.0, 0.0]])
>>> torch.nn.MultiMarginLoss()(input, torch.tensor([0, 1]))  # (0.5 / 3 + 2 / 3) / 2
tensor(0.4167)
""",
    draw=lambda generator, n: (logits(generator, n, 5), classes(generator, n, 5)),
    start=Start(Text("m^p (C - 1)/C", "m^p (C - 1)/C"), _multi_margin_start),
    minimum=Minimum(Text("0", "0"), lambda *_: 0.0, _sure),
    invariances=(SHIFT,),
    hazards=(
        Text(
            "The sum is divided by C: a single violated margin costs less the more classes there are.",
            "求和后除以 C：类别越多，单个违例的损失越小。",
        ),
        Text(
            "A weighted mean divides by N, unlike CrossEntropyLoss, which divides by the sum of the weights.",
            "加权的 mean 除以 N；CrossEntropyLoss 则除以权重之和。",
        ),
        Text(
            "No ignore_index (-100 is an error), no gradient of the gradient, and no half precision on the CPU.",
            "没有 ignore_index（-100 会报错），不支持二阶梯度，CPU 上不支持半精度。",
        ),
    ),
    avoid=Text(
        "Probabilities are needed, or classes are many: cross_entropy.", "需要概率，或类别很多时：用 cross_entropy。"
    ),
    equivalents=(
        Equivalent(
            "keras.losses.CategoricalHinge",
            Text("only the largest wrong class counts", "只计得分最高的错误类别"),
        ),
        Equivalent(
            "sklearn.metrics.hinge_loss",
            Text("for several classes only the largest wrong one counts", "多类别时只计得分最高的错误类别"),
        ),
    ),
    plot=Plot(
        _ONE_LOGIT.x,
        -3.0,
        3.0,
        _ONE_LOGIT.at,
        (Curve("p = 1"), Curve("p = 2", {"p": 2}), Curve("m = 2", {"margin": 2.0})),
    ),
)

SPECS = (CROSS_ENTROPY, NLL, MULTI_MARGIN)
