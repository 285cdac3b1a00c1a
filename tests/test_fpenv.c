/* SPDX-License-Identifier: BSD-3-Clause */
/* The control word is as the one arithmetic needs it between enter and leave, whatever it was. */
#include <criterion/criterion.h>
#include <fenv.h>
#include <float.h>

#include "nn/fpenv.h"

#if defined(__x86_64__)
/* MXCSR: flush to zero, denormals are zero, towards zero, exceptions masked. */
static const uint64_t hostile = 0xffc0;
#elif defined(__aarch64__)
/* FPCR: flush to zero, default NaN, towards zero. */
static const uint64_t hostile = 0x3c00000;
#endif

static float divide(float a, float b)
{
    volatile float x = a, y = b; /* at run time */
    return x / y;
}

Test(fpenv, sets_and_restores)
{
    const uint64_t saved = ravel_fpenv_enter();
#if defined(__x86_64__) || defined(__aarch64__)
    ravel_fpenv_leave(hostile);
    cr_expect(divide(FLT_MIN, 4.0f) == 0.0f, "the test did not set flush to zero");
#else
    fesetround(FE_TOWARDZERO);
#endif
    const float third = divide(2.0f, 3.0f);
    const uint64_t callers = ravel_fpenv_enter();
    cr_expect(divide(FLT_MIN, 4.0f) == FLT_MIN / 4.0f, "denormal results are flushed");
    cr_expect(divide(FLT_MIN / 4.0f, FLT_MIN / 4.0f) == 1.0f, "denormal arguments are zero");
    cr_expect(divide(2.0f, 3.0f) == 0x1.555556p-1f, "not rounded to nearest");
    ravel_fpenv_leave(callers);
    cr_expect(third == 0x1.555554p-1f && divide(2.0f, 3.0f) == third, "not put back");
    ravel_fpenv_leave(saved);
    cr_assert_eq(fegetround(), FE_TONEAREST);
}
