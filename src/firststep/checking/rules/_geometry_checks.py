"""Images, boxes and quantiles: what their losses take for granted."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ._scores import count, raw_layer

_SLACK = 0.05
"""The share of data_range by which images may go beyond it: interpolation overshoots."""
_TINY = 0.02
"""The share of data_range that images take up where they are of another range altogether."""
_SHARES, _PIXELS = 2.0, 8.0
"""Boxes as shares of the image stay below the first; in pixels they go beyond the second."""
_OFTEN = 0.1
_BOXES = ("iou_loss", "giou_loss", "diou_loss", "ciou_loss")


def _data_range(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("ssim_loss", "ms_ssim_loss"):
        asked = float(call.options.get("data_range", 1.0))
        seen, output = call.seen[1], call.seen[0]
        width = seen.high - seen.low
        clues = []
        if seen.high > asked * (1 + _SLACK) or width > asked * (1 + _SLACK):
            text = f"the target runs from {seen.low:.3g} to {seen.high:.3g}"
            clues.append(Clue("values", f"{text}, in whole numbers" if seen.whole else text))
            known = call.reaches[0] if call.reaches else None
            if known is not None and known.high < seen.high:
                clues.append(Clue("graph", f"{known.kind} made the output: it stays in {known.text}"))
        elif seen.low >= 0 and 0 < seen.high < _TINY * asked and (asked < 2 or seen.high <= 1 + _SLACK):
            clues.append(Clue("values", f"the target runs from {seen.low:.3g} to {seen.high:.3g}"))
            if call.value is not None and call.value < _SLACK and output.high <= 1 + _SLACK:
                clues.append(
                    Clue("expected value", f"the loss is {call.value:.2g} before any training: near 1 is usual")
                )
        if clues:
            yield Found(
                place="targets",
                measured=f"images from {seen.low:.3g} to {seen.high:.3g} and data_range={asked:g}",
                expected="data_range as wide as the images' range, both images of the same range, from 0 up",
                fix=_range_fix(seen.high, asked, seen.low),
                clues=clues,
            )


def _range_fix(high: float, asked: float, low: float) -> str:
    if low < 0:
        return "input, target = (input - low) / (high - low), (target - low) / (high - low)  # of the data as a whole"
    if high < _TINY * asked:
        return "data_range=1.0" if asked >= 2 else "scale the images to [0, 1] once: they were divided by 255 twice"
    return "target = target / 255" if asked == 1 else "data_range=255"


DATA_RANGE = Check(
    code="FS115",
    title=Text("Images outside of SSIM's data_range", "图像超出 SSIM 的 data_range"),
    why=Text(
        "SSIM's constants are shares of data_range: too small a range leaves flat regions without them, too large a "
        "range drowns every difference, and the loss is near 0 from the start.",
        "SSIM 的常数按 data_range 计算：范围过小，平坦区域得不到稳定；范围过大，差异全被淹没，损失一开始就接近 0。",
    ),
    sound=Text(
        "It compares the targets' ends with data_range, with a twentieth to spare; the output of an untrained model "
        "may be anywhere. A dark image in 0 to 255 stays silent unless it is below 1 throughout.",
        "它只把目标的最小值和最大值与 data_range 比较，并留有二十分之一的余量；未训练模型的输出不作要求。"
        "0 到 255 范围内的暗图像除非处处不超过 1，否则不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
loss = losses.SSIMLoss()
batch = torch.rand(4, 3, 32, 32), torch.randint(256, (4, 3, 32, 32)).float()
""",
    cure="""
batch = batch[0], batch[1] / 255
""",
    find=_data_range,
)


