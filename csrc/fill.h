/* The vector loops, written once. A file that includes this has defined, for its instruction set:
 *
 *     LANES                    32-bit lanes of a vector
 *     STREAMS                  vectors of blocks in flight, to hide the latency of a multiplication
 *     ints, floats             vectors of LANES 32-bit numbers; ints also as LANES / 2 of 64 bits
 *     ints_all, ints_all64, floats_all              the same number in every lane
 *     ints_load, ints_store, floats_load, floats_store
 *     add64, high64, xor2, xor3                     high64: the upper half of each 64 bits, as a small 64-bit number
 *     mul_even                 products of the even lanes, 64 bits each
 *     swap_halves_xor(b, c)    each 64 bits of b with its halves exchanged, then the lower half xored with that of c
 *     spread                   64-bit lanes in the order in which pair_up joins neighbours
 *     pair_up(p, q, out)       p_0 q_0 p_1 q_1 ... of 64-bit lanes spread before, two vectors
 *     scaled_word(w, first, width)                  first + floor(w * width / 2^32)
 *     top24                    floats of the upper 24 bits of each lane
 *     mul, add, clamp          of floats, each rounded
 *     Split, split             what the quantile's table is asked for, see quantiles
 *     far_lanes(Split)         bit i: lane i's row is not in the near table
 *     coefficient(d, Split)    coefficient d of each lane's row of the near table
 *     signed_as(z, Split)
 *     store_bf16, store_f16    two vectors of floats, rounded, as 2 * LANES halves
 *     load_bf16, load_f16      LANES halves as floats
 *     least, greatest          of floats, where neither is a NaN
 *     doubles                  a vector of LANES / 2 numbers: doubles_all, doubles_store, add_doubles
 *     lower_doubles, upper_doubles                  half of the floats each
 *     INSTRUCTION_SET, NAME
 */
#include "measure.h"
#include "scalar.h"

enum { BLOCKS = STREAMS * LANES / 2, WORDS = 4 * BLOCKS, VECTORS = WORDS / LANES };

typedef struct {
    uint32_t k0[ROUNDS], k1[ROUNDS];
} RoundKeys;

INLINE RoundKeys round_keys(const Key *key) {
    RoundKeys keys;
    for (int r = 0; r < ROUNDS; r++) {
        keys.k0[r] = (uint32_t)key->philox + (uint32_t)r * PHILOX_W0;
        keys.k1[r] = (uint32_t)(key->philox >> 32) + (uint32_t)r * PHILOX_W1;
    }
    return keys;
}

/* Counters of STREAMS * LANES / 2 blocks. Each 64-bit lane has one; its upper half may hold anything. */
typedef struct {
    ints c0[STREAMS], c1[STREAMS], c2[STREAMS], c3[STREAMS];
} Counters;

INLINE void one_round(Counters *c, const RoundKeys *keys, int r) {
    const ints m0 = ints_all64(PHILOX_M0), m1 = ints_all64(PHILOX_M1);
    const ints k0 = ints_all(keys->k0[r]), k1 = ints_all(keys->k1[r]);
    UNROLL for (int j = 0; j < STREAMS; j++) {
        ints a = mul_even(c->c0[j], m0), b = mul_even(c->c2[j], m1);
        c->c0[j] = xor3(high64(b), c->c1[j], k0);
        c->c2[j] = xor3(high64(a), c->c3[j], k1);
        c->c1[j] = b;
        c->c3[j] = a;
    }
}

/* The last round, and the four words of each block side by side in natural order. */
INLINE void last_round(const Counters *c, const RoundKeys *keys, ints words[VECTORS]) {
    const ints m0 = ints_all64(PHILOX_M0), m1 = ints_all64(PHILOX_M1);
    const ints k0 = ints_all(keys->k0[ROUNDS - 1]), k1 = ints_all(keys->k1[ROUNDS - 1]);
    UNROLL for (int j = 0; j < STREAMS; j++) {
        ints a = mul_even(c->c0[j], m0), b = mul_even(c->c2[j], m1);
        ints c0_c1 = swap_halves_xor(b, c->c1[j], k0), c2_c3 = swap_halves_xor(a, c->c3[j], k1);
        pair_up(c0_c1, c2_c3, words + 2 * j);
    }
}

