/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Elementary functions over nn/simd.h, each written once and the same on every instruction set.
 * Polynomials are minimax fits (tests/reference/polynomials.py); errors, in units in the last
 * place against the exact value, are measured by tests/test_vmath.c.
 *
 * What would be a denormal result is exactly zero, unless the argument itself is denormal, so that
 * fading sounds do not become slow. The squares of tiny numbers are formed as fma(x, x, V_TINY)
 * for the same reason: the added term is too small to be seen wherever the square matters.
 */
#ifndef RAVEL_NN_VMATH_H
#define RAVEL_NN_VMATH_H

#include <math.h>

#include "nn/simd.h"

/* Adding it to |x| < 2^22 rounds x to the nearest integer, which then stands in the low bits. */
#define V_ROUNDER 0x1.8p23f

/* Small enough to vanish beside any square that matters, far enough above denormals. */
#define V_TINY 0x1p-120f

/* Below it exp(x) would be denormal; above the other it would be infinite. */
#define V_EXP_MIN (-0x1.5d589ep+6f)
#define V_EXP_MAX 0x1.62e42ep+6f

/* c[0] + c[1] x + ... by Horner's rule. */
V_INLINE vfloat v_polynomial(vfloat x, const float *c, int n)
{
    vfloat sum = v_set1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) {
        sum = v_fma(sum, x, v_set1(c[i]));
    }
    return sum;
}

/* x = exponent * log 2 + r, |r| <= log 2 / 2, for x from V_EXP_MIN to V_EXP_MAX. */
V_INLINE vfloat v_exp_reduce(vfloat x, vint *exponent)
{
    const vfloat shifted = v_fma(x, v_set1(0x1.715476p+0f), v_set1(V_ROUNDER));
    const vfloat n = v_sub(shifted, v_set1(V_ROUNDER));
    *exponent = vi_sub(v_bits(shifted), v_bits(v_set1(V_ROUNDER)));
    const vfloat r = v_fma(n, v_set1(-0x1.62e43p-1f), x);
    return v_fma(n, v_set1(0x1.05c61p-29f), r);
}

/* (exp(r) - 1) / r for |r| <= log 2 / 2 */
V_INLINE vfloat v_expm1_ratio(vfloat r)
{
    static const float c[] = {0x1p+0f,       0x1p-1f,        0x1.5554bp-3f,
                              0x1.5554ep-5f, 0x1.12278ap-7f, 0x1.6d5706p-10f};
    return v_polynomial(r, c, 6);
}

/* 2^n, -126 <= n <= 127 */
V_INLINE vfloat v_exp2_int(vint n)
{
    return v_from_bits(vi_shl(vi_add(n, vi_set1(127)), 23));
}

/* Exactly 0 below V_EXP_MIN, infinite above V_EXP_MAX. */
V_INLINE vfloat v_exp(vfloat x)
{
    const vmask vanishes = v_gt(v_set1(V_EXP_MIN), x);
    vint n;
    const vfloat r = v_exp_reduce(v_select(vanishes, v_set1(V_EXP_MIN), x), &n);
    const vfloat power = v_fma(v_expm1_ratio(r), r, v_set1(1.0f));
    /* In two factors, because 2^128 is not a float. */
    const vint half = vi_shr(n, 1);
    const vfloat y = v_mul(v_mul(power, v_exp2_int(half)), v_exp2_int(vi_sub(n, half)));
    const vfloat bounded = v_select(v_gt(x, v_set1(V_EXP_MAX)), v_set1(INFINITY), y);
    return v_select(vanishes, v_set1(0.0f), bounded);
}

/* exp(x) - 1 for x <= 0, exact in the relative sense near 0 too. */
V_INLINE vfloat v_expm1_negative(vfloat x)
{
    const vfloat lowest = v_set1(-64.0f); /* -1 to the last bit, and the exponent stays in range */
    vint n;
    const vfloat r = v_exp_reduce(v_select(v_gt(lowest, x), lowest, x), &n);
    const vfloat scale = v_exp2_int(n);
    const vfloat y = v_mul(v_expm1_ratio(r), r);
    return v_fma(scale, y, v_sub(scale, v_set1(1.0f)));
}

/* Natural logarithm; what is not above FLT_MIN counts as FLT_MIN. */
V_INLINE vfloat v_log(vfloat x)
{
    static const float c[] = {0x1.55554ap-2f, -0x1.00022p-2f,  0x1.99a5a2p-3f, -0x1.547882p-3f,
                              0x1.226d8ap-3f, -0x1.0cdfd4p-3f, 0x1.07d55ep-3f, -0x1.41fe68p-4f};
    x = v_max(x, v_set1(FLT_MIN));
    /* x = m * 2^e with m from sqrt(1/2) to sqrt(2) */
    const vint bits = v_bits(x);
    const vint e = vi_shr(vi_sub(bits, v_bits(v_set1(0x1.6a09e6p-1f))), 23);
    const vfloat f = v_sub(v_from_bits(vi_sub(bits, vi_shl(e, 23))), v_set1(1.0f));
    const vfloat exponent = v_from_int(e);
    const vfloat square = v_mul(f, f);
    vfloat y = v_mul(v_mul(square, f), v_polynomial(f, c, 8));
    y = v_fma(exponent, v_set1(-0x1.05c61p-29f), y);
    y = v_add(v_fma(square, v_set1(-0.5f), y), f);
    y = v_fma(exponent, v_set1(0x1.62e43p-1f), y);
    return v_select(v_gt(x, v_set1(FLT_MAX)), x, y);
}

