/* SPDX-License-Identifier: BSD-3-Clause */
/* Codebooks with several steps a vector: averages over neighbours, and where their codes stand. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/quantizers.h"

static ravel_quantizer *new_strided(int steps, int stride, ravel_quantizer *inner)
{
    ravel_error error = {0};
    ravel_quantizer *q =
        ravel_strided_quantizer_new(ravel_kernels_select(), steps, stride, inner, &error);
    cr_assert_not_null(q, "%s", error.text);
    return q;
}

static ravel_quantizer *new_residual(ravel_quantizer **stages, int n)
{
    ravel_quantizer *q = ravel_residual_quantizer_new(ravel_kernels_select(), stages, n, NULL);
    cr_assert_not_null(q);
    return q;
}

/* A codebook; a pair of codebooks. Both of 6 dimensions. */
static ravel_quantizer *new_single(uint64_t seed)
{
    return ravel_test_codebook(40, 6, RAVEL_SEARCH_EUCLIDEAN, seed);
}

static ravel_quantizer *new_pair(uint64_t seed)
{
    ravel_quantizer *stages[2] = {new_single(seed), new_single(seed + 1)};
    return new_residual(stages, 2);
}

/* The quantiser of SNAC, its second stage with two codebooks: steps 2, 4, 4, 8. */
static ravel_quantizer *new_scales(void)
{
    ravel_quantizer *stages[3] = {new_strided(8, 4, new_single(1)), new_strided(8, 2, new_pair(2)),
                                  new_strided(8, 1, new_single(4))};
    return new_residual(stages, 3);
}

Test(strided, quantises_averages_and_repeats_them)
{
    enum { N = 5, STEPS = 6, STRIDE = 3, DIM = 6, GROUPS = N * STEPS / STRIDE };
    ravel_quantizer *alone = new_pair(7), *q = new_strided(STEPS, STRIDE, new_pair(7));
    float *x = ravel_test_vectors(N * STEPS, DIM, 8), mean[GROUPS * DIM], said[GROUPS * DIM];
    float y[N * STEPS * DIM];
    uint16_t codes[N][2][STEPS / STRIDE], expected[N][STEPS / STRIDE][2];
    for (int i = 0; i < GROUPS * DIM; i++) {
        const float *row = x + i / DIM * STRIDE * DIM + i % DIM;
        mean[i] = (row[0] + row[DIM] + row[2 * DIM]) / 3.0f;
    }
    ravel_test_encode(alone, mean, GROUPS, 2, **expected, said);
    ravel_test_encode(q, x, N, 2, **codes, y);
    for (int i = 0; i < N * STEPS; i++) {
        cr_assert_arr_eq(y + i * DIM, said + i / STRIDE * DIM, DIM * sizeof *y);
    }
    for (int i = 0; i < N * STEPS / STRIDE * 2; i++) {
        const int v = i / 4, group = i / 2 % 2, book = i % 2;
        cr_assert_eq(codes[v][book][group], expected[v][group][book]);
    }
    cr_assert_eq(q->dim, STEPS * DIM);
    cr_assert(q->steps[0] == 2 && q->steps[1] == 2 && ravel_quantizer_codes(q, 2) == 4);
    free(x);
    ravel_quantizer_destroy(alone);
    ravel_quantizer_destroy(q);
}

Test(strided, codes_stand_for_what_encoding_said)
{
    enum { N = 9 };
    const int wanted[4] = {2, 6, 10, 18};
    ravel_quantizer *q = new_scales();
    float *x = ravel_test_vectors(N, q->dim, 9);
    float *y = ravel_test_vectors(N, q->dim, 10), *again = ravel_test_vectors(N, q->dim, 11);
    uint16_t all[N * 18], some[N * 18];
    ravel_test_encode(q, x, N, 4, all, NULL);
    for (int k = 1; k <= 4; k++) {
        const int width = ravel_quantizer_codes(q, k);
        cr_assert_eq(width, wanted[k - 1]);
        ravel_test_encode(q, x, N, k, some, y);
        for (int i = 0; i < N; i++) {
            cr_assert_arr_eq(some + i * width, all + i * 18, (size_t)width * sizeof *some);
        }
        ravel_test_decode(q, some, N, k, again);
        cr_assert_arr_eq(again, y, (size_t)(N * q->dim) * sizeof *y);
    }
    free(again);
    free(y);
    free(x);
    ravel_quantizer_destroy(q);
}

Test(strided, a_batch_changes_nothing)
{
    enum { N = 20 };
    ravel_quantizer *q = new_scales();
    float *x = ravel_test_vectors(N, q->dim, 12);
    uint16_t all[N * 18], one[18];
    ravel_test_encode(q, x, N, 4, all, NULL);
    for (int i = 0; i < N; i++) {
        ravel_test_encode(q, x + i * q->dim, 1, 4, one, NULL);
        cr_assert_arr_eq(one, all + i * 18, sizeof one);
    }
    free(x);
    ravel_quantizer_destroy(q);
}

static void check_refused(int steps, int stride, ravel_quantizer *inner, const char *why)
{
    ravel_error error = {0};
    cr_assert_null(
        ravel_strided_quantizer_new(ravel_kernels_select(), steps, stride, inner, &error));
    cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
}

Test(strided, refuses_steps_that_do_not_fit)
{
    check_refused(0, 1, new_single(1), "0 steps");
    check_refused(257, 1, new_single(1), "257 steps");
    check_refused(8, 3, new_single(1), "no multiple of 3");
    check_refused(8, 0, new_single(1), "no multiple of 0");
    check_refused(16, 1, new_strided(32, 1, new_single(1)), "16 times 32 codes of codebook 1");
    check_refused(64, 64, ravel_test_codebook(2, 1025, RAVEL_SEARCH_COSINE, 1),
                  "64 steps of 1025 dimensions");
}
