"""Layers of a scale and a bias per channel alone, such as ActNorm: how the two act is found out by trying."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..planning import Owner, Slot


class Form(NamedTuple):
    """How such a layer computes: ``y = s x + b`` or ``y = s (x + b)``, with ``s = scale`` or ``s = exp(scale)``."""

    inside: bool
    log: bool

    def of(self, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        """What the layer gives."""
        s = self.factor(scale)
        return s * (x + bias) if self.inside else s * x + bias

    def factor(self, scale: Tensor) -> Tensor:
        """s."""
        return scale.exp() if self.log else scale


class Affine(NamedTuple):
    """The two parameters of such a layer, and how they act."""

    scale: Slot
    bias: Slot
    form: Form


def is_affine(owner: Owner) -> bool:
    """Whether a layer is called like ActNorm, and has two parameters of one size."""
    shapes = {writer.shape for writer in owner.writers.values()}
    return len(owner.writers) == 2 and len(shapes) == 1 and re.search("act_?norm", owner.layer, re.I) is not None


def affine(module: nn.Module, first: Slot, second: Slot) -> Affine | None:
    """Which parameter is the scale and which the bias, and the form; ``None`` when no form gives what the layer does.

    The layer is run on a small random input, with random numbers in place of its own.
    """
    draw = torch.Generator().manual_seed(0)
    kept = [slot.writer.tensors[0] for slot in (first, second)]
    numbers = [torch.rand(one.shape, generator=draw).to(one) + 0.5 for one in kept]
    saved = [one.detach().clone() for one in kept]
    try:
        for one, new in zip(kept, numbers, strict=True):
            one.data.copy_(new)
        for x in _inputs(numbers[0], draw):
            y = _ran(module, x)
            for scale, bias in ((0, 1), (1, 0)):
                for form in (Form(inside, log) for inside in (False, True) for log in (False, True)):
                    if y is not None and _fits(form, y, x, numbers[scale], numbers[bias]):
                        return Affine((first, second)[scale], (first, second)[bias], form)
    finally:
        for one, old in zip(kept, saved, strict=True):
            one.data.copy_(old)
    return None


def _inputs(parameter: Tensor, draw: torch.Generator) -> Iterator[Tensor]:
    """Inputs that a layer with such a parameter may take: channels last, or channels first with positions behind."""
    shape = parameter.shape
    rest = [shape[1:]] if len(shape) > 1 else [(shape[0],), (shape[0], 3, 3), (shape[0], 3)]
    for one in rest:
        yield torch.randn(2, *one, generator=draw).to(parameter)


def _ran(module: nn.Module, x: Tensor) -> Tensor | None:
    """What the layer gives; the first part where it also gives a log-determinant."""
    try:
        with torch.no_grad():
            y = module(x.clone())
    except Exception:
        return None
    y = y[0] if isinstance(y, (tuple, list)) and y else y
    return y if isinstance(y, Tensor) and y.shape == x.shape else None


def _fits(form: Form, y: Tensor, x: Tensor, scale: Tensor, bias: Tensor) -> bool:
    ones = (1,) * (x.ndim - 2) if scale.ndim == 1 else ()
    expected = form.of(x, scale.reshape(*scale.shape, *ones), bias.reshape(*bias.shape, *ones))
    return torch.allclose(y, expected, rtol=1e-5, atol=1e-6)
