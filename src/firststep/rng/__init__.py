"""(seed, name, index) -> values."""

from ._laws import Bits as Bits
from ._laws import Law as Law
from ._laws import Normal as Normal
from ._laws import TruncatedNormal as TruncatedNormal
from ._laws import Uniform as Uniform
from ._region import Region as Region
