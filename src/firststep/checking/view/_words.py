"""Words that the report's text and its page share."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._finding import Finding, Severity
from ..probe._calls import LossCall
from ..probe._start import Start

if TYPE_CHECKING:
    from .._report import CheckReport


def number(value: float | None) -> str:
    """Three significant digits; never a negative zero.

    >>> number(2.302585), number(-0.0), number(float("nan")), number(None)
    ('2.3', '0', 'NaN', '')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return f"{value + 0.0:.3g}"


def known(value: float) -> str:
    """The same, with nothing for NaN, which stands for what could not be measured."""
    return "" if math.isnan(value) else number(value)


def percent(share: float) -> str:
    """A share in whole percents, with the ends kept for none and all.

    >>> percent(0.0), percent(0.001), percent(0.5), percent(0.999), percent(float("nan"))
    ('0', '<1%', '50%', '>99%', '')
    """
    if math.isnan(share):
        return ""
    if share == 0:
        return "0"
    rounded = round(100 * share)
    return "<1%" if rounded == 0 else ">99%" if rounded == 100 and share < 1 else f"{rounded}%"


def counted(count: int, noun: str) -> str:
    """``1 parameter``, ``1,200 parameters``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size(shape: tuple[int, ...]) -> str:
    """A shape as people say it: ``32 x 10``."""
    return " x ".join(map(str, shape)) or "number"


def tally(report: CheckReport, *severities: Severity) -> list[str]:
    """``2 errors``, ``1 warning``: what there is of each severity."""
    return [counted(len(report.of(one)), one) for one in severities if report.of(one)]


def said(one: Beginning) -> Iterator[tuple[str, str]]:
    """What a loss is at the start, what it should be, and the least it can be."""
    yield "measured", number(one.measured) or "it failed"
    if one.start is not None and one.start.text:
        note = f". {one.start.note}" if one.start.note else ""
        yield "expected", formula(one.start.expected, one.start.text) + note
    if one.start is not None and one.start.floor_text:
        yield "least", formula(one.start.floor, one.start.floor_text)


def verdict(report: CheckReport) -> str:
    """The report in one line."""
    remarks = "".join(f"; {one}" for one in tally(report, "info"))
    if report.ok:
        return f"No error and no warning before the first step{remarks}"
    bad = report.of("error") + report.of("warning")
    these = "this" if len(bad) == 1 else "these"
    what = f"fix {these} before the first step" if report.of("error") else f"look at {these} before the first step"
    return f"{', '.join(tally(report, 'error', 'warning'))}: {what}{remarks}"


def ignored(report: CheckReport) -> str:
    """What was found and not reported, in a sentence; empty for nothing."""
    return f"Found and ignored, as asked: {', '.join(report.ignored)}" if report.ignored else ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The value of a loss before the first step, beside what it should be.

    Args:
        name: of the loss, as people write it.
        place: what called it; empty where there is one loss only.
        measured: the value; None where it failed.
        start: what is known of it; None where nothing is.
        after: the values after the virtual steps, where they are of this very number.
    """

    name: str
    place: str
    measured: float | None
    start: Start | None
    after: tuple[float, ...] = ()


def beginnings(report: CheckReport) -> list[Beginning]:
    """The loss that is minimized, then every loss within it, where that is another number."""
    evidence = report.evidence
    pairs = list(zip(evidence.calls, evidence.start, strict=True))
    after = tuple(one for one in evidence.loss_after if math.isfinite(one))
    if len(pairs) == 1 and _same(pairs[0][0], evidence.loss):
        call, start = pairs[0]
        return [Beginning(call.name, "", evidence.loss, start, after)]
    found = [Beginning("the whole loss", "", evidence.loss, None, after)] if evidence.loss is not None else []
    return found + [Beginning(call.name, call.inside, call.value, start) for call, start in pairs]


def _same(call: LossCall, loss: float | None) -> bool:
    if call.value is None or loss is None:
        return False
    return math.isclose(call.value, loss, rel_tol=1e-4, abs_tol=1e-9) or (math.isnan(call.value) and math.isnan(loss))


def formula(value: float | None, text: str) -> str:
    """A value and the formula it comes from: ``2.3 (ln C)``; one of them where they say the same.

    >>> formula(2.302585, "ln C"), formula(0.0, "0, at margins of 1"), formula(None, "1 - 1/C")
    ('2.3 (ln C)', '0, at margins of 1', '1 - 1/C')
    """
    if value is None:
        return text
    said = number(value)
    if text.startswith(said) and text[len(said) : len(said) + 1] in ("", ",", ";", " "):
        return text
    return f"{said} ({text})" if text else said


def is_code(text: str) -> bool:
    """Whether a fix can be typed as it is.

    >>> is_code("loss = nn.CrossEntropyLoss()"), is_code("leave out the softmax"), is_code("warmup")
    (True, False, False)
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return any(not (isinstance(one, ast.Expr) and isinstance(one.value, (ast.Name, ast.Tuple))) for one in body)


def lines(finding: Finding) -> Iterator[tuple[str, str]]:
    """A finding's statements, each under its word."""
    yield "measured", finding.measured
    yield "expected", finding.expected
    yield "why", finding.why
    yield "fix", finding.fix
