/* SSE4.1: 4 lanes; no lookup in registers, so each lane's row is loaded and the four are transposed. */
#include "kernel.h"
#ifdef FIRSTSTEP_X86
#include <immintrin.h>

#include "scalar.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sse4.1"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("sse4.1")
#endif

enum { LANES = 4, STREAMS = 2 };
typedef __m128i ints;
typedef __m128 floats;
typedef __m128d doubles;

INLINE ints ints_all(uint32_t x) { return _mm_set1_epi32((int)x); }
INLINE ints ints_all64(uint64_t x) { return _mm_set1_epi64x((long long)x); }
INLINE floats floats_all(float x) { return _mm_set1_ps(x); }
INLINE ints ints_load(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
INLINE void ints_store(void *p, ints x) { _mm_storeu_si128((__m128i *)p, x); }
INLINE floats floats_load(const float *p) { return _mm_loadu_ps(p); }
INLINE void floats_store(float *p, floats x) { _mm_storeu_ps(p, x); }

INLINE ints add64(ints a, ints b) { return _mm_add_epi64(a, b); }
INLINE ints high64(ints a) { return _mm_srli_epi64(a, 32); }
INLINE ints xor2(ints a, ints b) { return _mm_xor_si128(a, b); }
INLINE ints xor3(ints a, ints b, ints c) { return _mm_xor_si128(a, _mm_xor_si128(b, c)); }
INLINE ints mul_even(ints a, ints b) { return _mm_mul_epu32(a, b); }
INLINE ints swap_halves_xor(ints b, ints c, ints k) {
    ints lower = _mm_blend_epi16(xor2(c, k), _mm_setzero_si128(), 0xCC);
    return xor2(_mm_shuffle_epi32(b, 0xB1), lower);
}
INLINE ints spread(ints a) { return a; }
INLINE void pair_up(ints p, ints q, ints *out) {
    out[0] = _mm_unpacklo_epi64(p, q);
    out[1] = _mm_unpackhi_epi64(p, q);
}
INLINE ints scaled_word(ints w, uint32_t first, uint64_t width) {
    ints factor = ints_all64(width);
    ints even = high64(mul_even(w, factor)), odd = mul_even(high64(w), factor);
    return _mm_add_epi32(_mm_blend_epi16(even, odd, 0xCC), ints_all(first));
}
INLINE floats top24(ints w) { return _mm_cvtepi32_ps(_mm_srli_epi32(w, 8)); }
INLINE floats mul(floats a, floats b) { return _mm_mul_ps(a, b); }
INLINE floats add(floats a, floats b) { return _mm_add_ps(a, b); }
INLINE floats clamp(floats x, floats low, floats high) { return _mm_min_ps(_mm_max_ps(x, low), high); }

typedef struct {
    ints sign;
    floats u, c[12]; /* the coefficients of each lane's row, nine of them and padding */
} Split;

INLINE Split split(ints word) {
    Split s;
    s.sign = word;
    ints a = xor2(word, _mm_srai_epi32(word, 31));
    ints tail = _mm_srai_epi32(_mm_slli_epi32(a, 1), 31);
    ints y = xor2(a, _mm_srli_epi32(tail, 1));
    ints f = _mm_castps_si128(add(_mm_cvtepi32_ps(y), floats_all(0.5f)));
    ints exponent = _mm_blendv_epi8(ints_all(CENTRE), _mm_srli_epi32(f, 23), tail);
    ints row = _mm_sub_epi32(exponent, ints_all(BIASED));
    ints mantissa = _mm_or_si128(_mm_and_si128(f, ints_all(0x7fffffu)), ints_all(0x3f800000u));
    floats centre = mul(_mm_castsi128_ps(f), floats_all(0x1p-31f));
    floats octave = _mm_sub_ps(_mm_castsi128_ps(mantissa), floats_all(1.5f));
    s.u = _mm_blendv_ps(centre, octave, _mm_castsi128_ps(tail));
    const float *r0 = tables.padded[_mm_extract_epi32(row, 0)], *r1 = tables.padded[_mm_extract_epi32(row, 1)];
    const float *r2 = tables.padded[_mm_extract_epi32(row, 2)], *r3 = tables.padded[_mm_extract_epi32(row, 3)];
    UNROLL for (int d = 0; d < 12; d += 4) {
        s.c[d] = floats_load(r0 + d);
        s.c[d + 1] = floats_load(r1 + d);
        s.c[d + 2] = floats_load(r2 + d);
        s.c[d + 3] = floats_load(r3 + d);
        _MM_TRANSPOSE4_PS(s.c[d], s.c[d + 1], s.c[d + 2], s.c[d + 3]);
    }
    return s;
}
INLINE uint32_t far_lanes(Split s) {
    (void)s;
    return 0;
}
INLINE floats coefficient(int d, Split s) { return s.c[d]; }
INLINE floats signed_as(floats z, Split s) {
    return _mm_xor_ps(z, _mm_castsi128_ps(_mm_and_si128(s.sign, ints_all(0x80000000u))));
}
INLINE ints rounded_bf16(floats x) {
    ints u = _mm_castps_si128(x);
    ints odd = _mm_and_si128(_mm_srli_epi32(u, 16), ints_all(1));
    return _mm_srli_epi32(_mm_add_epi32(_mm_add_epi32(u, ints_all(0x7fff)), odd), 16);
}
INLINE void store_bf16(uint16_t *p, floats x, floats y) {
    ints_store(p, _mm_packus_epi32(rounded_bf16(x), rounded_bf16(y)));
}
INLINE void store_f16(uint16_t *p, floats x, floats y) {
    float values[2 * LANES];
    floats_store(values, x);
    floats_store(values + LANES, y);
    for (int i = 0; i < 2 * LANES; i++) p[i] = f16_of(values[i]);
}

INLINE floats load_bf16(const uint16_t *p) {
    ints halves = _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm_castsi128_ps(_mm_slli_epi32(halves, 16));
}
INLINE floats load_f16(const uint16_t *p) { return _mm_setr_ps(of_f16(p[0]), of_f16(p[1]), of_f16(p[2]), of_f16(p[3])); }
INLINE floats least(floats a, floats b) { return _mm_min_ps(a, b); }
INLINE floats greatest(floats a, floats b) { return _mm_max_ps(a, b); }
INLINE doubles doubles_all(double x) { return _mm_set1_pd(x); }
INLINE void doubles_store(double *p, doubles x) { _mm_storeu_pd(p, x); }
INLINE doubles lower_doubles(floats x) { return _mm_cvtps_pd(x); }
INLINE doubles upper_doubles(floats x) { return _mm_cvtps_pd(_mm_movehl_ps(x, x)); }
INLINE doubles add_doubles(doubles a, doubles b) { return _mm_add_pd(a, b); }

#define INSTRUCTION_SET sse41_set
#define NAME "sse41"
#include "fill.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
