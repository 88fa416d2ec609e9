"""What a model trains without knowing: layers and tensors that are attributes and not registered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ._backward import nodes


@dataclass(frozen=True, slots=True)
class Hidden:
    """An attribute that holds what asks for gradients and is no parameter of the model.

    Args:
        place: the module's qualified name and the attribute: "encoder.layers".
        what: "a list with 3 Linear".
        container: "list", "tuple", "dict" or "" for one by itself.
        modules: whether it holds modules; otherwise tensors.
        tensors: all that ask for gradients.
        alone: whether it is one whole network in a container, which hides it from the parameters on purpose.
    """

    place: str
    what: str
    container: str
    modules: bool
    tensors: tuple[Tensor, ...]
    alone: bool = False


def hidden(model: nn.Module) -> list[Hidden]:
    """Every such attribute of every module."""
    known = {id(one) for one in [*model.parameters(), *model.modules()]}
    found = []
    for name, module in model.named_modules():
        for attribute, value in module.__dict__.items():
            if attribute.startswith("_") and attribute in nn.Module().__dict__:
                continue
            one = _held(f"{name}.{attribute}" if name else attribute, value, known)
            if one is not None:
                found.append(one)
    return found


def _held(place: str, value: Any, known: set[int]) -> Hidden | None:
    items = [one for one in _items(value) if id(one) not in known]
    tensors = {id(t): t for one in items for t in _trained(one) if id(t) not in known}
    if not tensors:
        return None
    counts = Counter(type(one).__name__ if isinstance(one, nn.Module) else "tensor" for one in items)
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    container = next((kind.__name__ for kind in (list, tuple, dict, set) if isinstance(value, kind)), "")
    what = f"a {container} with {text}" if container else text
    modules = [one for one in items if isinstance(one, nn.Module)]
    alone = bool(container) and len(items) == 1 and any(sum(1 for _ in one.modules()) > 2 for one in modules)
    return Hidden(place, what, container, bool(modules), tuple(tensors.values()), alone)


def _items(value: Any, depth: int = 0) -> Iterator[nn.Module | Tensor]:
    """The modules and tensors in plain containers, two deep."""
    if isinstance(value, (nn.Module, Tensor)):
        yield value
    elif isinstance(value, (Mapping, list, tuple, set)) and depth < 3 and len(value) < 10_000:
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _items(one, depth + 1)


def _trained(one: nn.Module | Tensor) -> Iterator[Tensor]:
    if isinstance(one, nn.Module):
        yield from (parameter for parameter in one.parameters() if parameter.requires_grad)
    elif one.is_leaf and one.requires_grad:
        yield one


def ends(loss: Tensor) -> set[int]:
    """The identities of the tensors at which a loss's graph ends, all that its gradient would reach."""
    variables = (getattr(node, "variable", None) for node in nodes(loss))
    return {id(one) for one in variables if one is not None}
