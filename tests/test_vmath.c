/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accuracy of the elementary functions against libm in double precision, in units in the last place
 * of the exact result, over the floats of all magnitudes. Measured through the fastest variant,
 * since test_kernels shows that all are equal.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "nn/half.h"
#include "nn/kernels.h"

/* A prime, so that every exponent meets other mantissas: 1 million of the 4 billion floats. */
enum { STEP = 4099, BLOCK = 4096 };

typedef void map(const float *x, float *y, int n);

static double exact_sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double exact_gelu(double x)
{
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double exact_silu(double x)
{
    return x * exact_sigmoid(x);
}

static double exact_elu(double x)
{
    return x > 0.0 ? x : expm1(x);
}

static ravel_kernels kernels;

static void elu_one(const float *x, float *y, int n)
{
    kernels.elu(x, y, n, 1.0f);
}

/* Distance of neighbouring floats at x. */
static double ulp(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

/* Error of y in ulp; results that would be denormal may be zero. */
static double error_of(float y, double exact, double scale)
{
    if (fabs(exact) < (double)FLT_MIN && y == 0.0f) {
        return 0.0;
    }
    if (fabs(exact) > (double)FLT_MAX) {
        return isinf(y) ? 0.0 : HUGE_VAL;
    }
    return fabs((double)y - exact) / ulp(scale > fabs(exact) ? scale : fabs(exact));
}

typedef struct {
    const char *name;
    map *function;
    double (*exact)(double);
    double low, high; /* of the arguments */
    double bound;     /* ulp */
    double relative;  /* the unit is not smaller than the ulp of |x| times this */
} accuracy;

static void measure(const accuracy *a)
{
    static float x[BLOCK], y[BLOCK];
    double worst = 0.0;
    float where = 0.0f;
    int n = 0;
    for (uint64_t bits = 0;; bits += STEP) {
        const float value = ravel_float_of_bits((uint32_t)bits);
        if (bits <= UINT32_MAX && (double)value >= a->low && (double)value <= a->high) {
            x[n++] = value;
        }
        if (n == BLOCK || bits > UINT32_MAX) {
            a->function(x, y, n);
            for (int i = 0; i < n; i++) {
                const double error =
                    error_of(y[i], a->exact((double)x[i]), a->relative * fabs((double)x[i]));
                if (!(error <= worst)) {
                    worst = error;
                    where = x[i];
                }
            }
            n = 0;
        }
        if (bits > UINT32_MAX) {
            break;
        }
    }
    printf("%-8s %.2f ulp at %.9g\n", a->name, worst, (double)where);
    cr_assert(worst <= a->bound, "%s: %g ulp at %a", a->name, worst, (double)where);
}

Test(vmath, accuracy)
{
    kernels = *ravel_kernels_select();
    const accuracy functions[] = {
        {"exp", kernels.exp, exp, -HUGE_VAL, HUGE_VAL, 1, 0},
        {"log", kernels.log, log, (double)FLT_MIN, HUGE_VAL, 1, 0},
        {"sin", kernels.sin, sin, -1e6, 1e6, 1.75, 0},
        {"cos", kernels.cos, cos, -1e6, 1e6, 1.75, 0},
        {"tanh", kernels.tanh, tanh, -HUGE_VAL, HUGE_VAL, 3, 0},
        {"sigmoid", kernels.sigmoid, exact_sigmoid, -HUGE_VAL, HUGE_VAL, 2.5, 0},
        {"elu", elu_one, exact_elu, -HUGE_VAL, HUGE_VAL, 1.5, 0},
        /* Below, the sigmoid would be denormal and is zero. */
        {"silu", kernels.silu, exact_silu, -87.0, HUGE_VAL, 3, 0},
        /* As in the formula, 1 + erf cancels where x is negative: the error is one of x. */
        {"gelu", kernels.gelu, exact_gelu, -100.0, HUGE_VAL, 2, 1},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        measure(functions + i);
    }
}

Test(vmath, limits)
{
    kernels = *ravel_kernels_select();
    const float x[] = {-HUGE_VAL, HUGE_VAL, NAN, -0.0f, 0.0f};
    float y[5];
    kernels.exp(x, y, 5);
    cr_assert(y[0] == 0.0f && y[1] == INFINITY && isnan(y[2]) && y[3] == 1.0f && y[4] == 1.0f);
    kernels.log(x, y, 5);
    const float lowest = logf(FLT_MIN);
    cr_assert(y[0] == lowest && y[1] == INFINITY && y[2] == lowest && y[3] == lowest);
    kernels.sin(x, y, 5);
    cr_assert(y[0] == 0.0f && y[1] == 0.0f && y[2] == 0.0f && y[4] == 0.0f);
    kernels.cos(x, y, 5);
    cr_assert(y[0] == 1.0f && y[1] == 1.0f && y[2] == 1.0f && y[4] == 1.0f);
    kernels.tanh(x, y, 5);
    cr_assert(y[0] == -1.0f && y[1] == 1.0f && isnan(y[2]) && signbit(y[3]) && !signbit(y[4]));
    kernels.sigmoid(x, y, 5);
    cr_assert(y[0] == 0.0f && y[1] == 1.0f && isnan(y[2]) && y[3] == 0.5f);
    kernels.gelu(x + 1, y, 4);
    cr_assert(y[0] == INFINITY && isnan(y[1]) && y[2] == 0.0f && y[3] == 0.0f);
}

/* A sound that fades must not become slow: no denormal comes of a normal argument or of zero. */
Test(vmath, makes_no_denormals)
{
    kernels = *ravel_kernels_select();
    map *const functions[] = {kernels.exp, kernels.tanh, kernels.sigmoid, kernels.sin,
                              elu_one,     kernels.gelu, kernels.silu,    kernels.log};
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 8 * STEP) {
        const float x = ravel_float_of_bits((uint32_t)bits);
        for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
            float y;
            functions[i](&x, &y, 1);
            /* gelu and silu halve, so that the smallest normal numbers are excused. */
            cr_assert(fpclassify(y) != FP_SUBNORMAL || fabsf(x) < 4 * FLT_MIN, "%d: %a of %a",
                      (int)i, (double)y, (double)x);
        }
    }
}
