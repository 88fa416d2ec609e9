/* From a job to runs of elements: dense ones, strided destinations, and the short rows of a narrow shard. */
#include <string.h>

#include "kernel.h"

size_t element_size(int dtype) {
    static const size_t sizes[] = {4, 2, 2, 8, 8};
    return sizes[dtype];
}

/* Goes through the rows of a box: the places that its first `rank` dimensions lead to, in row-major order. */
typedef struct {
    int rank;
    const int64_t *sizes, *moves;
    int64_t at[MAX_RANK], place;
} Walker;

static Walker walker(const Job *job, int rank, const int64_t *moves, uint64_t row) {
    Walker w = {rank, job->sizes, moves, {0}, 0};
    for (int d = rank - 1; d >= 0; d--) {
        w.at[d] = (int64_t)(row % (uint64_t)job->sizes[d]);
        row /= (uint64_t)job->sizes[d];
        w.place += w.at[d] * moves[d];
    }
    return w;
}

static void to_next_row(Walker *w) {
    int d = w->rank - 1;
    if (d < 0) return;
    w->place += w->moves[d];
    while (++w->at[d] == w->sizes[d] && d > 0) {
        w->place -= w->sizes[d] * w->moves[d];
        w->at[d--] = 0;
        w->place += w->moves[d];
    }
}

/* How many trailing dimensions are one even run under the given strides, and how long that is. */
static int even_run(const Job *job, const int64_t *strides, uint64_t *length) {
    int dims = 0;
    *length = 1;
    for (int d = job->rank - 1; d >= 0 && (uint64_t)strides[d] == *length; d--, dims++) *length *= (uint64_t)job->sizes[d];
    return dims;
}

int one_run(const Job *job) {
    uint64_t length;
    even_run(job, job->strides, &length);
    return length == job->count;
}

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Elements whose words wait in a buffer; rows shorter than SHORT are not worth a run of the generator of their own. */
enum { TILE = 1024, SHORT = 64 };

/* The blocks of many short rows, and which of their words are wanted: a row of n elements touches at most n blocks, for a
 * lone element never straddles two. */
typedef struct {
    uint64_t blocks[TILE];
    struct {
        uint32_t from, count;
    } rows[TILE];
    size_t block_count, row_count;
} Gathering;

static void gather_row(Gathering *g, uint64_t first_word, uint64_t count) {
    g->rows[g->row_count].from = (uint32_t)(4 * g->block_count + (first_word & 3));
    g->rows[g->row_count++].count = (uint32_t)count;
    for (uint64_t b = first_word >> 2; b <= (first_word + count - 1) >> 2; b++) g->blocks[g->block_count++] = b;
}

static void draw_gathered(const InstructionSet *set, const Job *job, const Gathering *g, uint64_t count, char *out) {
    uint32_t words[4 * TILE], wanted[2 * TILE];
    set->words(words, g->blocks, g->block_count, &job->key);
    uint32_t *to = wanted;
    for (size_t r = 0; r < g->row_count; r++) {
        const uint32_t *from = words + g->rows[r].from;
        for (uint32_t i = 0; i < g->rows[r].count; i++) *to++ = from[i];
    }
    set->values(out, wanted, (size_t)count, &job->law);
}

/* The values of count <= TILE elements from number p of the box on, side by side. */
static void draw(const InstructionSet *set, const Job *job, uint64_t p, uint64_t count, char *out) {
    const size_t size = element_size(job->law.dtype);
    const uint64_t each = job->law.wide ? 2 : 1; /* words of an element */
    uint64_t length, skipped;
    int rank = job->rank - even_run(job, job->steps, &length);
    Walker w = walker(job, rank, job->steps, p / length);
    Gathering g;
    g.block_count = g.row_count = 0;
    skipped = p % length;
    for (uint64_t done = 0, now; done < count; done += now, skipped = 0, to_next_row(&w)) {
        uint64_t index = job->start + (uint64_t)w.place + skipped;
        now = smaller(length - skipped, count - done);
        if (length >= SHORT) set->span(out + done * size, index, now, &job->law, &job->key);
        else gather_row(&g, index * each, now * each);
    }
    if (g.row_count) draw_gathered(set, job, &g, count, out);
}

