/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/quantizers.h"

/* With biases. */
static ravel_quantizer *new_projected(ravel_quantizer *inner, int dim, uint64_t seed)
{
    ravel_error error = {0};
    ravel_test_weights *w[4] = {ravel_test_weights_new("in", inner->dim, dim, seed),
                                ravel_test_weights_new("ib", inner->dim, 0, 1),
                                ravel_test_weights_new("out", dim, inner->dim, seed + 9),
                                ravel_test_weights_new("ob", dim, 0, 2)};
    const ravel_projection_spec spec = {
        .in_weight = &w[0]->t, .in_bias = &w[1]->t, .out_weight = &w[2]->t, .out_bias = &w[3]->t};
    ravel_quantizer *q = ravel_projected_new(ravel_kernels_select(), &spec, inner, &error);
    cr_assert_not_null(q, "%s", error.text);
    for (int i = 0; i < 4; i++) {
        free(w[i]);
    }
    return q;
}

static ravel_quantizer *new_residual(ravel_quantizer **stages, int n)
{
    ravel_error error = {0};
    ravel_quantizer *q = ravel_residual_quantizer_new(ravel_kernels_select(), stages, n, &error);
    cr_assert_not_null(q, "%s", error.text);
    return q;
}

/* Five stages, 7 codebooks of different sizes: plain, projected, and a residual one inside. */
static ravel_quantizer *new_tree(int dim)
{
    ravel_quantizer *inner[3] = {ravel_test_codebook(17, 6, RAVEL_SEARCH_EUCLIDEAN, 11),
                                 ravel_test_codebook(33, 6, RAVEL_SEARCH_EUCLIDEAN, 12),
                                 ravel_test_codebook(2, 6, RAVEL_SEARCH_EUCLIDEAN, 13)};
    ravel_quantizer *stages[5] = {
        ravel_test_codebook(40, dim, RAVEL_SEARCH_EUCLIDEAN, 14),
        new_projected(ravel_test_codebook(64, 8, RAVEL_SEARCH_COSINE, 15), dim, 16),
        new_projected(new_residual(inner, 3), dim, 17),
        ravel_test_codebook(1500, dim, RAVEL_SEARCH_COSINE, 18),
        ravel_test_codebook(3, dim, RAVEL_SEARCH_EUCLIDEAN, 19),
    };
    return new_residual(stages, 5);
}

/* --- One codebook --------------------------------------------------------------------------- */

/* What the search makes greatest, in double. */
static double closeness(ravel_search search, const float *x, const float *e, int dim)
{
    double product = 0.0, norm = 0.0, distance = 0.0;
    for (int k = 0; k < dim; k++) {
        product += (double)x[k] * (double)e[k];
        norm += (double)e[k] * (double)e[k];
        distance += ((double)x[k] - (double)e[k]) * ((double)x[k] - (double)e[k]);
    }
    return search == RAVEL_SEARCH_COSINE ? product / sqrt(norm) : -distance;
}

static void check_nearest(ravel_search search, int size, int dim)
{
    enum { N = 70 };
    ravel_test_weights *w = ravel_test_weights_new("c", size, dim, (uint64_t)size);
    ravel_quantizer *q = ravel_codebook_new(ravel_kernels_select(), &w->t, search, NULL);
    float *x = ravel_test_vectors(N, dim, 3), *y = ravel_test_vectors(N, dim, 4);
    uint16_t codes[N];
    ravel_test_encode(q, x, N, 1, codes, y);
    for (int i = 0; i < N; i++) {
        double best = (double)-INFINITY;
        for (int n = 0; n < size; n++) {
            best = fmax(best, closeness(search, x + i * dim, w->values + n * dim, dim));
        }
        const float *chosen = w->values + codes[i] * dim;
        cr_assert_lt(codes[i], size);
        cr_assert_geq(closeness(search, x + i * dim, chosen, dim), best - 1e-5);
        cr_assert_arr_eq(y + i * dim, chosen, (size_t)dim * sizeof *y, "the codeword as stored");
    }
    ravel_quantizer_destroy(q);
    free(w);
    free(x);
    free(y);
}

