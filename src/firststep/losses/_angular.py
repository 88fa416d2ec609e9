"""Softmax over the angles to learned class centers, with a margin for the true class."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import classes, logits
from ._invariances import STRETCH
from ._numerics import pick, safe_sqrt
from ._spec import Argument, Curve, Equivalent, Learned, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text
from ._vectors import ROTATE, unit

_SCALE = Option("scale", Text("s, what cosines are multiplied by", "s，余弦所乘的系数"), low=0.0, low_open=True)
_ARGUMENTS = (
    Argument("embeddings", "embeddings", "N D"),
    Argument("target", "class", "N"),
    Argument("centers", "parameters", "C D", "w, a direction for each class", "w，每个类别的方向"),
)
_CENTERS = Learned(
    "centers",
    ("num_classes", "embedding_dim"),
    lambda *shape: 0.01 * torch.randn(shape),
    Text("w, normal with standard deviation 0.01 at the start", "w，初始为标准差 0.01 的正态分布"),
)
_TRAINED = Text(
    "The centers are parameters of the loss: an optimizer made from the model alone does not train them.",
    "类别中心是损失自身的参数：只用模型参数构造的优化器不会训练它们。",
)
_COMPARE = Text(
    "At test time compare embeddings by their cosine; the centers and the margin belong to training.",
    "测试时用余弦比较嵌入；类别中心与间隔只用于训练。",
)
_AVOID = Text(
    "New classes appear at every step, or most have one sample: supervised_contrastive_loss, batch_hard_triplet_loss.",
    "不断出现新类别，或多数类别只有一个样本时：用 supervised_contrastive_loss、batch_hard_triplet_loss。",
)


def _scores(embeddings: Tensor, centers: Tensor, scale: float) -> Tensor:
    return unit(embeddings) * scale @ unit(centers).T


def _softmax(scores: Tensor, target: Tensor, change: Tensor) -> Tensor:
    """Cross-entropy, with the scores of the true classes changed."""
    scores = scores.scatter_add(1, target.unsqueeze(1), change.unsqueeze(1))
    return F.cross_entropy(scores, target, reduction="none")


def arcface_loss(
    embeddings: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    scale: float = 64.0,
    margin: float = 0.5,
    easy_margin: bool = False,
) -> Tensor:
    """``cos(theta + m) = cos(theta) cos(m) - sin(theta) sin(m)`` needs no arccos, of infinite gradient at 0 and pi.

    Beyond ``theta = pi - m`` it would rise again. There ``cos(theta) - m sin(m)`` stands instead, as in the authors'
    code (the paper leaves it open); with ``easy_margin`` the margin is only for angles below 90 degrees.
    """
    scores = _scores(embeddings, centers, scale)
    true = pick(scores, target)
    sine = safe_sqrt((scale - true) * (scale + true))  # s sin(theta)
    moved = true * math.cos(margin) - sine * math.sin(margin)
    if easy_margin:
        moved = torch.where(true > 0, moved, true)
    else:
        moved = torch.where(true > -scale * math.cos(margin), moved, true - scale * margin * math.sin(margin))
    return _softmax(scores, target, moved - true)


def cosface_loss(
    embeddings: Tensor, target: Tensor, centers: Tensor, *, scale: float = 64.0, margin: float = 0.35
) -> Tensor:
    """Only the (N,) scores of the true classes are moved."""
    scores = _scores(embeddings, centers, scale)
    return _softmax(scores, target, scores.new_full((len(target),), -scale * margin))


def _normalized_softmax(embeddings: Tensor, target: Tensor, centers: Tensor) -> Tensor:
    cosines = F.cosine_similarity(embeddings.unsqueeze(1), centers.unsqueeze(0), dim=2)
    return F.cross_entropy(64 * cosines, target, reduction="none")


_LIMITS = (
    Limit(
        Text("margin=0 is cross-entropy over scaled cosines", "margin=0 即对缩放余弦做交叉熵"),
        {"margin": 0.0},
        _normalized_softmax,
    ),
)


def _orthogonal(embeddings: Tensor, target: Tensor, centers: Tensor, **_: object) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings at 90 degrees to all centers."""
    return F.pad(torch.zeros_like(embeddings), (0, 1), value=1.0), target, F.pad(centers, (0, 1))


