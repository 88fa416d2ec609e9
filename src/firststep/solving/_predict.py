"""Predicting the signal of a model from the moments of its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ._axes import Axes, input_axes, label
from ._critical import critical, depth_scale
from ._measured import Measured, moments_of
from ._record import Record
from ._rules import rule_of
from ._run import Inputs, arguments, record
from ._signal import LayerSignal, Signal
from ._value import UNIT, Moments4, Value
from ._views import as_strong
from ._walk import Source, Walk, responded


@torch.inference_mode(False)
def predict(model: nn.Module, inputs: Inputs, moments: Mapping[str, Any] | Iterable[Any] | None = None) -> Signal:
    """How strong the signal is at every layer, without running the model on numbers.

    A copy of the model without storage is run once and its operations are written down. Then each operation maps the
    moments of its inputs to those of its output:

        E[x], E[x^2], E[x_p x_q] of one feature at two positions of an example, and in two examples

    exactly for sums with independent weights, residual sums, products, norms and averages; by quadrature for
    elementwise functions, softmax weights and largest values. Values are taken as normally distributed over the
    features of a layer, which holds for wide layers; a single draw of the weights differs from it by about
    ``sqrt(depth / width)``.

    Args:
        model: on any device, meta included; it is not touched. It is run in the mode each of its modules is in.
        inputs: a tensor, a tuple of positional arguments or a dict of keyword arguments. Float tensors with numbers are
            measured; those on meta are taken to have mean 0 and second moment 1.
        moments: of the parameters; by default those their numbers have now. A plan's rows, or a mapping from a
            parameter's name to (mean, second moment) or its :class:`firststep.init.Moments`; parameters not named are
            measured.

    Returns:
        A :class:`Signal`, one row for each module that owns parameters or has no children.

    Raises:
        SolveError: when the model does not run on ``inputs``, or a parameter is on meta and its moments are not given.

    >>> net = nn.Sequential(nn.Linear(64, 256, bias=False), nn.ReLU(), nn.Linear(256, 256, bias=False))
    >>> signal = predict(net, torch.empty(8, 64, device="meta"), {"0.weight": (0, 2 / 64), "2.weight": (0, 2 / 256)})
    >>> round(signal["0"].std ** 2, 2), round(signal["2"].std ** 2, 2)
    (2.0, 2.0)

    Source: Poole et al. 2016 (arXiv 1606.05340); Schoenholz et al. 2017 (arXiv 1611.01232).
    """
    run = record(model, inputs)
    source = Measured(model, run, moments_of(moments, run))
    return report(walked(run, inputs, source), run)


def walked(run: Record, inputs: Inputs, source: Source, follower: Any = None, *, sketch: bool = False) -> Walk:
    """A walk through the whole record; ``follower.walk`` is set before it starts, to look back along it."""
    axes, given = _inputs(run, inputs)
    walk = Walk(run, source, given, axes, sketch=sketch)
    if follower is not None:
        follower.walk = walk
    return walk.run(rule_of, as_strong)


def _inputs(run: Record, inputs: Inputs) -> tuple[dict[int, Axes], dict[int, Moments4]]:
    """What the dimensions of the example inputs index, and their moments."""
    tensors = [one for one in tree_flatten(arguments(inputs))[0] if isinstance(one, Tensor)]
    axes: dict[int, Axes] = {}
    moments: dict[int, Moments4] = {}
    convolved = {call.inputs[0] for call in run.calls if call.op == "aten.convolution"}
    for position, tensor in zip(run.inputs, tensors, strict=True):
        first = position in convolved or tensor.dim() > 3
        axes[position] = input_axes(tensor.shape, channels_first=first, integer=not tensor.is_floating_point())
        moments[position] = measured(tensor, axes[position])
    return axes, moments


def measured(tensor: Tensor, axes: Axes) -> Moments4:
    """Moments of an example input; 0 and 1 where it has no numbers.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> measured(x, input_axes(x.shape, channels_first=False, integer=False))
    Moments4(mean=2.5, second=7.5, same=6.25, other=5.5)
    """
    if tensor.is_meta or hasattr(tensor, "fake_mode") or not tensor.numel():
        return UNIT
    x = tensor.detach().to("cpu", torch.float64)
    labels = [label(axis) for axis in axes]
    order = [dim for name in ("example", "position", "feature") for dim, one in enumerate(labels) if one == name]
    kinds = ("example", "position", "feature")
    b, p, f = (math.prod(x.shape[i] for i in order if labels[i] == kind) for kind in kinds)
    x = x.permute(order).reshape(b, p, f)
    mean, square = x.mean().item(), x.square().sum().item()
    within, across = x.sum(1).square().sum().item(), x.sum((0, 1)).square().sum().item()
    same = (within - square) / (b * f * p * (p - 1)) if p > 1 else mean**2
    other = (across - within) / (f * b * (b - 1) * p * p) if b > 1 else mean**2
    return Moments4(mean, square / x.numel(), same, other)


def report(walk: Walk, run: Record, notes: Iterable[str] = ()) -> Signal:
    """The layers' rows, from a walk that is done."""
    gradients = backward(walk, run)
    doubtful = _doubtful(walk, run)
    layers = []
    for layer in run.layers:
        value = walk.values.get(layer.output)
        if value is None or value.fixed or not run.items[layer.output].dtype.is_floating_point:
            continue
        chi, growth = criticality(value) if not layer.owns else (None, None)
        xi = None if chi is None else depth_scale(chi)
        gradient = math.sqrt(gradients.get(value.base.value if value.function is None else layer.output, 0.0))
        known = layer.output not in doubtful
        layers.append(
            LayerSignal(layer.name, layer.kind, value.moments.mean, spread(value), gradient, chi, growth, xi, known)
        )
    return Signal(tuple(layers), (*notes, *assumptions(walk)))


