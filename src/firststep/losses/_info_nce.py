"""Contrastive losses in which the other samples of the batch are the negatives, through a softmax."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import directions, logits
from ._invariances import STRETCH, SWAP
from ._numerics import log_softmax
from ._spec import (
    Argument,
    Curve,
    Equivalent,
    Learned,
    LossSpec,
    Minimum,
    Option,
    Paper,
    Plot,
    Start,
    Text,
    Values,
)
from ._vectors import ANGLE, ROTATE, counted, pairs_at, simplex, unit, without, without_self

TEMPERATURE = Option(
    "temperature",
    Text("T, what cosines are divided by", "T，余弦所除的温度"),
    low=0.0,
    low_open=True,
)
GROWS = Text(
    "The value grows with ln N: batches of different sizes cannot be compared.",
    "数值随 ln N 增长：不同批大小之间不可比较。",
)
RANKS = Text(
    "On several devices each sees its own batch only. For the negatives of all, hand in gather_with_gradient(...) of "
    "both tensors; a plain all_gather cuts the gradient.",
    "多设备训练时每个设备只看到自己的批。若需全部设备的负样本，两个张量都应经 gather_with_gradient(...) 传入；"
    "直接 all_gather 会切断梯度。",
)


def info_nce_loss(
    query: Tensor, key: Tensor, *, temperature: float | Tensor = 0.07, mask: Tensor | None = None
) -> Values:
    """The positive of query i is key i. The temperature divides the (N, D) rows, not the (N, N) scores."""
    scores = without(unit(query) / temperature @ unit(key).T, mask)
    return counted(-log_softmax(scores).diagonal(), mask)


def _least(scale: float, n: int, negatives: int) -> float:
    """The least value of a softmax loss over unit vectors: pairs at one point, the pairs on a simplex."""
    return math.log1p(negatives * math.exp(-scale * n / (n - 1)))


INFO_NCE = LossSpec(
    name="info_nce_loss",
    module="InfoNCELoss",
    title=Text("InfoNCE", "InfoNCE"),
    aliases=(
        "infonce",
        "nce",
        "cpc",
        "moco",
        "in-batch negatives",
        "mnrl",
        "对比学习",
        "批内负样本",
    ),
    family="contrastive",
    purpose=Text(
        "Pull each query to its key and push it from the other keys of the batch.",
        "把每个 query 拉向其对应的 key，并推离批内其他 key。",
    ),
    formula=r"-\log \frac{\exp(\cos(q_i, k_i) / T)}{\sum_{j} \exp(\cos(q_i, k_j) / T)}",
    papers=(
        Paper(
            "van den Oord, Li, Vinyals 2018",
            "Representation Learning with Contrastive Predictive Coding",
            "arXiv:1807.03748",
            "eq. 4",
        ),
    ),
    arguments=(
        Argument("query", "embeddings", "N D"),
        Argument("key", "embeddings", "N D", "the positive of each query", "每个 query 的正样本"),
    ),
    unit="anchor",
    options=(TEMPERATURE,),
    code="""
>>> query = torch.tensor([[1.0, 0.0], [0.0, 2.0]])  # normalized inside
>>> key = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
>>> losses.InfoNCELoss(temperature=0.5)(query, key)
tensor(0.3301)
""",
    draw=lambda generator, n: (directions(generator, n, 8), directions(generator, n, 8)),
    start=Start(
        Text("ln N, and up to 1/(2 T² D) more for random directions", "ln N；方向随机时最多再加 1/(2 T² D)"),
        lambda query, key, **_: math.log(len(query)),
    ),
    minimum=Minimum(
        Text(
            "ln(1 + (N - 1) exp(-N / (T (N - 1)))), near 0 for small T",
            "ln(1 + (N - 1) exp(-N / (T (N - 1))))，T 小时接近 0",
        ),
        lambda query, key, temperature=0.07, **_: _least(1 / temperature, len(query), len(query) - 1),
        lambda query, key, **_: (simplex(len(query), query), simplex(len(query), query)),
    ),
    kernel=info_nce_loss,
    invariances=(STRETCH, ROTATE),
    hazards=(
        Text(
            "Two samples of the batch that mean the same are pushed apart: use labels (supervised_contrastive_loss).",
            "批内含义相同的两个样本会被推开：应使用标签（supervised_contrastive_loss）。",
        ),
        GROWS,
        RANKS,
    ),
    avoid=Text(
        "Batches are small: there are too few negatives (siglip_loss, triplet losses).",
        "批很小时：负样本太少（用 siglip_loss 或三元组损失）。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.NTXentLoss",
            Text(
                "needs labels; takes memory for pairs times negatives; loses far pairs in half precision",
                "需要标签；内存为正样本对数乘以负样本数；半精度下会丢失远距离样本对",
            ),
        ),
        Equivalent(
            "sentence_transformers.losses.MultipleNegativesRankingLoss",
            Text("owns the model; scale=20 is temperature=0.05", "自带模型；scale=20 即 temperature=0.05"),
        ),
    ),
    plot=Plot(
        ANGLE,
        0.0,
        180.0,
        pairs_at,
        tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (0.07, 0.2, 0.5)),
    ),
)


def nt_xent_loss(
    first: Tensor, second: Tensor, *, temperature: float | Tensor = 0.5, mask: Tensor | None = None
) -> Values:
    """Both views of a sample are anchors, in the two columns. One product of all 2N rows with all 2N."""
    n = len(first)
    rows = torch.cat((unit(first), unit(second)))
    scores = without(without_self(rows / temperature @ rows.T), None if mask is None else mask.repeat(2))
    other = torch.arange(2 * n, device=rows.device).roll(n)
    return counted(F.cross_entropy(scores, other, reduction="none").reshape(2, n).T, mask)


NT_XENT = LossSpec(
    name="nt_xent_loss",
    module="NTXentLoss",
    title=Text("NT-Xent (SimCLR)", "NT-Xent（SimCLR）"),
    aliases=(
        "simclr",
        "ntxent",
        "normalized temperature-scaled cross entropy",
        "two views",
        "自监督对比学习",
        "双视图",
    ),
    family="contrastive",
    purpose=Text(
        "Two views of each sample, without labels: each of the 2N views is to find the other among 2N - 1.",
        "每个样本两个视图、无标签：2N 个视图各自要在其余 2N - 1 个中找到自己的另一视图。",
    ),
    formula=r"-\log \frac{\exp(\cos(z_i, z_j) / T)}{\sum_{k \ne i} \exp(\cos(z_i, z_k) / T)}, "
    r"\quad j \text{ the other view of } i",
    papers=(
        Paper(
            "Chen et al. 2020",
            "A Simple Framework for Contrastive Learning of Visual Representations",
            "arXiv:2002.05709",
            "eq. 1",
        ),
    ),
    arguments=(
        Argument("first", "embeddings", "N D", "one view of each sample", "每个样本的一个视图"),
        Argument("second", "embeddings", "N D", "the other view", "另一个视图"),
    ),
    unit="anchor",
    options=(TEMPERATURE,),
    code="""
