"""For tests of your own: :func:`check_loss` asks for a loss's laws, :func:`assert_sound_start` for a sound start."""

from ._check import LAWS as LAWS
from ._check import check_loss as check_loss
from ._outcome import LawReport as LawReport
from ._outcome import Outcome as Outcome
from ._start import assert_sound_start as assert_sound_start
