"""Scales solved from the graph: firststep beside AnyInit on the same models, in one run.

For each model and seed: is it traced as a graph; how far is the predicted strength of each layer from the measured one,
``|log(predicted / measured)|`` of its std (AnyInit: of the root of the second moment that it predicts and measures
itself); the largest over the least std of the hidden layers' outputs, and of the gradients with respect to them; and
the seconds that planning and initializing take. Medians over seeds.

``pip install anyinit`` for the comparison; without it only firststep is measured.
Run: ``python benchmarks/solving.py [--seeds N] [--json FILE]`` (about three minutes on two cores).
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from _solving_models import MODELS
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from firststep.solving import plan_auto

Row = dict[str, Any]


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
        pairs = [(one.predicted, one.measured) for one in report.layers if one.predicted and one.measured]
        errors = [abs(math.log(a / b)) / 2 for a, b in pairs]
        return {"seconds": seconds, "errors": errors, "traced": report.graph_fidelity == "graph"}

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
        row["errors"] = [abs(math.log(predicted[one] / std)) for one, std in stds.items() if predicted.get(one) and std]
    hidden = [stds[one] for one in gradients if stds[one] > 0]
    row["signal"] = max(hidden) / min(hidden)
    row["gradient"] = max(gradients.values()) / max(min(gradients.values()), 1e-30)
    row["error"] = statistics.mean(row["errors"]) if row["errors"] else None
    row["worst"] = max(row.pop("errors"), default=None)
    return row


def median(rows: Sequence[Row]) -> Row:
    """Medians over seeds; a failure of one is a failure."""
    failed = [row for row in rows if "failed" in row]
    if failed:
        return failed[0]
    keys = ("seconds", "error", "worst", "signal", "gradient")
    numbers = {key: [row[key] for row in rows if row[key] is not None] for key in keys}
    made: Row = {key: statistics.median(found) if found else None for key, found in numbers.items()}
    return {**made, "traced": all(row["traced"] for row in rows)}


def show(name: str, who: str, row: Row) -> str:
    if "failed" in row:
        return f"{name:<32}{who:<11}failed: {row['failed'][:70]}"
    cells = (f"{row[key]:>10.3g}" if row[key] is not None else f"{'-':>10}" for key in ("error", "worst"))
    ranges = f"{row['signal']:>10.3g}{row['gradient']:>10.3g}{row['seconds']:>9.2f}"
    return f"{name:<32}{who:<11}{'graph' if row['traced'] else 'guess':<6}{''.join(cells)}{ranges}"


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
    head = f"{'error':>10}{'worst':>10}{'signal':>10}{'gradient':>10}{'s':>9}"
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
