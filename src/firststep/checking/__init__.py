"""Is this start sane? (model, loss, batch) -> evidence -> findings -> report."""

from ._check import TASKS as TASKS
from ._check import check as check
from ._evidence import Evidence as Evidence
from ._example import example as example
from ._finding import SEVERITIES as SEVERITIES
from ._finding import Clue as Clue
from ._finding import Finding as Finding
from ._finding import Severity as Severity
from ._page import cards as cards
from ._page import signal as signal
from ._probe import Progress as Progress
from ._report import CheckReport as CheckReport
from ._rule import Check as Check
from ._rules import CHECKS as CHECKS
from ._words import verdict as verdict
