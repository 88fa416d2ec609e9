/* The kernel against itself: random boxes of random shapes and strides, by every instruction set that this processor has,
 * element by element against plain C. Built with sanitizers by tests/rng/test_native_c.py, and for arm64 under emulation.
 *
 *     check TABLES [SEED [BOXES]]
 *
 * TABLES holds the rows of the two tables, float32 and then float64. Memory is exactly as large as the box needs, so that
 * a write beside it is seen. Prints a digest of all values, the same on every machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "scalar.h"

static uint64_t state;

static uint64_t draw(uint64_t below) { /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static Law some_law(void) {
    Law law = {0};
    law.kind = (int32_t)draw(6);
    law.dtype = law.kind == BITS ? I64 : (int32_t)draw(4);
    law.wide = law.kind != BITS && law.kind != CONSTANT && law.dtype == F64;
    if ((law.kind == TRUNCATED || law.kind == WHOLE) && draw(4) == 0) law.wide = 1;
    law.narrowed = law.wide && law.dtype != F64;
    law.shift = (double)((float)draw(100) / 64.0f) - 0.5;
    law.scale = law.kind == UNIFORM && draw(4) == 0 ? 0x1p-110 : 0.25;
    law.bottom = law.shift - 0.625;
    law.top = law.shift + 0.75;
    law.width = law.wide ? (uint64_t)1 << 62 : 0x60000000u;
    law.first = law.wide ? (uint64_t)0xe0 << 56 : 0xd0000000u;
    return law;
}

/* A box within a tensor of up to four dimensions, and memory that holds it in any order, with or without gaps. */
static Job some_job(void **memory, size_t *bytes) {
    Job job = {0};
    int64_t shape[4], order[4], length = 1;
    job.law = some_law();
    job.key.philox = draw(UINT64_MAX);
    job.key.stream = draw(UINT64_MAX);
    job.tasks = FILL;
    job.rank = (int32_t)draw(5);
    job.count = 1;
    job.start = draw(3) ? draw(16) : ((uint64_t)1 << 34) * (1 + draw(1000)) - draw(600);
    for (int d = 0; d < job.rank; d++) {
        int64_t most = draw(3) ? 9 : 300;
        job.sizes[d] = 1 + (int64_t)draw((uint64_t)(job.rank > 2 ? 17 : most));
        shape[d] = job.sizes[d] + (int64_t)draw(2) * (int64_t)draw(5);
        job.count *= (uint64_t)job.sizes[d];
    }
    for (int d = job.rank - 1; d >= 0; d--) {
        job.steps[d] = length;
        length *= shape[d];
    }
    for (int d = 0; d < job.rank; d++) order[d] = d;
    for (int d = job.rank - 1; d > 0 && draw(2); d--) {
        int other = (int)draw((uint64_t)d + 1);
        int64_t kept = order[d];
        order[d] = order[other], order[other] = kept;
    }
    int64_t stride = draw(3) ? 1 : 3, last = 0;
    for (int i = job.rank - 1; i >= 0; i--) {
        job.strides[order[i]] = stride;
        last += (job.sizes[order[i]] - 1) * stride;
        stride *= job.sizes[order[i]];
    }
    *bytes = (size_t)(last + 1) * element_size(job.law.dtype);
    *memory = malloc(*bytes);
    memset(*memory, 0xab, *bytes);
    job.out = *memory;
    return job;
}

/* Every element of the box by itself, where it belongs. */
static void expect(const Job *job, char *memory) {
    size_t size = element_size(job->law.dtype);
    for (uint64_t p = 0; p < job->count; p++) {
        uint64_t rest = p, index = job->start;
        int64_t offset = 0;
        for (int d = job->rank - 1; d >= 0; d--) {
            int64_t at = (int64_t)(rest % (uint64_t)job->sizes[d]);
            rest /= (uint64_t)job->sizes[d];
            index += (uint64_t)(at * job->steps[d]);
            offset += at * job->strides[d];
        }
        plain_set.span(memory + offset * (int64_t)size, index, 1, &job->law, &job->key);
    }
}

