/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows put together and taken apart: the same numbers, whatever a push brings. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/layer_check.h"

/* n rows become n / rows, and those the first rows again. */
static void check_fold(int rows, int channels, int n, ravel_test_random *random)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_layer *fold = ravel_fold_new(k, rows, channels, NULL);
    ravel_layer *unfold = ravel_unfold_new(k, rows, channels, NULL);
    float *x = ravel_test_values(random, n * channels);
    ravel_test_rows folded = ravel_test_run(fold, x, n, random);
    cr_assert_eq(folded.n, n / rows);
    cr_assert_eq(fold->out_channels, rows * channels);
    ravel_test_rows back = ravel_test_run(unfold, folded.rows, folded.n, random);
    cr_assert_eq(back.n, n / rows * rows);
    cr_assert_arr_eq(back.rows, x, (size_t)(back.n * channels) * sizeof *x);
    ravel_test_streaming(fold, n, random);
    ravel_test_streaming(unfold, n, random);
    free(back.rows);
    free(folded.rows);
    free(x);
    ravel_layer_destroy(unfold);
    ravel_layer_destroy(fold);
}

Test(fold, is_undone)
{
    ravel_test_random random = {1};
    check_fold(1, 3, 10, &random);
    check_fold(4, 1, 23, &random);
    check_fold(5, 7, 40, &random);
    check_fold(32, 17, 100, &random);
    check_fold(9, 2, 5, &random); /* none is filled */
}

Test(fold, unfolds_in_place)
{
    ravel_test_random random = {2};
    ravel_layer *layer = ravel_unfold_new(ravel_kernels_select(), 3, 2, NULL);
    float *x = ravel_test_values(&random, 24), before[24];
    ravel_arena none = {0};
    ravel_lane lane = {.in = x, .out = x, .n_in = 4};
    memcpy(before, x, sizeof before);
    cr_assert(layer->in_place);
    ravel_layer_push(layer, &lane, 1, &none);
    cr_assert_eq(lane.n_out, 12);
    cr_assert_arr_eq(x, before, sizeof before);
    free(x);
    ravel_layer_destroy(layer);
}

Test(fold, refuses_rows_that_are_too_long)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_error error = {0};
    cr_assert_null(ravel_fold_new(k, 0, 4, &error));
    cr_assert_null(ravel_fold_new(k, 65536, 65536, &error));
    cr_assert_not_null(strstr(error.text, "65536 rows of 65536 channels"), "%s", error.text);
    cr_assert_null(ravel_unfold_new(k, -1, 4, &error));
    cr_assert_null(ravel_unfold_new(k, 2, 0, &error));
}

Test(slice, keeps_the_channels_in_order)
{
    enum { ROWS = 30, IN = 7 };
    static const int parts[][2] = {{0, 7}, {0, 1}, {6, 1}, {2, 4}};
    ravel_test_random random = {3};
    float *x = ravel_test_values(&random, ROWS * IN);
    for (int i = 0; i < 4; i++) {
        const int first = parts[i][0], width = parts[i][1];
        ravel_layer *layer = ravel_slice_new(ravel_kernels_select(), IN, first, width, NULL);
        ravel_test_rows rows = ravel_test_run(layer, x, ROWS, &random);
        cr_assert(rows.n == ROWS && layer->out_channels == width);
        for (int t = 0; t < ROWS; t++) {
            cr_assert_arr_eq(rows.rows + t * width, x + t * IN + first, (size_t)width * sizeof *x);
        }
        ravel_test_streaming(layer, ROWS, &random);
        free(rows.rows);
        ravel_layer_destroy(layer);
    }
    free(x);
}

Test(slice, refuses_channels_that_are_not_there)
{
    static const int parts[][2] = {{-1, 2}, {0, 0}, {0, 8}, {5, 3}, {7, 1}, {2147483647, 2}};
    for (int i = 0; i < 6; i++) {
        ravel_error error = {0};
        cr_assert_null(
            ravel_slice_new(ravel_kernels_select(), 7, parts[i][0], parts[i][1], &error));
        cr_assert_not_null(strstr(error.text, "are not among 7"), "%s", error.text);
    }
}
