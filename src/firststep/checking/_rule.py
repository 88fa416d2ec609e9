"""The declaration of a check: its rule, and everything the documentation says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..losses import Text
from ._finding import Finding, Found, Severity, severity

if TYPE_CHECKING:
    from .probe._evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. From it the finding, the documentation's page and the tests of fault and cure are made.

    Args:
        code: "FS" and three digits; the first digit is the family's.
        title: what is wrong, in one line without a full stop.
        why: what it does to the training.
        sound: why the rule cannot fire on a sound start.
        fault: lines that define ``model``, ``loss`` and ``batch`` (and ``optimizer`` or ``forward`` where needed),
            as :func:`example` runs them, such that the check finds it.
        cure: lines that, run after those of ``fault``, mend it.
        find: the rule: from evidence to what it found.
        at_most: the most it may say, whatever the evidence.
    """

    code: str
    title: Text
    why: Text
    sound: Text
    fault: str
    cure: str
    find: Callable[[Evidence], Iterable[Found]]
    at_most: Severity = "error"

    def findings(self, evidence: Evidence) -> list[Finding]:
        """What the rule found, as findings."""
        return [
            Finding(
                code=self.code,
                severity=severity(found, self.at_most),
                place=found.place,
                title=self.title.en,
                measured=found.measured,
                expected=found.expected,
                why=self.why.en,
                fix=found.fix,
                evidence=tuple(found.clues),
            )
            for found in self.find(evidence)
        ]
