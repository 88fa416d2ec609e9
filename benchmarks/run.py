"""Time and memory beside ``torch.nn.init``, in one process, calls taken in turn, the best of several counted.

    make bench
    python benchmarks/run.py --quick --json out/bench.json

A ratio is our time over torch's: below 1 is faster than torch, above 1 slower. The machine, the number of threads and
the versions are written beside the numbers; a number without them means nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from _cases import CASES, Case
from _memory import STATUS, WHAT, peak_share
from _timing import Timing, interleaved

import firststep as fs
from firststep import rng

ROW = "{:<44} {:>10} {:>10} {:>8}"


def main() -> int:
    """Run every case, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--quick", action="store_true", help="1/16 of the elements, one turn: to see that it runs")
    args = parser.parse_args()

    results = {"machine": machine(), "timings": [], "memory": {}}
    print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    if args.quick:
        print("quick: 1/16 of the elements that the lines name")
    print(ROW.format("", "firststep", "torch", "ratio"))
    for case in CASES:
        timing = measure(case, quick=args.quick)
        results["timings"].append({"case": case.name, **asdict(timing), "ratio": timing.ratio})
        print(ROW.format(case.name, f"{timing.ours:.4f} s", f"{timing.torch:.4f} s", f"{timing.ratio:.2f}"), flush=True)

    if STATUS.exists():
        print("\npeak memory beside what is filled, as a share of its size")
        for what in WHAT:
            share = peak_share(what, elements=2**22 if args.quick else 2**26)
            results["memory"][what] = share
            print(f"{what:<44} {share:>10.3f}")

    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten: {args.json}")
    return 0


def measure(case: Case, *, quick: bool) -> Timing:
    """The times of one case; its tensors are freed before the next."""
    ours, theirs = case.make(16 if quick else 1)
    return interleaved(ours, theirs, turns=1 if quick else case.turns)


def machine() -> dict[str, str | int]:
    """What the numbers depend on."""
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "firststep": fs.__version__,
        "values": rng.VERSION,
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
