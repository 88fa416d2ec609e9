"""Whether a recipe gives a library's own model the distribution that the library gives it, parameter by parameter."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from operator import attrgetter

import torch
from scipy import stats
from torch import Tensor, nn

import firststep as fs
from firststep.planning import Row

SEEDS = 3
FALSE = 1e-7
"""Rate of false failures of each test of one parameter: 500 parameters fail by chance once in 7,000 runs."""
_MOST = 50_000


def differences(
    source: Callable[[], nn.Module], rules: object, *, apart: Sequence[str] = (), seeds: int = SEEDS
) -> list[str]:
    """Where our start and the library's differ.

    A constant must be equal everywhere. Of a random parameter the mean and the standard deviation must fit what the
    plan expects, no value may lie outside of the plan's bounds, and a Kolmogorov-Smirnov test must not tell the
    library's values from ours.

    Args:
        source: makes the library's model with its own start.
        rules: the recipe, as ``fs.plan`` takes it.
        apart: globs of parameters that are known to differ; each must match one and differ.
        seeds: how many starts of the library are pooled.
    """
    theirs = [_made(source, seed) for seed in range(seeds)]
    model = _made(source, 100)
    plan = fs.plan(model, rules)  # type: ignore[arg-type]
    plan.apply(seed=0)
    found: list[str] = []
    unused = set(apart)
    for row in plan.rows:
        value = attrgetter(row.name)  # also of a weight that is computed from its parameters
        own = torch.stack([value(one).detach().flatten() for one in theirs])
        wrong = _wrong(row, own, value(model).detach().flatten())
        known = [glob for glob in apart if fnmatchcase(row.name, glob)]
        if wrong and not known:
            found.append(f"{row.name}: {wrong}")
        elif wrong:
            unused -= set(known)
    return found + [f"{glob}: said to differ, and does not" for glob in sorted(unused)]


def _made(source: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return source()


def _wrong(row: Row, starts: Tensor, ours: Tensor) -> str:
    """What is different about one parameter, empty when nothing is; ``starts`` are the library's, one in each row."""
    theirs = starts.flatten()
    if row.expected is None:
        return f"kept: {row.kept}"
    table = len(starts) > 1 and bool((starts == starts[0]).all())  # no chance in it; libraries compute it in float32
    if row.expected.variance == 0 or table:
        rtol, atol = (1e-6, 0.0) if row.expected.variance == 0 else (1e-5, 1e-5)
        same = torch.allclose(starts, ours.expand_as(starts), rtol=rtol, atol=atol)
        return "" if same else f"{row.does}, theirs {_shown(theirs)}"
    values, n = theirs.double(), theirs.numel()
    limit = stats.norm.isf(FALSE / 2)
    mean, std, kurtosis = row.expected.mean, row.expected.std, row.expected.kurtosis
    z_mean = (float(values.mean()) - mean) / (std / math.sqrt(n))
    spread = std * std * math.sqrt(max(kurtosis - 1, 1e-3) / n)
    z_var = (float(values.var()) - std * std) / spread
    if n >= 30 and max(abs(z_mean), abs(z_var)) > limit:
        return f"{row.does} expects mean {mean:.5g} std {std:.5g}, theirs {_shown(theirs)}"
    slack = 1e-6 * max(abs(row.expected.high), abs(row.expected.low)) if math.isfinite(row.expected.high) else 0.0
    if float(values.min()) < row.expected.low - slack or float(values.max()) > row.expected.high + slack:
        return f"{row.does} stays in [{row.expected.low:.5g}, {row.expected.high:.5g}], theirs {_shown(theirs)}"
    p = stats.ks_2samp(_some(theirs), _some(ours)).pvalue
    return f"{row.does} is told from theirs, {_shown(theirs)}, at p = {p:.2g}" if p < FALSE else ""


def _some(values: Tensor) -> Tensor:
    return values[:: max(1, values.numel() // _MOST)].double()


def _shown(values: Tensor) -> str:
    wide = values.double()
    mean, std = float(wide.mean()), float(wide.std(correction=0))
    return f"mean {mean:.5g} std {std:.5g} in [{float(wide.min()):.5g}, {float(wide.max()):.5g}]"
