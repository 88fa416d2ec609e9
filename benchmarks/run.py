"""Time and memory beside ``torch.nn.init``, in one process, calls taken in turn, the best of several counted.

    make bench
    python benchmarks/run.py --quick --json out/bench.json
    python benchmarks/run.py --only GPT orthogonal

``times`` is torch's time over ours: how many times as fast firststep is. ``of zero_`` is our share of the speed at
which ``Tensor.zero_`` writes the same memory, ``1 to n`` how much faster all threads are than one (ours, torch's). A
number means nothing without the machine and the versions, which are written beside it. A missed goal is marked.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from _cases import LARGE, MODELS, ORTHOGONAL, SHAPES, SMALL, Case
from _machine import machine
from _memory import STATUS, WHAT, peak_share
from _timing import Timing, best_of, interleaved

from firststep.init import _inplace
from firststep.rng import _drawn, _fill, _native, _rewrite

ROW = "{:<42} {:>10} {:>10} {:>8} {:>9} {:>9} {:>13}"


def main() -> int:
    """Run the cases, print the tables, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--quick", action="store_true", help="1/16 of the elements, one turn: to see that it runs")
    parser.add_argument("--only", nargs="+", metavar="WORD", default=[""], help="cases whose name holds one of these")
    args = parser.parse_args()

    results: dict[str, Any] = {"machine": machine()}
    print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    if args.quick:
        print("quick: 1/16 of the elements that the lines name")
    print(ROW.format("", "firststep", "torch", "times", "goal", "of zero_", "1 to n"))
    run = Run(args.quick, args.only)
    results["kernel"] = [row for one in available() for row in run.kernel(one)]
    for name, cases in (("shapes", SHAPES), ("orthogonal", ORTHOGONAL), ("models", MODELS), ("small", SMALL)):
        results[name] = [run.case(case) for case in cases if run.wanted(case)]
    if STATUS.exists() and args.only == [""]:
        results["memory"] = memory(args.quick)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten: {args.json}")
    return 0


class Run:
    """Measures cases and prints a line for each.

    Args:
        quick: whether to measure once, on little.
        only: words, one of which must stand in a case's name.
    """

    def __init__(self, quick: bool, only: Sequence[str]) -> None:
        self._quick, self._only = quick, only

    def wanted(self, case: Case) -> bool:
        """Whether a case was asked for."""
        return any(word in case.name for word in self._only)

    def kernel(self, kernel: _native.Native) -> Iterator[dict[str, Any]]:
        """The large tensors, with one instruction set."""
        with forced(kernel):
            for case in LARGE:
                if self.wanted(case):
                    yield self.case(case, kernel.name)

    def case(self, case: Case, kernel: str = "") -> dict[str, Any]:
        """One line: our time and torch's, with one thread and with all."""
        ours, theirs = case.make(16 if self._quick else 1)
        turns = 1 if self._quick else case.turns
        threads = torch.get_num_threads()
        timing, one = interleaved(ours, theirs, turns=turns), None
        if case.bytes and threads > 1:
            with single():
                one = interleaved(ours, theirs, turns=max(turns // 2, 1))
        row = {"case": f"{case.name}, {kernel}" if kernel else case.name, "ours": timing.ours, "torch": timing.torch}
        row |= {"ratio": timing.times, "goal": case.goal(kernel)}
        if case.bytes:
            zeros = torch.zeros(case.bytes // (16 if self._quick else 1), dtype=torch.uint8)
            row["of_zero"] = best_of(zeros.zero_, turns=turns) / timing.ours
        if one is not None:
            row["scaling"] = [one.ours / timing.ours, one.torch / timing.torch]
        show(row, timing)
        return row


def show(row: dict[str, Any], timing: Timing) -> None:
    """Print a line."""
    goal = "" if row["goal"] is None else f">= {row['goal']:g}"
    missed = row["goal"] is not None and timing.times < row["goal"]
    scaling = "{:.2f}, {:.2f}".format(*row["scaling"]) if "scaling" in row else ""
    of_zero = f"{row['of_zero']:.0%}" if "of_zero" in row else ""
    times = f"{timing.times:.2f}{'!' if missed else ' '}"
    seconds = (f"{1000 * timing.ours:.2f} ms", f"{1000 * timing.torch:.2f} ms")
    print(ROW.format(row["case"], *seconds, times, goal, of_zero, scaling), flush=True)


def memory(quick: bool) -> dict[str, float]:
    """Peak memory, printed and returned."""
    print("\npeak memory beside what is filled, as a share of its size")
    shares = {}
    for what in WHAT:
        shares[what] = peak_share(what, elements=2**22 if quick else 2**26)
        print(f"{what:<44} {shares[what]:>10.3f}")
    return shares


def available() -> list[_native.Native]:
    """The kernels of this processor that computers have today: plain C is there for those that have none of them."""
    chosen = _native.choice().native
    if chosen is None:
        return []
    module = importlib.import_module("firststep.rng._kernel")
    return [one for one in _native.kernels(module) if one.name != "plain"]


@contextmanager
def forced(kernel: _native.Native) -> Iterator[None]:
    """Let this kernel serve all fills."""
    with ExitStack() as stack:
        for module in (_fill, _rewrite, _drawn):
            stack.enter_context(mock.patch.object(module, "native", return_value=kernel))
        for cached in (_inplace._drawn, _inplace._ready):
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        yield


@contextmanager
def single() -> Iterator[None]:
    """One thread, for ours and torch's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    sys.exit(main())
