/* SPDX-License-Identifier: BSD-3-Clause */
/* Quantisers that share a vector between parts, and finite scalar quantisation. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/quantizers.h"

typedef ravel_quantizer *new_quantizer(const ravel_kernels *kernels, ravel_quantizer **parts,
                                       int n_parts, ravel_error *error);

static ravel_quantizer *whole(new_quantizer *make, ravel_quantizer **parts, int n_parts)
{
    ravel_error error = {0};
    ravel_quantizer *q = make(ravel_kernels_select(), parts, n_parts, &error);
    cr_assert_not_null(q, "%s", error.text);
    return q;
}

/* Two stages, of 12 and 30 codewords. */
static ravel_quantizer *two_stages(int dim, uint64_t seed)
{
    ravel_quantizer *stages[2] = {
        ravel_test_codebook(12, dim, RAVEL_SEARCH_EUCLIDEAN, seed),
        ravel_test_codebook(30, dim, RAVEL_SEARCH_EUCLIDEAN, seed + 1),
    };
    return whole(ravel_residual_quantizer_new, stages, 2);
}

/* Every vector alone, through every number of codebooks. */
static void check_prefixes(const ravel_quantizer *q, const float *x, int n)
{
    enum { MOST = 8, DIM = 16 };
    uint16_t all[MOST], some[MOST];
    float y[DIM], again[DIM];
    for (int i = 0; i < n; i++) {
        ravel_test_encode(q, x + i * q->dim, 1, q->n_codebooks, all, NULL);
        for (int k = 1; k <= q->n_codebooks; k++) {
            ravel_test_encode(q, x + i * q->dim, 1, k, some, y);
            ravel_test_decode(q, some, 1, k, again);
            cr_assert_arr_eq(some, all, (size_t)k * sizeof *some);
            cr_assert_arr_eq(y, again, (size_t)q->dim * sizeof *y);
        }
    }
}

/* --- Split ------------------------------------------------------------------------------------ */

Test(split, parts_see_the_same_and_are_summed)
{
    enum { DIM = 7, N = 30 };
    ravel_quantizer *alone[3] = {ravel_test_codebook(20, DIM, RAVEL_SEARCH_COSINE, 1),
                                 two_stages(DIM, 2),
                                 ravel_test_codebook(9, DIM, RAVEL_SEARCH_EUCLIDEAN, 4)};
    ravel_quantizer *parts[3] = {ravel_test_codebook(20, DIM, RAVEL_SEARCH_COSINE, 1),
                                 two_stages(DIM, 2),
                                 ravel_test_codebook(9, DIM, RAVEL_SEARCH_EUCLIDEAN, 4)};
    ravel_quantizer *q = whole(ravel_split_quantizer_new, parts, 3);
    float *x = ravel_test_vectors(N, DIM, 5), y[N * DIM], part[N * DIM], sum[N * DIM];
    uint16_t codes[N * 4], part_codes[N * 2];
    ravel_test_encode(q, x, N, 4, codes, y);
    for (int p = 0, first = 0; p < 3; p++) {
        int own = alone[p]->n_codebooks;
        ravel_test_encode(alone[p], x, N, own, part_codes, part);
        for (int i = 0; i < N * own; i++)
            cr_assert_eq(codes[i / own * 4 + first + i % own], part_codes[i]);
        for (int i = 0; i < N * DIM; i++)
            sum[i] = p == 0 ? part[i] : sum[i] + part[i];
        first += own;
        ravel_quantizer_destroy(alone[p]);
    }
    cr_assert_arr_eq(y, sum, sizeof sum);
    check_prefixes(q, x, N);
    ravel_quantizer_destroy(q);
    free(x);
}

/* --- Grouped ---------------------------------------------------------------------------------- */

