"""``fs.coord_check``: a few steps at several widths, and the size of every layer's output."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..errors import CheckError
from ._result import CoordCheck, LayerSizes

Build: TypeAlias = Callable[[int], nn.Module]
Loss: TypeAlias = Callable[[Any, Any], Tensor]
Maker: TypeAlias = Callable[[nn.Module], torch.optim.Optimizer]
Sizes: TypeAlias = dict[str, list[float]]
"""Mean absolute values by layer: of each of its calls, or of each step's."""


def coord_check(
    build: Build,
    widths: Sequence[int],
    data: tuple[Any, Any],
    loss: Loss,
    *,
    optimizer: Maker,
    steps: int = 4,
    seeds: int = 3,
) -> CoordCheck:
    """Train a little at several widths, and see whether the size of a layer's output grows with the width.

    Where start and learning rates follow the width as muP has it, the mean absolute value of each layer's output tends
    to a number as the width grows, at every step. Where it grows as a power of the width, the learning rate that is
    best at one width is too large at the next. Random states are as before.

    Args:
        build: from a width to a new model, initialized; torch's generator is seeded beforehand, with 0, 1, 2, ...
        widths: at least two; factors of two from 64 or so on show exponents well.
        data: one batch ``(inputs, targets)``, used at every step.
        loss: of the model's output and the targets, one number.
        optimizer: from a model to its optimizer, such as
            ``lambda model: torch.optim.Adam(fs.mup.groups(model, base, lr=0.01))``.
        steps: of each run.
        seeds: runs at each width; sizes are their mean.

    Returns:
        :class:`CoordCheck`: ``print`` it, ``.save("check.html")`` it, ask ``.ok``.

    Raises:
        CheckError: when an argument does not fit, or the models of two widths do not have the same layers.

    >>> def build(n):
    ...     return nn.Sequential(nn.Linear(8, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 1))
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(32, 8, generator=generator)
    >>> adam = lambda model: torch.optim.Adam(model.parameters(), lr=0.01)
    >>> coord_check(build, (64, 128, 256, 512), (x, x[:, :1]), nn.functional.mse_loss, optimizer=adam).growing
    ('2', '3', '4')

    Source: Yang et al. 2021 (arXiv 2203.03466), appendix D.1 and figure 5.
    """
    _checked(widths, steps, seeds)
    inputs, targets = data
    found: dict[int, list[Sizes]] = {}
    with _own_randomness():
        for width in widths:
            found[width] = [_run(build, width, seed, inputs, targets, loss, optimizer, steps) for seed in range(seeds)]
    first, *others = widths
    layers = list(found[first][0])
    for width in others:
        odd = set(layers) ^ set(found[width][0])
        if odd:
            raise CheckError(
                f"coord_check: the models of width {first} and {width} do not have the same layers: {sorted(odd)[0]!r} "
                "is in one of them only"
            )
    return CoordCheck(
        tuple(widths),
        tuple(
            LayerSizes(
                name,
                tuple(
                    tuple(sum(run[name][step] for run in found[width]) / seeds for width in widths)
                    for step in range(steps + 1)
                ),
                tuple(widths),
            )
            for name in layers
        ),
        seeds,
    )


def _checked(widths: Sequence[int], steps: int, seeds: int) -> None:
    if len(set(widths)) < 2 or len(set(widths)) != len(widths) or list(widths) != sorted(widths) or min(widths) < 1:
        raise CheckError(f"coord_check(widths={widths!r}): expected two or more widths in rising order")
    for name, value in (("steps", steps), ("seeds", seeds)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CheckError(f"coord_check({name}={value!r}): expected a whole number >= 1")


@contextmanager
def _own_randomness() -> Iterator[None]:
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        yield


def _run(
    build: Build, width: int, seed: int, inputs: Any, targets: Any, loss: Loss, optimizer: Maker, steps: int
) -> Sizes:
    """One model's sizes before every step, and after the last."""
    torch.manual_seed(seed)
    model = build(width)
    if not isinstance(model, nn.Module):
        raise CheckError(f"coord_check: build({width}) gave a {type(model).__name__}; expected a torch.nn.Module")
    stepper, heard = optimizer(model), [Sizes() for _ in range(steps + 1)]
    for step in range(steps + 1):
        with _listening(model, heard[step]), torch.set_grad_enabled(step < steps):
            value = loss(model(inputs), targets)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise CheckError(f"coord_check: the loss gave {value!r}; expected one number in a tensor")
        if step < steps:
            stepper.zero_grad()
            value.backward()
            stepper.step()
    always = [name for name, _ in model.named_modules() if all(name in one for one in heard)]
    return {name: [sum(one[name]) / len(one[name]) for one in heard] for name in always}


@contextmanager
def _listening(model: nn.Module, sizes: Sizes) -> Iterator[None]:
    """Hear every layer: a module with parameters or buffers of its own, or without children, that gives a tensor."""

    def hear(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def heard(module: nn.Module, inputs: Any, output: Any) -> None:
            one = output[0] if isinstance(output, (tuple, list)) and output else output
            if isinstance(one, Tensor) and one.is_floating_point():
                size = one.detach().abs().double().mean().item() if one.numel() else 0.0
                sizes.setdefault(name, []).append(size if math.isfinite(size) else math.inf)

        return heard

    weighing = [(name, one) for name, one in model.named_modules() if one._parameters or not list(one.children())]
    handles = [one.register_forward_hook(hear(name)) for name, one in weighing]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
