"""The panel: each fault is named specifically, and no sound design is warned of, whatever the seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from .examples import SEEDS, misses, told
from .panel import FAULTS, SOUND, Case


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The tensors are too small to share out: it is several times as fast."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def each(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@each(FAULTS)
def test_the_fault_is_named(case: Case) -> None:
    missed = misses(case)
    assert not missed, "\n".join(f"seed {seed}: {told(found) or 'nothing'}" for seed, found in missed.items())


@each(SOUND)
def test_nothing_is_wrong(case: Case) -> None:
    missed = misses(case)
    assert not missed, "\n".join(f"seed {seed}: {told(found)}" for seed, found in missed.items())


def test_the_panel_is_broad() -> None:
    assert len(FAULTS) >= 90
    assert len(SOUND) >= 70
    names = [case.name for case in FAULTS + SOUND]
    assert len(set(names)) == len(names)
    assert all(case.codes for case in FAULTS)
    assert not any(case.codes for case in SOUND)
    assert len(SEEDS) == 5