Test(grouped, each_part_has_its_own_dimensions)
{
    enum { DIM = 9, N = 30 };
    static const int begin[] = {0, 4, 6}, width[] = {4, 2, 3};
    ravel_quantizer *alone[3] = {two_stages(4, 2),
                                 ravel_test_codebook(20, 2, RAVEL_SEARCH_EUCLIDEAN, 1),
                                 ravel_test_codebook(9, 3, RAVEL_SEARCH_EUCLIDEAN, 4)};
    ravel_quantizer *parts[3] = {two_stages(4, 2),
                                 ravel_test_codebook(20, 2, RAVEL_SEARCH_EUCLIDEAN, 1),
                                 ravel_test_codebook(9, 3, RAVEL_SEARCH_EUCLIDEAN, 4)};
    ravel_quantizer *q = whole(ravel_grouped_quantizer_new, parts, 3);
    float *x = ravel_test_vectors(N, DIM, 5), y[N * DIM], part[DIM];
    uint16_t codes[N * 4], part_codes[2];
    cr_assert_eq(q->dim, DIM);
    ravel_test_encode(q, x, N, 4, codes, y);
    for (int p = 0, first = 0; p < 3; p++) {
        int own = alone[p]->n_codebooks;
        for (int i = 0; i < N; i++) {
            const size_t bytes = (size_t)width[p] * sizeof(float);
            ravel_test_encode(alone[p], x + i * DIM + begin[p], 1, own, part_codes, part);
            cr_assert_arr_eq(y + i * DIM + begin[p], part, bytes);
            cr_assert_arr_eq(codes + i * 4 + first, part_codes, (size_t)own * sizeof *codes);
        }
        first += own;
        ravel_quantizer_destroy(alone[p]);
    }
    check_prefixes(q, x, N);
    ravel_quantizer_destroy(q);
    free(x);
}

/* Two of four codebooks are those of the first part; nothing is known of the other dimensions. */
Test(grouped, dimensions_without_a_codebook_are_zeros)
{
    enum { DIM = 9 };
    ravel_quantizer *parts[2] = {two_stages(4, 2), two_stages(5, 7)};
    ravel_quantizer *q = whole(ravel_grouped_quantizer_new, parts, 2);
    static const uint16_t codes[2] = {3, 29};
    float y[DIM], zeros[5] = {0};
    ravel_test_decode(q, codes, 1, 2, y);
    cr_assert_arr_eq(y + 4, zeros, sizeof zeros);
    cr_assert_arr_neq(y, zeros, 4 * sizeof *y);
    ravel_quantizer_destroy(q);
}

/* --- Finite scalar quantisation ---------------------------------------------------------------- */

static ravel_quantizer *new_fsq(const int *levels, int dim, float bound)
{
    ravel_error error = {0};
    ravel_quantizer *q = ravel_fsq_new(ravel_kernels_select(), levels, dim, bound, &error);
    cr_assert_not_null(q, "%s", error.text);
    return q;
}

/* The formulas of the paper's code in double, x where rounding is not in doubt. */
static void check_digits(float bound)
{
    enum { DIM = 5, N = 500 };
    static const int levels[DIM] = {8, 7, 6, 2, 3};
    ravel_quantizer *q = new_fsq(levels, DIM, bound);
    float *x = ravel_test_vectors(N, DIM, 3), y[N * DIM];
    uint16_t codes[N];
    for (int i = 0; i < N * DIM; i++)
        x[i] *= 3.0f;
    ravel_test_encode(q, x, N, 1, codes, y);
    cr_assert_eq(q->codebook_size[0], 8 * 7 * 6 * 2 * 3);
    for (int i = 0, compared = 0; i < N || compared < 1000; i++) {
        cr_assert_lt(i, N);
        for (int k = 0, code = codes[i]; k < DIM; code /= levels[k], k++) {
            double gain = (levels[k] - 1) / 2.0 * (double)bound, offset = levels[k] % 2 ? 0.0 : 0.5;
            double shift = tan(offset / gain);
            double level = gain * tanh((double)x[i * DIM + k] + shift) - offset;
            if (fabs(level - floor(level) - 0.5) < 1e-5)
                continue;
            int half = levels[k] / 2, digit = (int)floor(level + 0.5) + half;
            digit = digit < levels[k] ? digit : levels[k] - 1;
            cr_assert_eq(code % levels[k], digit);
            cr_assert_eq(y[i * DIM + k], (float)(digit - half) / (float)half);
            compared++;
        }
    }
    ravel_quantizer_destroy(q);
    free(x);
}

Test(fsq, digits_are_those_of_the_formula)
{
    check_digits(0.999f);
    check_digits(1.0f);
    check_digits(1.1f);
}

