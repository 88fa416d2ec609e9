"""Scales solved from the graph: firststep beside AnyInit on the same models, in one run.

For each model: is it traced as a graph; and

error, worst   how far the predicted strength of a layer is from the measured one: ``|log(predicted / measured)|`` of
               its std, the mean and the largest over layers. Measured is the mean variance over the seeds, since a
               prediction speaks of all draws. AnyInit predicts and measures the root of the second moment, by itself.
signal,        the largest over the least std of the hidden layers' outputs, and of the gradients with respect to
gradient       them, whatever the layers are. A branch that is scaled by depth counts as weak here.
depth          the same over layers that are alike: of one type, and named alike but for their first number, as
               blocks are. That is what depth does to the signal and the gradient. The worst group of each model.
s              seconds to plan and to initialize; AnyInit's without its check on the batch.

Medians over seeds. ``pip install anyinit`` for the comparison; without it only firststep is measured.
Run: ``python benchmarks/solving.py [--seeds N] [--json FILE]`` (about a minute on two cores with one seed).
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from _solving_models import MODELS
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from firststep.solving import plan_auto

Row = dict[str, Any]

RANGES = ("signal", "gradient", "depth signal", "depth gradient")


def ours(model: nn.Module, batch: Any, seed: int) -> Row:
    """Plan and apply; the predictions, by module."""
    start = time.perf_counter()
    plan = plan_auto(model, batch)
    plan.apply(seed=seed)
    seconds = time.perf_counter() - start
    predicted: dict[str, float] = {}
    for layer in plan.signal:
        predicted.setdefault(layer.name, layer.std)
    return {"seconds": seconds, "predicted": predicted, "traced": all(layer.known for layer in plan.signal)}


def anyinits(anyinit: Any) -> Callable[[nn.Module, Any, int], Row]:
    """Its analytic mode, timed without its check on the batch."""

    def start(model: nn.Module, batch: Any, seed: int) -> Row:
        begin = time.perf_counter()
        anyinit.initialize(model, "analytic", seed=seed)
        seconds = time.perf_counter() - begin
        report = anyinit.initialize(model, "analytic", batch, seed=seed)
        pairs = {one.name: (one.predicted, one.measured) for one in report.layers if one.predicted and one.measured}
        return {"seconds": seconds, "squares": pairs, "traced": report.graph_fidelity == "graph"}

    return start


def measured(model: nn.Module, batch: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Std of the first output of each module that has parameters or no children, and of its gradient."""
    outputs: dict[str, Tensor] = {}

    def listen(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, result: Any) -> None:
            found = [one for one in tree_flatten(result)[0] if isinstance(one, Tensor) and one.is_floating_point()]
            if found and name not in outputs and found[0].requires_grad:
                found[0].retain_grad()
                outputs[name] = found[0]

        return hook

    hooks = [
        module.register_forward_hook(listen(name))
        for name, module in model.named_modules()
        if not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))
    ]
    ends = [one for one in tree_flatten(model(batch))[0] if isinstance(one, Tensor)]
    for hook in hooks:
        hook.remove()
    torch.autograd.backward(ends, [torch.randn_like(one) for one in ends])
    hidden = {name: one for name, one in outputs.items() if not any(one is end for end in ends)}
    gradients = {name: one.grad.std().item() for name, one in hidden.items() if one.grad is not None}
    return {name: one.detach().std().item() for name, one in outputs.items()}, gradients


def run(start: Callable[[nn.Module, Any, int], Row], name: str, seed: int) -> Row:
    """One model, one seed."""
    build, example = MODELS[name]
    torch.manual_seed(seed)
    model, batch = build(), example()
    try:
        row = start(model, batch, seed)
    except Exception as error:  # the peer may fail on a model, which is a result
        return {"failed": f"{type(error).__name__}: {error}"}
    stds, gradients = measured(model, batch)
    if "predicted" in row:
        predicted = row.pop("predicted")
        row["squares"] = {one: (predicted[one] ** 2, std**2) for one, std in stds.items() if predicted.get(one) and std}
    hidden = {one: stds[one] for one in gradients if stds[one] > 0}
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    row["signal"], row["gradient"] = reach(hidden.values()), reach(gradients.values())
    row["depth signal"], row["depth gradient"] = (over_depth(found, kinds) for found in (hidden, gradients))
    return row


def reach(found: Iterable[float]) -> float:
    """The largest over the least."""
    every = list(found)
    return max(every) / max(min(every), 1e-30)


def over_depth(found: dict[str, float], kinds: dict[str, str]) -> float:
    """:func:`reach` among layers of one type whose names differ in their first number only; the worst."""
    groups: dict[tuple[str, str], list[float]] = {}
    for name, one in found.items():
        groups.setdefault((re.sub(r"(?<![^.])\d+(?![^.])", "*", name, count=1), kinds[name]), []).append(one)
    return max(reach(group) for group in groups.values())


def errors(rows: Sequence[Row]) -> list[float]:
    """``|log(predicted / measured)|`` of each layer's std, both variances averaged over the seeds."""
    layers = [name for name in rows[0]["squares"] if all(name in row["squares"] for row in rows)]
    sums = [[sum(row["squares"][name][i] for row in rows) for i in (0, 1)] for name in layers]
    return [abs(math.log(predicted / measured)) / 2 for predicted, measured in sums]


def median(rows: Sequence[Row]) -> Row:
    """Medians over seeds; a failure of one is a failure."""
    failed = [row for row in rows if "failed" in row]
    if failed:
        return failed[0]
    far = errors(rows)
    made: Row = {"error": statistics.mean(far) if far else None, "worst": max(far, default=None)}
    made |= {key: statistics.median([row[key] for row in rows]) for key in (*RANGES, "seconds")}
    return {**made, "traced": all(row["traced"] for row in rows)}


def show(name: str, who: str, row: Row) -> str:
    if "failed" in row:
        return f"{name:<32}{who:<11}failed: {row['failed'][:70]}"
    cells = (f"{row[key]:>10.3g}" if row[key] is not None else f"{'-':>10}" for key in ("error", "worst", *RANGES))
    return f"{name:<32}{who:<11}{'graph' if row['traced'] else 'guess':<6}{''.join(cells)}{row['seconds']:>9.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="models whose name contains this")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    starts: dict[str, Callable[[nn.Module, Any, int], Row]] = {"firststep": ours}
    try:
        starts["anyinit"] = anyinits(importlib.import_module("anyinit"))
    except ImportError:
        print("anyinit is not installed: pip install anyinit")
    for start in starts.values():
        run(start, "LSTM", 0)  # what is loaded once is not timed
    heads = ("error", "worst", "signal", "gradient", "depth", "depth g.")
    head = "".join(f"{one:>10}" for one in heads) + f"{'s':>9}"
    print(f"{'':<32}{'':<11}{'':<6}{head}")
    results: dict[str, dict[str, Row]] = {}
    for name in MODELS:
        if options.only and options.only not in name:
            continue
        results[name] = {}
        for who, start in starts.items():
            results[name][who] = median([run(start, name, seed) for seed in range(options.seeds)])
            print(show(name, who, results[name][who]), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"seeds": options.seeds, "models": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
