"""Starts written as lines of code, as the declarations and the panel have them."""

from __future__ import annotations

from firststep.checking import CheckReport, example

from .panel import FAULTS, SOUND, Case

SEEDS = range(5)
"""Of the weights and the data of the panel."""


def report(lines: str, seed: int = 0) -> CheckReport:
    """The check of what the lines define, by every rule."""
    found = example(lines, seed)
    assert not found.failed, found.failed
    return found


def told(one: CheckReport) -> str:
    """The findings in short, for the message of a failing test."""
    return "\n".join(f"{f.severity} {f.code} {f.place}: {f.measured} | {f.evidence}" for f in one.findings)


def misses(case: Case) -> dict[int, CheckReport]:
    """By seed, the reports that do not name the fault, or that warn of a sound design."""
    found = {seed: report(case.lines, seed) for seed in SEEDS}
    return {seed: one for seed, one in found.items() if not (case.codes & set(one.codes) if case.codes else one.ok)}


def table() -> str:
    """What the panel misses, a line for each case: the seeds, the codes that would do and the codes found."""
    lines = []
    for case in FAULTS + SOUND:
        if missed := misses(case):
            wanted = "|".join(sorted(case.codes)) or "sound"
            found = sorted({f"{f.code} {f.severity}" for one in missed.values() for f in one.findings})
            lines.append(f"{case.name} | {wanted} | seeds {[*missed]} | {', '.join(found) or 'nothing'}")
    return "\n".join(lines)
