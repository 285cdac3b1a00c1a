/* SPDX-License-Identifier: BSD-3-Clause */
/* Every variant of the kernels that this machine runs gives the bits of plain C. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernels.h"
#include "tests/support/kernel_cases.h"

enum { N_VARIANTS = 4, CANARIES = 16, SIZES = 67 };

static const char *const variants[N_VARIANTS] = {"c", "avx2", "avx512", "neon"};
static const float canary = 12345.5f;

/* Where two results differ, or -1. */
static int first_difference(const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (case_bits(a[i]) != case_bits(b[i])) {
            return i;
        }
    }
    return -1;
}

static void fill_canaries(float *y, int n)
{
    for (int i = 0; i < n; i++) {
        y[i] = canary;
    }
}

static void compare_case(const ravel_kernels *kernels, const kernel_case *c, int n, bool wild,
                         uint64_t *seed)
{
    /* One float further than malloc's alignment. */
    static float input[CASE_INPUTS][CASE_LENGTH + 1];
    static float expected[CASE_LENGTH + CANARIES], got[CASE_LENGTH + CANARIES + 1];
    const float *in[CASE_INPUTS];
    for (int i = 0; i < CASE_INPUTS; i++) {
        case_fill(input[i] + 1, CASE_LENGTH, wild, seed);
        in[i] = input[i] + 1;
    }
    fill_canaries(expected, CASE_LENGTH + CANARIES);
    fill_canaries(got, CASE_LENGTH + CANARIES + 1);
    const int n_y = c->run(ravel_kernels_named("c"), in, n, expected);
    c->run(kernels, in, n, got + 1);
    int i = first_difference(expected, got + 1, n_y + CANARIES);
    cr_assert(i < 0, "%s %s n=%d: [%d] is %a, plain C %a", kernels->name, c->name, n, i,
              (double)got[i + 1], (double)expected[i]);
    if (c->in_place) {
        memcpy(got, in[0], CASE_LENGTH * sizeof got[0]);
        in[0] = got;
        c->run(kernels, in, n, got);
        i = first_difference(expected, got, n_y);
        cr_assert(i < 0, "%s %s n=%d in place: [%d]", kernels->name, c->name, n, i);
    }
}

Test(kernels, equal_bits)
{
    for (int v = 0; v < N_VARIANTS; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(variants[v]);
        uint64_t seed = 3;
        for (int i = 0; kernels != NULL && i < n_kernel_cases; i++) {
            for (int n = 1; n <= SIZES; n++) {
                compare_case(kernels, kernel_cases + i, n, false, &seed);
                compare_case(kernels, kernel_cases + i, n, true, &seed);
            }
        }
    }
}

static void compare_product(const ravel_kernels *kernels, bool wild, uint64_t *seed)
{
    static float expected[PRODUCT_LENGTH], got[PRODUCT_LENGTH];
    const product_case p = case_product(seed);
    uint64_t again = *seed;
    case_run_product(NULL, &p, wild, seed, expected);
    case_run_product(kernels, &p, wild, &again, got);
    const int i = first_difference(expected, got, p.n_rows * p.y_stride);
    cr_assert(i < 0, "%s type %d, %d rows, %d x %d in, %d out: [%d] is %a, not %a", kernels->name,
              (int)p.dtype, p.n_rows, p.taps, p.width, p.n_out, i, (double)got[i],
              (double)expected[i]);
}

/* Plain C too: the reference of products is their definition, written as a loop of fmaf. */
Test(kernels, products_are_as_defined)
{
    for (int v = 0; v < N_VARIANTS; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(variants[v]);
        uint64_t seed = 4;
        for (int i = 0; kernels != NULL && i < 150; i++) {
            compare_product(kernels, i % 5 == 0, &seed);
        }
    }
}

/* The order of sums over a row, written down a second time. */
static float sum_by_lanes(const float *x, int n)
{
    float lane[16] = {0};
    for (int i = 0; i < n; i++) {
        lane[i % 16] += x[i];
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            lane[i] += lane[i + half];
        }
    }
    return lane[0];
}

Test(kernels, dot_is_as_defined)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    float x[100], ones[100];
    uint64_t seed = 5;
    for (int n = 1; n <= 100; n++) {
        ones[n - 1] = 1.0f;
        case_fill(x, n, false, &seed);
        cr_assert(kernels->dot(x, ones, n) == sum_by_lanes(x, n), "n = %d", n);
    }
}

Test(kernels, softmax_and_layer_norm_normalise)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    float x[77], y[77];
    double sum = 0.0, mean = 0.0, variance = 0.0;
    uint64_t seed = 6;
    case_fill(x, 77, false, &seed);
    kernels->softmax(x, y, 77);
    for (int i = 0; i < 77; i++) {
        sum += (double)y[i];
    }
    cr_assert(fabs(sum - 1.0) < 1e-6);
    kernels->layer_norm(x, NULL, NULL, 0.0f, y, 1, 77);
    for (int i = 0; i < 77; i++) {
        mean += (double)y[i] / 77;
        variance += (double)y[i] * (double)y[i] / 77;
    }
    cr_assert(fabs(mean) < 1e-6 && fabs(variance - 1.0) < 1e-5);
}

