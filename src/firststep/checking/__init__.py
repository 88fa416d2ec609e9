"""Is this start sane? (model, loss, batch) -> evidence -> findings -> report."""

from ._check import check as check
from ._evidence import Evidence as Evidence
from ._example import example as example
from ._finding import SEVERITIES as SEVERITIES
from ._finding import Clue as Clue
from ._finding import Finding as Finding
from ._finding import Severity as Severity
from ._report import CheckReport as CheckReport
from ._rule import Check as Check
from ._rules import CHECKS as CHECKS
