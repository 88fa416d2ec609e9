"""The panel: each fault is named specifically, and no sound design is warned of, whatever the seed."""

from __future__ import annotations

import pytest

from .examples import SEEDS, misses, told
from .panel import FAULTS, SOUND, Case

pytestmark = pytest.mark.usefixtures("one_thread")


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
