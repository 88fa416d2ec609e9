"""What the overlap losses share: probabilities against a segmentation, counted for each image and class."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import classes, logits
from ._numerics import divide, log_softmax, one_hot
from ._spec import Argument, Curve, Invariance, Option, Text

NO_PIXEL = 1e-18
"""A class of less than that, in target and output together, has value 0: in float32 its square can still be divided by,
as second derivatives do. What an absent class is left with by a softmax that is sure goes down to 1e-45."""


class Counts(NamedTuple):
    """Soft numbers of pixels, (N, C), or (1, C) for a batch: true and false positives, misses, all of the target."""

    tp: Tensor
    fp: Tensor
    fn: Tensor
    target: Tensor


def count(
    name: str,
    input: Tensor,
    target: Tensor,
    mask: Tensor | None,
    *,
    activation: str,
    batch: bool,
    p: Tensor | None = None,
) -> Counts:
    """Count each class in each image, or in the batch as a whole.

    Labels in between 0 and 1 have ``TP = sum(min(p, t)) = sum(p + t - |p - t|) / 2``, which for 0 and 1 is
    ``sum(p t)`` and, unlike it, is greatest at ``p = t``.
    """
    check_channels(name, input, target, activation)
    p = flat(probabilities(input, activation) if p is None else p)
    shape = len(p), 1, p.shape[2]
    weight = None if mask is None else mask.to(p.dtype).reshape(shape)
    if target.dtype.is_floating_point:
        predicted, wanted = total(p, weight), total(flat(target), weight)
        tp = (predicted + wanted - total((p - flat(target)).abs(), weight)) / 2
    else:
        weight = p.new_ones(shape) if weight is None else weight
        label = p.new_zeros(()).expand(p.shape).scatter(1, target.reshape(shape), weight)
        compiled = torch.compiler.is_compiling()  # the compiler fuses what by hand is below
        tp, predicted = (_sums if compiled else _by_hand)(p, label, weight)
        wanted = label.sum(2)
    if batch:
        tp, predicted, wanted = (one.sum(0, keepdim=True) for one in (tp, predicted, wanted))
    return Counts(tp, predicted - tp, wanted - tp, wanted)


def _sums(p: Tensor, label: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of each class, the probability in its own pixels and in all that count."""
    if p.device.type == "cpu":  # a product makes no tensor as large as p; elsewhere it may be rounded to TF32
        return (p * label).sum(2), torch.bmm(weight, p.transpose(1, 2)).squeeze(1)
    return (p * label).sum(2), (p * weight).sum(2)


