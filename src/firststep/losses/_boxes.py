"""Losses of boxes: overlap, and what tells a box where to go while there is none."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ._draw import boxes, uniform
from ._invariances import MOVE, SWAP
from ._numerics import TINY, ratio
from ._spec import Argument, Curve, Equivalent, Invariance, LossSpec, Minimum, Option, Paper, Plot, Start, Text


class Side(NamedTuple):
    """Two intervals in each row: both lengths, the overlap, what both span, and twice the way between the middles."""

    length: Tensor
    other: Tensor
    overlap: Tensor
    around: Tensor
    offset: Tensor


class Pair(NamedTuple):
    """Two boxes in each row: their intervals along both axes, the area of their union, and its IoU."""

    x: Side
    y: Side
    union: Tensor
    iou: Tensor


def pair(input: Tensor, target: Tensor) -> Pair:
    x1, y1, x2, y2 = input.unbind(1)
    u1, v1, u2, v2 = target.unbind(1)
    x, y = _side(x1, x2, u1, u2), _side(y1, y2, v1, v2)
    shared = x.overlap.clamp(min=0) * y.overlap.clamp(min=0)
    union = x.length * y.length + x.other * y.other - shared
    return Pair(x, y, union, ratio(shared, union))


def _side(one: Tensor, two: Tensor, low: Tensor, high: Tensor) -> Side:
    """Ends of the input in the wrong order are exchanged, as Rezatofighi et al. do.

    The overlap, negative where there is none, and the span of both add up to the two lengths: only one of them takes a
    minimum and a maximum.
    """
    swapped = two < one
    start, end = torch.where(swapped, two, one), torch.where(swapped, one, two)
    length, other = end - start, high - low
    overlap = torch.minimum(end, high) - torch.maximum(start, low)
    return Side(length, other, overlap, length + other - overlap, start + end - (low + high))


def _exchange(_: Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return input[:, [2, 1, 0, 3]], target


def _zoom(generator: Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    by = uniform(generator, len(input), 1, low=0.2, high=50.0)
    return input * by, target * by


ARGUMENTS = (
    Argument("input", "boxes", "N 4"),
    Argument("target", "boxes", "N 4"),
)
_INVARIANCES = (
    MOVE,
    SWAP,
    Invariance(Text("both boxes enlarged by the same factor", "两个框按同一倍数放大"), _zoom),
    Invariance(Text("left and right of the input exchanged", "交换输入框的左右边界"), _exchange),
)
_MINIMUM = Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target, target))
_CORNERS = Text(
    "Boxes are (x1, y1, x2, y2). Centres and sizes (cx, cy, w, h) are taken without a word, and give a wrong number.",
    "框的格式为 (x1, y1, x2, y2)。传入中心与宽高 (cx, cy, w, h) 不会报错，但数值是错的。",
)
_POSITIVES = Text(
    "Detectors divide by the number of positives on all ranks: give denominator=, and mask= or weight= for the boxes "
    "that are matched.",
    "检测器除以所有进程上的正样本总数：传入 denominator=，并用 mask= 或 weight= 指明已匹配的框。",
)
_NO_AREA = Text(
    "A box without area overlaps nothing, itself included: two equal points cost 1.",
    "没有面积的框与任何框都不重叠，包括它自身：两个相同的点损失为 1。",
)
_SHIFT = Text("shift of the input, as wide as the target is 1", "输入框的水平位移，目标宽度为 1")


def slide(x: Tensor, width: float = 1.0, height: float = 1.0) -> tuple[Tensor, ...]:
    """For pictures: a box moved sideways over a target of size 1."""
    half, zero = 0 * x + width / 2, 0 * x
    input = torch.stack((x - half, zero - height / 2, x + half, zero + height / 2))
    return input.unsqueeze(0), x.new_tensor([[-0.5, -0.5, 0.5, 0.5]])


_CURVES = (
    Curve("equal sizes"),
    Curve("half the size", at=lambda x: slide(x, 0.5, 0.5)),
    Curve("twice as wide", at=lambda x: slide(x, 2.0, 1.0)),
)


def iou_loss(input: Tensor, target: Tensor, *, mode: str = "linear") -> Tensor:
    """The logarithm is held at that of 1e-6."""
    iou = pair(input, target).iou
    return 1 - iou if mode == "linear" else -iou.clamp(min=1e-6).log()


IOU = LossSpec(
    name="iou_loss",
    module="IoULoss",
    title=Text("IoU loss", "IoU 损失"),
    aliases=("iou", "box iou", "unitbox", "log iou", "交并比", "框回归"),
    family="detection",
    purpose=Text(
        "Boxes that overlap their targets already: 1 minus intersection over union, whatever their size.",
        "已与目标重叠的框：1 减去交并比，与框的大小无关。",
    ),
    formula=r"1 - \frac{|A \cap B|}{|A \cup B|}",
    papers=(
        Paper("Yu et al. 2016", "UnitBox: An Advanced Object Detection Network", "arXiv:1608.01471"),
        Paper(
            "Rahman, Wang 2016",
            "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation",
            "ISVC 2016",
        ),
    ),
    arguments=ARGUMENTS,
    unit="box",
    options=(
        Option(
            "mode",
            Text(
                "linear is 1 - IoU; log is -ln IoU, as in UnitBox, at most 13.8",
                "linear 为 1 - IoU；log 为 -ln IoU，同 UnitBox，至多 13.8",
            ),
            choices=("linear", "log"),
        ),
    ),
    code="""
