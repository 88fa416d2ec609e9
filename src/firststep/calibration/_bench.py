"""A bench: inside, the model works on copies of its numbers; afterwards it is as it was, whatever happened."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn


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
    undo: list[Callable[[], object]] = [*_random_states(), *map(_attributes, made.modules)]
    try:
        undo.append(_parameters(made.parameters))
        _replaced(made.modules)
        for module in made.modules:
            module.training = module.training and hasattr(module, "running_mean")
        with ExitStack() as settings:
            settings.enter_context(_plain_attention())
            for kind in {one.device.type for one in made.parameters} & {"cpu", "cuda", "mps", "xpu"}:
                if torch.is_autocast_enabled(kind):
                    settings.enter_context(torch.autocast(kind, enabled=False))
            yield made
    finally:
        for step in reversed(undo):
            step()


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention's fast path runs whole layers at once, and the layers inside are not called."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _parameters(parameters: Sequence[Tensor]) -> Callable[[], None]:
    """Parameters on copies of their numbers, without their gradients; what puts both back is returned.

    Parameters that are the same elements of the same memory share one copy.
    """
    kept = [(one, one.data, one.grad) for one in parameters]

    def back() -> None:
        for parameter, numbers, gradient in kept:
            parameter.grad = None
            parameter.data = numbers
            parameter.grad = gradient

    copies: dict[object, Tensor] = {}
    try:
        for parameter, numbers, _ in kept:
            key = (numbers.data_ptr(), numbers.shape, numbers.stride(), numbers.dtype) if numbers.numel() else object()
            if key not in copies:
                copies[key] = _wide(numbers.clone())
            parameter.grad = None
            parameter.data = copies[key]
    except BaseException:
        back()
        raise
    return back


def _replaced(modules: Sequence[nn.Module]) -> None:
    """Copies in the place of buffers and of tensors kept as attributes: batch norm writes to its own in every pass."""
    copies: dict[int, Tensor] = {}
    for module in modules:
        for store in (module._buffers, module.__dict__):
            for name, value in store.items():
                if isinstance(value, Tensor):
                    if id(value) not in copies:
                        copies[id(value)] = _wide(value.detach().clone())
                    store[name] = copies[id(value)]


def _wide(tensor: Tensor) -> Tensor:
    """Half precision as single."""
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor


def _attributes(module: nn.Module) -> Callable[[], None]:
    """What puts a module's attributes back: the same objects, and the same items in dicts, lists and sets."""
    kept = {name: (value, _items(value)) for name, value in module.__dict__.items()}

    def back() -> None:
        module.__dict__.clear()
        for name, (value, items) in kept.items():
            module.__dict__[name] = value
            _refill(value, items)

    return back


def _items(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    return value.copy() if isinstance(value, (dict, list, set)) else None


def _refill(value: Any, items: Any) -> None:
    if isinstance(value, torch.Generator):
        value.set_state(items)
    elif isinstance(value, list):
        value[:] = items
    elif isinstance(value, (dict, set)):
        value.clear()
        value.update(items)


def _random_states() -> list[Callable[[], object]]:
    """How to put back every generator that a model could draw from."""
    cpu, python = torch.get_rng_state(), random.getstate()
    actions: list[Callable[[], object]] = [lambda: torch.set_rng_state(cpu), lambda: random.setstate(python)]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = torch.cuda.get_rng_state_all()
        actions.append(lambda: torch.cuda.set_rng_state_all(devices))
    if torch.backends.mps.is_available():
        mps = torch.mps.get_rng_state()
        actions.append(lambda: torch.mps.set_rng_state(mps))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        legacy = numpy.random.get_state()
        actions.append(lambda: numpy.random.set_state(legacy))
    return actions