#define COPY(TYPE) for (uint64_t i = 0; i < count; i++) ((TYPE *)to)[(int64_t)i * stride] = ((const TYPE *)from)[i]
static void copy_row(char *to, int64_t stride, const char *from, uint64_t count, size_t size) {
    if (stride == 1) memcpy(to, from, count * size);
    else if (size == 4) COPY(uint32_t);
    else if (size == 2) COPY(uint16_t);
    else COPY(uint64_t);
}
#undef COPY

/* Elements side by side, count of them from number p of the box on, to where they belong. */
static void scatter(const Job *job, uint64_t p, uint64_t count, const char *from) {
    const size_t size = element_size(job->law.dtype);
    const int last = job->rank - 1;
    const uint64_t length = last < 0 ? 1 : (uint64_t)job->sizes[last];
    const int64_t stride = last < 0 ? 1 : job->strides[last];
    Walker w = walker(job, last < 0 ? 0 : last, job->strides, p / length);
    uint64_t skipped = p % length;
    for (uint64_t done = 0, now; done < count; done += now, skipped = 0, to_next_row(&w)) {
        now = smaller(length - skipped, count - done);
        char *to = (char *)job->out + (w.place + (int64_t)skipped * stride) * (int64_t)size;
        copy_row(to, stride, from + done * size, now, size);
    }
}

/* A destination whose neighbours in memory are far apart in the index, such as a transposed one, is done block by block:
 * ALONG elements of the last dimension, a block of the generator, by ACROSS of the one that is dense in memory. */
enum { ACROSS = 256, ALONG = 4, BLOCKS_OF_CHUNK = CHUNK / (ACROSS * ALONG) };

/* The dimension that is dense in memory, when the last one is long and jumps; else -1. */
static int crossing(const Job *job) {
    const int last = job->rank - 1;
    if (job->rank < 2 || job->sizes[last] < 64 || job->strides[last] < 16) return -1;
    for (int d = 0; d < last; d++)
        if (job->strides[d] == 1 && job->sizes[d] >= 16) return d;
    return -1;
}

/* Along the last dimension blocks begin where the generator's do, so the first may be cut short. */
static int64_t lead(const Job *job) { return (int64_t)(job->start % ALONG); }

static int64_t blocks_along(const Job *job, int d, int across) {
    if (d == job->rank - 1) return (lead(job) + job->sizes[d] + ALONG - 1) / ALONG;
    return d == across ? (job->sizes[d] + ACROSS - 1) / ACROSS : job->sizes[d];
}

uint64_t chunks_of(const Job *job) {
    int across = crossing(job);
    if (across < 0) return (job->count + CHUNK - 1) / CHUNK;
    uint64_t blocks = 1;
    for (int d = 0; d < job->rank; d++) blocks *= (uint64_t)blocks_along(job, d, across);
    return (blocks + BLOCKS_OF_CHUNK - 1) / BLOCKS_OF_CHUNK;
}

/* Where block number `block` begins, and its sizes, as a job of its own; 0 when there is none. */
static int block_of(const Job *job, int across, uint64_t block, Job *own) {
    *own = *job;
    own->count = 1;
    for (int d = job->rank - 1; d >= 0; d--) {
        uint64_t n = (uint64_t)blocks_along(job, d, across);
        int64_t size = d == job->rank - 1 ? ALONG : d == across ? ACROSS : 1;
        int64_t begin = (int64_t)(block % n) * size, end = begin + size;
        if (d == job->rank - 1) begin -= lead(job), end -= lead(job);
        begin = begin < 0 ? 0 : begin;
        end = end > job->sizes[d] ? job->sizes[d] : end;
        block /= n;
        own->sizes[d] = end - begin;
        own->count *= (uint64_t)own->sizes[d];
        own->start += (uint64_t)(begin * job->steps[d]);
        own->out = (char *)own->out + begin * job->strides[d] * (int64_t)element_size(job->law.dtype);
    }
    return block == 0;
}

