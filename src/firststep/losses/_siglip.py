"""A contrastive loss without a softmax: every pair of the batch is a yes-or-no question of its own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import directions, logits
from ._info_nce import RANKS
from ._invariances import STRETCH, SWAP
from ._spec import Argument, Curve, Equivalent, Learned, LossSpec, Minimum, Paper, Plot, Start, Text, Values
from ._vectors import ANGLE, ROTATE, counted, pairs_at, simplex, unit


def siglip_loss(
    image: Tensor, text: Tensor, logit_scale: Tensor, logit_bias: Tensor, *, mask: Tensor | None = None
) -> Values:
    """The product adds the bias itself; its sign is turned on the diagonal, in place of a matrix of signs."""
    against = torch.addmm(-logit_bias.to(image.dtype), unit(image) * -logit_scale.exp(), unit(text).T)
    against.diagonal().neg_()
    log_p = F.logsigmoid(against)
    return counted(-(log_p if mask is None else torch.where(mask, log_p, 0.0)).sum(1), mask)


def _softplus(x: Tensor) -> Tensor:
    return x.exp().log1p()


SIGLIP = LossSpec(
    name="siglip_loss",
    module="SigLIPLoss",
    title=Text("SigLIP: sigmoid contrastive loss", "SigLIP：sigmoid 对比损失"),
    aliases=("siglip", "sigmoid contrastive", "pairwise sigmoid", "sigmoid 对比", "图文 sigmoid 损失"),
    family="contrastive",
    purpose=Text(
        "Pairs of images and texts, each combination of the batch judged by itself: it works with small batches too.",
        "图文配对，批内每个组合单独判断是否匹配：小批量也适用。",
    ),
    formula=r"\log(1 + e^{-z_{ii}}) + \sum_{j \ne i} \log(1 + e^{z_{ij}}), \quad z_{ij} = e^{t} \cos(x_i, y_j) + b",
    papers=(Paper("Zhai et al. 2023", "Sigmoid Loss for Language Image Pre-Training", "arXiv:2303.15343", "sec. 3.2"),),
    arguments=(
        Argument("image", "embeddings", "N D", "x, of images", "x，图像的嵌入"),
        Argument("text", "embeddings", "N D", "y, of their texts", "y，对应文本的嵌入"),
        Argument("logit_scale", "parameters", "", "t, the logarithm of the scale", "t，缩放系数的对数"),
        Argument("logit_bias", "parameters", "", "b", "b，偏置"),
    ),
    unit="anchor",
    learned=(
        Learned(
            "logit_scale", (), lambda: torch.tensor(math.log(10.0)), Text("t, ln 10 at the start", "t，初始为 ln 10")
        ),
        Learned("logit_bias", (), lambda: torch.tensor(-10.0), Text("b, -10 at the start", "b，初始为 -10")),
    ),
    code="""
>>> image = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
>>> text = torch.tensor([[1.0, 0.9], [-0.1, 1.0]])
>>> loss = losses.SigLIPLoss()
>>> loss(image, text)
tensor(1.6976, grad_fn=<DivBackward0>)
>>> [name for name, _ in loss.named_parameters()]  # hand them to the optimizer
['logit_scale', 'logit_bias']
""",
    draw=lambda generator, n: (
        directions(generator, n, 8),
        directions(generator, n, 8),
        math.log(10) + 0.1 * logits(generator),
        -10 + 0.1 * logits(generator),
    ),
    start=Start(
        Text("-b = 10, with N - 1 times e^b more", "-b = 10，另加 (N - 1) e^b"),
        lambda image, text, logit_scale, logit_bias: _softplus(-logit_bias) + (len(image) - 1) * _softplus(logit_bias),
        note=Text(
            "Random directions add a little: negatives that chance to be near.",
            "随机方向会略有增加：有些负样本偶然接近。",
        ),
    ),
    minimum=Minimum(
        Text(
            "ln(1 + e^(-s - b)) + (N - 1) ln(1 + e^(b - s/(N - 1))) with s = e^t, for b near its start",
            "b 接近初值时为 ln(1 + e^(-s - b)) + (N - 1) ln(1 + e^(b - s/(N - 1)))，s = e^t",
        ),
        lambda image, text, logit_scale, logit_bias: (
            _softplus(-logit_scale.exp() - logit_bias)
            + (len(image) - 1) * _softplus(logit_bias - logit_scale.exp() / (len(image) - 1))
        ),
        lambda image, text, *own: (simplex(len(image), image), simplex(len(image), image), *own),
    ),
    kernel=siglip_loss,
    invariances=(STRETCH, SWAP, ROTATE),
    hazards=(
        Text(
            "Start the bias at -10: with 0 each sample starts at N ln 2, and the first steps push everything apart.",
            "偏置应从 -10 开始：若为 0，每个样本的初始损失为 N ln 2，最初几步只会把一切推开。",
        ),
        Text(
            "logit_scale and logit_bias are parameters of the loss: an optimizer made from the model alone does not "
            "train them.",
            "logit_scale 和 logit_bias 是损失自身的参数：只用模型参数构造的优化器不会训练它们。",
        ),
        RANKS,
    ),
    avoid=Text(
        "A sample has several true partners: give labels to supervised_contrastive_loss.",
        "一个样本有多个正确配对时：把标签交给 supervised_contrastive_loss。",
    ),
    equivalents=(
        Equivalent(
            "open_clip.SigLipLoss",
            Text(
                "takes normalized features and the scale exp(t) itself; passes text features between devices",
                "接受已归一化的特征与缩放系数 exp(t) 本身；在设备间传递文本特征",
            ),
        ),
    ),
    plot=Plot(
        ANGLE,
        0.0,
        180.0,
        lambda x: (*pairs_at(x), x.new_tensor(math.log(10)), x.new_tensor(-10.0)),
        tuple(
            Curve(
                f"exp(t) = {s:g}, b = {b:g}",
                at=lambda x, s=s, b=b: (*pairs_at(x), x.new_tensor(math.log(s)), x.new_tensor(b)),
            )
            for s, b in ((10.0, -10.0), (20.0, -10.0), (100.0, -15.0))
        ),
    ),
)

SPECS = (SIGLIP,)
