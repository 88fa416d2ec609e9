"""(seed, name, index) -> values: the same bits on every device, thread count, memory layout and shard.

This is the specification; each step stands in one file, as plain torch operations that run on every torch device.

    key     ``_key``         blake2b-128 of (VERSION, seed, name, purpose): the Philox key, and a stream number
    bits    ``_philox``      Philox4x32-10: four 32-bit words from (key, stream, block number)
            ``_bits``        element i has word i; in 64-bit laws words 2i (upper half) and 2i + 1. Word j is word
                             j mod 4 of block j // 4. i is the row-major index in the *global* tensor
    value   ``_normal``      the inverse normal CDF of a word, by table, with ``*`` and ``+`` only
            ``_truncation``  which words lie between two bounds, in exact integer arithmetic
            ``_sampler``     what each law does with an element's bits, in float32, or in float64 for float64 tensors
    dtype   ``_grid``        the numbers a dtype holds: bounded laws are first clamped to those within their bounds,
                             then every value is rounded once, to nearest even
    tensor  ``_fill``        regions of tensors, chunk by chunk

64-bit laws: float64 and complex128 tensors, and truncated normals whose bounds hold fewer than 2^24 32-bit words. The
latter are computed in float64 and rounded to float32 first when the tensor is of another dtype.
"""

from ._config import Config as Config
from ._config import Serving as Serving
from ._config import show_config as show_config
from ._drawn import Drawn as Drawn
from ._fill import fill_ as fill_
from ._fill import sample_at as sample_at
from ._fill import support as support
from ._key import VERSION as VERSION
from ._key import Key as Key
from ._key import Seeded as Seeded
from ._key import derive_key as derive_key
from ._key import draw_seed as draw_seed
from ._laws import Bits as Bits
from ._laws import Law as Law
from ._laws import Normal as Normal
from ._laws import TruncatedNormal as TruncatedNormal
from ._laws import Uniform as Uniform
from ._region import Region as Region
from ._rewrite import Fill as Fill
from ._rewrite import Rewrite as Rewrite
from ._rewrite import fill_many_ as fill_many_