def _perfect(embeddings: Tensor, target: Tensor, centers: Tensor, **_: object) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings at centers that are at 90 degrees to each other."""
    eye = torch.eye(len(centers), dtype=centers.dtype)
    return eye[target], target, eye


def _at(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For pictures: an angle in degrees to the true center, 90 to the other."""
    radians = torch.deg2rad(x)
    return (
        torch.stack((radians.cos(), radians.sin(), 0 * x)).unsqueeze(0),
        torch.zeros(1, dtype=torch.long),
        x.new_tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    )


_ANGLE = Text("angle to the true center, in degrees; 90° to the other", "与真实类别中心的夹角（度）；与另一中心成 90°")

ARCFACE = LossSpec(
    name="arcface_loss",
    module="ArcFaceLoss",
    title=Text("ArcFace", "ArcFace"),
    aliases=("arcface", "additive angular margin", "face recognition", "人脸识别", "加性角度间隔"),
    family="metric",
    purpose=Text(
        "Embeddings for telling classes apart by angle, trained as a classifier that must be right by an angle m.",
        "用角度区分类别的嵌入：按分类器训练，但真实类别必须领先一个角度 m。",
    ),
    formula=r"-\log \frac{\exp(s \cos(\theta_y + m))}{\exp(s \cos(\theta_y + m)) + \sum_{j \ne y} "
    r"\exp(s \cos \theta_j)}, \quad \cos \theta_j = \cos(x, w_j)",
    papers=(
        Paper(
            "Deng et al. 2019",
            "ArcFace: Additive Angular Margin Loss for Deep Face Recognition",
            "arXiv:1801.07698",
            "eq. 3",
        ),
    ),
    arguments=_ARGUMENTS,
    unit="sample",
    options=(
        _SCALE,
        Option("margin", Text("m, in radians", "m，单位为弧度"), low=0.0, high=math.pi / 2),
        Option(
            "easy_margin",
            Text("whether angles of 90° and more go without the margin", "夹角不小于 90° 时是否不加间隔"),
        ),
    ),
    learned=(_CENTERS,),
    code="""
>>> embeddings, target = torch.tensor([[2.0, 0.5], [0.0, 1.0]]), torch.tensor([0, 1])
>>> losses.functional.arcface_loss(embeddings, target, centers=torch.eye(2), scale=8.0)
tensor(0.0101)
>>> loss = losses.ArcFaceLoss(num_classes=2, embedding_dim=2)
>>> [name for name, _ in loss.named_parameters()]  # hand them to the optimizer
['centers']
""",
    draw=lambda generator, n: (logits(generator, n, 6), classes(generator, n, 4), logits(generator, 4, 6)),
    start=Start(
        Text(
            "ln(1 + (C - 1) e^(s sin m)), about s sin m + ln(C - 1): 30.7 + ln(C - 1); ln C with easy_margin",
            "ln(1 + (C - 1) e^(s sin m))，约为 s sin m + ln(C - 1)，即 30.7 + ln(C - 1)；easy_margin 时为 ln C",
        ),
        lambda embeddings, target, centers, scale=64.0, margin=0.5, easy_margin=False: math.log1p(
            (len(centers) - 1) * math.exp(0 if easy_margin else scale * math.sin(margin))
        ),
        _orthogonal,
    ),
    minimum=Minimum(Text("0, nearly, for large s", "s 较大时约为 0"), lambda *_, **__: 0.0, _perfect),
    kernel=arcface_loss,
    invariances=(STRETCH, ROTATE),
    limits=_LIMITS,
    hazards=(
        _TRAINED,
        Text(
            "The margin is in radians: 0.5 is 28.6 degrees.",
            "间隔的单位是弧度：0.5 即 28.6 度。",
        ),
        Text(
            "It starts near 31 + ln(C - 1), not ln C, and may not leave it: warm up the learning rate or the margin.",
            "初始值约为 31 + ln(C - 1) 而非 ln C，且可能停在那里：应对学习率或间隔做预热。",
        ),
        _COMPARE,
    ),
    avoid=_AVOID,
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.ArcFaceLoss",
            Text(
                "margin in degrees, 28.6; takes an arccos, so that its gradient needs a cosine clipped below 1",
                "间隔以度为单位，28.6；使用 arccos，因此须把余弦截断到 1 以下才有有限梯度",
            ),
        ),
    ),
    plot=Plot(
        _ANGLE,
        0.0,
        180.0,
        _at,
        (Curve("m = 0", {"margin": 0.0}), Curve("m = 0.5"), Curve("m = 0.5, easy_margin", {"easy_margin": True})),
    ),
)

