"""What a tensor can reach whatever the weights are: read from the activation that made it and what scaled it since."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._origin import named, through
from ._pieces import Part, sources

_INF = math.inf
# fmt: off
_BOUNDS: dict[str, tuple[float, float]] = {
    "softmax": (0, 1), "sigmoid": (0, 1), "hardsigmoid": (0, 1), "tanh": (-1, 1), "sin": (-1, 1), "cos": (-1, 1),
    "relu": (0, _INF), "softplus": (0, _INF), "exp": (0, _INF), "abs": (0, _INF), "sqrt": (0, _INF),
    "log_softmax": (-_INF, 0), "logsigmoid": (-_INF, 0),
    "gelu": (-0.17, _INF), "silu": (-0.2785, _INF), "mish": (-0.3089, _INF), "hardswish": (-0.375, _INF),
}
# fmt: on
_STEPS = {"mul", "div", "add", "sub", "rsub", "neg"}
_KEPT = {"log", "clamp", "clamp_min", "clamp_max"}
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Reach:
    """The interval that an activation leaves.

    Args:
        kind: the activation: "sigmoid", "tanh", "clamp".
        low, high: the interval, infinite where it has no end.
        scale: what its output was multiplied by since.
    """

    kind: str
    low: float
    high: float
    scale: float = 1.0

    @property
    def width(self) -> float:
        """From one end to the other."""
        return self.high - self.low

    @property
    def text(self) -> str:
        """ "[0, 1]", "at least 0"."""
        if self.width < _INF:
            return f"[{self.low:.4g}, {self.high:.4g}]"
        return f"at least {self.low:.4g}" if self.high == _INF else f"at most {self.high:.4g}"


def reach(tensor: Tensor) -> Reach | None:
    """What a tensor can reach; None where nothing is known to bound it.

    >>> x = torch.zeros(2, 3, requires_grad=True)
    >>> reach(30 * torch.tanh(x / 30))
    Reach(kind='tanh', low=-30.0, high=30.0, scale=30.0)
    >>> reach(x * 2), reach(2 * torch.sigmoid(x) - 1).text
    (None, '[-1, 1]')
    """
    try:
        with torch.no_grad():
            return _reach(tensor)
    except RuntimeError:  # what the graph had saved was freed or written over
        return None


class Softmax(NamedTuple):
    """Along which axis of a tensor of which shape a softmax ran."""

    axis: int
    shape: tuple[int, ...]


def softmax_before(tensor: Tensor) -> Softmax | None:
    """The softmax or log-softmax before a tensor: through logarithms, clamps and numbers added or multiplied.

    >>> x = torch.zeros(2, 3, requires_grad=True)
    >>> softmax_before((x.softmax(0) + 1e-9).log().flatten())
    Softmax(axis=0, shape=(2, 3))
    """
    node: Any = tensor.grad_fn
    for _ in range(_LONGEST):
        if node is None:
            return None
        before = [one for one, _ in node.next_functions if one is not None]
        if named(node) in ("softmax", "log_softmax"):
            break
        if len(before) != 1 or not (through(node) or named(node) in _STEPS or named(node) in _KEPT):
            return None
        node = before[0]
    try:
        shape = tuple(node._saved_result.shape)
        axis = int(node._saved_dim)
    except (AttributeError, RuntimeError):  # another kind of node, or its tensors are gone
        return None
    axis = axis - 2**64 if axis >= 2**63 else axis  # torch shows negative axes without their sign
    return Softmax(axis % len(shape), shape) if shape else None


def _reach(tensor: Tensor, part: Part | None = None) -> Reach | None:
    part, scale, moved = Part(tensor.grad_fn, tensor.output_nr) if part is None else part, 1.0, False
    node = part.node
    for _ in range(_LONGEST):
        node = part.node
        if node is None:
            return None
        name = named(node)
        before = [way for way in node.next_functions if way[0] is not None]
        if through(node) and before:
            known = sources(part, name)
            if len(known) != 1:
                return None if moved or scale != 1 else _of_all(tensor, known)
            part = known[0]
            continue
        if name not in _STEPS:
            break
        factor = _factor(node, name) if len(before) == 1 else None
        if factor is None:
            return None
        scale, moved = scale * factor, moved or name in ("add", "sub", "rsub")
        part = Part(before[0][0], before[0][1], part.window)
    if node is None:
        return None
    bounds = _bounds(node)
    shift = _shift(tensor, node, scale) if moved else 0.0
    if bounds is None or shift is None or not scale:
        return None
    ends = sorted(scale * one + shift for one in bounds[1:])
    return Reach(bounds[0], ends[0], ends[1], scale)


def _of_all(tensor: Tensor, parts: Sequence[Part]) -> Reach | None:
    """Of tensors that were joined, where one activation made all of them."""
    if not 0 < len(parts) <= _LONGEST:
        return None
    found = [_reach(tensor, part) for part in parts]
    reaches = [one for one in found if one is not None]
    if len(reaches) < len(found) or len({(one.kind, one.scale) for one in reaches}) > 1:
        return None
    return Reach(reaches[0].kind, min(one.low for one in reaches), max(one.high for one in reaches), reaches[0].scale)


def _factor(node: Any, name: str) -> float | None:
    """What the way through this node multiplies by; None where that is no one number."""
    first = node.next_functions[0][0] is not None
    if name in ("mul", "div"):
        if name == "div" and not first:
            return None
        other = node._saved_other if first else node._saved_self
        if not isinstance(other, Tensor) or other.numel() != 1:
            return None
        return 1 / float(other) if name == "div" else float(other)
    if name == "neg" or (name == "sub" and not first):
        return -1.0
    return -float(node._saved_alpha) if name == "rsub" else 1.0


def _shift(tensor: Tensor, node: Any, scale: float) -> float | None:
    """The number that was added since; None where it is not the same everywhere, as with a residual input."""
    result = getattr(node, "_saved_result", None)
    if named(node) == "softplus":
        result = F.softplus(node._saved_self, float(node._saved_beta), float(node._saved_threshold))
    if not isinstance(result, Tensor) or result.numel() != tensor.numel() or not result.numel():
        return None
    apart = tensor.detach().flatten().double() - scale * result.flatten().double()
    tolerance = 1e-4 if tensor.dtype in (torch.float32, torch.float64) else 2e-2
    middle = round(float(apart.mean()), 6)
    return middle if float((apart - middle).abs().max()) <= tolerance * max(1.0, abs(scale)) else None


def _bounds(node: Any) -> tuple[str, float, float] | None:
    """The activation and its interval."""
    kind = named(node)
    if kind in _BOUNDS:
        return (kind, *_BOUNDS[kind])
    if kind == "elu":
        return kind, -float(node._saved_alpha) * float(node._saved_scale), _INF
    if kind == "hardtanh":
        return kind, float(node._saved_min_val), float(node._saved_max_val)
    if kind == "threshold":
        return ("relu", 0.0, _INF) if float(node._saved_threshold) == 0 else None
    if kind == "pow" and not isinstance(node._saved_exponent, Tensor) and float(node._saved_exponent) % 2 == 0:
        return "square", 0.0, _INF
    if kind in ("clamp", "clamp_min", "clamp_max"):
        low, high = getattr(node, "_saved_min", None), getattr(node, "_saved_max", None)
        if isinstance(low, Tensor) or isinstance(high, Tensor) or (low is None and high is None):
            return None
        return "clamp", -_INF if low is None else float(low), _INF if high is None else float(high)
    return None
