"""``fs.compare``: is one start better than another?"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from ..errors import CompareError
from ..planning import Progress, Tell, telling
from ..running import kept
from ._comparison import Comparison
from ._data import Pairing, source
from ._outcome import Measures, outcomes, window_of
from ._random import seed_everything
from ._starts import Init, Start, starts
from ._train import Forward, Loss, Maker, Recipe, checked_optimizer

SEEDS = 7
"""The fewest with which a median has an interval of 95%, and three starts can be told from a fourth at 5%."""

Curves: TypeAlias = dict[tuple[str, "float | None"], list[tuple[float, ...]]]
"""One row per seed, by label and learning rate."""


def compare(
    build: Callable[[], nn.Module],
    inits: Mapping[str, Init] | Sequence[str],
    data: Any,
    loss: Loss,
    *,
    steps: int = 200,
    seeds: int | Sequence[int] = SEEDS,
    optimizer: Maker = torch.optim.Adam,
    lrs: Sequence[float] = (),
    batch_size: int | None = None,
    target: float | None = None,
    forward: Forward | None = None,
    progress: Progress = None,
) -> Comparison:
    """Train each start a little, several times, and say which differences are more than noise.

    For each seed every start sees the same batches in the same order, and what the factory and dropout draw at random
    depends on the seed alone. A start is compared with the first one by the exact signed-rank test over the seeds, of
    the loss at the end, or of the steps to ``target`` where one is given; the median has its exact 95% interval by
    order statistics. Random states, thread counts and whatever was given are as before, also after Ctrl-C.

    Args:
        build: a function that takes nothing and returns a new model.
        inits: the starts by label: rules as :func:`initialize` takes them, a function ``(model, seed)`` that writes the
            start by hand, or None for the model as built. Or a list of recipes' names, with "as built" among them.
        data: a pair of tensors ``(inputs, targets)`` whose axis 0 counts the examples, a Dataset, a DataLoader, or a
            function of the seed that returns batches. Inputs may be a tensor, a tuple (positional arguments) or a dict
            (keywords).
        loss: a module or function of ``(output, targets)`` that returns one number. A module is copied for each run,
            and its parameters train too.
        steps: of each run.
        seeds: how many, counted from 0, or which. Fewer than six can show no difference at 5%.
        optimizer: a function of the parameters; by default Adam at its own rate, 0.001.
        lrs: learning rates, each tried for every start, given to ``optimizer`` as ``lr``. A start is judged at the rate
            that suits it best, so that none loses for want of the right one. Time grows with their number.
        batch_size: for tensors and datasets; 32 by default. The last, smaller batch of a pass is left out.
        target: a loss to reach; starts are then compared by the steps it takes.
        forward: ``forward(model, inputs)``, for a model that is run in another way.
        progress: True for a bar, False for none, or a function ``(done, total, what)``; by default a bar on a terminal.

    Returns:
        A comparison: ``print`` it, ``.save("compare.html")``, ``.verdict``, ``["label"]`` for one start.

    Raises:
        CompareError: when something given does not fit, before anything is trained; for a loss that is no number, at
            the first step; for data that differs between starts, when it does.

    >>> import torch
    >>> from torch import nn
    >>> x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    >>> result = compare(
    ...     lambda: nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)),
    ...     {"ours": "default", "huge": lambda model, seed: nn.init.normal_(model[0].weight, std=100)},
    ...     (x, x.sum(1, keepdim=True)),
    ...     nn.functional.mse_loss,
    ...     steps=50,
    ... )
    >>> result["huge"].duel.finding, result["huge"].duel.worse, result["huge"].duel.p
    ('worse', 7, 0.015625)

    Source: the tests, F. Wilcoxon 1945 and S. Holm 1979; the interval, H. A. David and H. N. Nagaraja 2003.
    """
    rates = _rates(lrs)
    recipe = Recipe(
        _factory(build),
        _callable_loss(loss),
        source(data, batch_size),
        _whole("steps", steps),
        checked_optimizer(optimizer, rates),
        forward,
    )
    chosen, numbers = starts(inits), _seeds(seeds)
    if target is not None and not math.isfinite(target):
        raise CompareError(f"compare(target={target!r}): expected a loss to reach, such as target=0.5")
    with kept(*recipe.source.generators):
        model = _fitting(recipe, chosen, numbers[0])
        with telling(progress, len(numbers) * len(chosen) * max(len(rates), 1) * recipe.steps, least=0) as tell:
            curves, digests = _trained(recipe, chosen, numbers, rates or (None,), tell)
    found = {key: Measures.of(tuple(rows), target) for key, rows in curves.items()}
    return Comparison(
        outcomes([(one.label, one.what) for one in chosen], found),
        recipe.steps,
        numbers,
        window_of(recipe.steps),
        target,
        model,
        _name(loss),
        _name(optimizer),
        recipe.source.what,
        digests,
    )


def _trained(
    recipe: Recipe, chosen: Sequence[Start], seeds: Sequence[int], rates: Sequence[float | None], tell: Tell
) -> tuple[Curves, tuple[str, ...]]:
    """The curves by label and rate, one per seed; and the digests of the batches. One model is there at a time."""
    curves: Curves = {(start.label, rate): [] for start in chosen for rate in rates}
    digests = []
    for seed in seeds:
        pairing, example = Pairing(seed), None
        if any(start.solved for start in chosen):
            example, _ = next(recipe.source.batches(seed))
        for start, rate in itertools.product(chosen, rates):
            batches = pairing.watched(recipe.source.batches(seed), start.label)
            what = f"{start.label}, seed {seed}" + ("" if rate is None else f", lr {rate:g}")
            run = recipe.run(start, seed, rate, batches, example, lambda steps, what=what: tell(steps, what))
            curves[start.label, rate].append(run)
        digests.append(pairing.digest)
    return curves, tuple(digests)


def _fitting(recipe: Recipe, chosen: Sequence[Start], seed: int) -> str:
    """The type of the model, once it is known that the factory makes models and that each start fits them.

    Raises:
        CompareError: when it does not.
    """
    example, _ = next(recipe.source.batches(seed))
    seed_everything(seed)
    models = [recipe.build() for _ in range(2)]
    for model in models:
        if not isinstance(model, nn.Module):
            raise CompareError(
                f"compare(build, ...): build() returned {type(model).__name__}; expected a torch.nn.Module"
            )
        if not any(one.requires_grad for one in model.parameters()):
            raise CompareError("compare(build, ...): the model has no parameter with requires_grad=True to train")
        if any(one.is_meta for one in model.parameters()):
            raise CompareError(
                "compare(build, ...): build() returned a model on the meta device, whose parameters have no memory. "
                "Build it on the device to train on"
            )
    first, second = ({id(one) for one in model.parameters()} for model in models)
    if models[0] is models[1] or first & second:
        raise CompareError(
            "compare(build, ...): build() returned the same parameters twice, so that a second run would go on where "
            "the first ended. Build anew in each call: def build(): return nn.Sequential(...)"
        )
    for start in chosen:
        start.plan(models[0], example)
    return type(models[0]).__name__


def _factory(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    if isinstance(build, nn.Module):
        raise CompareError(
            f"compare(build, ...): was given a {type(build).__name__}; expected a function that returns a new model in "
            "each call. Type def build(): return nn.Sequential(...), or lambda: copy.deepcopy(model)"
        )
    if not callable(build):
        raise CompareError(f"compare(build, ...): expected a function that returns a model, was given {build!r}")
    return build


def _callable_loss(loss: Loss) -> Loss:
    if isinstance(loss, type) or not callable(loss):
        given = f"the class {loss.__name__}. Type {loss.__name__}()" if isinstance(loss, type) else repr(loss)
        raise CompareError(f"compare(loss=...): expected a module or function of (output, targets), was given {given}")
    return loss


def _rates(lrs: Any) -> tuple[float, ...]:
    rates = tuple(lrs) if isinstance(lrs, Sequence) and not isinstance(lrs, str) else (lrs,)
    for one in rates:
        if isinstance(one, bool) or not isinstance(one, (int, float)) or not 0 < one < math.inf:
            raise CompareError(f"compare(lrs={lrs!r}): expected learning rates above 0, such as lrs=(1e-3, 1e-2)")
    return tuple(dict.fromkeys(map(float, rates)))


def _whole(name: str, value: Any, least: int = 1) -> int:
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or operator.index(value) < least:
        raise CompareError(f"compare({name}={value!r}): expected a whole number, at least {least}")
    return operator.index(value)


def _seeds(seeds: Any) -> tuple[int, ...]:
    if not isinstance(seeds, Sequence) or isinstance(seeds, str):
        return tuple(range(_whole("seeds", seeds)))
    found = tuple(_whole("seeds", one, 0) for one in seeds)
    if not found or len(set(found)) < len(found):
        raise CompareError(f"compare(seeds={seeds!r}): expected a number of seeds, or a list of different ones")
    return found


def _name(one: Any) -> str:
    return getattr(one, "__name__", type(one).__name__)