>>> first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
>>> second = torch.tensor([[1.0, 0.1], [-0.1, 1.0]])
>>> losses.NTXentLoss(temperature=0.5, reduction="none")(first, second)  # a column for each view
tensor([[0.2221, 0.2650],
        [0.2650, 0.2221]])
""",
    draw=lambda generator, n: (directions(generator, n, 8), directions(generator, n, 8)),
    start=Start(
        Text(
            "ln(2N - 1), and up to 1/(2 T² D) more for random directions", "ln(2N - 1)；方向随机时最多再加 1/(2 T² D)"
        ),
        lambda first, second, **_: math.log(2 * len(first) - 1),
        lambda first, second, **_: (torch.zeros_like(first), torch.zeros_like(second)),
        note=Text(
            "ln(2N - 1) that does not fall may be a collapse: all embeddings equal give it too.",
            "若一直停在 ln(2N - 1)，可能已坍缩：所有嵌入相同时也是此值。",
        ),
    ),
    minimum=Minimum(
        Text("ln(1 + (2N - 2) exp(-N / (T (N - 1))))", "ln(1 + (2N - 2) exp(-N / (T (N - 1))))"),
        lambda first, second, temperature=0.5, **_: _least(1 / temperature, len(first), 2 * len(first) - 2),
        lambda first, second, **_: (simplex(len(first), first), simplex(len(first), first)),
    ),
    kernel=nt_xent_loss,
    invariances=(STRETCH, SWAP, ROTATE),
    hazards=(
        Text(
            "It is not InfoNCE of the two views: the other samples of the same view are negatives too.",
            "它不等于两个视图的 InfoNCE：同一视图的其他样本也是负样本。",
        ),
        GROWS,
        RANKS,
    ),
    avoid=Text(
        "Labels are there (supervised_contrastive_loss), or the two sides are of different kinds (clip_loss).",
        "有标签时用 supervised_contrastive_loss；两侧属于不同模态时用 clip_loss。",
    ),
    equivalents=(
        Equivalent(
            "lightly.loss.NTXentLoss",
            Text(
                "mean only; takes the negatives of all devices by gather_distributed=True",
                "只有 mean；gather_distributed=True 时使用所有设备的负样本",
            ),
        ),
        Equivalent("optax.losses.ntxent", Text("takes one (2N, D) tensor and labels", "接受一个 (2N, D) 张量和标签")),
    ),
    plot=Plot(
        ANGLE,
        0.0,
        180.0,
        pairs_at,
        tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (0.1, 0.2, 0.5)),
    ),
)


def clip_loss(
    image: Tensor, text: Tensor, logit_scale: Tensor, *, max_scale: float = 100.0, mask: Tensor | None = None
) -> Values:
    """One product serves both directions. Beyond ``max_scale`` the gradient of ``logit_scale`` is 0."""
    scale = logit_scale.clamp(max=math.log(max_scale)).exp()
    scores = without(unit(image) * scale @ unit(text).T, None if mask is None else mask & mask.unsqueeze(1))
    both = scores.log_softmax(1).diagonal() + scores.log_softmax(0).diagonal()
    return counted(-both / 2, mask)


CLIP = LossSpec(
    name="clip_loss",
    module="CLIPLoss",
    title=Text("CLIP: symmetric InfoNCE", "CLIP：对称 InfoNCE"),
    aliases=("clip", "image-text contrastive", "symmetric cross entropy over pairs", "图文对比", "图文匹配"),
    family="contrastive",
    purpose=Text(
        "Pairs of two kinds, images and texts: each finds its partner in the batch. The temperature is learned.",
        "两种模态的配对（如图像与文本）：各自在批内找到对方。温度是可学习的。",
    ),
    formula=r"-\frac{1}{2} \log \frac{\exp(s_{ii})}{\sum_{j} \exp(s_{ij})} "
    r"- \frac{1}{2} \log \frac{\exp(s_{ii})}{\sum_{j} \exp(s_{ji})}, \quad s_{ij} = e^{t} \cos(x_i, y_j)",
    papers=(
        Paper(
            "Radford et al. 2021",
            "Learning Transferable Visual Models From Natural Language Supervision",
            "arXiv:2103.00020",
            "fig. 3",
        ),
    ),
    arguments=(
        Argument("image", "embeddings", "N D", "x, of images", "x，图像的嵌入"),
        Argument("text", "embeddings", "N D", "y, of their texts", "y，对应文本的嵌入"),
        Argument("logit_scale", "parameters", "", "t, the logarithm of the scale", "t，缩放系数的对数"),
    ),
    unit="anchor",
    options=(
        Option(
            "max_scale",
            Text("the scale exp(t) is held at this", "缩放系数 exp(t) 的上限"),
            low=0.0,
            low_open=True,
        ),
    ),
    learned=(
        Learned(
            "logit_scale",
            (),
            lambda: torch.tensor(math.log(1 / 0.07)),
            Text("t, ln(1/0.07) at the start", "t，初始为 ln(1/0.07)"),
        ),
    ),
    code="""
