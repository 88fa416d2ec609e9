/* AVX2 and F16C: 8 lanes, tables looked up in registers. */
#include "kernel.h"
#ifdef FIRSTSTEP_X86
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx2,f16c")
#endif

enum { LANES = 8, STREAMS = 2 };
typedef __m256i ints;
typedef __m256 floats;
typedef __m256d doubles;

INLINE ints ints_all(uint32_t x) { return _mm256_set1_epi32((int)x); }
INLINE ints ints_all64(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
INLINE floats floats_all(float x) { return _mm256_set1_ps(x); }
INLINE ints ints_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE void ints_store(void *p, ints x) { _mm256_storeu_si256((__m256i *)p, x); }
INLINE floats floats_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void floats_store(float *p, floats x) { _mm256_storeu_ps(p, x); }

INLINE ints add64(ints a, ints b) { return _mm256_add_epi64(a, b); }
INLINE ints high64(ints a) { return _mm256_srli_epi64(a, 32); }
INLINE ints xor2(ints a, ints b) { return _mm256_xor_si256(a, b); }
INLINE ints xor3(ints a, ints b, ints c) { return _mm256_xor_si256(a, _mm256_xor_si256(b, c)); }
INLINE ints mul_even(ints a, ints b) { return _mm256_mul_epu32(a, b); }
INLINE ints swap_halves_xor(ints b, ints c, ints k) {
    ints lower = _mm256_blend_epi32(xor2(c, k), _mm256_setzero_si256(), 0xAA);
    return xor2(_mm256_shuffle_epi32(b, 0xB1), lower);
}
INLINE ints spread(ints a) { return _mm256_permute4x64_epi64(a, 0xD8); }
INLINE void pair_up(ints p, ints q, ints *out) {
    out[0] = _mm256_unpacklo_epi64(p, q);
    out[1] = _mm256_unpackhi_epi64(p, q);
}
INLINE ints scaled_word(ints w, uint32_t first, uint64_t width) {
    ints factor = ints_all64(width);
    ints even = high64(mul_even(w, factor)), odd = mul_even(high64(w), factor);
    return _mm256_add_epi32(_mm256_blend_epi32(even, odd, 0xAA), ints_all(first));
}
INLINE floats top24(ints w) { return _mm256_cvtepi32_ps(_mm256_srli_epi32(w, 8)); }
INLINE floats mul(floats a, floats b) { return _mm256_mul_ps(a, b); }
INLINE floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
INLINE floats clamp(floats x, floats low, floats high) { return _mm256_min_ps(_mm256_max_ps(x, low), high); }

typedef struct {
    ints sign, row; /* row: the biased exponent */
    floats u;
} Split;

INLINE Split split(ints word) {
    Split s;
    s.sign = word;
    ints a = xor2(word, _mm256_srai_epi32(word, 31));
    ints tail = _mm256_srai_epi32(_mm256_slli_epi32(a, 1), 31);
    ints y = xor2(a, _mm256_srli_epi32(tail, 1));
    ints f = _mm256_castps_si256(add(_mm256_cvtepi32_ps(y), floats_all(0.5f)));
    s.row = _mm256_blendv_epi8(ints_all(CENTRE), _mm256_srli_epi32(f, 23), tail);
    ints mantissa = _mm256_or_si256(_mm256_and_si256(f, ints_all(0x7fffffu)), ints_all(0x3f800000u));
    floats centre = mul(_mm256_castsi256_ps(f), floats_all(0x1p-31f));
    floats octave = _mm256_sub_ps(_mm256_castsi256_ps(mantissa), floats_all(1.5f));
    s.u = _mm256_blendv_ps(centre, octave, _mm256_castsi256_ps(tail));
    return s;
}
INLINE uint32_t far_lanes(Split s) {
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(ints_all(CENTRE - 7), s.row)));
}
INLINE floats coefficient(int d, Split s) {
    return _mm256_permutevar8x32_ps(_mm256_loadu_ps(tables.near8[d]), s.row);
}
INLINE floats signed_as(floats z, Split s) {
    return _mm256_xor_ps(z, _mm256_castsi256_ps(_mm256_and_si256(s.sign, ints_all(0x80000000u))));
}
INLINE ints rounded_bf16(floats x) {
    ints u = _mm256_castps_si256(x);
    ints odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), ints_all(1));
    return _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, ints_all(0x7fff)), odd), 16);
}
INLINE void store_bf16(uint16_t *p, floats x, floats y) {
    ints_store(p, spread(_mm256_packus_epi32(rounded_bf16(x), rounded_bf16(y))));
}
INLINE void store_f16(uint16_t *p, floats x, floats y) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + LANES), _mm256_cvtps_ph(y, _MM_FROUND_TO_NEAREST_INT));
}

INLINE floats load_bf16(const uint16_t *p) {
    ints halves = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(halves, 16));
}
INLINE floats load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INLINE floats least(floats a, floats b) { return _mm256_min_ps(a, b); }
INLINE floats greatest(floats a, floats b) { return _mm256_max_ps(a, b); }
INLINE doubles doubles_all(double x) { return _mm256_set1_pd(x); }
INLINE void doubles_store(double *p, doubles x) { _mm256_storeu_pd(p, x); }
INLINE doubles lower_doubles(floats x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
INLINE doubles upper_doubles(floats x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
INLINE doubles add_doubles(doubles a, doubles b) { return _mm256_add_pd(a, b); }

#define INSTRUCTION_SET avx2_set
#define NAME "avx2"
#include "fill.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
