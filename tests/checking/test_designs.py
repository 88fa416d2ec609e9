"""Sound architectures start without a warning or an error, whatever the seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from firststep.checking import check

from .designs import DESIGNS
from .examples import told


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_sound_design_is_silent(name: str) -> None:
    for seed in range(5):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model, loss, batch = DESIGNS[name]()
            report = check(model, loss, batch)
        assert report.evidence.crash is None, report.evidence.crash
        assert report.evidence.layers
        assert report.ok, f"seed {seed}\n{told(report)}"
