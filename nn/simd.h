/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vocabulary in which the kernels are written: a vector of V_LANES floats and what every
 * instruction set can do with it to the same bits. A file that defines RAVEL_SIMD_AVX512,
 * RAVEL_SIMD_AVX2 or RAVEL_SIMD_NEON before it includes this one gets that set, any other plain C
 * with one lane, which is the reference.
 *
 *   vfloat, vint, vmask           V_LANES floats, 32-bit integers, truth values
 *
 *   v_load(p) v_store(p, a)       p aligned as float
 *   v_load_n(p, n)                the first n lanes, 0 <= n <= V_LANES; zeros beyond
 *   v_store_n(p, a, n)
 *   v_set1(x)
 *   v_add v_sub v_mul v_div v_sqrt
 *   v_fma(a, b, c)                a * b + c, rounded once
 *   v_gt(a, b) v_ge(a, b)         false where one is NaN
 *   v_select(m, a, b)             m ? a : b
 *
 *   v_bits(a) v_from_bits(i)      the same 32 bits
 *   v_from_int(i)                 converted; exact for |i| <= 2^24
 *   vi_set1 vi_add vi_sub vi_mul  modulo 2^32
 *   vi_and vi_or vi_xor
 *   vi_shl(a, n) vi_shr(a, n)     n constant; the right shift copies the sign
 *   vi_shr_zero(a, n)             and this one brings zeros
 *
 *   v_load_f16(p) v_load_bf16(p)  V_LANES elements, widened exactly
 *   v_load_i8(p)
 *
 *   V_TILE_ROWS                   rows by one panel whose sums fit the registers
 *   V_PANELS_1_ROW ... _4_ROWS    panels that so few rows need to keep multiply-adders and memory
 *                                 busy
 *
 * The bits of a NaN are the only thing in which the sets differ; whether it is one is not.
 */
#ifndef RAVEL_NN_SIMD_H
#define RAVEL_NN_SIMD_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 16 is what gcc says on processors with 16-bit arithmetic: it concerns _Float16 alone. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "the one arithmetic needs float operations that round to float (x86: -mfpmath=sse)"
#endif
#if defined(__FAST_MATH__)
#error "-ffast-math changes bits"
#endif

/* Before loops of constant length over registers. */
#if !defined(RAVEL_SIMD_AVX512) && !defined(RAVEL_SIMD_AVX2) && !defined(RAVEL_SIMD_NEON)
#define V_UNROLL
#elif defined(__clang__)
#define V_UNROLL _Pragma("clang loop unroll(full)")
#else
#define V_UNROLL _Pragma("GCC unroll 32")
#endif

#define V_INLINE static inline __attribute__((always_inline))

#if defined(RAVEL_SIMD_AVX512)
#include "nn/simd_avx512.h"
#elif defined(RAVEL_SIMD_AVX2)
#include "nn/simd_avx2.h"
#elif defined(RAVEL_SIMD_NEON)
#include "nn/simd_neon.h"
#else
#include "nn/simd_c.h"
#endif

/* The first n lanes, n >= 1, where n may exceed V_LANES: the step of a loop over any length. */
V_INLINE vfloat v_load_part(const float *p, int n)
{
    return n >= V_LANES ? v_load(p) : v_load_n(p, n);
}

V_INLINE void v_store_part(float *p, vfloat a, int n)
{
    if (n >= V_LANES) {
        v_store(p, a);
    } else {
        v_store_n(p, a, n);
    }
}

/* a where it is greater than b, else b: with a NaN, or zeros of two signs, b. */
V_INLINE vfloat v_max(vfloat a, vfloat b)
{
    return v_select(v_gt(a, b), a, b);
}

V_INLINE vfloat v_min(vfloat a, vfloat b)
{
    return v_select(v_gt(b, a), a, b);
}

V_INLINE vfloat v_abs(vfloat a)
{
    return v_from_bits(vi_and(v_bits(a), vi_set1(INT32_MAX)));
}

V_INLINE vfloat v_copysign(vfloat magnitude, vfloat sign)
{
    return v_from_bits(vi_or(vi_and(v_bits(magnitude), vi_set1(INT32_MAX)),
                             vi_and(v_bits(sign), vi_set1(INT32_MIN))));
}

#endif
