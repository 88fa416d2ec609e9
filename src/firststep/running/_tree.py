"""Batches and outputs of any form: tensors in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor


def leaves(tree: Any, path: str = "", *, nested: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Every tensor with where it stands, such as ``[0]`` or ``['pixel_values']``.

    Nested tensors, of which no number can be read in one look, are left out unless they are asked for.

    >>> import torch
    >>> [path for path, _ in leaves({"x": torch.zeros(1), "more": [torch.zeros(2), "text"]})]
    ["['x']", "['more'][0]"]
    """
    if isinstance(tree, Tensor):
        if nested or not tree.is_nested:
            yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]", nested=nested)
    elif isinstance(tree, (list, tuple)):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}[{i}]", nested=nested)


def mapped(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """The same form with every tensor replaced; what is no tensor stays.

    >>> import torch
    >>> mapped(lambda tensor: tensor + 1, (torch.zeros(1), {"n": 3}))
    (tensor([1.]), {'n': 3})
    """
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, Mapping):
        made = {key: mapped(function, value) for key, value in tree.items()}
        if type(tree) is dict:
            return made
        return type(tree)(**made) if hasattr(type(tree), "to_tuple") else type(tree)(made)  # pyright: ignore[reportCallIssue]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(function, value) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(function, value) for value in tree)
    return tree
