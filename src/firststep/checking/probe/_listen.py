"""Listening to a model and a loss while they run: what passes through the layers, and which losses are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor, nn

from ... import losses
from ._bounds import refuse_index, refuse_loss
from ._broadcast import Broadcast, broadcast
from ._calls import Applied, LossCall, our_call, recorded, torch_call
from ._facts import facts
from ._following import Within, following
from ._layer import Signal
from ._noise import Drawn, drawn
from ._origin import origin
from ._predicted import predicted

# fmt: off
ACTIVATIONS = frozenset({
    "relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "selu", "selu_", "celu", "gelu", "silu",
    "mish", "softplus", "softsign", "tanh", "tanh_", "sigmoid", "sigmoid_", "logsigmoid", "hardtanh",
    "hardsigmoid", "hardswish", "softmax", "log_softmax", "prelu", "rrelu", "glu", "threshold",
})
# fmt: on
_OF_LOSS = frozenset({"softmax", "log_softmax", "logsumexp", "sigmoid", "logsigmoid", "log"})
_LOOKUPS = frozenset({"argmin", "argmax"})


class Listener(Within):
    """Hears activations and losses as they are called, and layers as they return.

    Args:
        model: whose modules give the places their names.
        n: the number of examples, where it is known.
    """

    def __init__(self, model: nn.Module, n: int | None) -> None:
        super().__init__(model)
        self.signals: list[Signal] = []
        self.calls: list[LossCall] = []
        self.applied: list[Applied] = []
        self.broadcasts: dict[Broadcast, None] = {}
        self.outputs: dict[int, tuple[int, ...]] = {}
        self.entered: set[str] = set()
        self.drawn: dict[Drawn, None] = {}
        self.dropouts: dict[Any, Drawn] = {}
        self.lookups: list[int] = []
        self._n = n
        self._deaf = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._deaf:
            return func(*args, **kwargs)
        call = torch_call(func, args, kwargs)
        if call is not None:
            return self._loss(call, lambda: func(*args, **kwargs))
        refuse_index(func, args, kwargs)
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "").replace("log_sigmoid", "logsigmoid")  # F.logsigmoid's name is the former
        if name in _LOOKUPS and self._within:
            self.lookups.append(len(self.signals))
        if self._within and name in ACTIVATIONS and isinstance(result, Tensor):
            self._signal(name.rstrip("_"), result)
        elif not self._within and name in _OF_LOSS and isinstance(result, Tensor):
            self._apply(name, args, kwargs)
        if self.outputs and not self._within:
            one = broadcast(name, args, result, self.outputs)
            self.broadcasts |= {} if one is None else {one: None}
        self._noise(drawn(self.place or "model", name, args, kwargs, result), result)
        return result

    def _apply(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            return
        with self._quiet(), suppress(RuntimeError):
            made = origin(args[0])
            if name != "log" or made[:1] in (("sigmoid",), ("softmax",)):
                self.applied.append(Applied(name, made, facts(args[0]), _axis(args, kwargs)))

    def _noise(self, one: Drawn | None, result: Any) -> None:
        if one is not None:
            self.drawn[one] = None
            if one.is_dropout and result.grad_fn is not None:
                self.dropouts[result.grad_fn] = one

    def ours(self, spec: Any, tensors: Any, options: Any, asked: Any, run: Callable[[], Any]) -> Any:
        """As the watcher of our losses."""
        if self._deaf:
            return run()
        return self._loss(our_call(spec, tensors, options, asked), run)

    def _loss(self, call: Mapping[str, Any], run: Callable[[], Any]) -> Any:
        inside = self.place or ("model" if self._within else "loss")
        with self._quiet():
            try:
                refuse_loss(call)
                result = run()
            except Exception as error:
                self._keep(recorded(call, inside, error=f"{type(error).__name__}: {error}"))
                raise
            with suppress(RuntimeError):
                self._keep(recorded(call, inside, result))
        return result

    def _keep(self, call: LossCall | None) -> None:
        if call is not None:
            self.calls.append(call)

    def _signal(self, kind: str, output: Tensor, module: nn.Module | None = None, inputs: Sequence[Any] = ()) -> None:
        """An activation's output, or that of a layer with what it was given."""
        if output.is_floating_point() and output.numel():
            with self._quiet(), suppress(RuntimeError):  # under vmap no number can be read
                heard = Signal.of(self.place, kind, output, self._n, function=module is None)
                heard.predicted = math.nan if module is None else predicted(module, inputs)
                self.signals.append(heard)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Inside a loss, and while we look, nothing is heard."""
        before, self._deaf = self._deaf, True
        try:
            yield
        finally:
            self._deaf = before

    def enter(self, module: nn.Module, *_: Any) -> None:
        """A module begins."""
        super().enter(module)
        self.entered.add(self.place)

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """A module returns: one with parameters of its own is a layer."""
        first = next((one for one in _first(output)), None)
        own = any(one is not None for one in module._parameters.values()) or "parametrizations" in module._modules
        if first is not None and (own or isinstance(module, (nn.MultiheadAttention, nn.modules.batchnorm._NormBase))):
            self._signal(type(module).__name__.removeprefix("Parametrized"), first, module, inputs)
        super().leave(module, inputs, output)


def _axis(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Along which axis a softmax ran."""
    given = kwargs.get("dim", args[1] if len(args) > 1 else None)
    given = given[0] if isinstance(given, (tuple, list)) and len(given) == 1 else given
    return given % args[0].ndim if isinstance(given, int) and args[0].ndim else None


def _first(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)) and output:
        yield from _first(output[0])


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Everything that runs inside is heard, our losses too."""
    with following(listener), losses.watching(listener.ours):
        yield
