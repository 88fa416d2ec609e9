"""Looking never changes: everything a forward or backward pass could touch is put back, also after an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ...running import attributes, on_copies, random_states, replaced


@contextmanager
def untouched(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, the modules work on copies of their numbers; afterwards on their own again.

    Parameters, buffers, gradients, attributes, modes, hooks and random states are as before when the block is left, by
    whatever way. The numbers themselves are never written to, so that no graph that holds them becomes invalid.
    """
    everything = list({id(one): one for module in modules for one in module.modules()}.values())
    undo = [*random_states(), *map(attributes, everything)]
    try:
        parameters = {id(one): one for module in everything for one in module._parameters.values() if one is not None}
        undo.append(on_copies(parameters.values(), lambda numbers: numbers.clone()))
        replaced(everything, _copy)
        yield
    finally:
        for step in reversed(undo):
            step()


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, everything is in evaluation mode."""
    modes = [(module, module.training) for whole in modules for module in whole.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)
