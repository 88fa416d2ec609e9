/* What this processor can do. */
#include "kernel.h"

#if defined(FIRSTSTEP_X86)
#if defined(_MSC_VER)
#include <intrin.h>
static void cpuid(unsigned leaf, unsigned r[4]) { __cpuidex((int *)r, (int)leaf, 0); }
static uint64_t saved_state(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(unsigned leaf, unsigned r[4]) { __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]); }
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

static int bit(unsigned word, int i) { return word >> i & 1; }

static const InstructionSet *found[5];

static void look(void) {
    unsigned top[4], one[4], seven[4] = {0};
    int n = 0;
    cpuid(0, top);
    cpuid(1, one);
    if (top[0] >= 7) cpuid(7, seven);
    /* The system must save the wide registers (OSXSAVE, then XCR0) for a program to use them. */
    uint64_t state = bit(one[2], 27) ? saved_state() : 0;
    int ymm = (state & 0x06) == 0x06 && bit(one[2], 28), zmm = (state & 0xe6) == 0xe6;
    int avx2 = ymm && bit(seven[1], 5) && bit(one[2], 29);
    if (avx2 && zmm && bit(seven[1], 16) && bit(seven[1], 17) && bit(seven[1], 30) && bit(seven[1], 31))
        found[n++] = &avx512_set;
    if (avx2) found[n++] = &avx2_set;
    if (bit(one[2], 19)) found[n++] = &sse41_set;
    found[n] = &plain_set;
}

/* Asked once, when the module is loaded: the question takes microseconds on a virtual machine. */
const InstructionSet *const *instruction_sets(void) {
    if (!found[0]) look();
    return found;
}

#elif defined(FIRSTSTEP_ARM)
const InstructionSet *const *instruction_sets(void) {
    static const InstructionSet *const found[] = {&neon_set, &plain_set, NULL};
    return found;
}

#else
const InstructionSet *const *instruction_sets(void) {
    static const InstructionSet *const found[] = {&plain_set, NULL};
    return found;
}
#endif
