"""Lovász losses: the Jaccard index of thresholded masks, made convex."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import flags, logits
from ._invariances import SHIFT
from ._numerics import one_hot
from ._overlap import BATCH, SHUFFLE, draw, flat, perfect, rows
from ._spec import Argument, Curve, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text, Values


def extension(errors: Tensor, label: Tensor) -> Tensor:
    """The Lovász extension of the Jaccard loss along the last axis, of errors that are at least 0.

    With the errors from large to small, the k-th is multiplied by what the Jaccard loss grows by as pixel k joins the
    wrong ones. In a pixel of the class the intersection I falls by 1 and the union U stays, elsewhere U grows by 1:

        1 / U,   I / (U (U - 1)),

    exact where differences of Jaccard losses would cancel. The numbers are int32, exact beyond 2^24 pixels.
    """
    bits = torch.int32 if errors.dtype == torch.float32 else torch.int64  # they sort alike, and faster
    order = errors.detach().view(bits).argsort(-1, descending=True)
    errors, label = errors.gather(-1, order), label.gather(-1, order)
    met = label.cumsum(-1, dtype=torch.int32)
    both = met[..., -1:] - met
    union = both + torch.arange(1, label.shape[-1] + 1, dtype=torch.int32, device=label.device)
    first = label | (union == 1)  # without a pixel of the class, the first wrong one is all
    growth = both.to(errors.dtype).div_((union - 1).clamp(min=1)).masked_fill_(first, 1.0).div_(union)
    return (errors * growth).sum(-1)


def lovasz_softmax_loss(
    input: Tensor, target: Tensor, *, classes: str = "present", batch: bool = False, mask: Tensor | None = None
) -> Values:
    """Ignored pixels have error 0 and belong to no class: they come last, and add nothing."""
    if input.shape[1] == 1:
        raise LossError("lovasz_softmax_loss: a softmax over one class is 1 everywhere. Type lovasz_hinge_loss(...)")
    p = flat(torch.softmax(input, 1))
    index = target.reshape(len(p), 1, p.shape[2])
    label = index == torch.arange(p.shape[1], device=index.device).reshape(1, -1, 1)
    counts, weight = None, 1.0
    if mask is not None:
        inside = mask.reshape(index.shape)
        label, weight, counts = label & inside, inside.to(p.dtype), inside.any(2)
    own = label.to(p.dtype)
    errors = torch.addcmul(own, p, weight - 2 * own)
    if batch:
        errors, label = (one.movedim(1, 0).flatten(1).unsqueeze(0) for one in (errors, label))
        counts = None if counts is None else counts.any(0, keepdim=True)
    values = extension(errors, label)
    if classes == "present":
        return values, label.any(2)
    return values if counts is None else (values, counts.expand(values.shape))


def _classes(n: int, target: Tensor) -> Tensor:
    return (target.reshape(len(target), 1, -1) == torch.arange(n).reshape(1, -1, 1)).any(2)


def _softmax_start(
    input: Tensor, target: Tensor, classes: str = "present", batch: bool = False, **_: Any
) -> float | Tensor:
    n = input.shape[1]
    if classes == "present":
        return 1 - 1 / n
    there = _classes(n, target)
    there = there.any(0) if batch else there
    return torch.where(there, 1 - 1 / n, 1 / n).mean()


_PAPER = Paper(
    "Berman, Rannen Triki, Blaschko 2018",
    "The Lovász-Softmax loss: A tractable surrogate for the optimization of the intersection-over-union measure in "
    "neural networks",
    "arXiv:1705.08790",
)
_SORT = Text(
    "Each class of each image is sorted: it takes several times as long as jaccard_loss. Its gradient jumps where two "
    "errors change places.",
    "每幅图像的每个类别都要排序：耗时数倍于 jaccard_loss。两个误差交换次序处梯度会跳变。",
)
_FINETUNE = Text(
    "The authors fine-tune with it a network trained by cross-entropy, or add the two.",
    "作者用它微调已由交叉熵训练好的网络，或将两者相加。",
)

LOVASZ_SOFTMAX = LossSpec(
    name="lovasz_softmax_loss",
    module="LovaszSoftmaxLoss",
    title=Text("Lovász-Softmax", "Lovász-Softmax"),
    aliases=("lovasz", "lovász", "lovasz softmax", "iou surrogate", "洛瓦兹", "miou 替代损失"),
    family="segmentation",
    purpose=Text(
        "Segmentation scored by the IoU of its masks: the loss equals 1 - IoU where all probabilities are 0 or 1.",
        "以掩码 IoU 评价的分割：当概率全为 0 或 1 时损失等于 1 - IoU。",
    ),
    formula=r"\sum_{k} m_k (\Delta_c(\{1, \ldots, k\}) - \Delta_c(\{1, \ldots, k - 1\})), "
    r"\quad m_1 \ge m_2 \ge \ldots \text{ the errors } |t_{ci} - p_{ci}|, \quad \Delta_c(M) = \frac{|M|}{|T_c \cup M|}",
    papers=(_PAPER,),
    arguments=(Argument("input", "logits", "N C *"), Argument("target", "class", "N *")),
    unit="image",
    options=(
        Option(
            "classes",
            Text(
                "present leaves out a class without a pixel in the target, all takes it as its largest error",
                "present 略去目标中没有像素的类别；all 按公式计入，即其最大误差",
            ),
            choices=("present", "all"),
        ),
        BATCH,
    ),
    code="""
