"""The report as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._report import CheckReport


def text(report: CheckReport, width: int | None) -> str:
    """Findings first."""
    return "\n".join(f"{one.severity} {one.code} {one.title} ({one.place}): {one.measured}" for one in report.findings)
