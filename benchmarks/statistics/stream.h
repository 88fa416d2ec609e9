/* firststep's words, from the keys of a file, in the order in which a battery is to read them.
 *
 * The file, from keys.py, is a row of little-endian 64-bit numbers: how many keys, the run (1 or 64), then each key's
 * philox and stream. Turn after turn, every key in order gives its next `run` words:
 *
 *     run 1:   word 0 of key 0, word 0 of key 1, ..., word 0 of the last key, word 1 of key 0, ...
 *     run 64:  words 0 .. 63 of key 0, words 0 .. 63 of key 1, ..., words 64 .. 127 of key 0, ...
 *
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3. LANES
 * blocks go through it side by side, which the compiler turns into vector instructions: either one block each of LANES
 * keys (run 1), or LANES blocks of one key (run 64).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LANES = 16, RUN = 4 * LANES, BUFFER = 1024 * RUN };

typedef struct {
    size_t keys, run;
    uint32_t *k0, *k1, *s0, *s1; /* the halves of each key's philox and stream, low half first */
    uint64_t block;              /* of every key the next one, in this turn */
    size_t key;                  /* whose turn it is, where the run is RUN */
    uint32_t *buffer;
    size_t length, next; /* words in the buffer, and the first one not yet given */
    uint64_t given;      /* words in the buffers before this one */
} Stream;

/* Ten rounds over LANES counters c, each with its key k; c becomes the words. */
static inline void philox(uint32_t c[4][LANES], uint32_t k[2][LANES]) {
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < LANES; i++) {
            uint64_t product0 = (uint64_t)c[0][i] * 0xD2511F53u, product1 = (uint64_t)c[2][i] * 0xCD9E8D57u;
            c[0][i] = (uint32_t)(product1 >> 32) ^ c[1][i] ^ k[0][i];
            c[2][i] = (uint32_t)(product0 >> 32) ^ c[3][i] ^ k[1][i];
            c[1][i] = (uint32_t)product1;
            c[3][i] = (uint32_t)product0;
            k[0][i] += 0x9E3779B9u;
            k[1][i] += 0xBB67AE85u;
        }
}

/* The words of LANES blocks: block + i * block_step of key + i * key_step. */
static inline void lanes(const Stream *s, uint64_t block, int block_step, size_t key, int key_step,
                         uint32_t c[4][LANES]) {
    uint32_t k[2][LANES];
    for (int i = 0; i < LANES; i++) {
        uint64_t b = block + (uint64_t)(i * block_step);
        size_t j = key + (size_t)(i * key_step);
        c[0][i] = (uint32_t)b, c[1][i] = (uint32_t)(b >> 32), c[2][i] = s->s0[j], c[3][i] = s->s1[j];
        k[0][i] = s->k0[j], k[1][i] = s->k1[j];
    }
    philox(c, k);
}

/* One block of every key: four turns of run 1. */
static inline void fill_across(Stream *s) {
    uint32_t c[4][LANES];
    for (size_t key = 0; key < s->keys; key += LANES) {
        lanes(s, s->block, 0, key, 1, c);
        for (int w = 0; w < 4; w++)
            for (int i = 0; i < LANES; i++) s->buffer[(size_t)w * s->keys + key + (size_t)i] = c[w][i];
    }
    s->block++;
}

/* RUN words of each next key, until the buffer is full. */
static inline void fill_along(Stream *s) {
    uint32_t c[4][LANES];
    for (uint32_t *out = s->buffer; out < s->buffer + s->length; out += RUN) {
        lanes(s, s->block, 1, s->key, 0, c);
        for (int i = 0; i < LANES; i++)
            for (int w = 0; w < 4; w++) out[4 * i + w] = c[w][i];
        if (++s->key == s->keys) s->key = 0, s->block += LANES;
    }
}

static inline void stream_refill(Stream *s) {
    s->given += s->next;
    s->next = 0;
    if (s->run == 1)
        fill_across(s);
    else
        fill_along(s);
}

static inline uint32_t stream_next(Stream *s) {
    if (s->next == s->length) stream_refill(s);
    return s->buffer[s->next++];
}

/* Open a file of keys; every key begins at word 4 * block. Ends the program, with a message, when it cannot. */
static inline Stream stream_open(const char *path, uint64_t block) {
    Stream s = {.block = block};
    uint64_t head[2], key[2];
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, sizeof head, 1, file) != 1) {
        fprintf(stderr, "%s: not a file of keys\n", path);
        exit(2);
    }
    s.keys = head[0], s.run = head[1];
    if (s.keys < 1 || !((s.run == 1 && s.keys % LANES == 0) || s.run == RUN)) {
        fprintf(stderr, "%s: expected run 1 and a multiple of %d keys, or run %d\n", path, LANES, RUN);
        exit(2);
    }
    s.length = s.run == 1 ? 4 * s.keys : BUFFER;
    s.k0 = malloc(4 * s.keys), s.k1 = malloc(4 * s.keys), s.s0 = malloc(4 * s.keys), s.s1 = malloc(4 * s.keys);
    s.buffer = malloc(4 * s.length);
    if (!s.k0 || !s.k1 || !s.s0 || !s.s1 || !s.buffer) {
        fprintf(stderr, "%s: %zu keys do not fit into memory\n", path, s.keys);
        exit(2);
    }
    for (size_t j = 0; j < s.keys; j++) {
        if (fread(key, sizeof key, 1, file) != 1) {
            fprintf(stderr, "%s: ends after %zu of %zu keys\n", path, j, s.keys);
            exit(2);
        }
        s.k0[j] = (uint32_t)key[0], s.k1[j] = (uint32_t)(key[0] >> 32);
        s.s0[j] = (uint32_t)key[1], s.s1[j] = (uint32_t)(key[1] >> 32);
    }
    fclose(file);
    stream_refill(&s);
    return s;
}