Test(quantizer, codebook_finds_the_nearest)
{
    static const int sizes[] = {2, 3, 31, 32, 33, 1024}, dims[] = {1, 3, 8, 65};
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 4; k++) {
            check_nearest(RAVEL_SEARCH_EUCLIDEAN, sizes[i], dims[k]);
            check_nearest(RAVEL_SEARCH_COSINE, sizes[i], dims[k]);
        }
    }
}

Test(quantizer, ties_go_to_the_lowest_index)
{
    for (int search = RAVEL_SEARCH_EUCLIDEAN; search <= RAVEL_SEARCH_COSINE; search++) {
        ravel_test_weights *w = ravel_test_weights_new("c", 100, 5, 7);
        memcpy(w->values + 70 * 5, w->values + 41 * 5, 5 * sizeof(float));
        memcpy(w->values + 99 * 5, w->values + 41 * 5, 5 * sizeof(float));
        ravel_quantizer *q =
            ravel_codebook_new(ravel_kernels_select(), &w->t, (ravel_search)search, NULL);
        uint16_t code;
        ravel_test_encode(q, w->values + 99 * 5, 1, 1, &code, NULL);
        cr_assert_eq(code, 41);
        ravel_quantizer_destroy(q);
        free(w);
    }
}

/* DAC and EnCodec files hold codebooks with a codeword of zeros; it has no direction. */
Test(quantizer, zero_codewords_do_no_harm)
{
    for (int search = RAVEL_SEARCH_EUCLIDEAN; search <= RAVEL_SEARCH_COSINE; search++) {
        ravel_test_weights *w = ravel_test_weights_new("c", 10, 4, 8);
        float x[8] = {0.0f, 0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f};
        uint16_t codes[2];
        memset(w->values + 4 * 4, 0, 4 * sizeof(float));
        ravel_quantizer *q =
            ravel_codebook_new(ravel_kernels_select(), &w->t, (ravel_search)search, NULL);
        ravel_test_encode(q, x, 2, 1, codes, NULL);
        cr_assert_eq(codes[0], search == RAVEL_SEARCH_COSINE ? 0 : 4);
        cr_assert(codes[1] < 10 && codes[1] != 4);
        ravel_quantizer_destroy(q);
        free(w);
    }
}

Test(quantizer, half_precision_codewords_are_widened)
{
    /* 1, -2, 0.5, 65504, 2^-24 (the least denormal), 0 */
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0x0000};
    static const float floats[] = {1.0f, -2.0f, 0.5f, 65504.0f, 0x1p-24f, 0.0f};
    const ravel_tensor t = {
        .name = "c", .data = halves, .dtype = RAVEL_F16, .rank = 2, .shape = {3, 2}};
    for (int search = RAVEL_SEARCH_EUCLIDEAN; search <= RAVEL_SEARCH_COSINE; search++) {
        ravel_quantizer *q =
            ravel_codebook_new(ravel_kernels_select(), &t, (ravel_search)search, NULL);
        const uint16_t all[3] = {0, 1, 2};
        uint16_t codes[3];
        float y[6];
        ravel_test_decode(q, all, 3, 1, y);
        cr_assert_arr_eq(y, floats, sizeof y);
        ravel_test_encode(q, floats, 3, 1, codes, NULL);
        cr_assert_arr_eq(codes, all, sizeof all, "each codeword is nearest to itself");
        ravel_quantizer_destroy(q);
    }
}

Test(quantizer, bad_vectors_still_give_codes_in_range)
{
    ravel_quantizer *q = new_tree(12);
    float x[3 * 12];
    uint16_t codes[3 * 7];
    for (int k = 0; k < 12; k++) {
        x[k] = NAN;
        x[12 + k] = k % 2 ? INFINITY : -INFINITY;
        x[24 + k] = k % 2 ? 3e38f : -3e38f;
    }
    ravel_test_encode(q, x, 3, 7, codes, NULL);
    for (int i = 0; i < 3 * 7; i++) {
        cr_assert_lt(codes[i], q->codebook_size[i % 7]);
    }
    ravel_quantizer_destroy(q);
}

