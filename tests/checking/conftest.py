"""Golden files: what is printed, word for word; FIRSTSTEP_WRITE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
