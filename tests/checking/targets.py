"""What the tests of targets share: one line for each start, and how it is judged."""

from __future__ import annotations

from firststep.checking import Finding

from .examples import first, report, said, told


def start(features: int, loss: str, n: int, targets: str) -> str:
    """A linear model on n random examples of five numbers."""
    return f"model = nn.Linear(5, {features}); loss = {loss}; batch = torch.randn({n}, 5), {targets}"


def judged(lines: str, code: str) -> Finding:
    """The finding of that code, which must not be only info."""
    found = report(lines)
    one = first(found, code)
    assert one.severity != "info", told(found)
    return one


def silent(lines: str, code: str, *, info: bool = False) -> None:
    """Nothing is wrong, and that code is at most told."""
    found = report(lines)
    assert found.ok, told(found)
    assert info or code not in found.codes, told(found)


def words(lines: str, code: str) -> tuple[str, ...]:
    """Severity, place, measured, expected and fix of the first finding of that code."""
    return tuple(said(first(report(lines), code)))


def channels(lines: str, code: str) -> set[str]:
    """The channels that the first finding of that code rests on."""
    return {clue.channel for clue in judged(lines, code).evidence}
