/* From a job to runs of elements: dense ones, strided destinations, and the short rows of a narrow shard. */
#include <string.h>

#include "kernel.h"

Tables tables;

void set_tables(const float *rows32, const double *rows64) {
    memcpy(tables.row, rows32, sizeof tables.row);
    memcpy(tables.row64, rows64, sizeof tables.row64);
    memset(tables.padded, 0, sizeof tables.padded);
    for (int r = 0; r < ROWS32; r++) {
        memcpy(tables.padded[r], tables.row[r], sizeof tables.row[r]);
        for (int d = 0; d <= DEGREE32; d++) {
            if (r >= ROWS32 - 8) tables.near8[d][(BIASED + r) % 8] = tables.row[r][d];
            if (r >= ROWS32 - 16) tables.near16[d][(BIASED + r) % 16] = tables.row[r][d];
        }
    }
}

size_t element_size(int dtype) {
    static const size_t sizes[] = {4, 2, 2, 8, 8};
    return sizes[dtype];
}

uint64_t chunks_of(const Job *job) { return (job->count + CHUNK - 1) / CHUNK; }

/* Where element number p of the box, counted in row-major order, stands. */
typedef struct {
    int64_t at[MAX_RANK];
    uint64_t index; /* in the global tensor */
    int64_t offset; /* from out, in elements */
} Place;

static Place place_of(const Job *job, uint64_t p) {
    Place place = {{0}, job->start, 0};
    for (int d = job->rank - 1; d >= 0; d--) {
        place.at[d] = (int64_t)(p % (uint64_t)job->sizes[d]);
        p /= (uint64_t)job->sizes[d];
        place.index += (uint64_t)place.at[d] * (uint64_t)job->steps[d];
        place.offset += place.at[d] * job->strides[d];
    }
    return place;
}

/* Move on by count elements of the last `dims` dimensions taken as one, which it must not overrun. */
static void move_on(const Job *job, Place *place, int dims, uint64_t count, int64_t step, int64_t stride) {
    int d = job->rank - 1;
    if (dims > 1) { /* several dimensions that are walked evenly: rare enough to count anew */
        uint64_t p = 0;
        for (int i = 0; i < job->rank; i++) p = p * (uint64_t)job->sizes[i] + (uint64_t)place->at[i];
        *place = place_of(job, p + count);
        return;
    }
    place->at[d] += (int64_t)count;
    place->index += count * (uint64_t)step;
    place->offset += (int64_t)count * stride;
    while (place->at[d] == job->sizes[d] && d > 0) { /* carry */
        place->at[d] = 0;
        place->index -= (uint64_t)(job->sizes[d] * job->steps[d]);
        place->offset -= job->sizes[d] * job->strides[d];
        d--;
        place->at[d]++;
        place->index += (uint64_t)job->steps[d];
        place->offset += job->strides[d];
    }
}

/* How many trailing dimensions are one even run under the given strides, and how long it is. */
static int even_run(const Job *job, const int64_t *strides, uint64_t *length) {
    int dims = 0;
    *length = 1;
    for (int d = job->rank - 1; d >= 0 && (uint64_t)strides[d] == *length; d--, dims++) *length *= (uint64_t)job->sizes[d];
    return dims;
}

static uint64_t left_in_run(const Job *job, const Place *place, int dims, uint64_t length) {
    uint64_t done = 0;
    for (int d = job->rank - dims; d < job->rank; d++) done = done * (uint64_t)job->sizes[d] + (uint64_t)place->at[d];
    return length - done;
}

enum { TILE = 1024, SHORT = 64 };

/* The values of count <= TILE elements from place on, side by side. Rows too short to be worth a run of the generator
 * of their own have their blocks gathered first. */
