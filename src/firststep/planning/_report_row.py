"""One line of a report: what was done to one parameter, and whether it came out as expected."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._measure import Deviation, Measured
from ._row import Row, finite_or_none

THRESHOLD = 5.0
"""Standard errors beyond which a row is marked. A sound parameter exceeds it by chance once in about 900,000: two
moments, each beyond 5 on either side with probability 5.7e-7."""


class ReportRow(NamedTuple):
    """What was done to one parameter.

    Args:
        row: the plan's row.
        before, after: its measured moments; ``None`` when it was kept. Where the layer sees the stored values times a
            factor, as under spectral_norm, these are the stored ones.
        deviation: of ``after`` from ``row.expected``; ``None`` when it was kept.
        note: how what the layer sees differs from the values asked for; empty when it does not.
    """

    row: Row
    before: Measured | None = None
    after: Measured | None = None
    deviation: Deviation | None = None
    note: str = ""

    @property
    def is_off(self) -> bool:
        """Whether the values lie outside their support, or a moment lies beyond the threshold."""
        return self.deviation is not None and self.deviation.worst > THRESHOLD

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, fit for JSON; an infinite deviation is ``None``, and ``off`` says so."""
        found = self.deviation
        return {
            **self.row.to_dict(),
            "before": _measured_dict(self.before),
            "after": _measured_dict(self.after),
            "deviation": found
            and {"mean": finite_or_none(found.mean), "second": finite_or_none(found.second), "inside": found.inside},
            "off": self.is_off,
            "note": self.note,
        }


def _measured_dict(measured: Measured | None) -> dict[str, float | int | None] | None:
    if measured is None:
        return None
    values = {"mean": measured.mean, "std": measured.std, "low": measured.low, "high": measured.high}
    return {"n": measured.n, **{key: finite_or_none(value) for key, value in values.items()}}
