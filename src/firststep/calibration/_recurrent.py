"""The input of each layer of a stacked recurrent module, which torch keeps to itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


def layer_input(module: nn.RNNBase, layer: int) -> Callable[[tuple[Any, ...], Mapping[str, Any], Any], Tensor | None]:
    """A function of a call's arguments that gives what enters ``layer``: the output of the layers below it."""

    def see(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Tensor | None:
        value = args[0] if args else kwargs["input"]
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        if layer:
            value = _lowest(module, layer)(value, _lowest_state(module, layer, state))[0]
        return value.data if isinstance(value, PackedSequence) else value

    return see


def _lowest(module: nn.RNNBase, layers: int) -> nn.RNNBase:
    """The first layers alone, on the same weights."""
    part = object.__new__(type(module))
    count = len(module._flat_weights) // module.num_layers * layers
    part.__dict__.update(module.__dict__)
    part.__dict__.update(
        num_layers=layers,
        _flat_weights=module._flat_weights[:count],
        _flat_weights_names=module._flat_weights_names[:count],
        _flat_weight_refs=module._flat_weight_refs[:count],
        _forward_hooks={},
        _forward_pre_hooks={},
    )
    return part


def _lowest_state(module: nn.RNNBase, layers: int, state: Any) -> Any:
    """The initial state of the first layers."""
    if state is None:
        return None
    directions = 2 if module.bidirectional else 1
    if isinstance(state, tuple):
        return tuple(one[: layers * directions].contiguous() for one in state)
    return state[: layers * directions].contiguous()
