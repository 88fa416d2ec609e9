"""Which example's output depends on which example's input, example by example."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ._asked import Asked
from ._guard import evaluating
from ._sample import directions
from ._tree import attempt, batch_axis, chosen, fresh, leaves, mapped

_MOST, _FEWER = 6, 3
"""Examples that are looked at; fewer where a trial found no leak to the last bit."""

Dependency = tuple[tuple[float, ...], ...]


def dependency(asked: Asked, n: int | None, leak: float | None) -> Dependency | None:
    """For each example, the rms of its output's gradient by each example's input, over the greatest of them.

    The output is weighed with fixed numbers before the gradient is taken, since the sum of a softmax or of a
    normalized output depends on nothing. Inputs that are whole numbers have no gradient: in their place stands the
    first activation that does.

    Args:
        asked: what to run, in evaluation mode.
        n: the number of examples.
        leak: what the trial with two examples found; sets how many are looked at.

    Returns:
        A row per output, a column per input; a row of zeros for an output that depends on none. None where the model
        does not stand fewer examples, or its outputs or inputs cannot be told apart by example.
    """
    k = min(n or 0, _FEWER if leak == 0 else _MOST)
    if k < 2 or n is None:
        return None
    with evaluating(asked.modules):
        return attempt(lambda: _dependency(asked, chosen(asked.inputs, range(k), n), k))


def _dependency(asked: Asked, inputs: Any, k: int) -> Dependency | None:
    with torch.enable_grad(), sources(asked.model, inputs, k) as (given, heard):
        outputs = [one for _, one in leaves(asked.run(given)) if one.is_floating_point() and one.requires_grad]
    outputs = [one for one in outputs if batch_axis(one, k) is not None]
    if not outputs or not heard:
        return None
    rows = []
    for i in range(k):
        total = sum((weighed(one.select(batch_axis(one, k) or 0, i)) for one in outputs), torch.zeros(()))
        gradients = torch.autograd.grad(total, heard, retain_graph=True, allow_unused=True)
        sizes = [sum(_size(one, j, k) for one in gradients if one is not None) ** 0.5 for j in range(k)]
        greatest = max(sizes)
        rows.append(tuple(size / greatest if greatest else 0.0 for size in sizes))
    return tuple(rows)


def weighed(output: Tensor) -> Tensor:
    """The sum of the output times fixed numbers."""
    return (output.flatten().float() * directions(output.numel(), output.device).float()).sum().cpu()


def _size(gradient: Tensor, example: int, k: int) -> float:
    return float(gradient.select(batch_axis(gradient, k) or 0, example).double().square().mean())


@contextmanager
def sources(model: nn.Module, inputs: Any, k: int) -> Iterator[tuple[Any, list[Tensor]]]:
    """What to run on, and what the gradients are taken by, which is complete after the run."""
    given = mapped(lambda one: one.detach().clone().requires_grad_(one.is_floating_point()), inputs)
    found = [one for _, one in leaves(given) if one.requires_grad and batch_axis(one, k) is not None]
    if found:
        # a copy, since a model may write into what it is given, and a leaf stands no writing
        yield mapped(lambda one: one * 1 if one.requires_grad else one, given), found
        return

    def hear(_: nn.Module, __: Any, output: Any) -> Any:
        if found or not isinstance(output, Tensor) or not output.requires_grad or output.shape[:1] != (k,):
            return None
        found.append(output.detach().requires_grad_())
        return found[0] * 1

    handles = [one.register_forward_hook(hear) for one in model.modules() if not list(one.children())]
    try:
        yield fresh(inputs), found
    finally:
        for handle in handles:
            handle.remove()
