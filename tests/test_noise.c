/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows times noise: how the numbers are distributed, and that they are the stream's own. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/layer_check.h"

enum { N = 1 << 16 };

/* The first N numbers of a seed, to be freed. */
static float *numbers(int seed)
{
    ravel_layer *layer = ravel_noise_new(ravel_kernels_select(), seed, NULL, 1, NULL);
    float *ones = malloc(N * sizeof *ones);
    for (int i = 0; i < N; i++) {
        ones[i] = 1.0f;
    }
    ravel_test_rows rows = ravel_test_run(layer, ones, N, NULL);
    cr_assert_eq(rows.n, N);
    free(ones);
    ravel_layer_destroy(layer);
    return rows.rows;
}

/* The mean of x[i]^p y[i + lag]^q */
static double moment(const float *x, int p, const float *y, int q, int lag)
{
    double sum = 0;
    for (int i = 0; i + lag < N; i++) {
        sum += pow((double)x[i], p) * pow((double)y[i + lag], q);
    }
    return sum / (N - lag);
}

/* Bars are five times the deviation that means of so many numbers have. */
Test(noise, is_normal_and_white)
{
    const double bar = 5.0 / sqrt(N);
    float *x = numbers(1);
    cr_assert_lt(fabs(moment(x, 1, x, 0, 0)), bar);
    cr_assert_lt(fabs(moment(x, 2, x, 0, 0) - 1), bar * sqrt(2));
    cr_assert_lt(fabs(moment(x, 3, x, 0, 0)), bar * sqrt(15));
    cr_assert_lt(fabs(moment(x, 4, x, 0, 0) - 3), bar * sqrt(96));
    for (int lag = 1; lag < 20; lag++) {
        cr_assert_lt(fabs(moment(x, 1, x, 1, lag)), bar);
        cr_assert_lt(fabs(moment(x, 2, x, 2, lag) - 1), bar * sqrt(8));
    }
    free(x);
}

Test(noise, depends_on_the_seed)
{
    float *x = numbers(1), *y = numbers(2);
    cr_assert_lt(fabs(moment(x, 1, y, 1, 0)), 5.0 / sqrt(N));
    free(x);
    free(y);
}

Test(noise, is_the_same_however_it_is_cut)
{
    ravel_test_random random = {1};
    ravel_tensor values = ravel_test_tensor(&random, "values", 30, 0, 0);
    for (int channels = 1; channels < 40; channels += 7) {
        ravel_layer *drawn = ravel_noise_new(ravel_kernels_select(), 9, NULL, channels, NULL);
        ravel_layer *given = ravel_noise_new(ravel_kernels_select(), 9, &values, channels, NULL);
        ravel_test_streaming(drawn, 100, &random);
        ravel_test_streaming(given, 100, &random);
        ravel_layer_destroy(drawn);
        ravel_layer_destroy(given);
    }
    free((void *)values.data);
}

Test(noise, takes_given_values_and_then_zeros)
{
    ravel_test_random random = {2};
    ravel_tensor values = ravel_test_tensor(&random, "values", 7, 0, 0);
    ravel_layer *layer = ravel_noise_new(ravel_kernels_select(), 0, &values, 3, NULL);
    float *x = ravel_test_values(&random, 10 * 3);
    ravel_test_rows rows = ravel_test_run(layer, x, 10, NULL);
    for (int i = 0; i < 30; i++) {
        const float expected = i < 21 ? x[i] * ((const float *)values.data)[i / 3] : 0.0f;
        cr_assert_float_eq(rows.rows[i], expected, 0.0f);
    }
    free(rows.rows);
    free(x);
    free((void *)values.data);
    ravel_layer_destroy(layer);
}

Test(noise, refuses_what_does_not_fit)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_error error = {0};
    cr_assert_null(ravel_noise_new(k, -1, NULL, 4, &error));
    cr_assert_not_null(strstr(error.text, "seed -1"), "%s", error.text);
    cr_assert_null(ravel_noise_new(k, RAVEL_MAX_NOISE_SEED + 1, NULL, 4, &error));
    cr_assert_null(ravel_noise_new(k, 0, NULL, 0, &error));
    cr_assert_not_null(strstr(error.text, "0 channels"), "%s", error.text);
}
