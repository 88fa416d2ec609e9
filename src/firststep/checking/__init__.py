"""Is this start sane? (model, loss, batch) -> evidence -> findings -> report."""

from ._check import TASKS as TASKS
from ._check import check as check
from ._example import example as example
from ._finding import SEVERITIES as SEVERITIES
from ._finding import Clue as Clue
from ._finding import Finding as Finding
from ._finding import Severity as Severity
from ._report import CheckReport as CheckReport
from ._rule import Check as Check
from .probe._evidence import Evidence as Evidence
from .probe._probe import Progress as Progress
from .rules import CHECKS as CHECKS
from .view._page import cards as cards
from .view._page import signal as signal
from .view._words import verdict as verdict
