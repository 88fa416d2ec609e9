"""A bench: inside, the model works on copies of its numbers; afterwards it is as it was, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from ..running import attributes, layer_by_layer, on_copies, random_states, replaced


class Bench:
    """The copies of a model's parameters, in single precision at least, and what they are stored in."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        everything = {id(one): one for module in modules for one in module.modules()}
        self.modules = list(everything.values())
        parameters = [one for module in self.modules for one in module._parameters.values() if one is not None]
        self.parameters = list({id(one): one for one in parameters}.values())
        self._stored = {id(one): one.data for one in self.parameters}

    def rounded(self, value: Tensor, parameter: Tensor) -> Tensor:
        """``value`` as the parameter will store it, in the precision of the bench."""
        stored = self._stored.get(id(parameter))
        return value if stored is None else value.to(stored.dtype).to(value.dtype)

    def dtype(self, parameter: Tensor) -> torch.dtype:
        """What the parameter is stored in."""
        return self._stored[id(parameter)].dtype

    def changes(self) -> list[tuple[Tensor, Tensor]]:
        """The parameters whose numbers have changed, each with the new ones as it stores them."""
        pairs = [(one, self._stored[id(one)], one.data) for one in self.parameters]
        changed = [(one, now.to(was.dtype), was) for one, was, now in pairs]
        return [(one, new) for one, new, was in changed if not torch.equal(new, was)]


@contextmanager
def bench(modules: Sequence[nn.Module]) -> Iterator[Bench]:
    """Inside, the modules work on copies of their numbers, without noise; afterwards everything is as it was.

    Parameters, buffers, gradients, attributes, modes, hooks and random states are put back by whatever way the block
    is left. Layers that normalise by statistics of the batch stay in the mode they are in, all else is in evaluation
    mode: what is measured is the signal of the first training step, without dropout.
    """
    made = Bench(modules)
    undo: list[Callable[[], object]] = [*random_states(), *map(attributes, made.modules)]
    try:
        undo.append(on_copies(made.parameters, _wide))
        replaced(made.modules, _wide)
        for module in made.modules:
            module.training = module.training and hasattr(module, "running_mean")
        with ExitStack() as settings:
            settings.enter_context(layer_by_layer())
            for kind in {one.device.type for one in made.parameters} & {"cpu", "cuda", "mps", "xpu"}:
                if torch.is_autocast_enabled(kind):
                    settings.enter_context(torch.autocast(kind, enabled=False))
            yield made
    finally:
        for step in reversed(undo):
            step()


def _wide(tensor: Tensor) -> Tensor:
    """A copy, of half precision in single."""
    copy = tensor.detach().clone()
    return copy.float() if copy.is_floating_point() and copy.element_size() < 4 else copy
