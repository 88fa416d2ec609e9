"""Whether inputs fit the layers they are given to: shapes, layouts, types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import torch
from torch import nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence, Seen
from ._chain import CONVOLUTIONS, RECURRENT, leaves

_CHANNELS = (1, 3, 4)


def failed(evidence: Evidence) -> tuple[str, nn.Module] | None:
    """The layer inside of which running failed: it was entered, and nothing came out."""
    if evidence.crash is None or evidence.crash.where != "forward":
        return None
    done = {layer.place for layer in evidence.layers}
    open_ = [name for name in evidence.entered if name not in done and evidence.modules[name]._parameters]
    name = max(sorted(open_), key=lambda one: one.count("."), default=None)
    return None if name is None else (name, evidence.modules[name])


def _called(name: str) -> str:
    return name or "model"


def _misfit(evidence: Evidence) -> Iterator[Found]:
    at = failed(evidence)
    if at is None or evidence.crash is None:
        if evidence.crash is None:
            yield from _swapped(evidence)
        return
    name, layer = at
    error = evidence.crash.error
    found = None
    if isinstance(layer, CONVOLUTIONS) and ("channels" in error or "batched" in error):
        found = _convolution(evidence, layer, error)
    elif isinstance(layer, nn.Linear) and ("shapes cannot be multiplied" in error or "size mismatch" in error):
        found = _linear(evidence, layer, error)
    elif isinstance(layer, RECURRENT) and "input_size" in error:
        found = f"inputs of width {layer.input_size}", f"input_size={_last(error)}", ""
    elif isinstance(layer, nn.LayerNorm) and "normalized_shape" in error:
        found = f"inputs that end in {tuple(layer.normalized_shape)}", f"nn.LayerNorm({_last(error)})", ""
    elif isinstance(layer, nn.modules.batchnorm._BatchNorm) and ("running_mean" in error or "D input" in error):
        wanted = {"1": "(N, {}) or (N, {}, L)", "2": "(N, {}, H, W)"}.get(
            type(layer).__name__[11:12], "(N, {}, D, H, W)"
        )
        fix = "channels on axis 1, num_features as many as there are, and the norm for that number of axes"
        found = wanted.replace("{}", str(layer.num_features)), fix, ""
    elif isinstance(layer, nn.MultiheadAttention) and "embedding dimension" in error:
        found = f"inputs of width {layer.embed_dim}", f"nn.MultiheadAttention({_last(error)}, {layer.num_heads})", ""
    if found is not None:
        expected, fix, seen = found
        yield Found(
            place=_called(name),
            measured=seen or error.splitlines()[0],
            expected=expected,
            fix=fix,
            clues=[
                Clue("run", f"{_called(name)} ({type(layer).__name__}) raised {error.splitlines()[0]}"),
                *([Clue("values", seen)] if seen else []),
            ],
        )


def _last(error: str) -> str:
    return (re.findall(r"\d+", error) or ["?"])[-1]


def _direct(evidence: Evidence) -> Seen | None:
    """The input that the first layer was given, where no layer ran before."""
    return evidence.inputs[0] if evidence.inputs and not leaves(evidence) else None


def _convolution(evidence: Evidence, layer: nn.modules.conv._ConvNd, error: str) -> tuple[str, str, str]:
    wanted, space = layer.in_channels, len(layer.kernel_size)
    expected = f"(N, {wanted}, {', '.join('LHWD'[:1] if space == 1 else 'DHW'[-space:])}): {wanted} channels on axis 1"
    got = re.search(r"got (\d+) channels", error)
    fix = f"in_channels={got[1]}" if got else "one axis for the batch, one for channels, and the layer's own"
    seen = _direct(evidence)
    if seen is None:
        return expected, fix, ""
    shape = seen.facts.shape
    text = f"the shape of {seen.place} is {shape}"
    if len(shape) == space + 2 and shape[-1] == wanted:
        order = (0, space + 1, *range(1, space + 1))
        fix = f"{seen.place}.permute({', '.join(map(str, order))})"
        text += ": channels last"
    elif len(shape) == 2 and space == 2 and (side := math.isqrt(shape[1] // wanted)) ** 2 * wanted == shape[1]:
        fix = f"{seen.place}.view(-1, {wanted}, {side}, {side})"
        text += ": images as rows"
    elif wanted == 1 and len(shape) == space + 1:
        fix = f"{seen.place}.unsqueeze(1)"
        text += ": no axis for the channel"
    return expected, fix, text


def _linear(evidence: Evidence, layer: nn.Linear, error: str) -> tuple[str, str, str]:
    got = re.search(r"\((\d+)x(\d+) and", error)
    width = got[2] if got else _last(error)
    expected = f"{layer.in_features} features on the last axis"
    fix = f"nn.Linear({width}, {layer.out_features})"
    seen = _direct(evidence)
    if seen is None:
        last = evidence.layers[-1].shape if evidence.layers else ()
        if got and evidence.n and len(last) == 4 and int(got[1]) > evidence.n:
            whole = int(got[1]) // evidence.n * int(width)
            fix = "nn.Flatten() before it"
            fix += "" if whole == layer.in_features else f", and nn.Linear({whole}, {layer.out_features})"
        return expected, fix, ""
    shape = seen.facts.shape
    if len(shape) > 2 and math.prod(shape[1:]) == layer.in_features:
        fix = f"{seen.place}.flatten(1), or nn.Flatten() first"
    elif len(shape) > 1 and layer.in_features in shape[1:-1]:
        fix = f"{seen.place}.transpose({shape.index(layer.in_features, 1)}, -1)"
    return expected, fix, f"the shape of {seen.place} is {shape}"


def _swapped(evidence: Evidence) -> Iterator[Found]:
    """Images with channels last that a convolution took because it was given the height as its channels."""
    chain = leaves(evidence)
    first = evidence.modules.get(chain[0].place) if chain else None
    for seen in evidence.inputs:
        shape = seen.facts.shape
        if (
            isinstance(first, nn.Conv2d)
            and len(shape) == 4
            and shape[-1] in _CHANNELS
            and shape[1] == shape[2] > 8
            and first.in_channels == shape[1]
        ):
            yield Found(
                place=seen.place,
                measured=f"the shape of {seen.place} is {shape}: channels last",
                expected=f"(N, {shape[-1]}, {shape[1]}, {shape[2]}): a convolution reads channels on axis 1",
                fix=f"{seen.place}.permute(0, 3, 1, 2), and in_channels={shape[-1]}",
                clues=[
                    Clue("values", f"axes 1 and 2 of {seen.place} are {shape[1]} long, and the last {shape[-1]}"),
                    Clue("settings", f"{chain[0].name} has in_channels={first.in_channels}: the height"),
                ],
            )


SHAPE = Check(
    code="FS609",
    title=Text("The shape does not fit the layer", "形状与该层不符"),
    why=Text(
        "A layer reads its channels or features on one axis: with another order it fails, or mixes rows of the image.",
        "每一层都从某个轴读取通道或特征：顺序不同会报错，或把图像的行混在一起。",
    ),
    sound=Text(
        "It explains an exception that a layer raised, or images whose last axis is 1, 3 or 4 long and whose height a "
        "convolution takes for its channels.",
        "它只解释某一层抛出的异常，或最后一轴长为 1、3、4 而卷积把高度当成通道的图像。",
    ),
    fault="""
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
loss = nn.CrossEntropyLoss()
batch = torch.randn(30, 16, 16, 3), torch.arange(30) % 5
""",
    cure="""
