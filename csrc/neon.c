/* NEON of arm64: 4 lanes, tables looked up in four registers. */
#include "kernel.h"
#ifdef FIRSTSTEP_ARM
#include <arm_neon.h>

enum { LANES = 4, STREAMS = 2 };
typedef uint32x4_t ints;
typedef float32x4_t floats;
typedef float64x2_t doubles;

INLINE ints ints_all(uint32_t x) { return vdupq_n_u32(x); }
INLINE ints ints_all64(uint64_t x) { return vreinterpretq_u32_u64(vdupq_n_u64(x)); }
INLINE floats floats_all(float x) { return vdupq_n_f32(x); }
INLINE ints ints_load(const void *p) { return vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)p)); }
INLINE void ints_store(void *p, ints x) { vst1q_u8((uint8_t *)p, vreinterpretq_u8_u32(x)); }
INLINE floats floats_load(const float *p) { return vld1q_f32(p); }
INLINE void floats_store(float *p, floats x) { vst1q_f32(p, x); }

#define AS64(x) vreinterpretq_u64_u32(x)
#define AS32(x) vreinterpretq_u32_u64(x)
INLINE ints add64(ints a, ints b) { return AS32(vaddq_u64(AS64(a), AS64(b))); }
INLINE ints high64(ints a) { return AS32(vshrq_n_u64(AS64(a), 32)); }
INLINE ints xor2(ints a, ints b) { return veorq_u32(a, b); }
INLINE ints xor3(ints a, ints b, ints c) { return veorq_u32(a, veorq_u32(b, c)); }
INLINE ints mul_even(ints a, ints b) { return AS32(vmull_u32(vmovn_u64(AS64(a)), vmovn_u64(AS64(b)))); }
INLINE ints swap_halves_xor(ints b, ints c, ints k) {
    return veorq_u32(vrev64q_u32(b), vandq_u32(veorq_u32(c, k), ints_all64(0xffffffffu)));
}
INLINE ints spread(ints a) { return a; }
INLINE void pair_up(ints p, ints q, ints *out) {
    out[0] = AS32(vzip1q_u64(AS64(p), AS64(q)));
    out[1] = AS32(vzip2q_u64(AS64(p), AS64(q)));
}
INLINE ints scaled_word(ints w, uint32_t first, uint64_t width) {
    uint32x2_t factor = vdup_n_u32((uint32_t)width);
    uint64x2_t low = vmull_u32(vget_low_u32(w), factor), high = vmull_u32(vget_high_u32(w), factor);
    return vaddq_u32(vuzp2q_u32(AS32(low), AS32(high)), ints_all(first));
}
INLINE floats top24(ints w) { return vcvtq_f32_u32(vshrq_n_u32(w, 8)); }
INLINE floats mul(floats a, floats b) { return vmulq_f32(a, b); }
INLINE floats add(floats a, floats b) { return vaddq_f32(a, b); }
INLINE floats clamp(floats x, floats low, floats high) { return vminq_f32(vmaxq_f32(x, low), high); }

typedef struct {
    ints sign, row; /* row: the biased exponent */
    floats u;
    uint8x16_t bytes; /* where each lane's number stands in a table of 16 */
} Split;

INLINE Split split(ints word) {
    Split s;
    s.sign = word;
    ints a = veorq_u32(word, vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(word), 31)));
    ints tail = vtstq_u32(a, ints_all(1u << 30));
    ints y = veorq_u32(a, vshrq_n_u32(tail, 1));
    floats f = vaddq_f32(vcvtq_f32_s32(vreinterpretq_s32_u32(y)), floats_all(0.5f));
    ints bits = vreinterpretq_u32_f32(f);
    s.row = vbslq_u32(tail, vshrq_n_u32(bits, 23), ints_all(CENTRE));
    ints mantissa = vorrq_u32(vandq_u32(bits, ints_all(0x7fffffu)), ints_all(0x3f800000u));
    s.u = vbslq_f32(tail, vsubq_f32(vreinterpretq_f32_u32(mantissa), floats_all(1.5f)), mul(f, floats_all(0x1p-31f)));
    ints place = vmulq_u32(vandq_u32(s.row, ints_all(15)), ints_all(0x04040404u));
    s.bytes = vreinterpretq_u8_u32(vaddq_u32(place, ints_all(0x03020100u)));
    return s;
}
INLINE uint32_t far_lanes(Split s) {
    const uint32_t bit[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcltq_u32(s.row, ints_all(CENTRE - 15)), vld1q_u32(bit)));
}
INLINE floats coefficient(int d, Split s) {
    return vreinterpretq_f32_u8(vqtbl4q_u8(vld1q_u8_x4((const uint8_t *)tables.near16[d]), s.bytes));
}
INLINE floats signed_as(floats z, Split s) {
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(z), vandq_u32(s.sign, ints_all(0x80000000u))));
}
INLINE uint16x4_t rounded_bf16(floats x) {
    ints u = vreinterpretq_u32_f32(x);
    ints odd = vandq_u32(vshrq_n_u32(u, 16), ints_all(1));
    return vshrn_n_u32(vaddq_u32(vaddq_u32(u, ints_all(0x7fff)), odd), 16);
}
INLINE void store_bf16(uint16_t *p, floats x, floats y) {
    vst1_u16(p, rounded_bf16(x));
    vst1_u16(p + LANES, rounded_bf16(y));
}
INLINE void store_f16(uint16_t *p, floats x, floats y) {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
    vst1_u16(p + LANES, vreinterpret_u16_f16(vcvt_f16_f32(y)));
}

INLINE floats load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
INLINE floats load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
INLINE floats least(floats a, floats b) { return vminq_f32(a, b); }
INLINE floats greatest(floats a, floats b) { return vmaxq_f32(a, b); }
INLINE doubles doubles_all(double x) { return vdupq_n_f64(x); }
INLINE void doubles_store(double *p, doubles x) { vst1q_f64(p, x); }
INLINE doubles lower_doubles(floats x) { return vcvt_f64_f32(vget_low_f32(x)); }
INLINE doubles upper_doubles(floats x) { return vcvt_high_f64_f32(x); }
INLINE doubles add_doubles(doubles a, doubles b) { return vaddq_f64(a, b); }

#define INSTRUCTION_SET neon_set
#define NAME "neon"
#include "fill.h"
#endif
