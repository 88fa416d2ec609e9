"""Starts written as lines of code, as the declarations and the panel have them."""

from __future__ import annotations

from firststep.checking import CheckReport, Finding, example

from .panel import Case

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


def first(found: CheckReport, code: str) -> Finding:
    """The first finding of a code, which must be there."""
    one = next((one for one in found.findings if one.code == code), None)
    assert one is not None, f"{code} is not among\n{told(found)}"
    return one


def said(one: Finding) -> list[str]:
    """What is said of it: severity, place, measured, expected and fix."""
    return [one.severity, one.place, one.measured, one.expected, one.fix]


def misses(case: Case) -> dict[int, CheckReport]:
    """By seed, the reports that do not name the fault, or that warn of a sound design."""
    found = {seed: report(case.lines, seed) for seed in SEEDS}
    return {seed: one for seed, one in found.items() if not (case.codes & set(one.codes) if case.codes else one.ok)}
