/* SPDX-License-Identifier: BSD-3-Clause */
/* nn/simd.h in plain C: one lane. */
#ifndef RAVEL_NN_SIMD_C_H
#define RAVEL_NN_SIMD_C_H

#include <math.h>

#include "nn/half.h"

enum { V_LANES = 1 };
enum {
    V_TILE_ROWS = 1,
    V_PANELS_1_ROW = 1,
    V_PANELS_2_ROWS = 1,
    V_PANELS_3_ROWS = 1,
    V_PANELS_4_ROWS = 1
};

typedef float vfloat;
typedef int32_t vint;
typedef bool vmask;

V_INLINE vfloat v_load(const float *p)
{
    return *p;
}

V_INLINE vfloat v_load_n(const float *p, int n)
{
    return n > 0 ? *p : 0.0f;
}

V_INLINE void v_store(float *p, vfloat a)
{
    *p = a;
}

V_INLINE void v_store_n(float *p, vfloat a, int n)
{
    if (n > 0) {
        *p = a;
    }
}

V_INLINE vfloat v_set1(float x)
{
    return x;
}

V_INLINE vfloat v_add(vfloat a, vfloat b)
{
    return a + b;
}

V_INLINE vfloat v_sub(vfloat a, vfloat b)
{
    return a - b;
}

V_INLINE vfloat v_mul(vfloat a, vfloat b)
{
    return a * b;
}

V_INLINE vfloat v_div(vfloat a, vfloat b)
{
    return a / b;
}

V_INLINE vfloat v_sqrt(vfloat a)
{
    return sqrtf(a);
}

V_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return fmaf(a, b, c);
}

V_INLINE vmask v_gt(vfloat a, vfloat b)
{
    return a > b;
}

V_INLINE vmask v_ge(vfloat a, vfloat b)
{
    return a >= b;
}

V_INLINE vfloat v_select(vmask m, vfloat a, vfloat b)
{
    return m ? a : b;
}

V_INLINE vint v_bits(vfloat a)
{
    vint bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

V_INLINE vfloat v_from_bits(vint i)
{
    return ravel_float_of_bits((uint32_t)i);
}

V_INLINE vfloat v_from_int(vint i)
{
    return (float)i;
}

V_INLINE vint vi_set1(int32_t i)
{
    return i;
}

/* Sums wrap around, as in the vector units. */
V_INLINE vint vi_add(vint a, vint b)
{
    return (vint)((uint32_t)a + (uint32_t)b);
}

V_INLINE vint vi_sub(vint a, vint b)
{
    return (vint)((uint32_t)a - (uint32_t)b);
}

V_INLINE vint vi_and(vint a, vint b)
{
    return a & b;
}

V_INLINE vint vi_or(vint a, vint b)
{
    return a | b;
}

V_INLINE vint vi_xor(vint a, vint b)
{
    return a ^ b;
}

V_INLINE vint vi_mul(vint a, vint b)
{
    return (vint)((uint32_t)a * (uint32_t)b);
}

V_INLINE vint vi_shl(vint a, int n)
{
    return (vint)((uint32_t)a << n);
}

V_INLINE vint vi_shr(vint a, int n)
{
    return a >> n;
}

V_INLINE vint vi_shr_zero(vint a, int n)
{
    return (vint)((uint32_t)a >> n);
}

V_INLINE vfloat v_load_f16(const uint16_t *p)
{
    return ravel_widen_f16(*p);
}

V_INLINE vfloat v_load_bf16(const uint16_t *p)
{
    return ravel_widen_bf16(*p);
}

V_INLINE vfloat v_load_i8(const int8_t *p)
{
    return (float)*p;
}

#endif
