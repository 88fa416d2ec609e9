"""The coordinate check: does the size of a layer's outputs depend on the width, once it trains?"""

from ._check import coord_check as coord_check
from ._result import GROWS as GROWS
from ._result import CoordCheck as CoordCheck
from ._result import LayerSizes as LayerSizes
