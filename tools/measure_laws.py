"""Hold torch's own losses to the laws, and write down what holds: ``benchmarks/results/laws.json``.

python tools/measure_laws.py        # a minute or two
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from firststep import losses
from firststep.testing import check_loss

FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "laws.json"


def main() -> None:
    """Try every law on every loss of torch.nn in the catalogue."""
    torch.set_num_threads(1)
    found = {}
    for spec in losses.catalog.values():
        if spec.path.startswith("torch.nn."):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                report = check_loss(spec)
            found[spec.name] = {law: outcome._asdict() for law, outcome in report.outcomes.items()}
            print(f"{spec.name}: {', '.join(report.failed) or 'all hold'}")
    FILE.write_text(json.dumps({"version": torch.__version__, "torch": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
