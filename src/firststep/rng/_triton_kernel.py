"""The specification of ``rng`` as Triton kernels. Import it through ``_triton`` only: it needs triton.

Each function is a step of the specification under the same name, which holds the formula. What differs, none of it in
the bits:

    _philox.philox      32 x 32 -> 64 bit products
    _normal.ndtri32     in the tail u is the mantissa of f less 3/2, which is what 2^-k f - 3/2 is
    _bits.bits_of_box   the words of a block stand together in a thread, so that 128 bits are stored at once

``tl.where`` stands for the clamp, as torch's clamp keeps the value (and with it the sign of a zero) on a tie. Sums
that wrap are made in 64 bits and cut: Triton's interpreter and its debug mode take a wrapping 32-bit sum for a mistake.

The kernels are right only when launched with ``enable_fp_fusion=False``. Numbers are passed as int64: unsigned ones
modulo 2^64, floating-point ones by their bit patterns.
"""

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

_M0 = tl.constexpr(0xD2511F53)
_M1 = tl.constexpr(0xCD9E8D57)
_WEYL_0 = tl.constexpr(0x9E3779B9)
_WEYL_1 = tl.constexpr(0xBB67AE85)
_ROUNDS = tl.constexpr(10)

# The tables of _normal: columns (scale, shift, c_0 .. c_8) and (scale, shift, slope, constant, c_0 .. c_20).
_ROWS_32, _FIRST_32, _DEGREE_32 = tl.constexpr(33), tl.constexpr(2), tl.constexpr(8)
_ROWS_64, _FIRST_64, _DEGREE_64 = tl.constexpr(65), tl.constexpr(4), tl.constexpr(20)

_2_POW_M24 = tl.constexpr(2.0**-24)
_2_POW_M31 = tl.constexpr(2.0**-31)
_2_POW_M53 = tl.constexpr(2.0**-53)
_2_POW_M63 = tl.constexpr(2.0**-63)


@triton.jit
def _halves(number):
    """The lower and the upper 32 bits."""
    number = number.to(tl.uint64)
    return number.to(tl.uint32), (number >> 32).to(tl.uint32)


@triton.jit
def _philox(block, key, stream):
    """The four words of each block, uint32, by ``_philox.philox``."""
    c0, c1 = _halves(block)
    c2, c3 = _halves(stream)
    k0, k1 = _halves(key)
    for _ in tl.static_range(_ROUNDS):
        product0 = c0.to(tl.uint64) * _M0
        product1 = c2.to(tl.uint64) * _M1
        c0 = (product1 >> 32).to(tl.uint32) ^ c1 ^ k0
        c2 = (product0 >> 32).to(tl.uint32) ^ c3 ^ k1
        c1 = product1.to(tl.uint32)
        c3 = product0.to(tl.uint32)
        k0 = (k0.to(tl.uint64) + _WEYL_0).to(tl.uint32)
        k1 = (k1.to(tl.uint64) + _WEYL_1).to(tl.uint32)
    return c0, c1, c2, c3


@triton.jit
def _bits(block, key, stream, WIDE: tl.constexpr):  # noqa: N803
    """The bits of each block's elements, ``[BLOCK, 4]`` uint32 or ``[BLOCK, 2]`` uint64, by ``_bits``."""
    c0, c1, c2, c3 = _philox(block, key, stream)
    if WIDE:
        first = (c0.to(tl.uint64) << 32) | c1.to(tl.uint64)
        second = (c2.to(tl.uint64) << 32) | c3.to(tl.uint64)
        bits = tl.join(first, second)
    else:
        pairs = tl.join(tl.join(c0, c2), tl.join(c1, c3))
        bits = tl.reshape(pairs, [block.shape[0], 4])
    return bits


@triton.jit
def _ndtri32(s, table):
    """The quantile of signed 32-bit words, float32, by ``_normal.ndtri32``."""
    sign = s >> 31
    a = s ^ sign
    tail = (a & 0x40000000) != 0
    f = tl.where(tail, a ^ 0x7FFFFFFF, a).to(tl.float32) + 0.5
    pattern = f.to(tl.int32, bitcast=True)
    mantissa = ((pattern & 0x7FFFFF) | 0x3F800000).to(tl.float32, bitcast=True)
    u = tl.where(tail, mantissa - 1.5, f * _2_POW_M31)
    column = table + tl.where(tail, (pattern >> 23) - 126, _ROWS_32 - 1)
    z = tl.load(column + (_FIRST_32 + _DEGREE_32) * _ROWS_32)
    for d in tl.static_range(_DEGREE_32):
        z = z * u
        z = z + tl.load(column + (_FIRST_32 + _DEGREE_32 - 1 - d) * _ROWS_32)
    return (z.to(tl.int32, bitcast=True) ^ (sign & -0x80000000)).to(tl.float32, bitcast=True)