Test(kernels, argmax_takes_the_lowest_of_equals)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    const float ties[] = {NAN, -1.0f, -0.0f, 0.0f, -5.0f, 0.0f};
    const float low[] = {NAN, -INFINITY, -INFINITY};
    const float nothing[] = {NAN, NAN};
    cr_assert_eq(kernels->argmax(ties, 6), 2);
    cr_assert_eq(kernels->argmax(low, 3), 1);
    cr_assert_eq(kernels->argmax(nothing, 2), 0);
}

Test(kernels, lstm_cell_is_an_lstm)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    const float gates[] = {0.5f, -1.0f, 2.0f, 0.25f}; /* i, f, g, o of one unit */
    float c = 0.75f, h = 0.0f;
    kernels->lstm_cell(gates, &c, &h, 1);
    const double i = 1 / (1 + exp(-0.5)), f = 1 / (1 + exp(1.0)), o = 1 / (1 + exp(-0.25));
    const double cell = f * 0.75 + i * tanh(2.0);
    cr_assert(fabs((double)c - cell) < 1e-6);
    cr_assert(fabs((double)h - o * tanh(cell)) < 1e-6);
}

Test(kernels, depthwise_sums_its_taps)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    const float w[] = {1, 2, 10, 20, 100, 200}, bias[] = {0.5f, -0.5f};
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    float y[4];
    kernels->depthwise(w, bias, 3, 2, x, 2, 2, y, 2, 2);
    const float expected[] = {531.5f, 1283.5f, 753.5f, 1727.5f};
    for (int i = 0; i < 4; i++) {
        cr_assert(y[i] == expected[i], "%d: %g", i, (double)y[i]);
    }
}

/* Where the phase is near whole turns, and far from them; one harmonic to many. */
Test(kernels, pulses_are_sums_of_cosines)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    const ravel_pulses trains[] = {
        {0.0f, 0x1p-8f, 0.0f, 128.0f, 0.125f}, {0.75f, 0x1p-10f, -0x1p-22f, 240.0f, 1.0f},
        {0.3f, 0.04f, 1e-5f, 12.0f, 0.4f},     {0.999999f, 1e-7f, 0.0f, 100.0f, 2.0f},
        {0.5f, 0x1p-7f, 0x1p-20f, 0.0f, 1.0f}, {0.0f, 0.25f, 0.0f, 1.0f, 1.0f},
    };
    for (int c = 0; c < 6; c++) {
        const ravel_pulses *p = &trains[c];
        float y[300];
        kernels->pulses(p, y, 300);
        for (int i = 1; i <= 300; i++) {
            const float turns =
                p->step * (float)i + p->slope * ((float)i * (float)i) + p->start; /* as rounded */
            double sum = 0.0;
            for (int k = 1; k <= (int)p->harmonics; k++) {
                sum += cos(6.283185307179586 * k * (double)turns);
            }
            const double error = fabs((double)y[i - 1] - (double)p->gain * sum);
            cr_assert(error <= 1e-5 * (double)(p->gain * (1.0f + p->harmonics)),
                      "train %d, sample %d: %g, not %g", c, i, (double)y[i - 1],
                      (double)p->gain * sum);
        }
    }
}

Test(kernels, noise_is_white_and_wraps_around)
{
    enum { N = 40000 };
    static float y[N], again[20];
    const ravel_kernels *kernels = ravel_kernels_select();
    double mean = 0.0, power = 0.0, next = 0.0;
    kernels->noise(UINT32_MAX - 9, y, N);
    kernels->noise(0, again, 20);
    cr_assert_arr_eq(y + 10, again, sizeof again);
    for (int i = 0; i < N; i++) {
        cr_assert(fabs((double)y[i]) <= 1.7320509);
        mean += (double)y[i] / N;
        power += (double)y[i] * (double)y[i] / N;
        next += i > 0 ? (double)y[i] * (double)y[i - 1] / N : 0.0;
    }
    cr_assert(fabs(mean) < 0.02 && fabs(power - 1.0) < 0.02 && fabs(next) < 0.02);
}

Test(dispatch, honours_the_environment)
{
    cr_assert_not_null(ravel_kernels_named("c"));
    cr_assert_null(ravel_kernels_named("sse9"));
    for (int v = 0; v < N_VARIANTS; v++) {
        setenv("RAVEL_CPU", variants[v], 1);
        cr_assert_eq(ravel_kernels_select(), ravel_kernels_named(variants[v]));
    }
    setenv("RAVEL_CPU", "sse9", 1);
    cr_assert_null(ravel_kernels_select());
    unsetenv("RAVEL_CPU");
    cr_assert_not_null(ravel_kernels_select());
}