batch = batch[0].permute(0, 3, 1, 2), batch[1]
""",
    find=_misfit,
)


def _mistyped(evidence: Evidence) -> Iterator[Found]:
    at = failed(evidence)
    if at is None or evidence.crash is None:
        return
    name, layer = at
    error = evidence.crash.error
    own = next((one for one in layer.parameters() if one.is_floating_point()), None)
    if own is None:
        return
    indices = isinstance(layer, (nn.Embedding, nn.EmbeddingBag))
    if "device" in error:
        odd = [seen for seen in evidence.inputs if seen.tensor.device != own.device]
        wanted, kinds = f"on {own.device}", [f"on {seen.tensor.device}" for seen in odd]
        fix = f".to({str(own.device)!r})"
    elif "dtype" in error or "type" in error:
        odd = [seen for seen in evidence.inputs if seen.facts.dtype != own.dtype and seen.facts.floating >= indices]
        wanted, kinds = ("torch.int64" if indices else str(own.dtype)), [str(seen.facts.dtype) for seen in odd]
        fix = ".long()" if indices else ".float()" if own.dtype is torch.float32 else f".to({own.dtype})"
        if indices:
            odd = [seen for seen in evidence.inputs if seen.facts.floating]
            kinds = [str(seen.facts.dtype) for seen in odd]
    else:
        return
    if odd:
        yield Found(
            place=odd[0].place,
            measured=f"{odd[0].place} is {kinds[0]}",
            expected=f"{wanted}, as {_called(name)} ({type(layer).__name__}) needs it",
            fix=f"{odd[0].place}{fix}",
            clues=[
                Clue("run", f"{_called(name)} raised {error.splitlines()[0]}"),
                Clue("values", f"{odd[0].place} is {kinds[0]}"),
            ],
        )


TYPE = Check(
    code="FS616",
    title=Text("The inputs' type or device does not fit the layer", "输入的类型或设备与该层不符"),
    why=Text(
        "NumPy makes float64, image readers make bytes; weights are float32, and torch does not convert by itself.",
        "NumPy 生成 float64，图像读取器生成字节；权重是 float32，而 torch 不会自动转换。",
    ),
    sound=Text("It explains an exception that a layer raised.", "它只解释某一层抛出的异常。"),
    fault="""
model = nn.Linear(20, 5)
loss = nn.CrossEntropyLoss()
batch = torch.randn(30, 20, dtype=torch.float64), torch.arange(30) % 5
""",
    cure="""
batch = batch[0].float(), batch[1]
""",
    find=_mistyped,
)

CHECKS = (SHAPE, TYPE)
