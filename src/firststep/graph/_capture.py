"""A symbolic trace of a model that leaves the model alone: the graphs of the largest pieces that can be traced."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator
from typing import Any

from torch import fx, nn

from ..running import kept


def capture(model: nn.Module) -> list[tuple[str, nn.Module, fx.Graph]]:
    """Graphs of ``model``, each with the name and the module it belongs to.

    A module whose forward cannot be traced (control flow on values) is opaque to its parent, and its children are
    traced by themselves. The trace runs on a copy whose tensors have no storage and whose hooks are gone, and random
    numbers drawn while tracing are given back, so nothing of the caller's changes.

    Returns:
        ``(name, module, graph)`` per traced piece; empty when the model cannot be copied.
    """
    shadow = _shadow(model)
    if shadow is None:
        return []
    with kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_graphs("", shadow))


def _shadow(model: nn.Module) -> nn.Module | None:
    """A copy of ``model`` with meta tensors and no hooks; ``None`` when it holds something that cannot be copied."""
    memo: dict[int, Any] = {}
    try:
        for parameter in model.parameters():
            memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
        for buffer in model.buffers():
            memo[id(buffer)] = buffer.detach().to("meta")
        shadow = copy.deepcopy(model, memo)
    except Exception:  # any object may sit on a module, and its copying may raise anything
        return None
    for module in shadow.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            hooks.clear()
    return shadow


def _graphs(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module, fx.Graph]]:
    tracer = _Tracer()
    graph = _try_trace(tracer, module)
    if graph is not None:
        yield name, module, graph
    opaque = tracer.opaque if graph is not None else [child for child, _ in module.named_children()]
    for child in opaque:
        yield from _graphs(f"{name}.{child}" if name else child, module.get_submodule(child))


def _try_trace(tracer: _Tracer, module: nn.Module) -> fx.Graph | None:
    if tracer.is_leaf_module(module, "") or not any(True for _ in module.children()):
        return None
    try:
        return tracer.trace(module, _defaults(module))
    except Exception:  # tracing runs the user's forward on proxies, which may raise anything
        return None


def _defaults(module: nn.Module) -> dict[str, Any]:
    """Optional arguments of ``forward`` at their defaults, so that ``if mask is not None`` takes the usual branch."""
    parameters = inspect.signature(module.forward).parameters.values()
    simple = (bool, int, float, str, type(None))
    return {
        p.name: p.default
        for p in parameters
        if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and isinstance(p.default, simple)
    }


class _Tracer(fx.Tracer):
    """fx's tracer, which goes on past a submodule it cannot trace and lists it in ``opaque``."""

    def __init__(self) -> None:
        super().__init__()
        self.opaque: list[str] = []

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = len(self.graph.nodes)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:  # as above: the user's forward on proxies
            for node in list(reversed(self.graph.nodes))[: len(self.graph.nodes) - before]:
                self.graph.erase_node(node)
            path = self.path_of_module(m)
            self.opaque.append(path)
            return self.create_proxy("call_module", path, args, kwargs)
