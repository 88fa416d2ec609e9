"""What became of each law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["holds", "fails", "excepted", "does not apply"]


class Outcome(NamedTuple):
    """One law, tried on one loss: what became of it, and the number or the reason that says so."""

    status: Status
    detail: str = ""


HOLDS = Outcome("holds")


def skip(reason: str) -> Outcome:
    """The law asks for something that this loss does not have."""
    return Outcome("does not apply", reason)


def fail(detail: str) -> Outcome:
    """The law does not hold."""
    return Outcome("fails", detail)


@dataclass(frozen=True, slots=True)
class LawReport:
    """The outcomes of :func:`check_loss`; prints as a table.

    Args:
        name: the loss.
        outcomes: by law.
    """

    name: str
    outcomes: Mapping[str, Outcome]

    @property
    def failed(self) -> list[str]:
        """The laws that do not hold, without those excepted."""
        return [law for law, outcome in self.outcomes.items() if outcome.status == "fails"]

    @property
    def ok(self) -> bool:
        """Whether none failed."""
        return not self.failed

    def raise_if_failed(self) -> None:
        """Fail a test, with the table as the message.

        Raises:
            AssertionError: when a law does not hold.
        """
        if not self.ok:
            raise AssertionError(f"{self.name} does not obey: {', '.join(self.failed)}\n{self}")

    def __str__(self) -> str:
        width = max((len(law) for law in self.outcomes), default=0)
        rows = [
            f"  {law:<{width}}  {outcome.status:<14}  {outcome.detail}".rstrip()
            for law, outcome in self.outcomes.items()
        ]
        return "\n".join([f"Laws of {self.name}: {len(self.failed)} of {len(rows)} fail", *rows])
