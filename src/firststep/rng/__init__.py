"""(seed, name, index) -> values."""

from ._fill import fill_ as fill_
from ._fill import sample_at as sample_at
from ._fill import support as support
from ._key import VERSION as VERSION
from ._key import Key as Key
from ._key import derive_key as derive_key
from ._key import draw_seed as draw_seed
from ._laws import Bits as Bits
from ._laws import Law as Law
from ._laws import Normal as Normal
from ._laws import TruncatedNormal as TruncatedNormal
from ._laws import Uniform as Uniform
from ._region import Region as Region
