"""Logits, probabilities and their logarithms: which a loss takes, and which it was given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .._finding import Channel
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._layer import Layer

_CLASSES = ("classification", "imbalance", "noise", "language", "segmentation", "distillation")
_ELEMENTS = ("classification", "imbalance", "detection", "ordinal", "segmentation")
MARGINS = frozenset({"MultiMarginLoss", "MultiLabelMarginLoss"})
"""Losses of scores of classes that make no softmax of them."""
SIGNED = frozenset({"hinge_loss", "lovasz_hinge_loss"})
"""Losses of scores by their sign that make no sigmoid of them."""

HARMLESS = frozenset({"clamp", "clamp_min", "clamp_max", "native_dropout"})
RAW = frozenset({"linear", "convolution", "matmul", "native_layer_norm", "native_batch_norm", "cudnn_batch_norm"})
"""What makes numbers of either sign and any size."""


def takes_class_logits(call: LossCall) -> bool:
    """Whether the loss takes logits of exclusive classes, over which it makes its own softmax."""
    spec = call.spec
    if spec.family == "segmentation" and call.options.get("activation", "softmax") != "softmax":
        return False
    named = call.name in MARGINS or call.name == "MultiLabelSoftMarginLoss"
    shape = spec.arguments[0].shape.split()
    over = "C" in shape or "V" in shape
    known = spec.family in _CLASSES or spec.name == "distribution_focal_loss"
    return known and over and spec.arguments[0].kind == "logits" and not named


def takes_element_logits(call: LossCall) -> bool:
    """Whether every number is a logit of its own: the loss makes a sigmoid of it, or goes by its sign."""
    spec = call.spec
    if spec.arguments[0].kind != "logits" or spec.family not in _ELEMENTS or takes_class_logits(call):
        return False
    return call.name not in MARGINS and spec.name != "distribution_focal_loss"


def takes_log_probabilities(call: LossCall) -> bool:
    """Whether the first argument is log-probabilities over classes, and not of whole sequences."""
    return call.name in ("NLLLoss", "KLDivLoss", "CTCLoss")


def class_axis(call: LossCall, index: int = 0) -> int:
    """Along which axis the classes stand, by the loss's declaration."""
    shape = call.spec.arguments[index].shape.split()
    if shape[-1] in ("V", "C") and shape[0] != "N":
        return -1
    return 1 if call.tensors[index].ndim > 1 else 0


def classes_of(call: LossCall, index: int = 0) -> int:
    """How many classes there are; 0 where the tensor has no such axis."""
    tensor = call.tensors[index]
    return tensor.shape[class_axis(call, index)] if tensor.ndim else 0


def logits(call: LossCall) -> Iterator[int]:
    """The places of the arguments that are to be logits: a student's and a teacher's."""
    return (i for i, kind in enumerate(call.kinds) if kind == "logits")


def tolerance(tensor: Tensor) -> float:
    """By how much sums of probabilities may miss 1."""
    return 1e-3 if tensor.dtype in (torch.float32, torch.float64) else 2e-2


def sums_to_one(tensor: Tensor, axis: int | tuple[int, ...]) -> bool:
    """Whether these are probabilities along an axis: none is negative, and all sums are 1."""
    if not tensor.numel() or not tensor.is_floating_point() or not tensor.ndim:
        return False
    wide = tensor.float()
    return bool((wide >= 0).all()) and bool(((wide.sum(axis) - 1).abs() <= tolerance(tensor)).all())


def log_sums_to_one(tensor: Tensor, axis: int | tuple[int, ...]) -> bool:
    """Whether these are logarithms of such."""
    if not tensor.numel() or not tensor.is_floating_point() or not tensor.ndim:
        return False
    return bool((tensor.float().logsumexp(axis).abs() <= 10 * tolerance(tensor)).all())


def axes(tensor: Tensor) -> Iterator[int | tuple[int, ...]]:
    """The axes over which something may be a distribution: each longer than 1, all but the first, and all."""
    several = range(tensor.ndim)
    yield from (axis for axis in reversed(several) if tensor.shape[axis] > 1)
    if tensor.ndim > 2:
        yield tuple(several[1:])
    if tensor.ndim > 1:
        yield tuple(several)


@dataclass(frozen=True, slots=True)
class Maker:
    """The function that made what a loss was given.

    Args:
        kind: "softmax", "linear".
        channel: whether the graph says so, or a layer was heard to put out the same numbers.
        place: the layer's name where it was heard, else where the loss was called.
    """

    kind: str
    channel: Channel
    place: str


def maker(evidence: Evidence, call: LossCall, index: int = 0) -> Maker | None:
    """What made an argument; None where nothing tells."""
    origin = head(call.origins[index])
    heard = _heard(evidence, call, index)
    if heard is not None and (not origin or heard.kind == "softsign"):
        return Maker(heard.kind, "signals", heard.name)
    if not origin:
        return None
    same = heard is not None and heard.kind == origin[0]
    return Maker(origin[0], "graph", heard.name if same and heard else call.inside)


def head(origin: tuple[str, ...]) -> tuple[str, ...]:
    """An origin without the clamps and the dropout at its end."""
    kept = [i for i, one in enumerate(origin) if one not in HARMLESS]
    return origin[kept[0] :] if kept else origin


def _heard(evidence: Evidence, call: LossCall, index: int) -> Layer | None:
    """The last activation that put out the very numbers that the loss was given."""
    seen, numel = call.seen[index], call.tensors[index].numel()
    for layer in reversed(evidence.layers):
        sized = numel == math.prod(layer.shape)
        if layer.function and sized and _near(layer.low, seen.low) and _near(layer.high, seen.high):
            return layer
    return None


def raw_layer(evidence: Evidence, call: LossCall, index: int = 0) -> str | None:
    """The linear or convolutional layer whose own output an argument is; None where it is not."""
    if head(call.origins[index])[:1] not in (("linear",), ("convolution",)):
        return None
    seen = call.seen[index]
    for layer in reversed(evidence.layers):
        if not layer.function and _near(layer.low, seen.low) and _near(layer.high, seen.high):
            plain = layer.kind in ("Linear", "LazyLinear") or layer.kind.startswith("Conv")
            return layer.name if plain else None
    return None


def _near(one: float, two: float) -> bool:
    return abs(one - two) <= 1e-6 * max(1.0, abs(two))


def share(part: Tensor) -> str:
    """A share of elements in words: "48 % of 320"."""
    return f"{100 * float(part.float().mean()):.3g} % of {part.numel()}"


def count(part: Tensor) -> str:
    """How many of how many: "12 of 320"."""
    return f"{int(part.sum())} of {part.numel()}"


def contains(origin: tuple[str, ...], *chained: str) -> bool:
    """Whether an origin begins with these, clamps and numbers added or multiplied left out."""
    plain = [one for one in origin if one not in HARMLESS and one != "affine"]
    return plain[: len(chained)] == list(chained)
