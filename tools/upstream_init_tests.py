"""Run torch's own tests of ``torch.nn.init`` against ``firststep.init``.

The file ``test/nn/test_init.py`` of PyTorch is read from a path, or downloaded from the tag of the torch installed; its
one import of ``torch.nn.init`` is rewritten to ours; and it runs in a temporary directory, slow tests included. Nothing
of it is kept. It needs scipy and expecttest (``pip install scipy expecttest``), which torch's testing package imports.

    python tools/upstream_init_tests.py                      # download
    python tools/upstream_init_tests.py --file test_init.py  # a copy at hand
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import torch

THEIRS = "import torch.nn.init as init\n"
OURS = "from firststep import init\n"


def url() -> str:
    """Where the file stands for the torch that is installed."""
    version = torch.__version__.partition("+")[0]
    return f"https://raw.githubusercontent.com/pytorch/pytorch/v{version}/test/nn/test_init.py"


def rewritten(source: str) -> str:
    """``source`` with our ``init`` in the place of torch's."""
    if source.count(THEIRS) != 1:
        raise SystemExit(f"expected the line {THEIRS!r} once in the file; is it torch's test/nn/test_init.py?")
    return source.replace(THEIRS, OURS)


def run(source: str) -> int:
    """Run the rewritten tests in a process of their own; its exit code."""
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "test_init.py")
        script.write_text(rewritten(source), encoding="utf-8")
        environment = {**os.environ, "PYTORCH_TEST_WITH_SLOW": "1"}
        return subprocess.run([sys.executable, script.name], cwd=directory, env=environment, check=False).returncode


def main() -> int:
    """Read the file, run it, return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="a copy of torch's test/nn/test_init.py; downloaded when not given")
    path = parser.parse_args().file
    if path is not None:
        return run(path.read_text(encoding="utf-8"))
    with urllib.request.urlopen(url()) as response:
        return run(response.read().decode())


if __name__ == "__main__":
    sys.exit(main())
