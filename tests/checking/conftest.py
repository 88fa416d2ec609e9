"""Golden files (what is printed, word for word; FIRSTSTEP_WRITE_GOLDEN=1 writes them anew) and a single thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

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


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The tensors are too small to share out: it is several times as fast."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
