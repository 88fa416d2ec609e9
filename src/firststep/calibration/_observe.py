"""Looking at signals while the model runs: their moments, the order of the calls, and the first that is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import nn

from ..errors import CalibrationError
from ..running import leaves
from ._asked import Asked
from ._ports import Port
from ._spread import Spread

Hook: TypeAlias = Callable[[nn.Module, tuple[Any, ...], Mapping[str, Any], Any], Any]


class Enough(BaseException):
    """Everything that was to be seen has been seen. No model catches it, as it may an Exception."""


class Seen:
    """What was seen of the ports in one run of the model.

    Args:
        calls: how often each module was called.
        order: the ports that had a signal, in order of their first.
        spreads: the moments, over all calls.
    """

    def __init__(self) -> None:
        self.calls: dict[nn.Module, int] = {}
        self.order: list[Port] = []
        self.spreads: dict[Port, Spread] = {}

    def add(self, port: Port, spread: Spread) -> None:
        """One more signal of a port."""
        before = self.spreads.get(port)
        if before is None:
            self.order.append(port)
        self.spreads[port] = spread if before is None else before + spread


Measure: TypeAlias = Callable[[Port, tuple[Any, ...], Mapping[str, Any], Any], "Spread | None"]
"""The moments of a port's signal in one call; ``None`` when it has no numbers."""


def observe(asked: Asked, ports: Iterable[Port], measure: Measure, last: Mapping[nn.Module, int] | None = None) -> Seen:
    """Run the model and look at its ports.

    Args:
        asked: the model and the batch.
        ports: what to look at.
        measure: how.
        last: how often each module of the ports will be called; the run ends after the last of these calls.

    Raises:
        CalibrationError: for the first layer, in the order of the run, that gives values that are not finite.
    """
    seen, of = Seen(), by_module(ports)

    def look(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        seen.calls[module] = seen.calls.get(module, 0) + 1
        for port in of.get(module, ()):
            spread = measure(port, args, kwargs, output)
            if spread is not None:
                seen.add(port, spread)
        if last is not None and all(seen.calls.get(one, 0) >= n for one, n in last.items()):
            raise Enough

    with torch.no_grad(), watching(asked.model), hooked(of, look):
        run(asked)
    return seen


def run(asked: Asked) -> Any:
    """The model's output; ``None`` when it was stopped."""
    try:
        return asked.run()
    except Enough:
        return None


def by_module(ports: Iterable[Port]) -> dict[nn.Module, list[Port]]:
    """The ports of each module, in order."""
    of: dict[nn.Module, list[Port]] = {}
    for port in ports:
        of.setdefault(port.module, []).append(port)
    return of


@contextmanager
def hooked(modules: Iterable[nn.Module], hook: Hook) -> Iterator[None]:
    """``hook`` after every call of the modules; what it returns stands for their output."""
    handles = [one.register_forward_hook(hook, with_kwargs=True) for one in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def watching(model: nn.Module) -> Iterator[None]:
    """An error as soon as a layer gives values that are not finite, naming the first one."""
    names = {module: name for name, module in model.named_modules() if not _has_children(module)}

    def watch(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        if _is_bad(output, module):
            verb = "is given" if _is_bad((*args, *kwargs.values()), module) else "gives"
            raise CalibrationError(
                f"calibrate: the layer {names[module]!r} ({type(module).__name__}) {verb} values that are not finite, "
                "so that nothing after it can be measured. Initialize the model first, with "
                "fs.initialize(model, seed=0), or look at it with fs.check(model, loss, batch)"
            )

    with hooked(names, watch):
        yield


def _has_children(module: nn.Module) -> bool:
    return any(name != "parametrizations" for name, _ in module.named_children())


def _is_bad(tree: Any, module: nn.Module) -> bool:
    """Whether there are NaNs; infinities too where weights make them: a mask's are meant."""
    tensors = [tensor for _, tensor in leaves(tree) if tensor.is_floating_point()]
    weighs = any(True for _ in module.parameters())
    return any(bool((~tensor.isfinite() if weighs else tensor.isnan()).any()) for tensor in tensors)
