/* AVX-512 (F, BW, DQ, VL): 16 lanes, tables looked up in registers. */
#include "kernel.h"
#ifdef FIRSTSTEP_X86
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx2,f16c,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif

enum { LANES = 16, STREAMS = 4 };
typedef __m512i ints;
typedef __m512 floats;
typedef __m512d doubles;

INLINE ints ints_all(uint32_t x) { return _mm512_set1_epi32((int)x); }
INLINE ints ints_all64(uint64_t x) { return _mm512_set1_epi64((long long)x); }
INLINE floats floats_all(float x) { return _mm512_set1_ps(x); }
INLINE ints ints_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void ints_store(void *p, ints x) { _mm512_storeu_si512(p, x); }
INLINE floats floats_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void floats_store(float *p, floats x) { _mm512_storeu_ps(p, x); }

INLINE ints add64(ints a, ints b) { return _mm512_add_epi64(a, b); }
INLINE ints high64(ints a) { return _mm512_srli_epi64(a, 32); }
INLINE ints xor2(ints a, ints b) { return _mm512_xor_si512(a, b); }
INLINE ints xor3(ints a, ints b, ints c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
INLINE ints mul_even(ints a, ints b) { return _mm512_mul_epu32(a, b); }
INLINE ints swap_halves_xor(ints b, ints c, ints k) {
    ints swapped = _mm512_rol_epi64(b, 32);
    return _mm512_mask_ternarylogic_epi32(swapped, 0x5555, c, k, 0x96);
}
INLINE ints spread(ints a) { return _mm512_permutexvar_epi64(_mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0), a); }
INLINE void pair_up(ints p, ints q, ints *out) {
    out[0] = _mm512_unpacklo_epi64(p, q);
    out[1] = _mm512_unpackhi_epi64(p, q);
}
INLINE ints scaled_word(ints w, uint32_t first, uint64_t width) {
    ints factor = ints_all64(width);
    ints even = high64(mul_even(w, factor)), odd = mul_even(high64(w), factor);
    return _mm512_add_epi32(_mm512_mask_blend_epi32(0xAAAA, even, odd), ints_all(first));
}
INLINE floats top24(ints w) { return _mm512_cvtepi32_ps(_mm512_srli_epi32(w, 8)); }
INLINE floats mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
INLINE floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
INLINE floats clamp(floats x, floats low, floats high) { return _mm512_min_ps(_mm512_max_ps(x, low), high); }

typedef struct {
    ints sign, row; /* row: the biased exponent */
    floats u;
} Split;

INLINE Split split(ints word) {
    Split s;
    s.sign = word;
    ints a = _mm512_xor_si512(word, _mm512_srai_epi32(word, 31));
    __mmask16 tail = _mm512_test_epi32_mask(a, ints_all(1u << 30));
    ints y = _mm512_mask_xor_epi32(a, tail, a, ints_all(0x7fffffffu));
    ints f = _mm512_castps_si512(_mm512_add_ps(_mm512_cvtepi32_ps(y), floats_all(0.5f)));
    s.row = _mm512_mask_srli_epi32(ints_all(CENTRE), tail, f, 23);
    ints mantissa = _mm512_ternarylogic_epi32(f, ints_all(0x7fffffu), ints_all(0x3f800000u), 0xEA);
    ints x = _mm512_mask_mov_epi32(_mm512_sub_epi32(f, ints_all(31u << 23)), tail, mantissa);
    floats u = _mm512_castsi512_ps(x);
    s.u = _mm512_mask_sub_ps(u, tail, u, floats_all(1.5f));
    return s;
}
INLINE uint32_t far_lanes(Split s) { return _mm512_cmplt_epi32_mask(s.row, ints_all(CENTRE - 15)); }
INLINE floats coefficient(int d, Split s) {
    return _mm512_permutexvar_ps(s.row, _mm512_loadu_ps(tables.near16[d]));
}
INLINE floats signed_as(floats z, Split s) {
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(z), s.sign, ints_all(0x80000000u), 0x78));
}
INLINE ints rounded_bf16(floats x) {
    ints u = _mm512_castps_si512(x);
    __mmask16 odd = _mm512_test_epi32_mask(u, ints_all(0x10000));
    return _mm512_add_epi32(u, _mm512_mask_blend_epi32(odd, ints_all(0x7fff), ints_all(0x8000)));
}
INLINE void store_bf16(uint16_t *p, floats x, floats y) {
    const ints upper = _mm512_add_epi16(_mm512_set1_epi16(1), _mm512_slli_epi16(_mm512_set_epi16(
        31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
        15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), 1));
    _mm512_storeu_si512(p, _mm512_permutex2var_epi16(rounded_bf16(x), upper, rounded_bf16(y)));
}
INLINE void store_f16(uint16_t *p, floats x, floats y) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    _mm256_storeu_si256((__m256i *)(p + LANES), _mm512_cvtps_ph(y, _MM_FROUND_TO_NEAREST_INT));
}

INLINE floats load_bf16(const uint16_t *p) {
    ints halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
}
INLINE floats load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE floats least(floats a, floats b) { return _mm512_min_ps(a, b); }
INLINE floats greatest(floats a, floats b) { return _mm512_max_ps(a, b); }
INLINE doubles doubles_all(double x) { return _mm512_set1_pd(x); }
INLINE void doubles_store(double *p, doubles x) { _mm512_storeu_pd(p, x); }
INLINE doubles lower_doubles(floats x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
INLINE doubles upper_doubles(floats x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
INLINE doubles add_doubles(doubles a, doubles b) { return _mm512_add_pd(a, b); }

#define INSTRUCTION_SET avx512_set
#define NAME "avx512"
#include "fill.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
