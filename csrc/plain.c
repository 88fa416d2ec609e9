/* Plain C, one element at a time: for any processor, and what the others are compared with. */
#include "measure.h"

static void plain_words(uint32_t *out, const uint64_t *blocks, size_t count, const Key *key) {
    for (size_t i = 0; i < count; i++) philox(blocks[i], key, out + 4 * i);
}

static void plain_span(void *out, uint64_t start, uint64_t count, const Law *law, const Key *key) {
    const size_t each = law->wide ? 2 : 1, size = element_size(law->dtype);
    uint32_t block[4];
    uint64_t known = ~(uint64_t)0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t word = (start + i) * each;
        if (word >> 2 != known && law->kind != CONSTANT) philox(known = word >> 2, key, block);
        values_one_by_one((char *)out + i * size, block + (word & 3), 1, law);
    }
}

static void plain_values(void *out, const uint32_t *words, size_t count, const Law *law) {
    values_one_by_one(out, words, count, law);
}

const InstructionSet plain_set = {"plain", plain_span, plain_words, plain_values, measure};