>>> input = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, -1.0, -1.0]]])  # (N, C, pixels)
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.LovaszSoftmaxLoss(reduction="none")(input, target)  # for each image and class
tensor([[0.5000, 0.3481]])
""",
    draw=draw,
    start=Start(Text("1 - 1/C; 1/C for an absent class", "1 - 1/C；缺席类别为 1/C"), _softmax_start),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, perfect),
    kernel=lovasz_softmax_loss,
    mask_shape="N *",
    invariances=(SHIFT, SHUFFLE),
    hazards=(_SORT, _FINETUNE),
    avoid=Text(
        "The score is Dice, or training begins: dice_ce_loss. Labels are soft: jaccard_loss.",
        "评价指标是 Dice，或刚开始训练时：用 dice_ce_loss。软标签：用 jaccard_loss。",
    ),
    equivalents=(
        Equivalent(
            "kornia.losses.LovaszSoftmaxLoss",
            Text("all classes, and an ignored pixel needs ignore_index", "包含所有类别；忽略像素须用 ignore_index"),
        ),
        Equivalent(
            "segmentation_models_pytorch.losses.LovaszLoss",
            Text(
                "mode='multiclass': batch=True unless per_image=True, and the mean over images of means over classes",
                "mode='multiclass'：除非 per_image=True，否则相当于 batch=True；先按类平均再按图像平均",
            ),
        ),
    ),
    plot=Plot(
        Text("logit of every pixel's own class, the other at 0", "各像素自身类别的 logit，另一类为 0"),
        -6.0,
        6.0,
        lambda x: _two_classes(x, 0.5),
        tuple(
            Curve(f"{100 * f:g} % / {100 - 100 * f:g} %", at=lambda x, f=f: _two_classes(x, f))
            for f in (0.02, 0.2, 0.5)
        ),
    ),
)


def _two_classes(x: Tensor, share: float) -> tuple[Tensor, ...]:
    target = (torch.arange(100) < round(100 * share)).long().unsqueeze(0)
    return one_hot(target, x.expand(1, 2, 100)) * x, target


def lovasz_hinge_loss(input: Tensor, target: Tensor, *, batch: bool = False, mask: Tensor | None = None) -> Values:
    """Ignored pixels have error 0 and do not belong: they add nothing."""
    z, label = rows(input, batch), rows(target > 0, batch)
    errors = torch.relu(1 - z * torch.where(label, 1.0, -1.0))
    if mask is None:
        return extension(errors, label)
    inside = rows(mask, batch)
    return extension(torch.where(inside, errors, 0.0), label & inside), inside.any(1)


def _draw_masks(generator: Generator, n: int) -> tuple[Tensor, ...]:
    return logits(generator, n, 3, 4), flags(generator, n, 3, 4)


LOVASZ_HINGE = LossSpec(
    name="lovasz_hinge_loss",
    module="LovaszHingeLoss",
    title=Text("Lovász hinge", "Lovász 铰链损失"),
    aliases=("lovasz binary", "binary lovasz", "lovász hinge", "二元洛瓦兹", "前景分割 iou"),
    family="segmentation",
    purpose=Text(
        "One foreground, scored by IoU: the Lovász extension over hinge errors.",
        "单一前景、以 IoU 评价的分割：对铰链误差取 Lovász 扩展。",
    ),
    formula=r"\sum_{k} \max(0, m_k) (\Delta(\{1, \ldots, k\}) - \Delta(\{1, \ldots, k - 1\})), "
    r"\quad m_1 \ge m_2 \ge \ldots \text{ the errors } 1 - (2 t_i - 1) z_i, \quad \Delta(M) = \frac{|M|}{|T \cup M|}",
    papers=(
        _PAPER,
        Paper(
            "Yu, Blaschko 2015",
            "Learning Submodular Losses with the Lovász Hinge",
            "ICML 2015",
        ),
    ),
    arguments=(Argument("input", "logits", "N *"), Argument("target", "flags", "N *", "t, 0 or 1", "t，0 或 1")),
    unit="image",
    options=(
        Option(
            "batch",
            Text("takes the pixels of the whole batch as one image: one value", "把整个批的像素当作一幅图像：一个值"),
        ),
    ),
    code="""
