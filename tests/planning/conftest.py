"""Golden files (what is printed, word for word; FIRSTSTEP_WRITE_GOLDEN=1 writes them anew) and a process group."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch.distributed as dist

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with ``golden/NAME.txt``; a missing file fails."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("FIRSTSTEP_WRITE_GOLDEN"):
            path.write_text(text + "\n", encoding="utf-8")
        assert path.exists(), f"{path.name} is missing: run with FIRSTSTEP_WRITE_GOLDEN=1 and look at it"
        assert text + "\n" == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    """A group of this one process."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()
