"""The laws that a loss obeys, to hold anybody's loss to: :func:`check_loss`."""

from ._check import LAWS as LAWS
from ._check import check_loss as check_loss
from ._outcome import LawReport as LawReport
from ._outcome import Outcome as Outcome