>>> input = torch.tensor([[2.0, 2.0, -1.0, -1.0]])
>>> target = torch.tensor([[1, 1, 1, 0]])
>>> losses.LovaszHingeLoss()(input, target)
tensor(0.6667)
""",
    draw=_draw_masks,
    start=Start(Text("1", "1"), lambda *_, **__: 1.0),
    minimum=Minimum(
        Text("0, at margins of 1", "0，间隔达到 1 时"),
        lambda *_, **__: 0.0,
        lambda input, target, **_: (2 * target - 1, target),
    ),
    kernel=lovasz_hinge_loss,
    mask_shape="N *",
    invariances=(SHUFFLE,),
    hazards=(
        Text(
            "An image without foreground costs its largest error alone: one pixel of it is trained at a time.",
            "不含前景的图像只计其最大误差：每次只有一个像素得到训练。",
        ),
        _SORT,
        Text(
            "Labels are what is above 0: soft ones are taken as 1 without a word.",
            "大于 0 即视为前景：软标签会被无声地当作 1。",
        ),
    ),
    avoid=Text(
        "Probabilities are wanted: its logits are margins. dice_ce_loss with activation='sigmoid'.",
        "需要概率时：它的 logits 是间隔。用 dice_ce_loss（activation='sigmoid'）。",
    ),
    equivalents=(
        Equivalent("kornia.losses.LovaszHingeLoss"),
        Equivalent(
            "segmentation_models_pytorch.losses.LovaszLoss",
            Text(
                "mode='binary': batch=True unless per_image=True",
                "mode='binary'：除非 per_image=True，否则相当于 batch=True",
            ),
        ),
    ),
    plot=Plot(
        Text(
            "(2t - 1) z of one pixel in ten of the object, the others right",
            "目标的十个像素之一的 (2t - 1) z，其余正确",
        ),
        -3.0,
        3.0,
        lambda x: _one_wrong(x, 10),
        tuple(Curve(f"|T| = {n}", at=lambda x, n=n: _one_wrong(x, n)) for n in (1, 4, 10)),
    ),
)


def _one_wrong(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """An object of that many pixels among as many others, one of its own at the logit x."""
    label = (torch.arange(2 * size) < size).to(x.dtype).unsqueeze(0)
    first = (torch.arange(2 * size) == 0).unsqueeze(0)
    return torch.where(first, x, 3 * (2 * label - 1)), label


SPECS = (LOVASZ_SOFTMAX, LOVASZ_HINGE)