COSFACE = LossSpec(
    name="cosface_loss",
    module="CosFaceLoss",
    title=Text("CosFace", "CosFace"),
    aliases=("cosface", "large margin cosine", "additive margin softmax", "am-softmax", "加性余弦间隔", "大间隔余弦"),
    family="metric",
    purpose=Text(
        "As ArcFace, with the margin taken from the cosine: the true class must be right by m of cosine.",
        "与 ArcFace 相同，但间隔从余弦中减去：真实类别的余弦必须领先 m。",
    ),
    formula=r"-\log \frac{\exp(s (\cos \theta_y - m))}{\exp(s (\cos \theta_y - m)) + \sum_{j \ne y} "
    r"\exp(s \cos \theta_j)}, \quad \cos \theta_j = \cos(x, w_j)",
    papers=(
        Paper(
            "Wang et al. 2018",
            "CosFace: Large Margin Cosine Loss for Deep Face Recognition",
            "arXiv:1801.09414",
            "eq. 4",
        ),
    ),
    arguments=_ARGUMENTS,
    unit="sample",
    options=(_SCALE, Option("margin", Text("m, of cosine", "m，以余弦计"), low=0.0)),
    learned=(_CENTERS,),
    code="""
>>> embeddings, target = torch.tensor([[2.0, 0.5], [0.0, 1.0]]), torch.tensor([0, 1])
>>> losses.functional.cosface_loss(embeddings, target, centers=torch.eye(2), scale=8.0)
tensor(0.0266)
>>> loss = losses.CosFaceLoss(num_classes=2, embedding_dim=2)
>>> [name for name, _ in loss.named_parameters()]  # hand them to the optimizer
['centers']
""",
    draw=lambda generator, n: (logits(generator, n, 6), classes(generator, n, 4), logits(generator, 4, 6)),
    start=Start(
        Text(
            "ln(1 + (C - 1) e^(s m)), about s m + ln(C - 1): 22.4 + ln(C - 1)",
            "ln(1 + (C - 1) e^(s m))，约为 s m + ln(C - 1)，即 22.4 + ln(C - 1)",
        ),
        lambda embeddings, target, centers, scale=64.0, margin=0.35: math.log1p(
            (len(centers) - 1) * math.exp(scale * margin)
        ),
        _orthogonal,
    ),
    minimum=Minimum(Text("0, nearly, for large s", "s 较大时约为 0"), lambda *_, **__: 0.0, _perfect),
    kernel=cosface_loss,
    invariances=(STRETCH, ROTATE),
    limits=_LIMITS,
    hazards=(
        _TRAINED,
        Text(
            "It starts near s m + ln(C - 1), not ln C: a loss of 22 and more at the first step is no mistake.",
            "初始值约为 s m + ln(C - 1) 而非 ln C：第一步的损失达到 22 以上并非错误。",
        ),
        _COMPARE,
    ),
    avoid=_AVOID,
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.CosFaceLoss", Text("the same formula and defaults", "公式与默认值相同")
        ),
    ),
    plot=Plot(
        _ANGLE,
        0.0,
        180.0,
        _at,
        (Curve("m = 0", {"margin": 0.0}), Curve("m = 0.35")),
    ),
)

SPECS = (ARCFACE, COSFACE)
