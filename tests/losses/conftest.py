"""What the tests of losses share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _every_warning() -> Iterator[None]:
    """torch gives some warnings once in a process: which test they fail would depend on the order."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)
