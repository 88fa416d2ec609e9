"""How much memory a fill takes beside the tensor it fills, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import torch

from firststep import init


def peak_over_tensor(law: str, *, elements: int) -> float:
    """Peak resident memory during a fill, less that before it, over the size of the filled f32 tensor.

    The tensor is touched before, so its own pages do not count; the fill is warmed up on a small tensor, so neither do
    the libraries it loads. A second tensor of full size would give 1.
    """
    command = [sys.executable, __file__, law, str(elements)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(law: str, elements: int) -> float:
    fill = getattr(init, f"{law}_")
    fill(torch.ones(2**20))
    tensor = torch.ones(elements)
    before = _peak_bytes()
    fill(tensor)
    return (_peak_bytes() - before) / (4 * elements)


def _peak_bytes() -> int:
    import resource  # not on Windows, where only the timings can be had

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    print(_measure(sys.argv[1], int(sys.argv[2])))
