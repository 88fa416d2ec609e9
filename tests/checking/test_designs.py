"""Sound architectures start without a warning or an error, whatever the seed."""

from __future__ import annotations

import pytest
import torch

from firststep.checking import check

from .designs import DESIGNS
from .examples import told

pytestmark = pytest.mark.usefixtures("one_thread")


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