/* The first two rounds of consecutive blocks whose numbers share the upper half. Three of their four products are the
 * same for all blocks, and c0 * M0 grows by a constant from one step to the next. */
typedef struct {
    ints product[STREAMS]; /* c0 * M0 */
    ints step;             /* BLOCKS * M0 */
    uint32_t c2, c0_of_2, c2_of_2, c3_of_3;
} Walk;

INLINE Walk walk_from(uint64_t block, const Key *key, const RoundKeys *keys) {
    Walk walk;
    ALIGNED(64) uint64_t products[LANES / 2];
    for (int j = 0; j < STREAMS; j++) {
        for (int i = 0; i < LANES / 2; i++)
            products[i] = ((uint64_t)(uint32_t)block + (uint64_t)(j * LANES / 2 + i)) * PHILOX_M0;
        walk.product[j] = spread(ints_load(products));
    }
    walk.step = ints_all64((uint64_t)BLOCKS * PHILOX_M0);
    uint64_t b = (key->stream & 0xffffffffu) * PHILOX_M1; /* round 1: c2 * M1 */
    uint32_t c0 = (uint32_t)(b >> 32) ^ (uint32_t)(block >> 32) ^ keys->k0[0];
    uint64_t a = (uint64_t)c0 * PHILOX_M0; /* round 2: c0 * M0 */
    walk.c2 = (uint32_t)(key->stream >> 32) ^ keys->k1[0];
    walk.c0_of_2 = (uint32_t)b ^ keys->k0[1];
    walk.c2_of_2 = (uint32_t)(a >> 32) ^ keys->k1[1];
    walk.c3_of_3 = (uint32_t)a;
    return walk;
}

INLINE void first_rounds(Walk *walk, Counters *c) {
    const ints m1 = ints_all64(PHILOX_M1);
    UNROLL for (int j = 0; j < STREAMS; j++) {
        ints a = walk->product[j];
        walk->product[j] = add64(a, walk->step);
        ints b = mul_even(xor2(high64(a), ints_all(walk->c2)), m1);
        c->c0[j] = xor2(high64(b), ints_all(walk->c0_of_2));
        c->c1[j] = b;
        c->c2[j] = xor2(a, ints_all(walk->c2_of_2));
        c->c3[j] = ints_all(walk->c3_of_3);
    }
}

/* ndtri32 of rng/_normal.py. A row outside the near table is rare: such lanes are done one by one. */
INLINE void quantiles(const ints *words, floats *z, int vectors) {
    Split s[VECTORS];
    uint32_t far_away = 0;
    UNROLL for (int i = 0; i < vectors; i++) {
        s[i] = split(words[i]);
        far_away |= far_lanes(s[i]);
    }
    UNROLL for (int i = 0; i < vectors; i++) z[i] = coefficient(DEGREE32, s[i]);
    UNROLL for (int d = DEGREE32 - 1; d >= 0; d--) {
        UNROLL for (int i = 0; i < vectors; i++) z[i] = add(mul(z[i], s[i].u), coefficient(d, s[i]));
    }
    UNROLL for (int i = 0; i < vectors; i++) z[i] = signed_as(z[i], s[i]);
    if (far_away) {
        for (int i = 0; i < vectors; i++) {
            uint32_t lanes = far_lanes(s[i]);
            if (!lanes) continue;
            ALIGNED(64) uint32_t word[LANES];
            ALIGNED(64) float value[LANES];
            ints_store(word, words[i]);
            floats_store(value, z[i]);
            for (int lane = 0; lane < LANES; lane++)
                if (lanes >> lane & 1) value[lane] = quantile32(word[lane]);
            z[i] = floats_load(value);
        }
    }
}

enum { GROUP = VECTORS < 4 ? VECTORS : 4 }; /* vectors whose quantiles are found together */