/* --- Trees ---------------------------------------------------------------------------------- */

Test(quantizer, projection_goes_there_and_back)
{
    enum { DIM = 20, INNER = 3, SIZE = 50, N = 9 };
    ravel_test_weights *book = ravel_test_weights_new("c", SIZE, INNER, 31),
                       *in = ravel_test_weights_new("in", INNER, DIM, 32);
    ravel_test_weights *out = ravel_test_weights_new("out", DIM, INNER, 33),
                       *bias = ravel_test_weights_new("ob", DIM, 0, 34);
    const ravel_projection_spec spec = {
        .in_weight = &in->t, .out_weight = &out->t, .out_bias = &bias->t};
    ravel_quantizer *q = ravel_projected_new(
        ravel_kernels_select(), &spec,
        ravel_codebook_new(ravel_kernels_select(), &book->t, RAVEL_SEARCH_COSINE, NULL), NULL);
    float *x = ravel_test_vectors(N, DIM, 35), y[N * DIM];
    uint16_t codes[N];
    ravel_test_encode(q, x, N, 1, codes, y);
    for (int i = 0; i < N; i++) {
        float z[INNER];
        for (int j = 0; j < INNER; j++) {
            z[j] = 0.0f;
            for (int k = 0; k < DIM; k++) {
                z[j] = fmaf(x[i * DIM + k], in->values[j * DIM + k], z[j]);
            }
        }
        for (int n = 0; n < SIZE; n++) {
            cr_assert_leq(
                closeness(RAVEL_SEARCH_COSINE, z, book->values + n * INNER, INNER),
                closeness(RAVEL_SEARCH_COSINE, z, book->values + codes[i] * INNER, INNER) + 1e-5);
        }
        for (int k = 0; k < DIM; k++) {
            float sum = bias->values[k];
            for (int j = 0; j < INNER; j++) {
                sum = fmaf(book->values[codes[i] * INNER + j], out->values[k * INNER + j], sum);
            }
            cr_assert_eq(y[i * DIM + k], sum, "the one arithmetic");
        }
    }
    ravel_quantizer_destroy(q);
    free(book);
    free(in);
    free(out);
    free(bias);
    free(x);
}

/* Each stage by hand, on what the stages before it left. */
Test(quantizer, residual_is_stage_after_stage)
{
    enum { DIM = 10, N = 40, STAGES = 4 };
    ravel_quantizer *alone[STAGES], *stages[STAGES];
    for (int s = 0; s < STAGES; s++) {
        alone[s] = ravel_test_codebook(20 + s, DIM, RAVEL_SEARCH_EUCLIDEAN, 50 + (uint64_t)s);
        stages[s] = ravel_test_codebook(20 + s, DIM, RAVEL_SEARCH_EUCLIDEAN, 50 + (uint64_t)s);
    }
    ravel_quantizer *q = new_residual(stages, STAGES);
    float *x = ravel_test_vectors(N, DIM, 60), y[N * DIM], part[N * DIM], sum[N * DIM] = {0};
    uint16_t codes[N * STAGES], stage_codes[N];
    ravel_test_encode(q, x, N, STAGES, codes, y);
    for (int s = 0; s < STAGES; s++) {
        ravel_test_encode(alone[s], x, N, 1, stage_codes, part);
        for (int i = 0; i < N; i++) {
            cr_assert_eq(codes[i * STAGES + s], stage_codes[i]);
        }
        for (int i = 0; i < N * DIM; i++) {
            x[i] -= part[i];
            sum[i] += part[i];
        }
        ravel_quantizer_destroy(alone[s]);
    }
    cr_assert_arr_eq(y, sum, sizeof sum);
    ravel_quantizer_destroy(q);
    free(x);
}