/* From one end to the other no digit is left out, and none lies outside. */
Test(fsq, all_levels_are_reached_and_no_other)
{
    static const float bounds[] = {0.999f, 1.0f, 1.1f};
    for (int levels = 2; levels <= 40; levels++) {
        ravel_quantizer *q = new_fsq(&levels, 1, bounds[levels % 3]);
        static const float ends[] = {-INFINITY, -1e30f, 1e30f, INFINITY};
        uint16_t codes[4], code = 0, before = 0;
        ravel_test_encode(q, ends, 4, 1, codes, NULL);
        cr_assert(codes[0] == 0 && codes[1] == 0);
        cr_assert(codes[2] == levels - 1 && codes[3] == levels - 1);
        for (int i = -4000; i <= 4000; i++, before = code) {
            const float x = (float)i / 500.0f;
            ravel_test_encode(q, &x, 1, 1, &code, NULL);
            cr_assert(code == before || code == before + 1);
        }
        cr_assert_eq(code, levels - 1);
        ravel_quantizer_destroy(q);
    }
}

Test(fsq, what_is_no_number_is_the_lowest_digit)
{
    static const int levels[2] = {5, 4};
    const float x[2] = {NAN, NAN};
    ravel_quantizer *q = new_fsq(levels, 2, 0.999f);
    uint16_t code = 9;
    float y[2];
    ravel_test_encode(q, x, 1, 1, &code, y);
    cr_assert_eq(code, 0);
    cr_assert(y[0] == -1.0f && y[1] == -1.0f);
    ravel_quantizer_destroy(q);
}

Test(fsq, every_code_stands_for_itself)
{
    static const int levels[4] = {8, 7, 6, 6};
    ravel_quantizer *q = new_fsq(levels, 4, 1.0f);
    cr_assert_eq(q->codebook_size[0], 2016);
    for (int code = 0; code < 2016; code++) {
        const uint16_t given = (uint16_t)code;
        float y[4], digits = 0.0f;
        int base = 1;
        ravel_test_decode(q, &given, 1, 1, y);
        for (int k = 0; k < 4; base *= levels[k], k++)
            digits += (y[k] * (float)(levels[k] / 2) + (float)(levels[k] / 2)) * (float)base;
        cr_assert_eq((int)(digits + 0.5f), code);
    }
    ravel_quantizer_destroy(q);
}

/* --- Refusals ---------------------------------------------------------------------------------- */

static void check_refused(ravel_quantizer *q, const ravel_error *error, const char *word)
{
    cr_assert_null(q);
    cr_assert_eq(error->status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error->text, word), "\"%s\" lacks %s", error->text, word);
}

Test(refused, parts_that_do_not_fit)
{
    ravel_error error = {0};
    const ravel_kernels *kernels = ravel_kernels_select();
    ravel_quantizer *unlike[2] = {two_stages(4, 1), two_stages(5, 1)}, *many[33], *wide[2];
    check_refused(ravel_split_quantizer_new(kernels, unlike, 2, &error), &error, "part 2 has 5");
    for (int p = 0; p < 33; p++)
        many[p] = two_stages(2, 1);
    check_refused(ravel_grouped_quantizer_new(kernels, many, 33, &error), &error, "part 33");
    for (int p = 0; p < 2; p++)
        wide[p] = ravel_test_codebook(2, 40000, RAVEL_SEARCH_EUCLIDEAN, 1);
    check_refused(ravel_grouped_quantizer_new(kernels, wide, 2, &error), &error, "65536 dim");
    check_refused(ravel_grouped_quantizer_new(kernels, NULL, 0, &error), &error, "part 1");
}

Test(refused, levels_that_make_no_codebook)
{
    static const int one[] = {8, 1}, many[] = {256, 256, 2}, greatest[] = {256, 256};
    int twos[17];
    ravel_error error = {0};
    const ravel_kernels *kernels = ravel_kernels_select();
    for (int k = 0; k < 17; k++)
        twos[k] = 2;
    check_refused(ravel_fsq_new(kernels, one, 2, 1.0f, &error), &error, "1 levels in dimension 1");
    check_refused(ravel_fsq_new(kernels, many, 3, 1.0f, &error), &error, "2 levels in dimension 2");
    check_refused(ravel_fsq_new(kernels, twos, 17, 1.0f, &error), &error, "17 dimensions");
    check_refused(ravel_fsq_new(kernels, one, 0, 1.0f, &error), &error, "0 dimensions");
    check_refused(ravel_fsq_new(kernels, one, 1, 0.8f, &error), &error, "a bound of 0.8");
    check_refused(ravel_fsq_new(kernels, one, 1, NAN, &error), &error, "a bound of nan");
    ravel_quantizer_destroy(new_fsq(greatest, 2, 0.9f));
    ravel_quantizer_destroy(new_fsq(twos, 16, 1.1f));
}