/* Values of WORDS words, rounded and stored; kind and dtype are known when this is compiled. */
INLINE void store_values(char *out, ints *words, const Law *law, const int kind, const int dtype) {
    const floats shift = floats_all((float)law->shift), bottom = floats_all((float)law->bottom);
    const floats top = floats_all((float)law->top);
    const floats scale = floats_all(kind == UNIFORM ? (float)law->scale * 0x1p-24f : (float)law->scale);
    UNROLL for (int g = 0; g < VECTORS; g += GROUP) {
        floats v[GROUP];
        if (kind == UNIFORM) {
            UNROLL for (int i = 0; i < GROUP; i++) v[i] = top24(words[g + i]);
        } else {
            UNROLL for (int i = 0; i < GROUP; i++) {
                if (kind == TRUNCATED) words[g + i] = scaled_word(words[g + i], (uint32_t)law->first, law->width);
                if (kind == WHOLE) words[g + i] = xor2(words[g + i], ints_all(0x80000000u));
            }
            quantiles(words + g, v, GROUP);
        }
        UNROLL for (int i = 0; i < GROUP; i++) {
            v[i] = add(mul(v[i], scale), shift);
            if (kind != NORMAL) v[i] = clamp(v[i], bottom, top);
        }
        if (dtype == F32) {
            UNROLL for (int i = 0; i < GROUP; i++) floats_store((float *)out + (g + i) * LANES, v[i]);
        } else {
            UNROLL for (int i = 0; i < GROUP; i += 2) {
                uint16_t *to = (uint16_t *)out + (g + i) * LANES;
                if (dtype == BF16) store_bf16(to, v[i], v[i + 1]);
                else store_f16(to, v[i], v[i + 1]);
            }
        }
    }
}

INLINE void steps_of(char *out, uint64_t block, uint64_t steps, const Law *law, const Key *key, int kind, int dtype) {
    const size_t bytes = (size_t)WORDS * (dtype == BF16 || dtype == F16 ? 2 : 4);
    const RoundKeys keys = round_keys(key);
    Walk walk = walk_from(block, key, &keys);
    for (uint64_t step = 0; step < steps; step++, out += bytes) {
        Counters c;
        ints words[VECTORS];
        first_rounds(&walk, &c);
        UNROLL for (int r = 2; r < ROUNDS - 1; r++) one_round(&c, &keys, r);
        last_round(&c, &keys, words);
        if (kind == BITS) {
            UNROLL for (int i = 0; i < VECTORS; i++) ints_store((uint32_t *)out + i * LANES, words[i]);
        } else {
            store_values(out, words, law, kind, dtype);
        }
    }
}

/* steps times WORDS consecutive elements from the first of a block; one loop for each kind and dtype. */
#define EACH(KIND, DTYPE) \
    case KIND * 8 + DTYPE: steps_of(out, block, steps, law, key, KIND, DTYPE); break;
static void dense_steps(char *out, uint64_t block, uint64_t steps, const Law *law, const Key *key, int kind) {
    switch (kind * 8 + (kind == BITS ? F32 : law->dtype)) {
        EACH(BITS, F32)
        EACH(UNIFORM, F32) EACH(UNIFORM, BF16) EACH(UNIFORM, F16)
        EACH(NORMAL, F32) EACH(NORMAL, BF16) EACH(NORMAL, F16)
        EACH(TRUNCATED, F32) EACH(TRUNCATED, BF16) EACH(TRUNCATED, F16)
        EACH(WHOLE, F32) EACH(WHOLE, BF16) EACH(WHOLE, F16)
    }
}
#undef EACH

/* Elements of a 32-bit kind from any start: whole steps in place, what is left at either end by way of a buffer. */
static void narrow_span(char *out, uint64_t start, uint64_t count, const Law *law, const Key *key, int kind) {
    const size_t size = kind != BITS && (law->dtype == BF16 || law->dtype == F16) ? 2 : 4;
    ALIGNED(64) char buffer[WORDS * 4];
    while (count) {
        uint64_t block = start >> 2, skipped = start & 3;
        uint64_t until_carry = 4 * (0x100000000u - (block & 0xffffffffu)) - skipped; /* the blocks' upper half changes */
        uint64_t now = count < until_carry ? count : until_carry, steps = skipped ? 0 : now / WORDS;
        if (steps) {
            dense_steps(out, block, steps, law, key, kind);
            now = steps * WORDS;
        } else {
            if (now > WORDS - skipped) now = WORDS - skipped;
            dense_steps(buffer, block, 1, law, key, kind);
            memcpy(out, buffer + skipped * size, now * size);
        }
        out += now * size;
        start += now;
        count -= now;
    }
}

