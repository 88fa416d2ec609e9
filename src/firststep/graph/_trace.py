"""The flow of a whole model."""

from __future__ import annotations

from torch import nn

from ._capture import capture
from ._flow import Flow
from ._follow import LAYERS, read


def trace(model: nn.Module) -> dict[str, Flow]:
    """What follows each Linear and convolution of ``model``, by its name in ``model.named_modules()``.

    A layer inside a module that cannot be traced symbolically is missing from the answer: nothing is known of it.
    Parameters, buffers, gradients, hooks, attributes and random state stay as they were.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2))
    >>> trace(model)["0"].nonlinearity
    'gelu'
    """
    if isinstance(model, LAYERS):
        return {"": Flow("linear")}
    flows: dict[str, Flow] = {}
    for prefix, root, graph in capture(model):
        for path, flow in read(graph, root).items():
            flows[f"{prefix}.{path}" if prefix else path] = flow
    return flows