Test(quantizer, tree_lists_its_codebooks_in_order)
{
    static const int sizes[] = {40, 64, 17, 33, 2, 1500, 3};
    ravel_quantizer *q = new_tree(12);
    cr_assert_eq(q->n_codebooks, 7);
    cr_assert_eq(q->dim, 12);
    cr_assert_arr_eq(q->codebook_size, sizes, sizeof sizes);
    const double projections = 2 * 12 * 8 + 2 * 12 * 6;
    cr_assert_float_eq(q->macs, 12 * (40 + 1500 + 3) + 64 * 8 + (17 + 33 + 2) * 6 + projections,
                       0.5);
    cr_assert_gt(q->weight_bytes, 4 * (12 * (40 + 1500 + 3) + 64 * 8 + (17 + 33 + 2) * 6));
    ravel_quantizer_destroy(q);
}

Test(quantizer, fewer_codebooks_are_a_prefix)
{
    enum { DIM = 12, N = 50, ALL = 7 };
    ravel_quantizer *q = new_tree(DIM);
    float *x = ravel_test_vectors(N, DIM, 70), y[N * DIM], again[N * DIM];
    uint16_t all[N * ALL], some[N * ALL];
    ravel_test_encode(q, x, N, ALL, all, NULL);
    for (int k = 1; k <= ALL; k++) {
        ravel_test_encode(q, x, N, k, some, y);
        for (int i = 0; i < N * k; i++) {
            cr_assert_eq(some[i], all[i / k * ALL + i % k]);
        }
        ravel_test_decode(q, some, N, k, again);
        cr_assert_arr_eq(y, again, sizeof y, "what encode says codes stand for, decode says too");
    }
    ravel_quantizer_destroy(q);
    free(x);
}

Test(quantizer, vectors_do_not_see_each_other)
{
    enum { DIM = 12, N = 101, ALL = 7, STRIDE = 9 };
    ravel_quantizer *q = new_tree(DIM);
    float *x = ravel_test_vectors(N, DIM, 80), y[N * DIM], one[DIM];
    uint16_t codes[N * STRIDE], alone[ALL];
    ravel_test_planned p = ravel_test_planned_new(q, N);
    memset(codes, 0xee, sizeof codes);
    q->ops->encode(q, x, N, ALL, codes, STRIDE, y, &p.arena);
    ravel_test_planned_free(&p);
    for (int i = 0; i < N; i++) {
        ravel_test_encode(q, x + i * DIM, 1, ALL, alone, one);
        cr_assert_arr_eq(alone, codes + i * STRIDE, sizeof alone);
        cr_assert_arr_eq(one, y + i * DIM, sizeof one);
        cr_assert_eq(codes[i * STRIDE + ALL], 0xeeee, "nothing but the codes is written");
    }
    ravel_quantizer_destroy(q);
    free(x);
}

/* Scratch for the greatest codebook stays small: it is searched in slices. */
Test(quantizer, large_codebook_needs_little_scratch)
{
    enum { SIZE = 65536, N = 5 };
    ravel_quantizer *q = ravel_test_codebook(SIZE, 2, RAVEL_SEARCH_EUCLIDEAN, 90);
    float *x = ravel_test_vectors(N, 2, 91), y[N * 2];
    uint16_t codes[N];
    cr_assert_leq(q->ops->scratch_size(q, 1000), 4 * SIZE + 64);
    ravel_test_encode(q, x, N, 1, codes, y);
    for (int i = 0; i < N; i++) {
        cr_assert_lt(hypot((double)(x[2 * i] - y[2 * i]), (double)(x[2 * i + 1] - y[2 * i + 1])),
                     0.05);
    }
    ravel_quantizer_destroy(q);
    free(x);
}

/* --- Refusals ------------------------------------------------------------------------------- */

static void check_refused(ravel_quantizer *q, const ravel_error *error, const char *word)
{
    cr_assert_null(q);
    cr_assert_eq(error->status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error->text, word), "\"%s\" lacks %s", error->text, word);
}

