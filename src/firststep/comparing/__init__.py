"""Is one start better than another? Each trains a little, several times, and exact tests say what is noise."""

from ._compare import SEEDS as SEEDS
from ._compare import compare as compare
from ._comparison import Comparison as Comparison
from ._outcome import Duel as Duel
from ._outcome import Finding as Finding
from ._outcome import Outcome as Outcome
from ._starts import AS_BUILT as AS_BUILT
from ._starts import Init as Init
from ._statistics import Spread as Spread
