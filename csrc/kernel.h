/* What every file of the kernel shares: the numbers of a law, a job, and the functions of one instruction set.
 *
 * The specification is rng/_sampler.py and the files it names: torch operations, one rounding each. This is the same
 * arithmetic in C, bit for bit. Build with fused multiply-add switched off (-ffp-contract=off): fusing changes bits.
 */
#ifndef FIRSTSTEP_KERNEL_H
#define FIRSTSTEP_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { MAX_RANK = 8 };

/* Elements that one thread takes at a time, and that one row of statistics is about. */
enum { CHUNK = 1 << 16 };

typedef enum { CONSTANT, BITS, UNIFORM, NORMAL, TRUNCATED, WHOLE } Kind; /* WHOLE: truncated, but every word is inside */
typedef enum { F32, BF16, F16, F64, I64 } Dtype;

/* rng._sampler.Sampler. Numbers of float32 laws are exact in double. */
typedef struct {
    int32_t kind, dtype;    /* dtype is that of the memory; values are computed in float32, or in float64 when wide */
    int32_t wide, narrowed; /* narrowed: a wide law is rounded to float32 before the clamp */
    double shift, scale, bottom, top;
    uint64_t first, width; /* width 2^32 or 2^64 is kind WHOLE */
} Law;

typedef struct {
    uint64_t philox, stream;
} Key;

/* A box of a tensor: element (i_0, i_1, ...) has index start + sum i_d steps[d] and lies at out + sum i_d strides[d]. */
typedef struct {
    Law law;
    Key key;
    uint64_t start, count;
    void *out;
    void *backup;    /* where the old elements go; only for a box that is one run of memory */
    int32_t tasks;   /* which of the tasks below */
    int32_t rank;
    int64_t sizes[MAX_RANK], steps[MAX_RANK], strides[MAX_RANK]; /* in elements */
    uint64_t chunks_before; /* chunks of the jobs before this one */
} Job;

enum { FILL = 1, MEASURE_BEFORE = 2, MEASURE_AFTER = 4, KEEP = 8 };

/* Sums of one chunk about one of its own elements: a constant has no variance, a large mean costs no digits. */
typedef struct {
    double pivot, sum, squares, low, high;
} Sums;

/* The functions of one instruction set. */
typedef struct {
    const char *name;
    /* count consecutive elements from index start, into dense memory. */
    void (*span)(void *out, uint64_t start, uint64_t count, const Law *law, const Key *key);
    /* The four words of each block. */
    void (*words)(uint32_t *out, const uint64_t *blocks, size_t count, const Key *key);
    /* Elements from their words: one word each, or two when wide. */
    void (*values)(void *out, const uint32_t *words, size_t count, const Law *law);
    void (*measure)(const void *data, size_t count, int dtype, Sums *sums);
} InstructionSet;

extern const InstructionSet plain_set;
#if defined(__x86_64__) || defined(_M_X64)
#define FIRSTSTEP_X86 1
extern const InstructionSet avx512_set, avx2_set, sse41_set;
#elif defined(__aarch64__) || defined(_M_ARM64)
#define FIRSTSTEP_ARM 1
extern const InstructionSet neon_set;
#endif

/* Those that this processor has, fastest first, NULL at the end. The first call must not race with another. */
const InstructionSet *const *instruction_sets(void);

/* The tables of rng/_table32.py and _table64.py, set when the library is loaded. */
enum { ROWS32 = 33, DEGREE32 = 8, ROWS64 = 65, DEGREE64 = 20 };
enum { BIASED = 126, CENTRE = BIASED + ROWS32 - 1 }; /* row r is that of the biased exponent BIASED + r; the last row, 32, is the centre */
typedef struct {
    float row[ROWS32][DEGREE32 + 1]; /* constant term first */
    double row64[ROWS64][DEGREE64 + 1];
    float padded[ROWS32][12];        /* row, for whole loads of 4 */
    float near8[DEGREE32 + 1][8];    /* by coefficient, the last 8 rows: row r stands at (BIASED + r) mod 8 */
    float near16[DEGREE32 + 1][16];  /* the last 16, at (BIASED + r) mod 16 */
} Tables;
extern Tables tables;
void set_tables(const float *rows32, const double *rows64);

/* The key that a message gives: the seed and a name, see rng/_key.py. */
Key digest_of(const unsigned char *message, size_t length);

size_t element_size(int dtype);
int one_run(const Job *job); /* whether the box is one run of memory, in the order of the index */
uint64_t chunks_of(const Job *job);
/* How a chunk's old elements are kept: not yet, in the backup, or as the one element that all of them are. */
enum { COPIED = 1, ALIKE = 2 };

/* Chunk number `chunk` of a job: its two rows of sums, before and after, and how its old elements are kept; either may be
 * NULL when the job's tasks do not need it. */
void run_chunk(const InstructionSet *set, const Job *job, uint64_t chunk, Sums *sums, unsigned char *saved);
void restore_chunk(const Job *job, uint64_t chunk, const Sums *sums, unsigned char saved);

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define ALIGNED(n) __declspec(align(n))
#define UNROLL
#else
#define INLINE static inline __attribute__((always_inline))
#define ALIGNED(n) __attribute__((aligned(n)))
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
