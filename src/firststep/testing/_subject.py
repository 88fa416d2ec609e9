"""A loss to be tried, whosever it is, called in one way."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .. import losses
from ..errors import LossError
from ..losses import LossSpec

Args = tuple[Tensor, ...]

_CONSTANT = ("flags", "signs", "counts", "class", "labels")
"""Kinds that nobody differentiates by."""


@dataclass(frozen=True)
class Subject:
    """A loss with what it is held to.

    Args:
        name: for the report.
        spec: its declaration, or that of the loss it is meant to be.
        function: called with tensors and, among what ``takes`` names, keywords.
        takes: of "reduction", "weight", "mask", "denominator", "total", "ignore_index".
        options: hyperparameters, handed on with each call.
        differentiable: positions of the tensors it can be differentiated by.
        seed: of the tensors drawn.
    """

    name: str
    spec: LossSpec
    function: Callable[..., Any]
    takes: frozenset[str]
    options: Mapping[str, Any]
    differentiable: tuple[int, ...]
    seed: int = 0

    def __call__(self, args: Sequence[Tensor], reduction: str = "mean", **asked: Any) -> Any:
        keywords = {**asked, "reduction": reduction} if "reduction" in self.takes else asked
        value = self.function(*args, **keywords, **self.options)
        return value.loss if hasattr(value, "loss") else value

    def draw(self, n: int, seed: int = 0) -> Args:
        """Tensors of n samples."""
        if self.spec.draw is None:
            raise LossError(f"{self.spec.name} declares no tensors to try it on: give draw=lambda generator, n: (...)")
        return self.spec.draw(torch.Generator().manual_seed(1000 * self.seed + seed), n)

    def axis(self, i: int) -> int | None:
        """The axis of a tensor along which samples stand; None for parameters."""
        argument = self.spec.arguments[i]
        pattern = argument.shape.split()
        return None if argument.kind == "parameters" else pattern.index("N") if "N" in pattern else 0

    def rows(self, args: Sequence[Tensor], index: Sequence[int]) -> Args:
        """The samples at these places, in that order."""
        chosen = torch.tensor(index, dtype=torch.long)
        axes = map(self.axis, range(len(args)))
        return tuple(
            one if axis is None else one.index_select(axis, chosen) for axis, one in zip(axes, args, strict=True)
        )

    def joined(self, *batches: Sequence[Tensor]) -> Args:
        """Several batches as one."""
        axes = enumerate(map(self.axis, range(len(batches[0]))))
        return tuple(
            batches[0][i] if axis is None else torch.cat([batch[i] for batch in batches], axis) for i, axis in axes
        )

    def leaves(self, args: Sequence[Tensor]) -> Args:
        """The tensors, with gradients asked for where they can be."""
        return tuple(
            one.detach().clone().requires_grad_() if i in self.differentiable else one for i, one in enumerate(args)
        )

    def gradients(self, args: Sequence[Tensor], **asked: Any) -> tuple[Tensor, Args]:
        """The mean and its gradients."""
        leaves = self.leaves(args)
        value = self(leaves, **asked)
        wanted = [leaves[i] for i in self.differentiable]
        return value.detach(), torch.autograd.grad(value, wanted)

    def mask(self, args: Sequence[Tensor], count: Sequence[bool]) -> Tensor:
        """A mask that lets whole samples count or not, of the shape that the loss takes."""
        rows = torch.tensor(list(count), dtype=torch.bool)
        if not self.spec.masks_itself:
            return rows
        shape = losses.sizes(self.spec.arguments, args, self.spec.mask_shape)
        return rows.reshape(-1, *(1 for _ in shape[1:])).expand(shape)


def subject(
    loss: Any,
    like: str | LossSpec | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Subject:
    """What :func:`check_loss` was given, as a subject."""
    spec = _spec(like) if like is not None else _own_spec(loss)
    given = dict(spec.required) | dict(options or {})
    if isinstance(loss, (str, LossSpec)) or loss is getattr(losses.functional, spec.name, None):
        if spec.kernel is not None:
            return _ours(spec, given, seed)
        loss = _resolve(spec)(**given)
    return _theirs(loss, spec, {} if isinstance(loss, nn.Module) else given, seed)


def _ours(spec: LossSpec, options: Mapping[str, Any], seed: int) -> Subject:
    function = getattr(losses.functional, spec.name)
    takes = frozenset(inspect.signature(function).parameters) | {"total"}
    differentiable = tuple(i for i, one in enumerate(spec.arguments) if _floating(one) and one.kind not in _CONSTANT)
    return Subject(spec.name, spec, function, takes, options, differentiable, seed)


def _floating(argument: Any) -> bool:
    return argument.dtype == "float" or (argument.otherwise is not None and _floating(argument.otherwise))


def _theirs(loss: Any, spec: LossSpec, options: Mapping[str, Any], seed: int) -> Subject:
    """Somebody else's: a module whose ``reduction`` can be set, or a function that may take one."""
    first = spec.arguments[0].kind
    differentiable = tuple(
        i for i, one in enumerate(spec.arguments) if one.kind == first and (i == 0 or first == "embeddings")
    )
    if isinstance(loss, nn.Module):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            loss = copy.deepcopy(loss).double()
        takes = frozenset(name for name in ("reduction", "ignore_index") if hasattr(loss, name))
        function = ModuleCall(loss)
        name = type(loss).__name__
    else:
        takes = frozenset(inspect.signature(loss).parameters) & {"reduction", "ignore_index", "mask"}
        function, name = loss, getattr(loss, "__name__", repr(loss))
    return Subject(name, spec, function, takes, options, differentiable, seed)


class ModuleCall:
    """A module called with a reduction.

    Args:
        module: the loss.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.reduced = {reduction: copy.copy(module) for reduction in ("mean", "sum", "none")}
        if hasattr(module, "reduction"):
            for reduction, one in self.reduced.items():
                one.__dict__["reduction"] = reduction

    def __call__(self, *args: Tensor, reduction: str = "mean", **asked: Any) -> Any:
        return self.reduced[reduction](*args, **asked)

    def to(self, dtype: torch.dtype) -> ModuleCall:
        """The same with its parameters in another dtype."""
        return ModuleCall(copy.deepcopy(self.module).to(dtype))


def _spec(like: str | LossSpec) -> LossSpec:
    return losses.catalog[like] if isinstance(like, str) else like


def _own_spec(loss: Any) -> LossSpec:
    if isinstance(loss, (str, LossSpec)):
        return _spec(loss)
    name, spec = getattr(loss, "__name__", type(loss).__name__), getattr(loss, "spec", None)
    if name in losses.catalog:
        return losses.catalog[name]
    if not isinstance(spec, LossSpec):
        raise LossError(
            f"check_loss({loss!r}): what should it be? Type like='focal', or any name in losses.catalog, or a LossSpec"
        )
    return spec


def _resolve(spec: LossSpec) -> Callable[..., Any]:
    where, _, name = spec.path.rpartition(".")
    return getattr(importlib.import_module(where), name)
