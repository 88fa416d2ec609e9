"""What made a tensor: read from the autograd graph, through views, casts and copies."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from ._pieces import Part, sources

# fmt: off
_THROUGH = frozenset({
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T", "MT", "Mt",
    "ToCopy", "Clone", "Select", "Slice", "Index", "Expand", "Alias", "Contiguous", "Split", "SplitWithSizes",
    "Chunk", "Unbind", "Narrow", "Detach", "Movedim", "SwapAxes", "Flatten", "Unflatten", "Stack", "Cat",
    "IndexSelect", "Gather", "MaskedSelect", "AsStrided",
})
# fmt: on
"""Nodes that move numbers and do not change them."""

_NAMES = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "LogSigmoid": "logsigmoid",
    "Addmm": "linear",
    "Mm": "linear",
    "Bmm": "matmul",
    "Convolution": "convolution",
    "LeakyRelu": "leaky_relu",
    "SafeSoftmax": "softmax",
}
_AFFINE = {"Add", "Sub", "Rsub", "Mul", "Div"}

_LONGEST = 8


def origin(tensor: Tensor) -> tuple[str, ...]:
    """The functions that made a tensor, the last one first, as far as the way is not branched.

    Adding or multiplying a number is "affine". A branch, where two tensors meet, ends the way with its node's name;
    of tensors that were joined it follows the one that a slice is from.

    >>> import torch
    >>> x = torch.zeros(2, 3, requires_grad=True)
    >>> origin((x @ x.T).softmax(1).log()[:, None])
    ('log', 'softmax', 'linear')
    >>> origin(torch.cat((x.exp(), x.sigmoid()), 1)[:, 3:])
    ('sigmoid',)
    """
    part, names = Part(tensor.grad_fn, tensor.output_nr), []
    while part.node is not None and len(names) < _LONGEST:
        node = part.node
        name = re.sub(r"(Backward)\d*$", "", type(node).__name__)
        ways = [way for way in node.next_functions if way[0] is not None]
        if name == "AccumulateGrad":
            break
        if name == "Add" and _biased(ways):
            names.append("linear")
            break
        if name not in _THROUGH:
            names.append("affine" if name in _AFFINE and len(ways) == 1 else _NAMES.get(name, _snake(name)))
            if len(ways) > 1:
                break
            part = Part(ways[0][0], ways[0][1], part.window) if ways else Part(None)
        else:
            known = sources(part, _snake(name)) if ways else ()
            part = known[0] if known else Part(ways[0][0], ways[0][1], None) if ways else Part(None)
    return tuple(names)


def _biased(ways: list[tuple[Any, int]]) -> bool:
    """Whether a product and a bias are added, as a linear layer of a sequence that is not contiguous does."""
    variables = [getattr(one, "variable", None) for one, _ in ways]
    if len(ways) != 2 or not any(isinstance(one, Tensor) and one.ndim == 1 for one in variables):
        return False
    node = next((way for (way, _), one in zip(ways, variables, strict=True) if one is None), None)
    while node is not None and through(node) and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    return node is not None and named(node) in ("linear", "matmul")


def named(node: Any) -> str:
    """The function of a node of the graph: "softmax", "mul"."""
    name = re.sub(r"(Backward)\d*$", "", type(node).__name__)
    return _NAMES.get(name, _snake(name))


def through(node: Any) -> bool:
    """Whether a node moves numbers and does not change them."""
    return re.sub(r"(Backward)\d*$", "", type(node).__name__) in _THROUGH


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# fmt: off
_IN_ORDER = _AFFINE | {
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "ToCopy", "Clone", "Alias", "Contiguous", "Detach",
    "Flatten", "Unflatten", "Softmax", "LogSoftmax",
}
# fmt: on
"""Nodes after which every number stands where the one stood that it is from."""


def moved(tensor: Tensor) -> bool:
    """Whether axes were moved, or elements chosen or joined, since a layer made the tensor.

    >>> import torch
    >>> x = torch.zeros(2, 3, 4, requires_grad=True) @ torch.zeros(4, 5)
    >>> moved(x.view(2, 5, 3)), moved(x.transpose(1, 2))
    (False, True)
    """
    node = tensor.grad_fn
    while node is not None:
        name = re.sub(r"(Backward)\d*$", "", type(node).__name__)
        if name not in _IN_ORDER:
            return name in _THROUGH
        node = next((one for one, _ in node.next_functions if one is not None), None)
    return False