>>> input = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
>>> target = torch.tensor([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
>>> losses.IoULoss(reduction="none")(input, target)
tensor([0.6667, 1.0000])
""",
    draw=lambda generator, n: (boxes(generator, n), boxes(generator, n)),
    start=Start(
        Text("1 without overlap, 13.8 in mode 'log'", "无重叠时为 1；mode='log' 时为 13.8"),
        lambda input, target, mode="linear", **_: 1.0 if mode == "linear" else 6 * math.log(10),
    ),
    minimum=_MINIMUM,
    kernel=iou_loss,
    invariances=_INVARIANCES,
    hazards=(
        Text(
            "Boxes that do not overlap have no gradient and never come together: giou_loss, diou_loss.",
            "不重叠的框没有梯度，永远不会靠拢：用 giou_loss、diou_loss。",
        ),
        _CORNERS,
        _POSITIVES,
        _NO_AREA,
    ),
    avoid=Text(
        "Predictions may miss their targets: giou_loss, diou_loss or ciou_loss. Masks: jaccard_loss.",
        "预测可能与目标不相交时：用 giou_loss、diou_loss 或 ciou_loss。掩码：用 jaccard_loss。",
    ),
    equivalents=(
        Equivalent(
            "mmdet.models.losses.IoULoss",
            Text("mode 'log' by default, held at 1e-6", "默认 mode='log'，以 1e-6 为下限"),
        ),
    ),
    plot=Plot(_SHIFT, -2.5, 2.5, slide, _CURVES),
)


def giou_loss(input: Tensor, target: Tensor) -> Tensor:
    two = pair(input, target)
    around = two.x.around * two.y.around
    return 1 - two.iou + ratio(around - two.union, around)


def _around(target: Tensor) -> Tensor:
    """Width and height of the box around the target and the origin."""
    return target[:, 2:].clamp(min=0) - target[:, :2].clamp(max=0)


def _giou_start(input: Tensor, target: Tensor, **_: Any) -> Tensor:
    own = (target[:, 2:] - target[:, :2]).prod(1)
    return (2 - own / _around(target).prod(1)).mean()


GIOU = LossSpec(
    name="giou_loss",
    module="GIoULoss",
    title=Text("GIoU loss", "GIoU 损失"),
    aliases=("giou", "generalized iou", "generalized intersection over union", "广义交并比"),
    family="detection",
    purpose=Text(
        "Boxes that may miss their targets: IoU, and the empty share of the box around both.",
        "可能与目标不相交的框：IoU 加上最小外接框中空白部分的占比。",
    ),
    formula=r"1 - \frac{|A \cap B|}{|A \cup B|} + \frac{|C| - |A \cup B|}{|C|}, "
    r"\quad C \text{ the box around } A \text{ and } B",
    papers=(
        Paper(
            "Rezatofighi et al. 2019",
            "Generalized Intersection over Union: A Metric and A Loss for Bounding Box Regression",
            "arXiv:1902.09630",
            "alg. 1, 2",
        ),
    ),
    arguments=ARGUMENTS,
    unit="box",
    code="""
>>> input = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
>>> target = torch.tensor([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
>>> losses.GIoULoss(reduction="none")(input, target)
tensor([0.6667, 1.9444])
""",
    draw=lambda generator, n: (boxes(generator, n), boxes(generator, n)),
    start=Start(
        Text("from 1 to 2 without overlap: 2 - |A ∪ B| / |C|", "无重叠时在 1 到 2 之间：2 - |A ∪ B| / |C|"), _giou_start
    ),
    minimum=_MINIMUM,
    kernel=giou_loss,
    invariances=_INVARIANCES,
    hazards=(
        _CORNERS,
        Text(
            "Where one box holds the other it is IoU alone: the gradient does not say where to move.",
            "一个框包含另一个时它退化为 IoU：梯度不指明移动方向。",
        ),
        Text(
            "Boxes far apart are first enlarged until they touch, then moved: convergence is slow (diou_loss).",
            "相距较远的框会先被放大到相交，再移动：收敛较慢（diou_loss 更快）。",
        ),
        _POSITIVES,
    ),
    avoid=Text("Centres should meet quickly: diou_loss, ciou_loss.", "希望中心尽快对齐时：用 diou_loss、ciou_loss。"),
    equivalents=(
        Equivalent(
            "torchvision.ops.generalized_box_iou_loss",
            Text("1e-7 is added to both denominators; reduction 'none' by default", "两个分母都加 1e-7；默认不做归约"),
        ),
        Equivalent("mmdet.models.losses.GIoULoss", Text("denominators are at least 1e-6", "分母至少为 1e-6")),
    ),
    plot=Plot(_SHIFT, -2.5, 2.5, slide, _CURVES),
)


def diou_loss(input: Tensor, target: Tensor) -> Tensor:
    return _distance(pair(input, target))


def _distance(two: Pair) -> Tensor:
    centres = (two.x.offset.square() + two.y.offset.square()) / 4
    return 1 - two.iou + ratio(centres, two.x.around.square() + two.y.around.square())


def _diou_start(input: Tensor, target: Tensor, **_: Any) -> Tensor:
    centre = (target[:, :2] + target[:, 2:]) / 2
    return 1 + centre.square().sum(1) / _around(target).square().sum(1)


_PAPER = "Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression"

DIOU = LossSpec(
    name="diou_loss",
    module="DIoULoss",
    title=Text("DIoU loss", "DIoU 损失"),
    aliases=("diou", "distance iou", "distance-iou", "距离交并比"),
    family="detection",
    purpose=Text(
        "Boxes that may miss their targets: IoU, and the distance of the centres, which draws them together at once.",
        "可能与目标不相交的框：IoU 加上中心距离，能直接把两框拉近。",
    ),
    formula=r"1 - \text{IoU} + \frac{\rho^2}{c^2}, \quad \rho \text{ between the centres}, "
    r"\quad c \text{ the diagonal of the box around both}",
    papers=(Paper("Zheng et al. 2020", _PAPER, "arXiv:1911.08287", "eq. 7"),),
    arguments=ARGUMENTS,
    unit="box",
    code="""
>>> input = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
>>> target = torch.tensor([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
>>> losses.DIoULoss(reduction="none")(input, target)
tensor([0.7436, 1.6944])
""",
    draw=lambda generator, n: (boxes(generator, n), boxes(generator, n)),
    start=Start(
        Text("from 1 to 2 without overlap: 1 + ρ²/c²", "无重叠时在 1 到 2 之间：1 + ρ²/c²"),
        lambda input, target, **_: _diou_start(input, target).mean(),
    ),
    minimum=_MINIMUM,
    kernel=diou_loss,
    invariances=_INVARIANCES,
    hazards=(
        _CORNERS,
        Text(
            "Boxes around the same centre differ by IoU alone; ciou_loss compares their shapes too.",
            "中心重合的框只剩 IoU 的差别；ciou_loss 还比较形状。",
        ),
        _POSITIVES,
        _NO_AREA,
    ),
    avoid=Text("The aspect ratio matters: ciou_loss.", "宽高比重要时：用 ciou_loss。"),
    equivalents=(
        Equivalent(
            "torchvision.ops.distance_box_iou_loss",
            Text("1e-7 is added to both denominators; reduction 'none' by default", "两个分母都加 1e-7；默认不做归约"),
        ),
        Equivalent("mmdet.models.losses.DIoULoss", Text("1e-6 is added to both denominators", "两个分母都加 1e-6")),
    ),
    plot=Plot(_SHIFT, -2.5, 2.5, slide, _CURVES),
)


def ciou_loss(input: Tensor, target: Tensor) -> Tensor:
    """Alpha is a constant for the gradient, as in the authors' code; elsewhere the gradient is exact.

    A box without width and height has the angle 0 and no gradient of it.
    """
    two = pair(input, target)
    v = (4 / math.pi**2) * (_angle(two.x.other, two.y.other) - _angle(two.x.length, two.y.length)).square()
    alpha = (v / torch.where(v > 0, 1 - two.iou + v, 1.0)).detach()
    return _distance(two) + alpha * v


def _angle(width: Tensor, height: Tensor) -> Tensor:
    """The arc tangent of width over height, also of 0."""
    point = width.square() + height.square() <= TINY
    return torch.atan2(torch.where(point, 0.0, width), torch.where(point, 1.0, height))


def _ciou_start(input: Tensor, target: Tensor, **_: Any) -> Tensor:
    v = (4 / math.pi**2) * ((target[:, 2] - target[:, 0]) / (target[:, 3] - target[:, 1])).atan() ** 2
    return (_diou_start(input, target) + v**2 / (1 + v)).mean()


_CONSTANT = Text(
    "alpha is a constant for the gradient by the authors' choice: it is not the derivative of the value",
    "按作者的做法，alpha 在求梯度时视为常数：梯度并非数值的导数",
)

CIOU = LossSpec(
    name="ciou_loss",
    module="CIoULoss",
    title=Text("CIoU loss", "CIoU 损失"),
    aliases=("ciou", "complete iou", "yolo box loss", "完整交并比", "宽高比损失"),
    family="detection",
    purpose=Text(
        "The usual box loss of one-stage detectors: IoU, the distance of the centres, and the aspect ratio.",
        "单阶段检测器常用的框损失：IoU、中心距离与宽高比。",
    ),
    formula=r"1 - \text{IoU} + \frac{\rho^2}{c^2} + \alpha v, "
    r"\quad v = \frac{4}{\pi^2} (\text{arctan} \frac{w_t}{h_t} - \text{arctan} \frac{w}{h})^2, "
    r"\quad \alpha = \frac{v}{1 - \text{IoU} + v}",
    papers=(Paper("Zheng et al. 2020", _PAPER, "arXiv:1911.08287", "eq. 8-11"),),
    arguments=ARGUMENTS,
    unit="box",
    code="""
>>> input = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
>>> target = torch.tensor([[1.0, 0.0, 3.0, 1.0], [0.0, 0.0, 1.0, 2.0]])
>>> losses.CIoULoss(reduction="none")(input, target)
tensor([0.8982, 1.6302])
""",
    draw=lambda generator, n: (boxes(generator, n), boxes(generator, n)),
    start=Start(Text("1 + ρ²/c² + v²/(1 + v) without overlap", "无重叠时为 1 + ρ²/c² + v²/(1 + v)"), _ciou_start),
    minimum=_MINIMUM,
    kernel=ciou_loss,
    invariances=_INVARIANCES,
    exceptions={"gradcheck": _CONSTANT, "gradgradcheck": _CONSTANT},
    hazards=(
        _CORNERS,
        Text(
            "Libraries differ in the gradient, not in the value: some differentiate alpha, and the authors leave out "
            "the factor 1/(w² + h²) of the gradient of v, for boxes in [0, 1]. Here alpha is constant, v exact.",
            "各库的数值相同而梯度不同：有的对 alpha 求导；作者针对 [0, 1] 内的框略去了 v 的梯度中的 1/(w² + h²)。"
            "此处 alpha 为常数，v 的梯度是精确的。",
        ),
        Text(
            "The gradient of v goes as 1 over the size of the box: for boxes of a few thousandths it leads the others.",
            "v 的梯度与框的大小成反比：对于尺寸仅千分之几的框，它会压过其他项。",
        ),
        _POSITIVES,
    ),
    avoid=Text(
        "Boxes shrink to points at the start, where shapes mean nothing: diou_loss.",
        "训练初期框会缩成点、形状没有意义时：用 diou_loss。",
    ),
    equivalents=(
        Equivalent(
            "torchvision.ops.complete_box_iou_loss",
            Text(
                "1e-7 is added to the denominators; NaN for a box without width and height",
                "分母加 1e-7；宽高均为零的框得到 NaN",
            ),
        ),
    ),
    plot=Plot(_SHIFT, -2.5, 2.5, slide, _CURVES),
)

SPECS = (IOU, GIOU, DIOU, CIOU)
