"""Contrastive losses in which the other samples of the batch are the negatives."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import directions
from ._invariances import STRETCH
from ._numerics import log_softmax, pick
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text

TEMPERATURE = Option(
    "temperature",
    Text("T, what similarities are divided by", "T，相似度所除的温度"),
    low=0.0,
    low_open=True,
)


def info_nce_loss(query: Tensor, key: Tensor, *, temperature: float | Tensor = 0.07) -> Tensor:
    """Rows are normalized here; the positive of query i is key i."""
    scores = F.normalize(query, dim=1) @ F.normalize(key, dim=1).T / temperature
    return -pick(log_softmax(scores), torch.arange(len(scores), device=scores.device))


INFO_NCE = LossSpec(
    name="info_nce_loss",
    module="InfoNCELoss",
    title=Text("InfoNCE", "InfoNCE"),
    aliases=("infonce", "nce", "cpc", "moco", "in-batch negatives", "对比学习", "批内负样本"),
    family="contrastive",
    purpose=Text(
        "Pull each query to its key and push it from the other keys of the batch.",
        "把每个 query 拉向其对应的 key，并推离批内其他 key。",
    ),
    formula=r"-\log \frac{\exp(q_i \cdot k_i / T)}{\sum_{j} \exp(q_i \cdot k_j / T)}",
    papers=(Paper("van den Oord, Li, Vinyals 2018", "Representation Learning with Contrastive Predictive Coding", "arXiv:1807.03748", "eq. 4"),),
    arguments=(Argument("query", "embeddings", "N D"), Argument("key", "embeddings", "N D", "the positive of each query", "每个 query 的正样本")),
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
        lambda query, key, **_: (torch.ones_like(query), torch.ones_like(key)),
    ),
    minimum=Minimum(
        Text("ln(1 + (N - 1) exp(-1/T - 1/(T (N - 1)))), near 0 for small T", "ln(1 + (N - 1) exp(-1/T - 1/(T (N - 1))))，T 小时接近 0"),
        lambda query, key, temperature=0.07, **_: math.log1p((len(query) - 1) * math.exp(-1 / temperature)),
        lambda query, key, **_: (torch.eye(len(query), dtype=query.dtype), torch.eye(len(query), dtype=query.dtype)),
    ),
    kernel=info_nce_loss,
    invariances=(STRETCH,),
    hazards=(
        Text("Two samples of the batch that mean the same are pushed apart: use labels (supervised_contrastive_loss).",
             "批内含义相同的两个样本会被推开：应使用标签（supervised_contrastive_loss）。"),
        Text("The value grows with ln N: batches of different sizes cannot be compared.",
             "数值随 ln N 增长：不同批大小之间不可比较。"),
    ),
    avoid=Text("Batches are small: there are too few negatives (siglip_loss, triplet losses).", "批很小时：负样本太少（用 siglip_loss 或三元组损失）。"),
    equivalents=(
        Equivalent("pytorch_metric_learning.losses.NTXentLoss", Text("needs labels; takes memory for pairs times negatives", "需要标签；内存为正样本对数乘以负样本数")),
    ),
    plot=Plot(
        Text("angle between query and key, in degrees; one negative at 90°", "query 与 key 的夹角（度）；一个负样本在 90°"),
        0.0,
        180.0,
        lambda x: (
            torch.stack((torch.cos(torch.deg2rad(x)), torch.sin(torch.deg2rad(x)), 0 * x)).repeat(2, 1) * torch.tensor([[1.0], [0.0]]) + torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
            torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        ),
        tuple(Curve(f"T = {t:g}", {"temperature": t}) for t in (0.07, 0.2, 0.5)),
    ),
)  # fmt: skip

SPECS = (INFO_NCE,)