static int differs(const Job *job, const void *found, const void *expected, size_t bytes, const char *name) {
    if (!memcmp(found, expected, bytes)) return 0;
    printf("%s differs: kind %d, dtype %d, wide %d, rank %d, start %llu\n", name, job->law.kind, job->law.dtype,
           job->law.wide, job->rank, (unsigned long long)job->start);
    return 1;
}

/* Measured, kept and put back: random elements, and some chunks whose elements are all alike, or alike but for a sign. */
static int rewrites(const InstructionSet *set) {
    size_t count = 1 + draw(200000), chunks = (count + CHUNK - 1) / CHUNK;
    float *out = malloc(count * 4), *backup = malloc(count * 4), *old = malloc(count * 4);
    Sums *rows = malloc(2 * chunks * sizeof(Sums));
    unsigned char *saved = calloc(chunks, 1);
    Job job = {0};
    job.law.kind = NORMAL, job.law.scale = 1;
    job.out = out, job.backup = backup, job.count = count, job.rank = 1;
    job.sizes[0] = (int64_t)count, job.steps[0] = job.strides[0] = 1;
    job.tasks = FILL | MEASURE_BEFORE | MEASURE_AFTER | KEEP;
    uint64_t alike = draw(3);
    for (size_t i = 0; i < count; i++) old[i] = out[i] = i / CHUNK == alike ? -0.0f : (float)draw(1000);
    if (draw(2) && (alike * CHUNK + 7) < count) old[alike * CHUNK + 7] = out[alike * CHUNK + 7] = 0.0f;
    double sum = 0, sums = 0;
    for (size_t i = 0; i < count; i++) sum += old[i];
    uint64_t done = 1 + draw(chunks); /* interrupted after so many */
    for (uint64_t c = 0; c < done; c++) run_chunk(set, &job, c, rows + 2 * c, saved + c);
    for (uint64_t c = 0; c < done; c++) {
        uint64_t n = count - c * CHUNK < CHUNK ? count - c * CHUNK : CHUNK;
        sums += rows[2 * c].sum + (double)n * rows[2 * c].pivot;
    }
    int wrong = (done == chunks && sum != sums) || !memcmp(out, old, 4 * (count < CHUNK ? count : CHUNK));
    for (uint64_t c = 0; c < chunks; c++) restore_chunk(&job, c, rows + 2 * c, saved[c]);
    wrong |= memcmp(out, old, count * 4) != 0;
    if (wrong) printf("%s: %zu elements were not measured or not put back\n", set->name, count);
    free(out), free(backup), free(old), free(rows), free(saved);
    return wrong;
}

int main(int argc, char **argv) {
    float rows32[ROWS32 * (DEGREE32 + 1)];
    double rows64[ROWS64 * (DEGREE64 + 1)];
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!file || fread(rows32, sizeof rows32, 1, file) != 1 || fread(rows64, sizeof rows64, 1, file) != 1) {
        fprintf(stderr, "usage: check TABLES [SEED [BOXES]]\n");
        return 2;
    }
    fclose(file);
    set_tables(rows32, rows64);
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int boxes = argc > 3 ? atoi(argv[3]) : 400, wrong = 0;
    uint64_t digest = 0xcbf29ce484222325u;
    for (int i = 0; i < boxes; i++) {
        void *memory;
        size_t bytes;
        Job job = some_job(&memory, &bytes);
        char *expected = malloc(bytes);
        memset(expected, 0xab, bytes);
        expect(&job, expected);
        for (size_t b = 0; b < bytes; b++) digest = (digest ^ (unsigned char)expected[b]) * 0x100000001b3u;
        for (const InstructionSet *const *set = instruction_sets(); *set; set++) {
            memset(memory, 0xab, bytes);
            for (uint64_t c = 0; c < chunks_of(&job); c++) run_chunk(*set, &job, c, NULL, NULL);
            wrong += differs(&job, memory, expected, bytes, (*set)->name);
        }
        free(memory), free(expected);
    }
    for (const InstructionSet *const *set = instruction_sets(); *set; set++) {
        for (int i = 0; i < 10; i++) wrong += rewrites(*set);
        printf("%s ", (*set)->name);
    }
    printf("%d boxes, %d wrong, digest %016llx\n", boxes, wrong, (unsigned long long)digest);
    return wrong != 0;
}
