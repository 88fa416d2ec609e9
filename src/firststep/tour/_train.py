"""Training one start with one seed, and all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .._api import initialize
from ..errors import FirststepError
from ._data import Digits
from ._net import build, stages
from ._signal import Signal, measure
from ._starts import Start


@dataclass(frozen=True, slots=True)
class Settings:
    """What all starts have in common.

    Args:
        seed: the first seed; the others count up from it.
        seeds: number of seeds per start.
        epochs: passes over the training images.
        learning_rate, momentum: of plain SGD.
        batch_size: images per step.
    """

    seed: int = 0
    seeds: int = 5
    epochs: int = 8
    learning_rate: float = 0.02
    momentum: float = 0.9
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name in ("seeds", "epochs"):
            if getattr(self, name) < 1:
                raise FirststepError(f"Settings({name}={getattr(self, name)}): expected at least 1")


@dataclass(frozen=True, slots=True)
class Run:
    """One start trained with one seed.

    Args:
        start: key of the start.
        seed: of the weights and of the order of the batches.
        signal: what the untrained model does to the whole training set.
        losses: training loss before training and after each epoch (its mean over the epoch's batches).
        accuracies: share of test images read right, before training and after each epoch.
    """

    start: str
    seed: int
    signal: Signal
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of a tour, with what they had in common."""

    settings: Settings
    starts: tuple[Start, ...]
    stages: tuple[str, ...]
    runs: tuple[Run, ...] = field(repr=False)

    def of(self, key: str) -> list[Run]:
        """The runs of one start, by seed."""
        return [run for run in self.runs if run.start == key]


def run_all(starts: tuple[Start, ...], digits: Digits, settings: Settings, tick: Callable[[Start], None]) -> Result:
    """Train every start with every seed; ``tick`` is called after each epoch of each run."""
    runs = [train(start, settings.seed + i, digits, settings, tick) for i in range(settings.seeds) for start in starts]
    return Result(settings, starts, tuple(stages(build())), tuple(runs))


def train(start: Start, seed: int, digits: Digits, settings: Settings, tick: Callable[[Start], None]) -> Run:
    """Train one start. For one seed, every start sees the same batches in the same order."""
    model = begin(start, seed)
    signal = look(model, digits)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
    order = torch.Generator().manual_seed(seed)
    losses, accuracies = [signal.loss], [_accuracy(model, digits)]
    for _ in range(settings.epochs):
        losses.append(_epoch(model, optimizer, order, digits, settings.batch_size))
        accuracies.append(_accuracy(model, digits))
        tick(start)
    return Run(start.key, seed, signal, tuple(losses), tuple(accuracies))


def construct(seed: int) -> nn.Sequential:
    """A new model as torch constructs it under ``seed``. torch's generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def begin(start: Start, seed: int) -> nn.Sequential:
    """A new model at ``start``."""
    model = construct(seed)
    if start.rules is not None:
        initialize(model, start.rules, seed=seed)
    return model


def look(model: nn.Sequential, digits: Digits) -> Signal:
    """What ``model`` does to the whole training set, as it is."""
    points = tuple(stages(model).values())
    return measure(model, points, nn.functional.cross_entropy, digits.train_images, digits.train_classes)


def _epoch(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    digits: Digits,
    batch_size: int,
) -> float:
    """One pass over the training images in a new order; returns the mean loss over its batches."""
    n = len(digits.train_classes)
    total = torch.zeros(())
    model.train()
    for batch in torch.randperm(n, generator=order).split(batch_size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(digits.train_images[batch]), digits.train_classes[batch])
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(batch)
    return total.item() / n


@torch.no_grad()
def _accuracy(model: nn.Module, digits: Digits) -> float:
    guesses: Tensor = model.eval()(digits.test_images).argmax(dim=1)
    return (guesses == digits.test_classes).double().mean().item()
