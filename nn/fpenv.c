/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/fpenv.h"

#if defined(__x86_64__)

#include <xmmintrin.h>

/* MXCSR: all exceptions masked, nearest, flags clear, no flush to zero, no denormals-are-zero. */
enum { CONTROL = 0x1f80 };

uint64_t ravel_fpenv_enter(void)
{
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(CONTROL);
    return saved;
}

void ravel_fpenv_leave(uint64_t saved)
{
    _mm_setcsr((unsigned)saved);
}

#elif defined(__aarch64__)

/* FPCR 0: no traps, nearest, no flush to zero, no default NaN, IEEE half precision. */
uint64_t ravel_fpenv_enter(void)
{
    uint64_t saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved)::"memory");
    __asm__ volatile("msr fpcr, %0" ::"r"(UINT64_C(0)) : "memory");
    return saved;
}

void ravel_fpenv_leave(uint64_t saved)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(saved) : "memory");
}

#else

#include <fenv.h>

/* Elsewhere C knows of the rounding mode only. */
uint64_t ravel_fpenv_enter(void)
{
    const int saved = fegetround();
    fesetround(FE_TONEAREST);
    return (uint64_t)saved;
}

void ravel_fpenv_leave(uint64_t saved)
{
    fesetround((int)saved);
}

#endif
