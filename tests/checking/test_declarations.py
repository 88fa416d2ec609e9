"""Every declared check finds its own fault and not its own cure, whatever the weights are."""

from __future__ import annotations

import re

import pytest

from firststep.checking import CHECKS, Check

from .examples import report, told

EACH = pytest.mark.parametrize("one", CHECKS, ids=[one.code for one in CHECKS])


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_fault_is_named(one: Check, seed: int) -> None:
    found = report(one.fault, seed)
    assert one.code in found.codes, told(found)


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_cured_twin_is_sound(one: Check, seed: int) -> None:
    found = report(one.fault + one.cure, seed)
    assert one.code not in found.codes, told(found)
    assert found.ok, told(found)


@EACH
def test_both_languages_say_something(one: Check) -> None:
    for text in (one.title, one.why, one.sound):
        assert text.en.strip()
        assert re.search(r"[一-鿿]", text.zh)


def test_codes_are_unique_and_in_order() -> None:
    codes = [one.code for one in CHECKS]
    assert all(re.fullmatch(r"FS\d{3}", code) for code in codes)
    assert codes == sorted(set(codes))