static void draw(const InstructionSet *set, const Job *job, Place place, uint64_t count, char *out) {
    const Law *law = &job->law;
    const size_t size = element_size(law->dtype);
    const uint64_t each = law->wide ? 2 : 1; /* words of an element */
    uint64_t length;
    int dims = even_run(job, job->steps, &length);
    if (dims == 0) length = 1;
    /* A row of n elements touches at most n blocks: a lone element never straddles two. */
    uint64_t blocks[TILE];
    uint32_t words[4 * TILE], wanted[2 * TILE];
    struct { uint32_t from, count; } rows[TILE];
    size_t block_count = 0, row_count = 0;
    for (uint64_t done = 0; done < count;) {
        uint64_t now = dims ? left_in_run(job, &place, dims, length) : 1;
        if (now > count - done) now = count - done;
        if (length >= SHORT) {
            set->span(out + done * size, place.index, now, law, &job->key);
        } else {
            uint64_t first = place.index * each, last = (place.index + now) * each - 1;
            rows[row_count].from = (uint32_t)(4 * block_count + (first & 3));
            rows[row_count++].count = (uint32_t)(now * each);
            for (uint64_t b = first >> 2; b <= last >> 2; b++) blocks[block_count++] = b;
        }
        done += now;
        if (done < count) move_on(job, &place, dims, now, dims ? 1 : job->steps[job->rank - 1],
                                  job->rank ? job->strides[job->rank - 1] : 0);
    }
    if (row_count) {
        set->words(words, blocks, block_count, &job->key);
        size_t n = 0;
        for (size_t r = 0; r < row_count; r++)
            for (uint32_t i = 0; i < rows[r].count; i++) wanted[n++] = words[rows[r].from + i];
        set->values(out, wanted, (size_t)count, law);
    }
}

/* Elements side by side to where they belong. */
static void scatter(const Job *job, Place place, uint64_t count, const char *from) {
    const size_t size = element_size(job->law.dtype);
    const int last = job->rank - 1;
    for (uint64_t done = 0; done < count;) {
        uint64_t now = job->rank ? (uint64_t)(job->sizes[last] - place.at[last]) : 1;
        if (now > count - done) now = count - done;
        const int64_t stride = job->rank ? job->strides[last] : 1;
        const char *source = from + done * size;
        char *to = (char *)job->out + place.offset * (int64_t)size;
        if (stride == 1) memcpy(to, source, now * size);
        else if (size == 4) for (uint64_t i = 0; i < now; i++) memcpy(to + (int64_t)i * stride * 4, source + i * 4, 4);
        else if (size == 2) for (uint64_t i = 0; i < now; i++) memcpy(to + (int64_t)i * stride * 2, source + i * 2, 2);
        else for (uint64_t i = 0; i < now; i++) memcpy(to + (int64_t)i * stride * 8, source + i * 8, 8);
        done += now;
        if (done < count) move_on(job, &place, 1, now, job->steps[last], stride);
    }
}

static void fill_chunk(const InstructionSet *set, const Job *job, uint64_t begin, uint64_t count) {
    const size_t size = element_size(job->law.dtype);
    uint64_t run_of_index, run_of_memory;
    even_run(job, job->steps, &run_of_index);
    even_run(job, job->strides, &run_of_memory);
    if (run_of_index == job->count && run_of_memory == job->count) {
        set->span((char *)job->out + begin * size, job->start + begin, count, &job->law, &job->key);
        return;
    }
    ALIGNED(64) char tile[TILE * 8];
    for (uint64_t done = 0; done < count; done += TILE) {
        uint64_t now = count - done < TILE ? count - done : TILE;
        Place place = place_of(job, begin + done);
        if (run_of_memory == job->count) {
            draw(set, job, place, now, (char *)job->out + (begin + done) * size);
        } else {
            draw(set, job, place, now, tile);
            scatter(job, place, now, tile);
        }
    }
}

static char *chunk_of(void *base, uint64_t chunk, size_t size) { return (char *)base + chunk * CHUNK * size; }

static uint64_t count_of(const Job *job, uint64_t chunk) {
    uint64_t left = job->count - chunk * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

void run_chunk(const InstructionSet *set, const Job *job, uint64_t chunk, Sums *sums, unsigned char *saved) {
    const size_t size = element_size(job->law.dtype);
    uint64_t count = count_of(job, chunk);
    char *out = chunk_of(job->out, chunk, size);
    if (job->tasks & MEASURE_BEFORE) set->measure(out, count, job->law.dtype, sums);
    if (job->backup) {
        memcpy(chunk_of(job->backup, chunk, size), out, count * size);
        *saved = 1;
    }
    if (job->tasks & FILL) fill_chunk(set, job, chunk * CHUNK, count);
    if (job->tasks & MEASURE_AFTER) set->measure(out, count, job->law.dtype, sums + 1);
}

void restore_chunk(const Job *job, uint64_t chunk) {
    const size_t size = element_size(job->law.dtype);
    if (job->backup)
        memcpy(chunk_of(job->out, chunk, size), chunk_of(job->backup, chunk, size), count_of(job, chunk) * size);
}
