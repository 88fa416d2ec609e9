"""Laws of the machine: gradients, half precision, compiling, and keeping one's hands off."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from ._algebra import first_failure, same
from ._outcome import HOLDS, Outcome, fail
from ._subject import Args, ModuleCall, Subject

_ROWS = 4
_LARGEST = 1e4
_SCALED = ("logits", "values", "embeddings", "log-probabilities", "signals")
"""Kinds of a first argument that may be any finite number."""


def gradcheck(loss: Subject) -> Outcome:
    """The gradient is that of the values, by differences in float64."""
    return _checked(loss, torch.autograd.gradcheck)


def gradgradcheck(loss: Subject) -> Outcome:
    """So is the gradient's gradient."""
    return _checked(loss, torch.autograd.gradgradcheck)


def _checked(loss: Subject, check: Any) -> Outcome:
    args = loss.draw(_ROWS)
    reduction = "none" if "reduction" in loss.takes else "mean"

    def values(*wanted: Tensor) -> Tensor:
        given = dict(zip(loss.differentiable, wanted, strict=True))
        return loss([given.get(i, one) for i, one in enumerate(args)], reduction)

    leaves = [args[i].clone().requires_grad_() for i in loss.differentiable]
    check(values, leaves, atol=1e-6, rtol=1e-4)  # raises where they differ
    return HOLDS


def half(loss: Subject) -> Outcome:
    """bfloat16 and float16 up to 1e4: the value of the rounded numbers in float64, and finite gradients."""
    args, found = loss.draw(_ROWS), []
    for dtype in (torch.bfloat16, torch.float16):
        for scaled in (False, True):
            if scaled and loss.spec.arguments[0].kind not in _SCALED:
                continue
            found.append(_half(loss, _scaled(args) if scaled else args, dtype, scaled))
    return first_failure(*found)


def _scaled(args: Args) -> Args:
    return (args[0] * (_LARGEST / args[0].abs().max()), *args[1:])


def _half(loss: Subject, args: Args, dtype: torch.dtype, scaled: bool) -> Outcome:
    what = f"{str(dtype).removeprefix('torch.')}{' at 1e4' if scaled else ''}"
    rounded = tuple(one.to(dtype) if one.dtype.is_floating_point else one for one in args)
    narrow = _with_dtype(loss, dtype)
    value, gradients = narrow.gradients(rounded)
    exact = loss(tuple(one.double() if one.dtype.is_floating_point else one for one in rounded))
    if not all(bool(torch.isfinite(one).all()) for one in gradients):
        return fail(f"{what}: a gradient is not finite")
    precision = 1e-4 if value.dtype == torch.float32 else 4 * torch.finfo(value.dtype).eps
    return same(value.double(), exact, what, precision)


def _with_dtype(loss: Subject, dtype: torch.dtype) -> Subject:
    """The loss with its own tensors in that dtype, or in float32 where they are options."""
    options = {
        name: one.float() if isinstance(one, Tensor) and one.dtype.is_floating_point else one
        for name, one in loss.options.items()
    }
    function = loss.function.to(dtype) if isinstance(loss.function, ModuleCall) else loss.function
    return dataclasses.replace(loss, options=options, function=function)


def compiles(loss: Subject) -> Outcome:
    """torch.compile takes it whole, and gives the same."""
    args = loss.draw(_ROWS)
    torch.compiler.reset()
    try:
        whole: Any = torch.compile(_spread(loss), fullgraph=True, backend="eager")
        return same(whole(*args), loss(args), "compiled")
    finally:
        torch.compiler.reset()


def _spread(loss: Subject) -> Any:
    def call(*tensors: Tensor) -> Any:
        return loss(tensors)

    return call


def no_sync(loss: Subject) -> Outcome:
    """No value is read on the host: it runs on tensors that have none."""
    args = loss.draw(_ROWS)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        loss.gradients(tuple(mode.from_tensor(one) for one in args))
    return HOLDS


def vmap(loss: Subject) -> Outcome:
    """vmap over batches gives what a loop over them does."""
    batches = [loss.draw(_ROWS, seed) for seed in (0, 1)]
    stacked = tuple(torch.stack(pair) for pair in zip(*batches, strict=True))
    mapped: Any = torch.vmap(_spread(loss))(*stacked)
    return same(mapped, torch.stack([loss(one) for one in batches]), "vmap")


def pure(loss: Subject) -> Outcome:
    """Its arguments and torch's random state are as they were, and a second call gives the same bits."""
    args = loss.draw(_ROWS)
    before = [one.clone() for one in args]
    state = torch.random.get_rng_state()
    first, second = loss(args), loss(args)
    if not torch.equal(state, torch.random.get_rng_state()):
        return fail("it draws random numbers")
    if not all(torch.equal(one, copied) for one, copied in zip(args, before, strict=True)):
        return fail("it writes into its arguments")
    return HOLDS if torch.equal(first, second) else fail("two calls differ")
