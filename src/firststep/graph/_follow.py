"""Reading a traced graph: which activation follows a layer, and which layers form a plain chain."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import fx, nn

from ..init import activation_name, odd_slope
from ._flow import Flow

Kind = Literal["weight", "activation", "linear", "passing", "other"]
"""What a node does to a signal. ``linear``: keeps pairs (u, -u) pairs; ``passing``: the activation still follows."""

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)

LINEAR_MODULES = (
    nn.Identity,
    nn.Flatten,
    nn.modules.dropout._DropoutNd,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
)
PASSING_MODULES = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Unflatten,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.Upsample,
    nn.PixelShuffle,
)
LINEAR_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    F.dropout,
    F.avg_pool1d,
    F.avg_pool2d,
    F.avg_pool3d,
    F.adaptive_avg_pool1d,
    F.adaptive_avg_pool2d,
    F.adaptive_avg_pool3d,
    torch.flatten,
)
PASSING_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    F.max_pool1d,
    F.max_pool2d,
    F.max_pool3d,
    F.batch_norm,
    F.layer_norm,
    F.group_norm,
    F.interpolate,
    torch.reshape,
    torch.permute,
    torch.transpose,
    torch.squeeze,
    torch.unsqueeze,
    torch.chunk,
    torch.split,
    operator.getitem,
)
LINEAR_METHODS = frozenset({"flatten", "contiguous", "clone", "float", "to"})
PASSING_METHODS = frozenset(
    {"view", "reshape", "permute", "transpose", "squeeze", "unsqueeze", "chunk", "split", "unflatten"}
)
ABOUT = frozenset({"size", "dim", "numel"})
"""Methods that read a tensor's shape and pass no signal on."""


@dataclass(frozen=True, slots=True)
class _Link:
    source: str
    activation: str
    target: str


def read(graph: fx.Graph, root: nn.Module) -> dict[str, Flow]:
    """The :class:`Flow` of every weight layer called in ``graph``, by its path below ``root``."""
    modules = dict(root.named_modules())
    layers = [n for n in graph.nodes if _is_layer(n, modules)]
    calls = Counter(str(n.target) for n in layers)
    links = _of_one_kind([link for n in layers if (link := _link(n, modules, calls)) is not None])
    lengths = _chain_lengths(links)
    leaving, entering = {link.source for link in links}, {link.target for link in links}
    return {
        path: Flow(
            nonlinearity=_agreed([name for n in layers if str(n.target) == path for name in _after(n, modules)]),
            chain=lengths.get(path, 0),
            mirrored_in=path in entering,
            mirrored_out=path in leaving,
        )
        for path in calls
    }


def _of_one_kind(links: list[_Link]) -> list[_Link]:
    """``links`` without those into a layer that is followed by another activation: a chain has one kind throughout."""
    after = {link.source: link.activation for link in links}
    return [link for link in links if after.get(link.target, link.activation) == link.activation]


def _agreed(names: list[str]) -> str:
    """The one activation on every way out of a layer; ways that differ count as none."""
    return names[0] if names and len(set(names)) == 1 else "linear"


def _is_layer(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(modules[str(node.target)], LAYERS)


def _after(node: fx.Node, modules: dict[str, nn.Module]) -> Iterator[str]:
    """The activation on each way out of ``node``, ``"linear"`` for a way that has none."""
    for user in _users(node):
        kind = _kind(user, modules)
        if kind == "activation":
            yield _activation(user, modules) or "linear"
        elif kind in ("linear", "passing"):
            yield from _after(user, modules)
        else:
            yield "linear"


def _link(node: fx.Node, modules: dict[str, nn.Module], calls: Counter[str]) -> _Link | None:
    """The next layer of ``node``'s plain chain: one way on, one activation whose odd part is a straight line."""
    source, activation = str(node.target), None
    while True:
        users = _users(node)
        if len(users) != 1:
            return None
        node = users[0]
        kind = _kind(node, modules)
        if kind == "activation" and activation is None:
            activation = _activation(node, modules)
            if activation is None or odd_slope(activation) is None:
                return None
        elif kind == "weight" and activation is not None:
            target = str(node.target)
            fits = calls[source] == calls[target] == 1 and _mirrors(modules[source], modules[target])
            return _Link(source, activation, target) if fits else None
        elif kind != "linear":
            return None


def _mirrors(source: nn.Module, target: nn.Module) -> bool:
    """Whether ``source``'s outputs can be laid out in pairs that ``target`` reads as pairs."""
    outputs, inputs = _width(source, out=True), _width(target, out=False)
    return outputs is not None and inputs is not None and outputs % 2 == 0 and inputs % outputs == 0


def _width(layer: nn.Module, *, out: bool) -> int | None:
    if isinstance(layer, nn.Linear):
        return layer.out_features if out else layer.in_features
    if isinstance(layer, nn.modules.conv._ConvNd) and layer.groups == 1 and not layer.transposed:
        return layer.out_channels if out else layer.in_channels
    return None


def _chain_lengths(links: list[_Link]) -> dict[str, int]:
    """Number of layers in the chain each linked layer belongs to."""
    following = {link.source: link.target for link in links}
    lengths: dict[str, int] = {}
    for head in following.keys() - following.values():
        chain = [head]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        lengths.update(dict.fromkeys(chain, len(chain)))
    return lengths


def _users(node: fx.Node) -> list[fx.Node]:
    return [user for user in node.users if not _reads_shape(user)]


def _reads_shape(node: fx.Node) -> bool:
    return (node.op == "call_method" and node.target in ABOUT) or node.target is getattr


def _kind(node: fx.Node, modules: dict[str, nn.Module]) -> Kind:
    if _activation(node, modules) is not None:
        return "activation"
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, LAYERS):
            return "weight"
        return _pick(isinstance(module, LINEAR_MODULES), isinstance(module, PASSING_MODULES))
    if node.op == "call_function":
        return _pick(node.target in LINEAR_FUNCTIONS, node.target in PASSING_FUNCTIONS)
    if node.op == "call_method":
        return _pick(node.target in LINEAR_METHODS or _flattens(node), node.target in PASSING_METHODS)
    return "other"


def _pick(linear: bool, passing: bool) -> Kind:
    return "linear" if linear else "passing" if passing else "other"


def _flattens(node: fx.Node) -> bool:
    """``x.view(n, -1)`` and ``x.reshape(n, -1)``: all but the batch axis in one, channels first."""
    return node.target in ("view", "reshape") and node.args[2:] == (-1,)


def _activation(node: fx.Node, modules: dict[str, nn.Module]) -> str | None:
    """The name of the activation that ``node`` applies, ``None`` when it applies none."""
    if node.op == "call_module":
        name = activation_name(modules[str(node.target)])
        return None if name == "linear" else name
    if node.op == "call_method":
        return activation_name(getattr(torch.Tensor, str(node.target), None))
    name = activation_name(node.target) if node.op == "call_function" else None
    return name and _with_options(name, node)


def _with_options(name: str, node: fx.Node) -> str | None:
    """``name`` as called: with the number that F.leaky_relu, F.elu and F.celu take, or gelu's approximation."""
    if node.kwargs.keys() - {"inplace", "negative_slope", "alpha", "approximate"}:
        return None
    if name == "gelu":
        return "gelu_tanh" if node.kwargs.get("approximate") == "tanh" else name
    number = node.args[1] if len(node.args) > 1 else node.kwargs.get("negative_slope", node.kwargs.get("alpha"))
    shaped = isinstance(number, (int, float)) and not isinstance(number, bool)
    return activation_name(f"{name}({number!r})") if shaped else name
