/* What the platform is asked for: exact floating point while a job runs, and huge pages under fresh memory. */
#ifndef FIRSTSTEP_PLATFORM_H
#define FIRSTSTEP_PLATFORM_H

#include "kernel.h"

#if defined(FIRSTSTEP_X86)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

/* Denormal numbers flushed to zero would change values: floating point works as IEEE 754 says while a job runs. */
typedef struct {
    uint64_t was;
} FloatMode;

INLINE FloatMode ieee(void) {
    FloatMode mode = {0};
#if defined(FIRSTSTEP_X86)
    mode.was = _mm_getcsr();
    _mm_setcsr(0x1f80); /* all exceptions masked, nearest even, no flush */
#elif defined(FIRSTSTEP_ARM) && defined(__GNUC__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode.was));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
#endif
    return mode;
}

INLINE void put_back(FloatMode mode) {
#if defined(FIRSTSTEP_X86)
    _mm_setcsr((unsigned)mode.was);
#elif defined(FIRSTSTEP_ARM) && defined(__GNUC__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode.was));
#else
    (void)mode;
#endif
}

/* Ask for huge pages: fresh memory costs less then, and memory in use is not changed. */
INLINE int advise_huge(uint64_t address, uint64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = (address + page - 1) / page * page, end = (address + bytes) / page * page;
    return begin < end && madvise((void *)(uintptr_t)begin, end - begin, MADV_HUGEPAGE) == 0;
#else
    (void)address, (void)bytes;
    return 0;
#endif
}

enum { LARGE = 1 << 20 }; /* bytes that are worth the advice: neighbours make up a huge page together */

#endif