Test(quantizer, codebooks_of_wrong_shape_are_refused)
{
    static const float data[64] = {0};
    static const ravel_tensor bad[] = {
        {.name = "a.weight", .data = data, .rank = 1, .shape = {64}},
        {.name = "b.weight", .data = data, .rank = 3, .shape = {4, 4, 4}},
        {.name = "c.weight", .data = data, .rank = 2, .shape = {1, 64}},
        {.name = "d.weight", .data = data, .rank = 2, .shape = {65537, 1}},
        {.name = "e.weight", .data = data, .rank = 2, .shape = {8, 8}, .dtype = RAVEL_I8},
        {.name = "f.weight", .data = data, .rank = 2, .shape = {2, 65537}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ravel_error error = {0};
        check_refused(
            ravel_codebook_new(ravel_kernels_select(), &bad[i], RAVEL_SEARCH_EUCLIDEAN, &error),
            &error, bad[i].name);
    }
}

/* Shapes of the weights and biases of a projection of 12 dimensions around 4. */
Test(quantizer, projections_that_do_not_fit_are_refused)
{
    static const struct {
        int in[2], in_bias, out[2], out_bias;
        const char *named;
    } bad[] = {
        {{5, 12}, 5, {12, 4}, 12, "in.weight"},  {{4, 12}, 4, {12, 5}, 12, "out.weight"},
        {{4, 12}, 4, {11, 4}, 11, "out.weight"}, {{4, 12}, 5, {12, 4}, 12, "in.bias"},
        {{4, 12}, 4, {12, 4}, 11, "out.bias"},   {{48, 0}, 4, {12, 4}, 12, "in.weight"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ravel_error error = {0};
        ravel_test_weights *w[4] = {
            ravel_test_weights_new("in.weight", bad[i].in[0], bad[i].in[1], 1),
            ravel_test_weights_new("in.bias", bad[i].in_bias, 0, 1),
            ravel_test_weights_new("out.weight", bad[i].out[0], bad[i].out[1], 1),
            ravel_test_weights_new("out.bias", bad[i].out_bias, 0, 1)};
        const ravel_projection_spec spec = {.in_weight = &w[0]->t,
                                            .in_bias = &w[1]->t,
                                            .out_weight = &w[2]->t,
                                            .out_bias = &w[3]->t};
        check_refused(ravel_projected_new(ravel_kernels_select(), &spec,
                                          ravel_test_codebook(9, 4, RAVEL_SEARCH_COSINE, 1),
                                          &error),
                      &error, bad[i].named);
        for (int k = 0; k < 4; k++) {
            free(w[k]);
        }
    }
}

Test(quantizer, byte_weights_need_a_scale)
{
    ravel_error error = {0};
    static const int8_t bytes[48] = {0};
    const ravel_tensor in = {
        .name = "in.weight", .data = bytes, .dtype = RAVEL_I8, .rank = 2, .shape = {4, 12}};
    ravel_test_weights *out = ravel_test_weights_new("out.weight", 12, 4, 1);
    const ravel_projection_spec spec = {.in_weight = &in, .out_weight = &out->t};
    check_refused(ravel_projected_new(ravel_kernels_select(), &spec,
                                      ravel_test_codebook(9, 4, RAVEL_SEARCH_COSINE, 1), &error),
                  &error, "in.weight");
    free(out);
}

Test(quantizer, stages_that_do_not_fit_are_refused)
{
    ravel_error error = {0};
    ravel_quantizer *unlike[2] = {ravel_test_codebook(9, 4, RAVEL_SEARCH_EUCLIDEAN, 1),
                                  ravel_test_codebook(9, 5, RAVEL_SEARCH_EUCLIDEAN, 1)};
    check_refused(ravel_residual_quantizer_new(ravel_kernels_select(), unlike, 2, &error), &error,
                  "stage 2");
    ravel_quantizer *many[RAVEL_MAX_CODEBOOKS + 1];
    for (int s = 0; s <= RAVEL_MAX_CODEBOOKS; s++) {
        many[s] = ravel_test_codebook(2, 2, RAVEL_SEARCH_EUCLIDEAN, 1);
    }
    check_refused(
        ravel_residual_quantizer_new(ravel_kernels_select(), many, RAVEL_MAX_CODEBOOKS + 1, &error),
        &error, "64");
    check_refused(ravel_residual_quantizer_new(ravel_kernels_select(), NULL, 0, &error), &error,
                  "stage 1 is missing");
}