static void fill_blocks(const InstructionSet *set, const Job *job, int across, uint64_t chunk) {
    ALIGNED(64) char tile[ACROSS * ALONG * 8];
    const size_t size = element_size(job->law.dtype);
    Job own;
    for (uint64_t b = chunk * BLOCKS_OF_CHUNK; b < (chunk + 1) * BLOCKS_OF_CHUNK; b++) {
        if (!block_of(job, across, b, &own)) return;
        draw(set, &own, 0, own.count, tile);
        int64_t rows = own.sizes[across], columns = own.sizes[own.rank - 1], stride = own.strides[own.rank - 1];
        for (int64_t c = 0; c < columns; c++) {
            char *to = (char *)own.out + c * stride * (int64_t)size;
#define WEAVE(TYPE) for (int64_t r = 0; r < rows; r++) ((TYPE *)to)[r] = ((const TYPE *)tile)[r * columns + c]
            if (size == 4) WEAVE(uint32_t);
            else if (size == 2) WEAVE(uint16_t);
            else WEAVE(uint64_t);
#undef WEAVE
        }
    }
}

static uint64_t count_of(const Job *job, uint64_t chunk) { return smaller(job->count - chunk * CHUNK, CHUNK); }

static void fill_chunk(const InstructionSet *set, const Job *job, uint64_t chunk) {
    const size_t size = element_size(job->law.dtype);
    const int across = crossing(job);
    if (across >= 0) {
        fill_blocks(set, job, across, chunk);
        return;
    }
    uint64_t run_of_index, run_of_memory, begin = chunk * CHUNK, count = count_of(job, chunk);
    even_run(job, job->steps, &run_of_index);
    even_run(job, job->strides, &run_of_memory);
    if (run_of_index == job->count && run_of_memory == job->count) {
        set->span((char *)job->out + begin * size, job->start + begin, count, &job->law, &job->key);
        return;
    }
    ALIGNED(64) char tile[TILE * 8];
    for (uint64_t done = 0, now; done < count; done += now) {
        now = smaller(count - done, TILE);
        int dense = run_of_memory == job->count;
        char *to = dense ? (char *)job->out + (begin + done) * size : tile;
        draw(set, job, begin + done, now, to);
        if (!dense) scatter(job, begin + done, now, tile);
    }
}

static char *chunk_at(void *base, uint64_t chunk, size_t size) { return (char *)base + chunk * CHUNK * size; }

/* Whether all elements are the same bits, as in memory that was never written, or in a bias. */
static int all_alike(const char *data, uint64_t count, size_t size, const Sums *sums) {
    return sums->low == sums->high && !memcmp(data, data + size, (count - 1) * size);
}

void run_chunk(const InstructionSet *set, const Job *job, uint64_t chunk, Sums *sums, unsigned char *saved) {
    const size_t size = element_size(job->law.dtype);
    const uint64_t count = count_of(job, chunk);
    char *out = chunk_at(job->out, chunk, size);
    if (job->tasks & MEASURE_BEFORE) set->measure(out, count, job->law.dtype, sums);
    if (job->tasks & KEEP) {
        int alike = job->tasks & MEASURE_BEFORE && all_alike(out, count, size, sums);
        if (!alike) memcpy(chunk_at(job->backup, chunk, size), out, count * size);
        *saved = alike ? ALIKE : COPIED;
    }
    if (job->tasks & FILL) fill_chunk(set, job, chunk);
    if (job->tasks & MEASURE_AFTER) set->measure(out, count_of(job, chunk), job->law.dtype, sums + 1);
}

void restore_chunk(const Job *job, uint64_t chunk, const Sums *sums, unsigned char saved) {
    const size_t size = element_size(job->law.dtype);
    const uint64_t count = count_of(job, chunk);
    char *out = chunk_at(job->out, chunk, size);
    if (saved == COPIED) memcpy(out, chunk_at(job->backup, chunk, size), count * size);
    if (saved == ALIKE) {
        Law constant = {CONSTANT, job->law.dtype, 0, 0, sums->low, 0, 0, 0, 0, 0};
        plain_set.span(out, 0, count, &constant, &job->key);
    }
}
