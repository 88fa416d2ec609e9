"""Modules beside each other that hold the same numbers and get the same gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from ._sample import rms

_FIRST = 8
_EQUAL = 1e-6

Clones = Sequence[str]
"""The qualified names of the modules."""


def clones(model: nn.Module, gradients: Mapping[str, Tensor | None]) -> tuple[Clones, ...]:
    """Children of one module, of one type, whose parameters are equal and whose gradients are.

    A copy that is no longer trained, or is one and the same object, is none, and neither are modules without a random
    matrix, as norms, which all start alike.

    Args:
        model: as it stands.
        gradients: the first ones, by the parameters' names.
    """
    found: list[Clones] = []
    modules = dict(model.named_modules())
    for name, module in modules.items():
        alike: dict[object, list[str]] = {}
        kinds = Counter(type(child) for child in module.children())
        for local, child in module.named_children():
            key = _key(child) if kinds[type(child)] > 1 else None
            path = f"{name}.{local}" if name else local
            if key is not None and path in modules:
                alike.setdefault(key, []).append(path)
        for group in alike.values():
            found += _same(modules, gradients, group)
    return tuple(found)


def still(model: nn.Module, groups: Sequence[Clones]) -> tuple[Clones, ...]:
    """Those whose parameters are equal now."""
    modules = dict(model.named_modules())
    return tuple(group for group in groups if all(_equal(modules, group[0], other) for other in group[1:]))


def _same(
    modules: Mapping[str, nn.Module], gradients: Mapping[str, Tensor | None], names: list[str]
) -> Iterator[Clones]:
    first, *others = names
    own = _gradients(modules[first], gradients, first)
    if not others or own is None:
        return
    group = [first]
    for other in others:
        its = _gradients(modules[other], gradients, other)
        if its is not None and _equal(modules, first, other) and all(map(_close, own, its)):
            group.append(other)
    if len(group) > 1:
        yield tuple(group)


def _key(module: nn.Module) -> object:
    """What equal modules share; None for those without a matrix whose values differ."""
    own = list(module.parameters())
    if any(nn.parameter.is_lazy(one) or one.layout != torch.strided for one in own):
        return None
    starts = [tuple(one.detach().flatten()[:_FIRST].tolist()) for one in own if one.ndim > 1]
    first = next((one for one in starts if len(set(one)) > 1), None)
    return None if first is None else (type(module), tuple(one.shape for one in own), first)


def _gradients(module: nn.Module, gradients: Mapping[str, Tensor | None], name: str) -> list[Tensor] | None:
    """Of all parameters of a module; None where one has none, or all are 0."""
    found = [gradients.get(f"{name}.{local}") for local, _ in module.named_parameters()]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) and any(rms(one) > 0 for one in known) else None


def _close(one: Tensor, other: Tensor) -> bool:
    same = one.shape == other.shape and one.device == other.device
    return same and rms(one.detach() - other.detach()) <= _EQUAL * rms(one)


def _equal(modules: Mapping[str, nn.Module], first: str, other: str) -> bool:
    """Whether all values are, of tensors that are not the same."""
    pairs = zip(modules[first].parameters(), modules[other].parameters(), strict=False)
    return all(one is not two and _close(one, two) for one, two in pairs)