/* One by one: wide laws, 64-bit words as integers, and scales so small that folding 2^-24 into them would round. */
static int is_slow(const Law *law) {
    double scale = law->scale < 0 ? -law->scale : law->scale;
    return law->wide || law->kind == BITS || law->kind == CONSTANT ||
           (law->kind == UNIFORM && scale < 0x1p-100 && scale != 0);
}

enum { TILE = 1024 }; /* elements whose words wait in a buffer */

static void span(void *out, uint64_t start, uint64_t count, const Law *law, const Key *key) {
    if (!is_slow(law)) {
        narrow_span(out, start, count, law, key, law->kind);
        return;
    }
    uint32_t words[2 * TILE];
    const size_t size = element_size(law->dtype), each = law->wide ? 2 : 1;
    for (uint64_t done = 0; done < count; done += TILE) {
        size_t now = count - done < TILE ? (size_t)(count - done) : TILE;
        if (law->kind != CONSTANT) narrow_span((char *)words, (start + done) * each, now * each, law, key, BITS);
        values_one_by_one((char *)out + done * size, words, now, law);
    }
}

/* The four words of each of any blocks. */
static void words_of(uint32_t *out, const uint64_t *blocks, size_t count, const Key *key) {
    const RoundKeys keys = round_keys(key);
    for (size_t done = 0; done < count; done += BLOCKS) {
        ALIGNED(64) uint64_t some[BLOCKS];
        ALIGNED(64) uint32_t buffer[WORDS];
        size_t now = count - done < (size_t)BLOCKS ? count - done : (size_t)BLOCKS;
        for (size_t i = 0; i < (size_t)BLOCKS; i++) some[i] = blocks[done + (i < now ? i : 0)];
        Counters c;
        UNROLL for (int j = 0; j < STREAMS; j++) {
            c.c0[j] = spread(ints_load(some + j * LANES / 2));
            c.c1[j] = high64(c.c0[j]);
            c.c2[j] = ints_all((uint32_t)key->stream);
            c.c3[j] = ints_all((uint32_t)(key->stream >> 32));
        }
        for (int r = 0; r < ROUNDS - 1; r++) one_round(&c, &keys, r);
        ints words[VECTORS];
        last_round(&c, &keys, words);
        uint32_t *to = now == (size_t)BLOCKS ? out + 4 * done : buffer;
        UNROLL for (int i = 0; i < VECTORS; i++) ints_store(to + i * LANES, words[i]);
        if (to == buffer) memcpy(out + 4 * done, buffer, 16 * now);
    }
}

#define EACH(KIND, DTYPE) case KIND * 8 + DTYPE: store_values(out, words, law, KIND, DTYPE); break;
static void values_of_step(char *out, const uint32_t *from, const Law *law) {
    ints words[VECTORS];
    UNROLL for (int i = 0; i < VECTORS; i++) words[i] = ints_load(from + i * LANES);
    switch (law->kind * 8 + law->dtype) {
        EACH(UNIFORM, F32) EACH(UNIFORM, BF16) EACH(UNIFORM, F16)
        EACH(NORMAL, F32) EACH(NORMAL, BF16) EACH(NORMAL, F16)
        EACH(TRUNCATED, F32) EACH(TRUNCATED, BF16) EACH(TRUNCATED, F16)
        EACH(WHOLE, F32) EACH(WHOLE, BF16) EACH(WHOLE, F16)
    }
}
#undef EACH

static void values_of(void *out, const uint32_t *words, size_t count, const Law *law) {
    size_t done = 0, size = element_size(law->dtype);
    if (is_slow(law)) {
        values_one_by_one(out, words, count, law);
        return;
    }
    for (; done + WORDS <= count; done += WORDS) values_of_step((char *)out + done * size, words + done, law);
    if (done < count) {
        ALIGNED(64) uint32_t last[WORDS] = {0};
        ALIGNED(64) char buffer[WORDS * 4];
        memcpy(last, words + done, (count - done) * 4);
        values_of_step(buffer, last, law);
        memcpy((char *)out + done * size, buffer, (count - done) * size);
    }
}

