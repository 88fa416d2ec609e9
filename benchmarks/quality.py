"""How many steps a start needs: ours beside torch's, AnyInit's and the architecture's own, by ``fs.compare``.

    make bench-quality
    python benchmarks/quality.py --json benchmarks/results/quality.json     # about 20 minutes of two cores
    python benchmarks/quality.py --quick --seeds 2 --only MLP

For each seed all starts of a task see the same batches. A start is told at the learning rate of Adam, of those tried,
that suits it best. ``steps`` is the median over the seeds of the steps to the task's loss, with its interval by order
statistics; a run that does not get there counts as never. ``p`` compares a start with the first one, seed by seed.
AnyInit is a row where it is installed (``pip install anyinit``), a recipe where it fits the net.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from _machine import machine
from _tasks import TASKS, Task
from torch import Tensor, nn

import firststep as fs
from firststep.comparing import Init, Outcome, compare

ROW = "  {:<22} {:>7} {:>7} {:>16} {:>9} {:>9} {:>8}"


def main() -> int:
    """Run the tasks, print their tables, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--only", nargs="+", metavar="WORD", default=[""], help="tasks whose name holds one of these")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="seeds of each start (default: 10)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the steps, one learning rate: does it run?")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="one thread each (default: 2)")
    args = parser.parse_args()
    names = [name for name in TASKS if any(word in name for word in args.only)]
    results: dict[str, Any] = {"machine": machine(), "anyinit": anyinit_version(), "seeds": args.seeds, "tasks": []}
    began = time.monotonic()
    # The longest are the last ones: they begin first, so that no process is left alone with them.
    order = names[::-1]
    with pool(args.processes) as workers:
        jobs = {name: workers.submit(measured, name, args.seeds, args.quick) for name in order}
        for done in as_completed(jobs.values()):
            results["tasks"].append(done.result())
            results["tasks"].sort(key=lambda row: names.index(row["task"]))
            results["seconds"] = round(time.monotonic() - began)
            show(done.result())
            if args.json is not None:  # after each task, so that an interruption loses none that is done
                args.json.parent.mkdir(parents=True, exist_ok=True)
                args.json.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"\n{results['seconds']} s")
    return 0


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each; Ctrl-C ends them."""
    context = multiprocessing.get_context("spawn")
    workers = ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,))
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


def measured(name: str, seeds: int, quick: bool) -> dict[str, Any]:
    """All starts of one task."""
    task = TASKS[name]
    inputs, targets = task.data()
    kept, left = fitting(task, inputs[: task.batch])
    result = compare(
        task.build,
        kept,
        (inputs, targets),
        task.loss,
        steps=task.steps // 5 if quick else task.steps,
        seeds=seeds,
        lrs=task.lrs[1:2] if quick else task.lrs,
        batch_size=task.batch,
        target=task.target,
        progress=False,
    )
    return {
        "task": name,
        "target": task.target,
        "steps": result.steps,
        "lrs": task.lrs,
        "batch": task.batch,
        "verdict": result.verdict,
        "starts": [told(one) for one in result.outcomes],
        "left_out": left,
    }


def fitting(task: Task, inputs: Tensor) -> tuple[dict[str, Init], dict[str, str]]:
    """The starts that can be made for a net, and why others cannot."""
    asked: dict[str, Init] = {
        "default": "default",
        "auto": "auto",
        "torch": None,
        "anyinit": functools.partial(anyinit, inputs=inputs),
        "own": task.own,
    }
    kept: dict[str, Init] = {}
    left: dict[str, str] = {}
    for label, init in asked.items():
        name = f"recipe {task.own}" if label == "own" else label
        if init == "":
            continue
        try:
            with torch.random.fork_rng(devices=[]):
                model = task.build()
                if callable(init):
                    init(model, 0)
                elif isinstance(init, str):
                    fs.plan(model, init, example_inputs=inputs if init == "auto" else None)
            kept[name] = init
        except Exception as error:
            left[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return kept, left


def anyinit(model: nn.Module, seed: int, inputs: Tensor) -> None:
    """AnyInit's start, with the shape of the inputs."""
    import anyinit  # pyright: ignore[reportMissingImports]

    anyinit.initialize(model, input_spec=inputs, seed=seed)


def anyinit_version() -> str | None:
    """Which AnyInit is here."""
    if importlib.util.find_spec("anyinit") is None:
        return None
    try:
        return version("anyinit")
    except PackageNotFoundError:
        return "unknown"


def told(one: Outcome) -> dict[str, Any]:
    """What is written of a start."""
    assert one.to_target is not None
    return {
        "start": one.label,
        "lr": one.lr,
        "median": finite(one.to_target.median),
        "interval": [finite(end) for end in one.to_target.interval],
        "coverage": one.to_target.coverage,
        "arrivals": [finite(step) for step in one.arrivals],
        "reached": sum(math.isfinite(step) for step in one.arrivals),
        "diverged": one.diverged,
        "loss": finite(one.final.median),
        "first_loss": finite(one.first.median),
        "p": None if one.duel is None else one.duel.adjusted,
        "finding": None if one.duel is None else one.duel.finding,
        "edge": one.edge,
    }


def finite(value: float) -> float | None:
    """As JSON has it: None for never."""
    return value if math.isfinite(value) else None


def show(row: dict[str, Any]) -> None:
    """Print the table of a task."""
    print(f"\n{row['task']}: steps to a loss of {row['target']:g}, of {row['steps']}")
    print(ROW.format("", "lr", "steps", "interval", "reached", "loss", "p"))
    for one in row["starts"]:
        ends = " to ".join("never" if end is None else f"{end:g}" for end in one["interval"])
        steps = "never" if one["median"] is None else f"{one['median']:g}"
        loss = "inf" if one["loss"] is None else f"{one['loss']:.3g}"
        p = "" if one["p"] is None else f"{one['p']:.2g}"
        reached = f"{one['reached']} of {len(one['arrivals'])}"
        print(ROW.format(one["start"], f"{one['lr']:g}", steps, ends, reached, loss, p))
    for name, why in row["left_out"].items():
        print(f"  {name}: left out, {why}"[:200])
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
