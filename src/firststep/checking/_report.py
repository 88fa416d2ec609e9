"""The report of a check."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckError
from ._finding import SEVERITIES, Finding, Severity
from .probe._evidence import Evidence


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What :func:`check` found.

    Args:
        findings: the most severe first.
        evidence: all that was seen.
        ignored: the codes that were not to be reported, among those found.
        failed: checks that could not judge this model, each with its own error: please report them.

    ``print`` it to read it; in a notebook it shows itself.
    """

    findings: tuple[Finding, ...]
    evidence: Evidence = field(repr=False)
    ignored: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no error and no warning."""
        return all(one.severity == "info" for one in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes found, each once."""
        return tuple(dict.fromkeys(one.code for one in self.findings))

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(one for one in self.findings if one.severity == severity)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of a severity and of those above it."""
        return tuple(one for one in self.findings if SEVERITIES.index(one.severity) <= SEVERITIES.index(severity))

    def raise_if(self, severity: Severity = "error") -> CheckReport:
        """Raise where something at least as severe was found; otherwise return the report.

        Raises:
            CheckError: with every such finding.
        """
        if severity not in SEVERITIES:
            raise CheckError(f"raise_if({severity!r}): expected one of {', '.join(map(repr, SEVERITIES))}")
        bad = self.at_least(severity)
        if bad:
            lines = [f"{one.code} {one.title} ({one.place}): {one.measured}. {one.fix}" for one in bad]
            raise CheckError("\n".join([f"{len(bad)} found before the first step:", *lines]))
        return self

    def to_dict(self) -> dict[str, Any]:
        """Everything that can be written as JSON; what is NaN or infinite is None."""
        evidence = self.evidence
        return plain(
            {
                "ok": self.ok,
                "findings": [
                    asdict(one) | {"evidence": [clue._asdict() for clue in one.evidence]} for one in self.findings
                ],
                "ignored": list(self.ignored),
                "failed": list(self.failed),
                "loss": evidence.loss,
                "start": [
                    {"loss": call.name, **asdict(one)}
                    for call, one in zip(evidence.calls, evidence.start, strict=True)
                    if one is not None
                ],
                "loss_after_virtual_steps": list(evidence.loss_after),
                "layers": [asdict(one) for one in evidence.layers],
                "parameters": [asdict(one) for one in evidence.parameters],
                "warnings": list(evidence.warnings),
            }
        )

    def to_json(self, indent: int | None = 2) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def text(self, width: int | None = None) -> str:
        """The report as text that fits ``width``, by default the terminal."""
        from .view._text import text

        return text(self, width)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one HTML page, whole or not at all: it fetches nothing and runs no script.

        Returns:
            The path.

        Raises:
            OSError: when the folder cannot be written.
        """
        from .. import reporting
        from .view._page import page

        reporting.save(page(self), path)
        return Path(path)

    def __str__(self) -> str:
        return self.text()

    def __rich__(self) -> Any:
        """What rich prints: the text in colours."""
        from .view._text import coloured

        return coloured(self, None)

    def _repr_html_(self) -> str:
        from .view._page import embedded

        return embedded(self)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of(one))} {one}" for one in SEVERITIES)
        return f"<CheckReport: {counts}; print it to see>"


def plain(value: Any) -> Any:
    """As JSON has it.

    >>> plain({"a": (1.0, float("nan"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The most severe first, then by code."""
    return tuple(sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), one.code)))