class _Sums(torch.autograd.Function):
    """By hand: autograd would make three tensors as large as the input for its gradient, where one will do."""

    generate_vmap_rule = True

    @staticmethod
    def forward(p: Tensor, label: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return _sums(p, label, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        label, weight = ctx.saved_tensors
        own, everywhere = (one.unsqueeze(2) for one in gradients)
        return (label * own).addcmul_(everywhere, weight), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, Tensor]:
        return _sums(tangents[0], *ctx.saved_tensors)


def _by_hand(*tensors: Tensor) -> tuple[Tensor, Tensor]:
    sums: Any = _Sums.apply(*tensors)
    return sums


def probabilities(input: Tensor, activation: str) -> Tensor:
    return torch.softmax(input, 1) if activation == "softmax" else torch.sigmoid(input)


def flat(x: Tensor) -> Tensor:
    """(N, C, *) as (N, C, pixels).

    >>> flat(torch.zeros(2, 3, 4, 5)).shape, flat(torch.zeros(2, 3)).shape
    (torch.Size([2, 3, 20]), torch.Size([2, 3, 1]))
    """
    return x.flatten(2) if x.ndim > 2 else x.unsqueeze(2)


def rows(x: Tensor, batch: bool) -> Tensor:
    """(N, *) as (N, pixels), or as one row of the whole batch."""
    return x.reshape(1, -1) if batch else x.flatten(1) if x.ndim > 1 else x.unsqueeze(1)


def total(x: Tensor, weight: Tensor | None) -> Tensor:
    """The sum over pixels, of those that count."""
    return (x if weight is None else x * weight).sum(2)


def check_channels(name: str, input: Tensor, target: Tensor, activation: str) -> None:
    """Whether one channel is meant as a channel. Shapes only."""
    if input.shape[1] != 1:
        return
    if activation == "softmax":
        raise LossError(
            f'{name}: a softmax over one class is 1 everywhere. Type activation="sigmoid" for a single foreground, '
            "and target as 0. and 1. in the shape of input"
        )
    if not target.dtype.is_floating_point:
        raise LossError(
            f"{name}: input has one channel and target holds class indices, of which there is only 0. "
            "Type target.unsqueeze(1).float() if it is 0 and 1"
        )


def counted(
    name: str, counts: Counts, mask: Tensor | None, *, include_background: bool, absent: str, batch: bool
) -> Tensor | None:
    """Which pairs of image and class count; None for all."""
    channels = counts.target.shape[1]
    if not include_background and channels == 1:
        raise LossError(f"{name}(include_background=False) leaves no class: input has one channel")
    if absent == "skip":
        keep = counts.target > 0
    else:
        keep = None if mask is None else rows(mask, batch).any(1, keepdim=True).expand(counts.target.shape)
    if include_background:
        return keep
    foreground = (torch.arange(channels, device=counts.target.device) > 0).expand(counts.target.shape)
    return foreground if keep is None else keep & foreground


def mean_over_classes(values: Tensor, keep: Tensor | None) -> Tensor:
    """Of (N, C), over the classes that count; 0 where none does."""
    if keep is None:
        return values.mean(1)
    return divide(torch.where(keep, values, 0.0).sum(1), keep.sum(1).to(values.dtype))


ARGUMENTS = (
    Argument("input", "logits", "N C *"),
    Argument(
        "target",
        "class",
        "N *",
        otherwise=Argument(
            "target", "probabilities", "N C *", "probabilities, 0 and 1 among them", "概率，包括 0 和 1"
        ),
    ),
)
ACTIVATION = Option(
    "activation",
    Text(
        "softmax over axis 1: one class per pixel; sigmoid: each channel for itself, and it may be one alone",
        "softmax：在第 1 维上归一化，每个像素一个类别；sigmoid：各通道相互独立，也可以只有一个通道",
    ),
    choices=("softmax", "sigmoid"),
)
BACKGROUND = Option("include_background", Text("False leaves class 0 out of the mean", "False 表示第 0 类不计入均值"))
ABSENT = Option(
    "absent",
    Text(
        "a class without a pixel in the target of an image: skip leaves the pair out, count takes it by the formula",
        "某图像的目标中没有任何像素的类别：skip 表示不计入，count 表示按公式计入",
    ),
    choices=("skip", "count"),
)
SMOOTH = Option(
    "smooth",
    Text(
        "added to numerator and denominator of the index; with absent='count' it gives absent classes a gradient",
        "加在该指数的分子与分母上；absent='count' 时它使缺席类别也有梯度",
    ),
    low=0.0,
)
BATCH = Option(
    "batch",
    Text("counts pixels over the whole batch first: one value per class", "先在整个批上统计像素：每个类别一个值"),
)
EMPTY_IMAGES = Text(
    "By default an image without the class teaches nothing about it: with activation='sigmoid' and one channel, false "
    "positives on empty images cost nothing. Give absent='count' and smooth=1, batch=True, or dice_ce_loss.",
    "默认情况下，不含某类的图像不会对该类产生监督：activation='sigmoid' 且只有一个通道时，空图像上的假阳性没有代价。"
    "可设 absent='count' 与 smooth=1，或 batch=True，或用 dice_ce_loss。",
)
SOFT_LABELS = Text(
    "For soft labels the product p t would be greatest at p = 1 wherever t > 0. Here TP = Σ min(p, t), the same for "
    "labels 0 and 1, so that p = t is least (Dice semimetric losses).",
    "对软标签，乘积 p t 会在凡是 t > 0 处都于 p = 1 达到最大。此处 TP = Σ min(p, t)，对 0/1 标签与之相同，"
    "而在 p = t 处损失最小（Dice 半度量损失）。",
)


def draw(generator: Generator, n: int) -> tuple[Tensor, ...]:
    """Images of 3 x 4 pixels, each with all of 3 classes."""
    return logits(generator, n, 3, 3, 4), torch.cat([classes(generator, 1, 3, 3, 4) for _ in range(n)])


def perfect(input: Tensor, target: Tensor, activation: str = "softmax", **_: Any) -> tuple[Tensor, ...]:
    """The logits of a model that is sure and right."""
    right = target if target.dtype.is_floating_point else one_hot(target, input)
    return 80 * right - 40, target


def hard(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and labels, dense, for formulas as they are written."""
    return log_softmax(input).exp(), one_hot(target, input)


def untrained(target: Tensor, input: Tensor, *, activation: str, batch: bool) -> tuple[float, Tensor, int]:
    """The probability that zero logits give, the share of each class, and the pixels that shares are of."""
    label = flat(target if target.dtype.is_floating_point else one_hot(target, input))
    share = label.mean(2)
    pixels = label.shape[2] * (len(label) if batch else 1)
    level = 1 / input.shape[1] if activation == "softmax" else 0.5
    return level, share.mean(0, keepdim=True) if batch else share, pixels


def _shuffle(generator: Generator, input: Tensor, target: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    order = torch.randperm(target.shape[-1], generator=generator)
    return (input[..., order], target[..., order], *others)


SHUFFLE = Invariance(Text("the columns of the images in another order", "图像各列换一种次序"), _shuffle)


def dot(x: Tensor, share: float) -> tuple[Tensor, ...]:
    """For pictures: an image of 100 pixels, an object in a share of them, with the logit x there and -x elsewhere."""
    label = (torch.arange(100) < round(100 * share)).to(x.dtype).reshape(1, 1, 100)
    return (2 * label - 1) * x, label


def veil(x: Tensor, share: float) -> tuple[Tensor, ...]:
    """For pictures: the same with the logit x in every pixel."""
    label = dot(x, share)[1]
    return x.expand(label.shape), label


RIGHT = Text(
    "logit x of the object's pixels, -x of the others (sigmoid)", "目标像素的 logit 为 x，其余为 -x（sigmoid）"
)
EVERYWHERE = Text(
    "logit of all pixels, of which a tenth is the object (sigmoid)", "全部像素的 logit，其中十分之一为目标（sigmoid）"
)
SHARES = tuple(
    Curve(f"{100 * f:g} %", {"activation": "sigmoid"}, at=lambda x, f=f: dot(x, f)) for f in (0.01, 0.1, 0.5)
)