/* Sums of the elements about the first, and the extremes: in float32 over blocks short enough to lose nothing that would
 * show in a mean or a std, the blocks in float64. What is left over is done in plain C. */
enum { SIDE = 4, BLOCK_STEPS = 16 };

#define BLOCK_OF(TYPE, LOAD)                                                  \
    for (int step = 0; step < BLOCK_STEPS; step++) {                          \
        UNROLL for (int j = 0; j < SIDE; j++) {                               \
            floats v = LOAD((const TYPE *)data + (step * SIDE + j) * LANES);  \
            floats d = add(v, minus_pivot);                                   \
            s->sum[j] = add(s->sum[j], d);                                    \
            s->squares[j] = add(s->squares[j], mul(d, d));                    \
            s->low[j] = least(s->low[j], v);                                  \
            s->high[j] = greatest(s->high[j], v);                             \
        }                                                                     \
    }

typedef struct {
    floats sum[SIDE], squares[SIDE], low[SIDE], high[SIDE];
} BlockSums;

INLINE void sum_block(const char *data, int dtype, floats minus_pivot, BlockSums *s) {
    if (dtype == F32) BLOCK_OF(float, floats_load)
    else if (dtype == BF16) BLOCK_OF(uint16_t, load_bf16)
    else BLOCK_OF(uint16_t, load_f16)
}
#undef BLOCK_OF

INLINE void widen(floats x[SIDE], doubles *total) {
    UNROLL for (int j = 0; j < SIDE; j++) {
        *total = add_doubles(*total, add_doubles(lower_doubles(x[j]), upper_doubles(x[j])));
        x[j] = floats_all(0);
    }
}

static void measure_vectors(const void *data, size_t count, int dtype, Sums *out) {
    enum { BLOCK = BLOCK_STEPS * SIDE * LANES };
    const size_t size = element_size(dtype);
    double first = loaded(data, 0, dtype);
    if (dtype == F64 || count < BLOCK || !isfinite(first)) {
        measure(data, count, dtype, out);
        return;
    }
    const floats zero = floats_all(0), one = floats_all((float)first), minus_pivot = floats_all((float)-first);
    BlockSums s;
    doubles sum = doubles_all(0), squares = sum;
    UNROLL for (int j = 0; j < SIDE; j++) s.sum[j] = s.squares[j] = zero, s.low[j] = s.high[j] = one;
    size_t i = 0;
    for (; i + BLOCK <= count; i += BLOCK) {
        sum_block((const char *)data + i * size, dtype, minus_pivot, &s);
        widen(s.sum, &sum);
        widen(s.squares, &squares);
    }
    double sums[LANES / 2], squared[LANES / 2];
    float lows[LANES], highs[LANES];
    doubles_store(sums, sum), doubles_store(squared, squares);
    UNROLL for (int j = 1; j < SIDE; j++) {
        s.low[0] = least(s.low[0], s.low[j]);
        s.high[0] = greatest(s.high[0], s.high[j]);
    }
    floats_store(lows, s.low[0]), floats_store(highs, s.high[0]);
    *out = (Sums){first, 0, 0, first, first};
    measure_about(first, (const char *)data + i * size, count - i, dtype, out);
    for (int j = 0; j < LANES / 2; j++) out->sum += sums[j], out->squares += squared[j];
    for (int j = 0; j < LANES; j++) {
        out->low = lows[j] < out->low ? lows[j] : out->low;
        out->high = highs[j] > out->high ? highs[j] : out->high;
    }
    /* Squares beyond what float32 holds, on either side, or what is not a number, which vectors pass over. */
    int tiny = out->squares < 1e-30 * (double)count && out->low != out->high;
    if (tiny || !isfinite(out->squares)) measure(data, count, dtype, out);
}

const InstructionSet INSTRUCTION_SET = {NAME, span, words_of, values_of, measure_vectors};
