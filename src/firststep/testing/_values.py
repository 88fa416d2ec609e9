"""Laws of values: at the start, at the least, under what should not matter, and at the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._algebra import first_failure, same
from ._outcome import HOLDS, Outcome, fail, skip
from ._subject import Subject

_ROWS = 6


def start(loss: Subject) -> Outcome:
    """An untrained model shows the declared value."""
    declared = loss.spec.start
    if declared is None:
        return skip("no value is declared")
    drawn = loss.draw(64)
    args = declared.inputs(*drawn, **loss.options) if declared.inputs else (torch.zeros_like(drawn[0]), *drawn[1:])
    expected = torch.as_tensor(declared.value(*args, **loss.options), dtype=torch.float64)
    return same(loss(args), expected, "at the start", max(declared.tolerance, 1e-9))


def minimum(loss: Subject) -> Outcome:
    """The declared tensors reach the declared least value, and no drawn ones fall below."""
    declared = loss.spec.minimum
    if declared is None:
        return skip("none is declared")
    for seed in range(20):
        drawn = loss.draw(_ROWS, seed)
        least = float(declared.value(*drawn, **loss.options))
        value = float(loss(drawn))
        if value < least - declared.tolerance:
            return fail(f"{value:.6g} is below the least, {least:.6g}")
    if declared.inputs is None:
        return HOLDS
    args = declared.inputs(*loss.draw(_ROWS), **loss.options)
    value, least = float(loss(args)), float(declared.value(*args, **loss.options))
    reached = abs(value - least) <= declared.tolerance
    return HOLDS if reached else fail(f"{value:.6g} where the least, {least:.6g}, should be reached")


def invariances(loss: Subject) -> Outcome:
    """The declared changes leave every value as it was."""
    if not loss.spec.invariances:
        return skip("none is declared")
    args, found = loss.draw(_ROWS), []
    for one in loss.spec.invariances:
        changed = one.change(torch.Generator().manual_seed(1), *args)
        found.append(same(loss(changed), loss(args), one.text.en, 1e-8))
    return first_failure(*found)


def limits(loss: Subject) -> Outcome:
    """With the declared options the loss is what it is said to become."""
    if not loss.spec.limits:
        return skip("none is declared")
    found = []
    for limit in loss.spec.limits:
        draw = limit.draw or loss.spec.draw
        assert draw is not None
        args = draw(torch.Generator().manual_seed(0), _ROWS)
        options = {**loss.spec.required, **limit.options}
        value = loss.function(*args, reduction="none", **options)
        found.append(same(value, limit.equals(*args), limit.text.en, limit.tolerance))
    return first_failure(*found)


def against(loss: Subject, reference: Callable[..., Any]) -> Outcome:
    """Values, and gradients by central differences, of a reference in NumPy."""
    args = loss.draw(_ROWS)
    arrays = [one.numpy() for one in args]
    values = loss(args, "none").detach()
    expected, counts = _counted(reference(*arrays, **_plain(loss)))
    values = values if counts is None else torch.where(torch.as_tensor(counts), values, 0.0)
    expected = expected if counts is None else np.where(counts, expected, 0.0)
    found = [same(values, torch.as_tensor(expected, dtype=torch.float64).reshape(values.shape), "value")]
    leaves = loss.leaves(args)
    wanted = [leaves[i] for i in loss.differentiable]
    gradients = torch.autograd.grad(loss(leaves, "sum"), wanted)
    for i, gradient in zip(loss.differentiable, gradients, strict=True):
        slopes = _differences(loss, reference, arrays, i)
        found.append(same(gradient, slopes, f"gradient by {loss.spec.arguments[i].name}", 1e-5))
    return first_failure(*found)


def _plain(loss: Subject) -> dict[str, Any]:
    return {name: one.numpy() if isinstance(one, Tensor) else one for name, one in loss.options.items()}


def _counted(result: Any) -> tuple[Any, Any]:
    return result if isinstance(result, tuple) else (np.asarray(result, dtype=np.float64), None)


def _differences(loss: Subject, reference: Callable[..., Any], arrays: list[Any], which: int) -> Tensor:
    """The gradient of the reference's sum, entry by entry."""
    step, slopes = 1e-6, np.zeros(arrays[which].shape)

    def total(array: Any) -> float:
        values, counts = _counted(reference(*arrays[:which], array, *arrays[which + 1 :], **_plain(loss)))
        values = np.asarray(values, dtype=np.float64)
        return float((values if counts is None else np.where(counts, values, 0.0)).sum())

    for index in np.ndindex(*slopes.shape):
        ends = []
        for sign in (1, -1):
            moved = arrays[which].copy()
            moved[index] += sign * step
            ends.append(total(moved))
        slopes[index] = (ends[0] - ends[1]) / (2 * step)
    return torch.as_tensor(slopes)