def spread(value: Value) -> float:
    """Std over all elements of a value: that of n features has lost the part that their mean varies by.

    E[x^2] - E[x]^2 - (o - E[x]^2) / n,    o = the overlap of two elements of one feature
    """
    sizes = {"example": 1, "position": 1, "feature": 1}
    for axis in value.axes:
        for name, size in axis:
            sizes[name] *= size
    b, p, n = sizes.values()
    one = value.moments
    shared = (one.second + (p - 1) * one.same + p * (b - 1) * one.other) / (b * p)
    return math.sqrt(max(one.variance - max(shared - one.mean**2, 0.0) / max(n, 1), 0.0))


def assumptions(walk: Walk) -> list[str]:
    """One note for each operation without a rule."""
    return [
        f"{op} in {', '.join(repr(one) if one else 'the model' for one in sorted(set(modules))[:3])}: "
        "no rule is known; "
        "its output is taken to be as strong as its strongest input"
        for op, modules in sorted(walk.unknown.items())
    ]


def _doubtful(walk: Walk, run: Record) -> set[int]:
    """Values that depend on one without a rule."""
    found = {position for position, value in walk.values.items() if not value.known}
    for call in run.calls:
        if any(one in found for one in call.inputs):
            found.update(call.outputs)
    return found


def backward(walk: Walk, run: Record) -> dict[int, float]:
    """Second moment of the gradient at each value, when it is 1 at each output of the model."""
    found = {position: 1.0 for position in run.outputs if position in walk.values}
    for output, source, factor in sorted(walk.edges, key=lambda edge: -edge[0]):
        if output in found:
            found[source] = found.get(source, 0.0) + factor * found[output]
    return found


def criticality(value: Value) -> tuple[float | None, float | None]:
    """(chi, growth) of a value that is a function of a normal one.

        chi = q E[f'^2] / E[f^2],    growth = d log E[f^2] / d log q = E[x f f'] / E[f^2],    q = E[x^2]

    chi is what a layer whose weights bring f's output back to q does to the gradient's second moment.
    """
    if value.function is None or value.base.moments.second <= 0 or value.moments.second <= 0:
        return None, None
    found, _ = responded(value.function, value.base.moments)
    return critical(value.base.moments.second, found)
