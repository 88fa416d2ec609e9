"""Layers and their weights in the order in which they ran: what the rules on signals share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ...init import site_of
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ..probe._parameter import Parameter

CONVOLUTIONS = (nn.modules.conv._ConvNd,)
NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
RECTIFIERS = ("relu", "relu6", "threshold", "hardswish")


@dataclass(frozen=True, slots=True)
class Weighted:
    """A linear layer or a convolution that ran.

    Args:
        layer: what came out.
        weight: its parameter.
        fan: how many inputs one output sums over.
        gain: the rms of the weight times the root of ``fan``: by how much independent weights change the rms.
    """

    layer: Layer
    weight: Parameter
    fan: float
    gain: float


def typed(name: str) -> str:
    """A qualified name as it is typed: ``model.net[0].weight``.

    >>> typed("net.0.weight"), typed("")
    ('model.net[0].weight', 'model')
    """
    return "model" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".") if part)


def module(evidence: Evidence, layer: Layer) -> nn.Module | None:
    """The module of a layer."""
    return evidence.modules.get(layer.place)


def is_norm(evidence: Evidence, layer: Layer) -> bool:
    """Whether a layer normalizes, torch's or one that is called a norm."""
    return not layer.function and (isinstance(module(evidence, layer), NORMS) or "norm" in layer.kind.lower())


def leaves(evidence: Evidence) -> list[Layer]:
    """The layers that are not around other layers, each once, without activations."""
    around = {layer.place.rpartition(".")[0] for layer in evidence.layers if not layer.function and layer.place}
    for place in list(around):
        while place:
            place = place.rpartition(".")[0]
            around.add(place)
    found: dict[str, Layer] = {}
    for layer in evidence.layers:
        if not layer.function and layer.place not in around:
            found.setdefault(layer.place, layer)
    return list(found.values())


def weighted(evidence: Evidence) -> list[Weighted]:
    """Linear layers and convolutions, each once, in order; without those whose weight is zero or computed."""
    weights = {one.module: one for one in evidence.parameters if one.local == "weight" and len(one.shape) > 1}
    for one in evidence.parameters:
        for name in one.names:
            if name.endswith("weight") and len(one.shape) > 1:
                weights.setdefault(name.rpartition(".")[0], one)
    found = []
    for layer in leaves(evidence):
        of, weight = module(evidence, layer), weights.get(layer.place)
        if weight is None or not isinstance(of, (nn.Linear, *CONVOLUTIONS)):
            continue
        fans = site_of(of, "weight", shape=weight.shape).parts[0].fans
        gain = 0.0 if fans is None else weight.rms * math.sqrt(fans.fan_in)
        if fans is not None and gain > 0:
            found.append(Weighted(layer, weight, fans.fan_in, gain))
    return found


def signal(layer: Layer) -> float:
    """What of an output tells examples apart: the rms of the distance from the mean example, or the rms itself."""
    return layer.rms if math.isnan(layer.spread) else layer.rms * layer.spread


def before(evidence: Evidence, layer: Layer) -> Layer | None:
    """The layer whose output an activation was given: the last one before it, where that has its shape."""
    last = None
    for one in evidence.layers:
        if one is layer:
            break
        if not one.function:
            last = one
    return last if last is not None and last.shape == layer.shape else None


def output_layers(evidence: Evidence) -> set[str]:
    """The places of the layers that made an output, as far as shape and rms tell, and of the last layer."""
    chain = leaves(evidence)
    found = {layer.place for layer in chain[-1:]}
    sizes = [(seen.facts.shape, seen.facts.rms) for seen in evidence.outputs]
    for layer in chain:
        if any(layer.shape == shape and math.isclose(layer.rms, rms, rel_tol=1e-4) for shape, rms in sizes):
            found.add(layer.place)
    return found


def all_zero(evidence: Evidence, layer: Layer) -> bool:
    """Whether every matrix of a layer is zero, or as good as that, so that its output is its bias."""
    own = [one for one in evidence.parameters if one.module == layer.place and len(one.shape) > 1]
    return bool(own) and all(one.largest < 1e-30 for one in own)


def learned(evidence: Evidence) -> bool:
    """Whether the model does better than guessing, as a trained one does: its weights are then no start."""
    known = [one for one in evidence.start if one is not None and one.expected is not None and one.expected > 0]
    return any(one.expected is not None and one.measured < 0.8 * one.expected for one in known)


def scaled_down(evidence: Evidence) -> bool:
    """Whether a branch is meant to start small: a trained scale that is constant, and at most 0.1 in size."""
    return any(
        one.trains and one.constant and 0 < abs(one.mean) <= 0.1 and one.local != "bias" and _vector(one.shape)
        for one in evidence.parameters
    )


def _vector(shape: Sequence[int]) -> bool:
    return sum(length > 1 for length in shape) <= 1