@triton.jit
def _ndtri64(s, table):
    """The quantile of signed 64-bit words, float64, by ``_normal.ndtri64``."""
    sign = s >> 63
    a = s ^ sign
    tail = (a & 0x4000000000000000) != 0
    f = tl.where(tail, a ^ 0x7FFFFFFFFFFFFFFF, a).to(tl.float64) + 0.5
    pattern = f.to(tl.int64, bitcast=True)
    mantissa = ((pattern & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).to(tl.float64, bitcast=True)
    share = f * _2_POW_M63
    u = tl.where(tail, mantissa - 1.5, share - 0.25)
    column = table + tl.where(tail, (pattern >> 52).to(tl.int32) - 1022, _ROWS_64 - 1)
    z = tl.load(column + (_FIRST_64 + _DEGREE_64) * _ROWS_64)
    for d in tl.static_range(_DEGREE_64):
        z = z * u
        z = z + tl.load(column + (_FIRST_64 + _DEGREE_64 - 1 - d) * _ROWS_64)
    z = z * tl.where(tail, 1.0, share)
    return (z.to(tl.int64, bitcast=True) ^ (sign << 63)).to(tl.float64, bitcast=True)


@triton.jit
def _number(pattern, DOUBLE: tl.constexpr):  # noqa: N803
    """The float64 or float32 with this bit pattern."""
    if DOUBLE:
        number = pattern.to(tl.uint64).to(tl.float64, bitcast=True)
    else:
        number = pattern.to(tl.int32).to(tl.float32, bitcast=True)
    return number


@triton.jit
def _clamp(v, bottom, top):
    """``v`` between the bounds, itself on a tie."""
    v = tl.where(v < bottom, bottom, v)
    return tl.where(v > top, top, v)


@triton.jit
def _unit(bits, WIDE: tl.constexpr):  # noqa: N803
    """The upper 24 bits over 2^24, or 53 over 2^53."""
    if WIDE:
        u = (bits >> 11).to(tl.int64).to(tl.float64) * _2_POW_M53
    else:
        u = (bits >> 8).to(tl.int32).to(tl.float32) * _2_POW_M24
    return u


@triton.jit
def _between(bits, first, width, WIDE: tl.constexpr):  # noqa: N803
    """The word ``first + floor(bits * width / 2^n)``; wide, a width of 0 stands for 2^64."""
    if WIDE:
        width = width.to(tl.uint64)
        within = tl.where(width == 0, bits, tl.umulhi(bits, width))
    else:
        within = (bits.to(tl.uint64) * width.to(tl.uint64)) >> 32
    return within + first.to(tl.uint64)


@triton.jit
def _ndtri(word, table, WIDE: tl.constexpr):  # noqa: N803
    """The quantile of the lower 32 bits, or of 64."""
    return _ndtri64(word.to(tl.int64), table) if WIDE else _ndtri32(word.to(tl.int32), table)


@triton.jit
def _values(
    bits, table, shift, scale, bottom, top, first, width,
    KIND: tl.constexpr, WIDE: tl.constexpr, DOUBLE: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """What ``_sampler.Sampler.values`` makes of the bits; WIDE and DOUBLE tell how they and the values are held."""
    if KIND == "bits":
        v = bits.to(tl.int64)
    else:
        if KIND == "uniform":
            v = _unit(bits, WIDE)
        elif KIND == "normal":
            v = _ndtri(bits, table, WIDE)
        else:
            v = _ndtri(_between(bits, first, width, WIDE), table, WIDE)
        v = v * _number(scale, WIDE)
        v = v + _number(shift, WIDE)
        if KIND != "normal":
            if WIDE and not DOUBLE:
                v = v.to(tl.float32)
            v = _clamp(v, _number(bottom, DOUBLE), _number(top, DOUBLE))
    return v


@triton.jit
def _rounded(v, out):
    """``v`` as ``out`` holds it, to nearest even. int16 stands for bfloat16, for all but NaN, which no law has."""
    if out.dtype.element_ty == tl.int16:
        pattern = v.to(tl.int32, bitcast=True)
        held = ((pattern + (0x7FFF + ((pattern >> 16) & 1))) >> 16).to(tl.int16)
    else:
        held = v.to(out.dtype.element_ty)
    return held


@triton.jit
def _fill_chunk(
    out, chunk, count, block, lead, key, stream, table, shift, scale, bottom, top, first, width,
    KIND: tl.constexpr, WIDE: tl.constexpr, DOUBLE: tl.constexpr,  # noqa: N803
    ALIGNED: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Blocks ``[chunk * BLOCK, (chunk + 1) * BLOCK)`` of ``count`` consecutive elements at ``out``.

    The first element is number ``lead`` of its block, whose number is ``block``. ALIGNED: lead is 0 and ``out`` is a
    multiple of 16 bytes, so that all chunks but the last are stored without a mask, 128 bits at a time.
    """
    per_chunk: tl.constexpr = BLOCK * (2 if WIDE else 4)
    blocks = block + chunk * BLOCK + tl.arange(0, BLOCK)
    bits = tl.reshape(_bits(blocks, key, stream, WIDE), [per_chunk])
    values = _values(bits, table, shift, scale, bottom, top, first, width, KIND, WIDE, DOUBLE)
    values = _rounded(values, out)
    begin = chunk * per_chunk
    if not ALIGNED:
        begin = begin - lead
    place = tl.arange(0, per_chunk)
    left = tl.minimum(count - begin, per_chunk).to(tl.int32)
    if not ALIGNED:
        skipped = tl.maximum(-begin, 0).to(tl.int32)
        tl.store(out + begin + place, values, mask=(place >= skipped) & (place < left))
    elif left == per_chunk:
        tl.store(out + begin + place, values)
    else:
        tl.store(out + begin + place, values, mask=place < left)


_UNSPECIALIZED = (
    "count", "start", "block", "lead", "runs", "blocks", "chunks", "stride",
    "size0", "step0", "stride0", "size1", "step1", "stride1", "size2", "step2", "stride2", "size3", "step3", "stride3",
    "key", "stream", "shift", "scale", "bottom", "top", "first", "width",
)  # fmt: skip
"""One compiled kernel serves all values of these."""


ELEMENTS = {
    "float32": tl.float32,
    "float16": tl.float16,
    "float64": tl.float64,
    "int16": tl.int16,
    "int64": tl.int64,
}
"""The dtypes that are stored, by torch's names."""


@triton.jit(do_not_specialize=_UNSPECIALIZED)
def fill_dense(
    out, table,
    count: tl.int64, block: tl.int64, lead: tl.int64, key: tl.int64, stream: tl.int64,
    shift: tl.int64, scale: tl.int64, bottom: tl.int64, top: tl.int64, first: tl.int64, width: tl.int64,
    KIND: tl.constexpr, WIDE: tl.constexpr, DOUBLE: tl.constexpr,  # noqa: N803
    ALIGNED: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """``count`` elements, consecutive in the index and in memory: program p fills chunk p of :func:`_fill_chunk`."""
    chunk = tl.program_id(0).to(tl.int64)
    _fill_chunk(
        out, chunk, count, block, lead, key, stream, table, shift, scale, bottom, top, first, width,
        KIND, WIDE, DOUBLE, ALIGNED, BLOCK,
    )  # fmt: skip


@triton.jit
def fill_jobs(
    jobs, owners, table,
    DTYPE: tl.constexpr, FIELDS: tl.constexpr, KIND: tl.constexpr, WIDE: tl.constexpr,  # noqa: N803
    DOUBLE: tl.constexpr, ALIGNED: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Many tensors like that of :func:`fill_dense`: program p fills a chunk of tensor ``owners[p]``.

    A row of ``jobs`` holds: address, first program, then the arguments of :func:`fill_dense` from count to width.
    """
    program = tl.program_id(0)
    job = jobs + tl.load(owners + program).to(tl.int64) * FIELDS
    out = tl.load(job).to(tl.pointer_type(DTYPE))
    if ALIGNED:
        out = tl.multiple_of(out, 16)
    chunk = program - tl.load(job + 1)
    _fill_chunk(
        out, chunk, tl.load(job + 2), tl.load(job + 3), tl.load(job + 4), tl.load(job + 5), tl.load(job + 6), table,
        tl.load(job + 7), tl.load(job + 8), tl.load(job + 9), tl.load(job + 10), tl.load(job + 11), tl.load(job + 12),
        KIND, WIDE, DOUBLE, ALIGNED, BLOCK,
    )  # fmt: skip


@triton.jit
def _step(run, index, place, size, step, stride):
    """Takes one dimension off the number of a run: what is left of it, and index and place moved along."""
    size = size.to(run.dtype)
    rest = run // size
    along = (run - rest * size).to(tl.int64)
    return rest, index + along * step, place + along * stride


@triton.jit
def _walk(
    run, start, size0, step0, stride0, size1, step1, stride1, size2, step2, stride2, size3, step3, stride3,
    DIMS: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Index and place in memory of the first element of a run.

    The runs lie on a grid of DIMS dimensions, 0 the innermost: the size of each, and what one step along it adds to the
    index and to the place.
    """
    place = run.to(tl.int64) * 0  # zeros of the shape of run
    index = place + start
    if DIMS > 0:
        run, index, place = _step(run, index, place, size0, step0, stride0)
    if DIMS > 1:
        run, index, place = _step(run, index, place, size1, step1, stride1)
    if DIMS > 2:
        run, index, place = _step(run, index, place, size2, step2, stride2)
    if DIMS > 3:
        run, index, place = _step(run, index, place, size3, step3, stride3)
    return index, place


@triton.jit(do_not_specialize=_UNSPECIALIZED)
def fill_rows(
    out, table,
    count: tl.int64, chunks: tl.int64, start: tl.int64,
    size0: tl.int64, step0: tl.int64, stride0: tl.int64, size1: tl.int64, step1: tl.int64, stride1: tl.int64,
    size2: tl.int64, step2: tl.int64, stride2: tl.int64, size3: tl.int64, step3: tl.int64, stride3: tl.int64,
    key: tl.int64, stream: tl.int64,
    shift: tl.int64, scale: tl.int64, bottom: tl.int64, top: tl.int64, first: tl.int64, width: tl.int64,
    DIMS: tl.constexpr, KIND: tl.constexpr, WIDE: tl.constexpr, DOUBLE: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Runs of ``count`` elements, consecutive in the index and in memory, on the grid of :func:`_walk`.

    ``chunks`` programs share a run, each with a chunk of :func:`_fill_chunk`.
    """
    per_block: tl.constexpr = 2 if WIDE else 4
    program = tl.program_id(0).to(tl.int64)
    run = program // chunks
    index, place = _walk(
        run, start, size0, step0, stride0, size1, step1, stride1, size2, step2, stride2, size3, step3, stride3, DIMS
    )
    block = index // per_block
    _fill_chunk(
        out + place, program - run * chunks, count, block, index - block * per_block, key, stream, table,
        shift, scale, bottom, top, first, width, KIND, WIDE, DOUBLE, False, BLOCK,
    )  # fmt: skip


@triton.jit(do_not_specialize=_UNSPECIALIZED)
def fill_runs(
    out, table,
    runs: tl.int64, count: tl.int64, blocks: tl.int64, stride: tl.int64, start: tl.int64,
    size0: tl.int64, step0: tl.int64, stride0: tl.int64, size1: tl.int64, step1: tl.int64, stride1: tl.int64,
    size2: tl.int64, step2: tl.int64, stride2: tl.int64, size3: tl.int64, step3: tl.int64, stride3: tl.int64,
    key: tl.int64, stream: tl.int64,
    shift: tl.int64, scale: tl.int64, bottom: tl.int64, top: tl.int64, first: tl.int64, width: tl.int64,
    DIMS: tl.constexpr, LARGE: tl.constexpr, KIND: tl.constexpr, WIDE: tl.constexpr,  # noqa: N803
    DOUBLE: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """``runs`` runs of ``count`` elements, consecutive in the index and ``stride`` apart in memory.

    For short or strided runs: each lane takes a (run, block) pair, in row-major order. ``blocks`` covers any run. The
    pairs are numbered in 64 bits when LARGE, else in 32, as dividing is what costs here.
    """
    per_block: tl.constexpr = 2 if WIDE else 4
    number = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    exists = number < runs * blocks
    if not LARGE:
        number = number.to(tl.uint32)
    run = number // blocks.to(number.dtype)
    within = (number - run * blocks.to(number.dtype)).to(tl.int64)
    index, place = _walk(
        run, start, size0, step0, stride0, size1, step1, stride1, size2, step2, stride2, size3, step3, stride3, DIMS
    )
    block = index // per_block
    bits = _bits(block + within, key, stream, WIDE)
    values = _values(bits, table, shift, scale, bottom, top, first, width, KIND, WIDE, DOUBLE)
    begin = (block + within) * per_block - index  # place in the run of the block's first element
    along = begin[:, None] + tl.arange(0, per_block)[None, :]
    mask = exists[:, None] & (along >= 0) & (along < count)
    tl.store(out + place[:, None] + along * stride, _rounded(values, out), mask=mask)