>>> image = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
>>> text = torch.tensor([[1.0, 0.9], [-0.1, 1.0]])
>>> loss = losses.CLIPLoss()
>>> loss(image, text)
tensor(0.0766, grad_fn=<DivBackward0>)
>>> [name for name, _ in loss.named_parameters()]  # hand them to the optimizer
['logit_scale']
""",
    draw=lambda generator, n: (
        directions(generator, n, 8),
        directions(generator, n, 8),
        1.5 + 0.1 * logits(generator),
    ),
    start=Start(
        Text("ln N, and up to e^2t/(2 D) more for random directions", "ln N；方向随机时最多再加 e^2t/(2 D)"),
        lambda image, text, logit_scale, **_: math.log(len(image)),
    ),
    minimum=Minimum(
        Text("ln(1 + (N - 1) exp(-e^t N / (N - 1)))", "ln(1 + (N - 1) exp(-e^t N / (N - 1)))"),
        lambda image, text, logit_scale, **_: _least(float(logit_scale.exp()), len(image), len(image) - 1),
        lambda image, text, logit_scale, **_: (simplex(len(image), image), simplex(len(image), image), logit_scale),
    ),
    kernel=clip_loss,
    invariances=(STRETCH, SWAP, ROTATE),
    hazards=(
        Text(
            "logit_scale is a parameter of the loss: an optimizer made from the model alone does not train it. Weight "
            "decay does not belong on it.",
            "logit_scale 是损失自身的参数：只用模型参数构造的优化器不会训练它。也不应对它施加权重衰减。",
        ),
        Text(
            "Once beyond max_scale it gets no gradient and stays. To let it come back, clamp it after each step: "
            "loss.logit_scale.data.clamp_(max=math.log(100)).",
            "一旦超过 max_scale，它便没有梯度而停住。若要让它能够回落，每步之后执行 "
            "loss.logit_scale.data.clamp_(max=math.log(100))。",
        ),
        GROWS,
        RANKS,
    ),
    avoid=Text(
        "Batches are too large for one softmax over all devices, or too small: siglip_loss.",
        "批大到无法在所有设备上做同一个 softmax，或者批太小时：用 siglip_loss。",
    ),
    equivalents=(
        Equivalent(
            "open_clip.ClipLoss",
            Text(
                "takes normalized features and the scale exp(t) itself, which the model holds",
                "接受已归一化的特征与缩放系数 exp(t) 本身，后者由模型持有",
            ),
        ),
        Equivalent(
            "transformers.CLIPModel",
            Text("its loss, with return_loss=True; no max_scale", "return_loss=True 时的损失；没有 max_scale"),
        ),
    ),
    plot=Plot(
        ANGLE,
        0.0,
        180.0,
        lambda x: (*pairs_at(x), x.new_tensor(math.log(1 / 0.07))),
        tuple(
            Curve(f"exp(t) = {s:g}", at=lambda x, s=s: (*pairs_at(x), x.new_tensor(math.log(s)))) for s in (2, 5, 14.3)
        ),
    ),
)

SPECS = (INFO_NCE, NT_XENT, CLIP)