def _quantile_heads(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("multi_quantile_loss"):
        given = call.options.get("quantiles")
        if given is None:
            continue
        quantiles = [float(one) for one in given]
        shape, n = tuple(call.tensors[0].shape), len(quantiles)
        heads = shape[1] if len(shape) > 1 else 1
        if heads != n:
            clues = [Clue("values", f"axis 1 of the output {shape} has length {heads}")]
            if call.error:
                clues.append(Clue("run", f"the loss raised {call.error.splitlines()[0]}"))
            yield _quantiles(call, f"{heads} outputs for {n} quantiles", f"nn.Linear(..., {n})  # along axis 1", clues)
        elif quantiles != sorted(quantiles):
            clues = [Clue("settings", f"quantiles={tuple(quantiles)}")]
            yield _quantiles(call, "quantiles in no order", f"quantiles={tuple(sorted(quantiles))}", clues, sure=False)


def _quantiles(call: LossCall, measured: str, fix: str, clues: list[Clue], sure: bool = True) -> Found:
    expected = "one output for each quantile along axis 1, in the same order, the least first"
    return Found(place=call.inside, measured=measured, expected=expected, fix=fix, clues=clues, sure=sure)


QUANTILE_HEADS = Check(
    code="FS116",
    title=Text("Outputs and quantiles do not match", "输出与分位数不对应"),
    why=Text(
        "Output i is trained to be quantile i: another number of them does not fit, another order is taken without a "
        "word.",
        "第 i 个输出被训练为第 i 个分位数：个数不同无法计算，次序不同则不会有任何提示。",
    ),
    sound=Text(
        "It counts. Quantiles that are not in order are right for the loss, and a remark only.",
        "它只是计数。分位数次序不是升序时损失仍然正确，只作提示。",
    ),
    fault="""
model = nn.Linear(20, 2)
loss = losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))
batch = torch.randn(32, 20), torch.randn(32)
""",
    cure="""
model = nn.Linear(20, 3)
""",
    find=_quantile_heads,
)


def _box_format(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called(*_BOXES):
        output, target = (one.float() for one in call.tensors[:2])
        if target.ndim != 2 or target.shape[-1] != 4 or not len(target):
            continue
        turned = (target[:, 2] < target[:, 0]) | (target[:, 3] < target[:, 1])
        mask = call.options.get("mask")
        if isinstance(mask, Tensor) and mask.shape == turned.shape:
            turned &= mask.bool()
        if bool(turned.any()):
            yield _turned(call, target, turned)
            continue
        other = _other_unit(call, output, target)
        layer = raw_layer(evidence, call)
        backward = (output[:, 2] < output[:, 0]) | (output[:, 3] < output[:, 1])
        if other is not None:
            yield other
        elif layer is not None and float(backward.float().mean()) > _OFTEN:
            yield _unordered(layer, count(backward))


def _unordered(layer: str, how_many: str) -> Found:
    """The loss exchanges ends in the wrong order; whoever uses the boxes has to do it as well."""
    return Found(
        place=layer,
        measured=f"{how_many} output boxes end before they begin: x2 < x1 or y2 < y1",
        expected="corners in order: the loss exchanges them, and so must whoever uses the boxes",
        fix="x1y1, size = out.chunk(2, -1); boxes = torch.cat([x1y1, x1y1 + F.softplus(size)], -1)",
        clues=[Clue("values", f"{how_many} output boxes have x2 < x1 or y2 < y1")],
        sure=False,
    )


def _turned(call: LossCall, target: Tensor, turned: Tensor) -> Found:
    clues = [Clue("values", f"{count(turned)} target boxes end before they begin: x2 < x1 or y2 < y1")]
    sized = bool((target[:, 2:] >= 0).all())
    centred = sized and bool((target[:, :2] - target[:, 2:] / 2 >= -1e-3 * target.abs().max()).all())
    fix = "boxes = torch.cat([boxes.minimum(other_corner), boxes.maximum(other_corner)], 1)  # sort the corners"
    if centred:
        clues.append(Clue("values", "read as centres and sizes they all lie within the image"))
        fix = "boxes = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)"
    elif sized:
        fix = "boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)"
    form = "(cx, cy, w, h)" if centred else "(x, y, w, h)" if sized else "corners in any order"
    return Found(
        place="targets",
        measured=f"{count(turned)} target boxes have no area as (x1, y1, x2, y2)" + f": {form}, it seems",
        expected="corners (x1, y1, x2, y2) with x1 < x2 and y1 < y2",
        fix=fix,
        clues=clues,
    )


def _other_unit(call: LossCall, output: Tensor, target: Tensor) -> Found | None:
    """Shares of the image on one side, pixels on the other."""
    known = call.reaches[0] if call.reaches else None
    small, large = float(output.abs().max()), float(target.abs().max())
    if 0 < small <= _SHARES and large > _PIXELS:
        clues = [Clue("values", f"the target boxes reach to {large:.4g}, the output's to {small:.3g}")]
        if known is not None and known.high <= _SHARES:
            clues.append(Clue("graph", f"{known.kind} made the output: it stays in {known.text}"))
        fix = "target = target / torch.tensor([width, height, width, height])"
    elif large <= 1.0 + 1e-3 and small > _PIXELS:
        clues = [Clue("values", f"the target boxes reach to {large:.3g}, the output's to {small:.4g}")]
        fix = "output = output / torch.tensor([width, height, width, height])"
    else:
        return None
    return Found(
        place="targets",
        measured=f"output boxes up to {small:.4g}, target boxes up to {large:.4g}",
        expected="both in pixels or both as shares of the image: otherwise no two boxes overlap",
        fix=fix,
        clues=clues,
    )


BOX_FORMAT = Check(
    code="FS117",
    title=Text("Boxes in another format or unit", "框的格式或单位不同"),
    why=Text(
        "Overlap is computed from corners: centres and sizes read as corners give boxes without an area, and shares of "
        "the image never overlap with pixels. There is no error, only a number that means nothing.",
        "重叠由角点计算：把中心与宽高当作角点，框就没有面积；归一化坐标与像素坐标永远不会重叠。不会报错，只会得到无意义的数。",
    ),
    sound=Text(
        "True boxes as corners never end before they begin; that those of an untrained model do is a remark only. "
        "Units are judged where no output goes beyond 2 and targets go beyond 8, or the other way round.",
        "以角点表示的真实框不会终点先于起点；未训练模型输出的框若如此，只作提示。只有当输出都不超过 2 而目标超过 8，"
        "或反过来时，才会判断单位。",
    ),
    fault="""
model, giou = nn.Linear(20, 4), losses.GIoULoss()
loss = lambda out, boxes: giou(torch.cat([out[:, :2], out[:, :2] + out[:, 2:].exp()], 1), boxes)
centres, sizes = 0.4 + 0.2 * torch.rand(32, 2), 0.1 + 0.2 * torch.rand(32, 2)
batch = torch.randn(32, 20), torch.cat([centres, sizes], 1)
""",
    cure="""
batch = batch[0], torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
""",
    find=_box_format,
)

CHECKS = (DATA_RANGE, QUANTILE_HEADS, BOX_FORMAT)
