/* One element at a time, in plain C: the kernel's own specification, its path for wide laws, and its rare cases. */
#ifndef FIRSTSTEP_SCALAR_H
#define FIRSTSTEP_SCALAR_H

#include <string.h>

#include "kernel.h"

/* Philox4x32-10: rng/_philox.py. */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
enum { ROUNDS = 10 };

INLINE void philox(uint64_t block, const Key *key, uint32_t out[4]) {
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
    uint32_t c2 = (uint32_t)key->stream, c3 = (uint32_t)(key->stream >> 32);
    uint32_t k0 = (uint32_t)key->philox, k1 = (uint32_t)(key->philox >> 32);
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t a = (uint64_t)c0 * PHILOX_M0, b = (uint64_t)c2 * PHILOX_M1;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

INLINE uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

INLINE float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, 4);
    return x;
}

INLINE uint64_t bits_of64(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    return u;
}

INLINE double double_of(uint64_t u) {
    double x;
    memcpy(&x, &u, 8);
    return x;
}

/* ndtri32 of rng/_normal.py: the quantile of a 32-bit word. */
INLINE float quantile32(uint32_t word) {
    uint32_t sign = 0u - (word >> 31), a = word ^ sign;
    int tail = (a >> 30) & 1;
    float f = (float)(int32_t)(tail ? a ^ 0x7fffffffu : a) + 0.5f;
    int exponent = (int)(bits_of(f) >> 23) - 127;
    const float *c = tables.row[tail ? exponent + 1 : ROWS32 - 1];
    float u = tail ? float_of((bits_of(f) & 0x7fffffu) | 0x3f800000u) - 1.5f : f * 0x1p-31f;
    float z = c[DEGREE32];
    for (int d = DEGREE32 - 1; d >= 0; d--) {
        z = z * u;
        z = z + c[d];
    }
    return float_of(bits_of(z) ^ (sign & 0x80000000u));
}

/* ndtri64: of a 64-bit word. */
INLINE double quantile64(uint64_t word) {
    uint64_t sign = 0u - (word >> 63), a = word ^ sign;
    int tail = (int)((a >> 62) & 1);
    double f = (double)(int64_t)(tail ? a ^ 0x7fffffffffffffffu : a) + 0.5;
    int exponent = (int)(bits_of64(f) >> 52) - 1023;
    const double *c = tables.row64[tail ? exponent + 1 : ROWS64 - 1];
    double x = f * 0x1p-63;
    double u = tail ? double_of((bits_of64(f) & 0xfffffffffffffu) | 0x3ff0000000000000u) - 1.5 : x - 0.25;
    double z = c[DEGREE64];
    for (int d = DEGREE64 - 1; d >= 0; d--) {
        z = z * u;
        z = z + c[d];
    }
    z = tail ? z : z * x;
    return double_of(bits_of64(z) ^ (sign & 0x8000000000000000u));
}

INLINE float clamp32(float x, float bottom, float top) {
    x = x > bottom ? x : bottom;
    return x < top ? x : top;
}

INLINE double clamp64(double x, double bottom, double top) {
    x = x > bottom ? x : bottom;
    return x < top ? x : top;
}

INLINE uint64_t mulhi64(uint64_t x, uint64_t y) {
    uint64_t high = x >> 32, low = x & 0xffffffffu, y_high = y >> 32, y_low = y & 0xffffffffu;
    uint64_t middle = high * y_low + ((low * y_low) >> 32);
    uint64_t carry = low * y_high + (middle & 0xffffffffu);
    return high * y_high + (middle >> 32) + (carry >> 32);
}

/* Sampler.values in float32. */
INLINE float value32(uint32_t word, const Law *law) {
    float shift = (float)law->shift, scale = (float)law->scale, bottom = (float)law->bottom, top = (float)law->top;
    if (law->kind == UNIFORM) {
        float u = (float)(int32_t)(word >> 8) * 0x1p-24f;
        u = u * scale;
        return clamp32(u + shift, bottom, top);
    }
    if (law->kind == TRUNCATED) word = (uint32_t)law->first + (uint32_t)(((uint64_t)word * law->width) >> 32);
    if (law->kind == WHOLE) word ^= 0x80000000u; /* first is -2^31, width is 2^32 */
    float z = quantile32(word) * scale;
    z = z + shift;
    return law->kind == NORMAL ? z : clamp32(z, bottom, top);
}

/* Sampler.values of a wide law; a narrowed one comes out as a float32 in a double. */
INLINE double value64(uint64_t bits, const Law *law) {
    if (law->kind == UNIFORM) {
        double u = (double)(int64_t)(bits >> 11) * 0x1p-53;
        u = u * law->scale;
        return clamp64(u + law->shift, law->bottom, law->top);
    }
    if (law->kind == TRUNCATED) bits = law->first + mulhi64(bits, law->width);
    if (law->kind == WHOLE) bits ^= 0x8000000000000000u;
    double z = quantile64(bits) * law->scale;
    z = z + law->shift;
    if (law->kind == NORMAL) return z;
    return clamp64(law->narrowed ? (double)(float)z : z, law->bottom, law->top);
}

/* Rounding to nearest even; values are finite, and reach into no infinity. */
INLINE uint16_t bf16_of(float x) {
    uint32_t u = bits_of(x);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

INLINE uint16_t f16_of(float x) {
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000u;
    u &= 0x7fffffffu;
    if (u >= 0x47800000u) return (uint16_t)(sign | 0x7c00u);
    if (u < 0x38800000u) /* subnormal: adding 1/2 leaves the mantissa's last bit at 2^-24 */
        return (uint16_t)(sign | (bits_of(float_of(u) + 0.5f) - 0x3f000000u));
    u -= 0x38000000u;
    return (uint16_t)(sign | ((u + 0xfffu + ((u >> 13) & 1)) >> 13));
}

INLINE float of_bf16(uint16_t h) { return float_of((uint32_t)h << 16); }

INLINE float of_f16(uint16_t h) {
    uint32_t magnitude = (uint32_t)(h & 0x7fffu) << 13, sign = (uint32_t)(h & 0x8000u) << 16;
    float x = magnitude >= 0x0f800000u ? float_of(magnitude + 0x70000000u) /* infinite or not a number */
                                       : float_of(magnitude) * 0x1p112f;
    return float_of(bits_of(x) | sign);
}

INLINE void store32(void *out, size_t i, int dtype, float x) {
    if (dtype == F32) ((float *)out)[i] = x;
    else if (dtype == BF16) ((uint16_t *)out)[i] = bf16_of(x);
    else ((uint16_t *)out)[i] = f16_of(x);
}

/* Elements of any kind and dtype, one by one. */
INLINE void values_one_by_one(void *out, const uint32_t *words, size_t count, const Law *law) {
    for (size_t i = 0; i < count; i++) {
        if (law->kind == BITS) {
            ((int64_t *)out)[i] = words[i];
        } else if (law->kind != CONSTANT && !law->wide) {
            store32(out, i, law->dtype, value32(words[i], law));
        } else {
            double v = law->shift;
            if (law->kind != CONSTANT) v = value64((uint64_t)words[2 * i] << 32 | words[2 * i + 1], law);
            if (law->dtype == F64) ((double *)out)[i] = v;
            else store32(out, i, law->dtype, (float)v);
        }
    }
}

#endif
