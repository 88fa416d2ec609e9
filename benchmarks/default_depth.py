"""How far the signal strays over depth in plain nets: the default recipe beside torch's default and kaiming_normal.

Prints, for each net, the least and the greatest standard deviation of any layer's output and of any activation over
all seeds, on a batch of N(0, 1) inputs. Run: ``python benchmarks/default_depth.py [--json FILE]``.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

import firststep as fs
from firststep import init

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
BATCH = 128


class Case(NamedTuple):
    """A plain net: ``depth`` hidden layers of ``width`` units or channels."""

    kind: str
    activation: str
    width: int
    depth: int


def build(case: Case) -> nn.Sequential:
    """The net of ``case``: Linear on 64 features, or 3x3 Conv2d with zero padding on 8x8 images of 3 channels."""
    layers: list[nn.Module] = []
    size = 64 if case.kind == "linear" else 3
    for _ in range(case.depth):
        linear = case.kind == "linear"
        layers.append(nn.Linear(size, case.width) if linear else nn.Conv2d(size, case.width, 3, padding=1))
        layers.append(ACTIVATIONS[case.activation]())
        size = case.width
    return nn.Sequential(*layers, nn.Linear(size, 10) if case.kind == "linear" else nn.Conv2d(size, 10, 1))


def ours(model: nn.Module, seed: int) -> None:
    fs.initialize(model, "default", seed=seed)


def kaiming(model: nn.Module, seed: int) -> None:
    rules = [fs.rule((nn.Linear, nn.Conv2d), weight=init.kaiming_normal(nonlinearity="relu"), bias=init.zeros())]
    fs.initialize(model, rules, seed=seed)


def torchs(model: nn.Module, seed: int) -> None:
    fs.initialize(model, "torch", seed=seed)


STARTS: dict[str, Callable[[nn.Module, int], None]] = {"default": ours, "kaiming": kaiming, "torch": torchs}


def extent(model: nn.Sequential, x: Tensor) -> tuple[float, float]:
    """Least and greatest std of what the hidden layers and activations of ``model`` give on ``x``."""
    stds = []
    with torch.no_grad():
        for module in list(model)[:-1]:
            x = module(x)
            stds.append(x.std().item())
    return min(stds), max(stds)


def measure(case: Case, start: str, seeds: int) -> dict[str, object]:
    """The extent over ``seeds`` seeds."""
    extents = []
    for seed in range(seeds):
        model = build(case)
        STARTS[start](model, seed)
        shape = (BATCH, 64) if case.kind == "linear" else (BATCH, 3, 8, 8)
        extents.append(extent(model, torch.randn(shape, generator=torch.Generator().manual_seed(seed))))
    low, high = min(e[0] for e in extents), max(e[1] for e in extents)
    return {**case._asdict(), "start": start, "low": low, "high": high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--depth", type=int, nargs="+", default=[30])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases = [
        Case(kind, activation, width, depth)
        for depth, (kind, width), activation in itertools.product(
            options.depth, (("linear", 128), ("linear", 512), ("conv", 32)), ACTIVATIONS
        )
    ]
    rows = []
    print(f"{'net':<28}" + "".join(f"{start:>22}" for start in STARTS))
    for case in cases:
        found = [measure(case, start, options.seeds) for start in STARTS]
        rows += found
        name = f"{case.depth} x {case.kind} {case.width} {case.activation}"
        print(f"{name:<28}" + "".join(f"{row['low']:>11.3g} ..{row['high']:>8.3g}" for row in found))
    if options.json:
        options.json.write_text(json.dumps({"seeds": options.seeds, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