/* x = quadrant * pi / 2 + r, |r| <= pi / 4, for |x| <= 1e6; pi / 2 in three pieces of 24 bits. */
V_INLINE vfloat v_quadrant(vfloat x, vint *quadrant)
{
    const vfloat shifted = v_fma(x, v_set1(0x1.45f306p-1f), v_set1(V_ROUNDER));
    const vfloat n = v_sub(shifted, v_set1(V_ROUNDER));
    *quadrant = v_bits(shifted);
    vfloat r = v_fma(n, v_set1(-0x1.921fb6p+0f), x);
    r = v_fma(n, v_set1(0x1.777a5cp-25f), r);
    return v_fma(n, v_set1(0x1.ee59dap-50f), r);
}

/* The sine of quadrant * pi / 2 + r, |r| <= pi / 4. */
V_INLINE vfloat v_sin_quadrant(vfloat r, vint quadrant)
{
    static const float s[] = {-0x1.555546p-3f, 0x1.11078p-7f, -0x1.99579cp-13f};
    static const float c[] = {1.0f, -0.5f, 0x1.55554ap-5f, -0x1.6c0c1ap-10f, 0x1.99e0ecp-16f};
    const vfloat square = v_fma(r, r, v_set1(V_TINY));
    const vfloat sine = v_fma(r, v_mul(square, v_polynomial(square, s, 3)), r);
    const vfloat cosine = v_polynomial(square, c, 5);
    /* Bit 0 of the quadrant swaps sine and cosine; bit 1, added to the sign bit, flips it. */
    const vmask swap = v_gt(v_from_int(vi_and(quadrant, vi_set1(1))), v_set1(0.5f));
    const vint sign = vi_shl(vi_and(quadrant, vi_set1(2)), 30);
    return v_from_bits(vi_add(v_bits(v_select(swap, cosine, sine)), sign));
}

/* 0 where |x| is not at most 1e6. */
V_INLINE vfloat v_sin(vfloat x)
{
    const vmask good = v_ge(v_set1(1e6f), v_abs(x));
    vint quadrant;
    const vfloat r = v_quadrant(v_select(good, x, v_set1(0.0f)), &quadrant);
    return v_sin_quadrant(r, quadrant);
}

/* 1 where |x| is not at most 1e6. */
V_INLINE vfloat v_cos(vfloat x)
{
    const vmask good = v_ge(v_set1(1e6f), v_abs(x));
    vint quadrant;
    const vfloat r = v_quadrant(v_select(good, x, v_set1(0.0f)), &quadrant);
    return v_sin_quadrant(r, vi_add(quadrant, vi_set1(1)));
}

/*
 * The sine of x turns plus that many quarters, |x| < 2^20: the nearest quarter is taken off without
 * an error, however many whole turns there are.
 */
V_INLINE vfloat v_sin_turns(vfloat x, int32_t quarters)
{
    const vfloat shifted = v_fma(x, v_set1(4.0f), v_set1(V_ROUNDER));
    const vfloat n = v_sub(shifted, v_set1(V_ROUNDER));
    const vfloat r = v_mul(v_fma(n, v_set1(-0.25f), x), v_set1(0x1.921fb6p+2f));
    return v_sin_quadrant(r, vi_add(v_bits(shifted), vi_set1(quarters)));
}

/* With t = exp(-2|x|) - 1, tanh |x| = -t / (2 + t). */
V_INLINE vfloat v_tanh(vfloat x)
{
    const vfloat t = v_expm1_negative(v_mul(v_abs(x), v_set1(-2.0f)));
    return v_copysign(v_div(t, v_add(t, v_set1(2.0f))), x);
}

/* sigmoid(x) = 1 / (1 + exp(-x)) as a fraction, by way of exp(-|x|) that cannot overflow. */
V_INLINE vfloat v_sigmoid_fraction(vfloat x, vfloat *denominator)
{
    const vfloat one = v_set1(1.0f);
    const vfloat e = v_exp(v_sub(v_set1(0.0f), v_abs(x)));
    *denominator = v_add(e, one);
    return v_select(v_gt(v_set1(0.0f), x), e, one);
}

V_INLINE vfloat v_sigmoid(vfloat x)
{
    vfloat denominator;
    const vfloat numerator = v_sigmoid_fraction(x, &denominator);
    return v_div(numerator, denominator);
}

/* x * sigmoid(x) */
V_INLINE vfloat v_silu(vfloat x)
{
    vfloat denominator;
    const vfloat numerator = v_sigmoid_fraction(x, &denominator);
    return v_div(v_mul(x, numerator), denominator);
}

/* A polynomial up to 1; beyond, where erf is nearly 1, through a fit of log(1 - erf). */
V_INLINE vfloat v_erf(vfloat x)
{
    static const float near[] = {0x1.06eba8p-3f, -0x1.81274p-2f,   0x1.ce2d5p-4f, -0x1.b7fe92p-6f,
                                 0x1.542e3p-8f,  -0x1.a50c5ap-11f, 0x1.4c38bp-14f};
    static const float far[] = {-0x1.738042p-12f, -0x1.20858ap+0f, -0x1.46c61p-1f, -0x1.a60676p-4f,
                                0x1.6539c2p-6f,   -0x1.813a9ep-9f, 0x1.850cbcp-13f};
    const vfloat a = v_min(v_set1(4.0f), v_abs(x));
    const vfloat square = v_fma(a, a, v_set1(V_TINY));
    const vfloat inner = v_fma(a, v_polynomial(square, near, 7), a);
    const vfloat outer = v_sub(v_set1(1.0f), v_exp(v_polynomial(a, far, 7)));
    return v_copysign(v_select(v_gt(a, v_set1(1.0f)), outer, inner), x);
}

#endif
