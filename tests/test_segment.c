/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that overlap: their layers, and the quantiser of their rows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "rvq/layout.h"
#include "tests/support/layer_check.h"
#include "tests/support/quantizers.h"

enum { CHANNELS = 2, STRIDE = 4, LATENT = 3 };

static ravel_layer *strided_conv(ravel_test_random *random)
{
    ravel_tensor weight = ravel_test_tensor(random, "conv", LATENT, CHANNELS, 2 * STRIDE);
    const ravel_conv_spec spec = {.weight = &weight,
                                  .stride = STRIDE,
                                  .dilation = 1,
                                  .groups = 1,
                                  .pad_left = STRIDE,
                                  .mode = RAVEL_PAD_REFLECT,
                                  .complete_last = true};
    ravel_layer *layer = ravel_conv_new(ravel_kernels_select(), &spec, NULL);
    free((void *)weight.data);
    return layer;
}

static ravel_layer *transposed_conv(ravel_test_random *random)
{
    ravel_tensor weight = ravel_test_tensor(random, "up", LATENT, CHANNELS, 2 * STRIDE);
    const ravel_conv_spec spec = {.weight = &weight,
                                  .stride = STRIDE,
                                  .dilation = 1,
                                  .groups = 1,
                                  .pad_left = STRIDE / 2,
                                  .pad_right = STRIDE / 2};
    ravel_layer *layer = ravel_conv_transpose_new(ravel_kernels_select(), &spec, NULL);
    free((void *)weight.data);
    return layer;
}

static ravel_layer *segments(int length, int hop, bool normalize, ravel_test_random *random)
{
    const ravel_segment_spec spec = {.length = length, .hop = hop, .normalize = normalize};
    ravel_error error = {0};
    ravel_layer *layer = ravel_segment_new(strided_conv(random), &spec, &error);
    cr_assert_not_null(layer, "%s", error.text);
    return layer;
}

static ravel_layer *overlaps(int steps, int hop, ravel_test_random *random)
{
    ravel_error error = {0};
    ravel_layer *layer = ravel_overlap_add_new(transposed_conv(random), steps, hop, &error);
    cr_assert_not_null(layer, "%s", error.text);
    return layer;
}

static ravel_layer *group_norm(ravel_test_random *random)
{
    ravel_tensor gamma = ravel_test_tensor(random, "gamma", LATENT, 0, 0);
    ravel_tensor beta = ravel_test_tensor(random, "beta", LATENT, 0, 0);
    ravel_layer *layer =
        ravel_group_norm_new(ravel_kernels_select(), 1, &gamma, &beta, 1e-5f, NULL);
    free((void *)gamma.data);
    free((void *)beta.data);
    return layer;
}

static ravel_layer *lstm(ravel_test_random *random)
{
    ravel_tensor ih = ravel_test_tensor(random, "ih", 4 * LATENT, LATENT, 0);
    ravel_tensor hh = ravel_test_tensor(random, "hh", 4 * LATENT, LATENT, 0);
    const ravel_lstm_spec spec = {.weight_ih = &ih, .weight_hh = &hh};
    ravel_layer *layer = ravel_lstm_new(ravel_kernels_select(), &spec, NULL);
    free((void *)ih.data);
    free((void *)hh.data);
    return layer;
}

static ravel_layer *sequence(ravel_layer *first, ravel_layer *second)
{
    return ravel_sequence_new((ravel_layer *[]){first, second}, 2, NULL);
}

static void set_numbers(float *row, int steps, float n_steps, float level)
{
    row[steps * LATENT] = n_steps;
    row[steps * LATENT + 1] = level;
}

/* [n][steps latents and two numbers], the last one short */
static float *random_rows(int n, int steps, ravel_test_random *random)
{
    const int width = steps * LATENT + 2;
    float *rows = ravel_test_values(random, n * width);
    for (int i = 0; i < n; i++) {
        set_numbers(rows + (ptrdiff_t)i * width, steps, i + 1 < n ? (float)steps : 2.0f,
                    0.5f + 0.25f * (float)i);
    }
    return rows;
}

Test(segment, is_the_same_in_any_pieces)
{
    static const int shapes[][2] = {{20, 16}, {24, 9}, {13, 13}, {5, 1}, {1, 1}};
    ravel_test_random random = {1};
    for (int i = 0; i < 5; i++) {
        ravel_layer *layer = segments(shapes[i][0], shapes[i][1], i % 2 == 0, &random);
        for (int n = 0; n < 70; n += 3)
            ravel_test_streaming(layer, n, &random);
        ravel_layer_destroy(layer);
    }
}

/* Norms of one segment after the other, then an LSTM for those that are complete. */
Test(segment, is_the_same_in_any_pieces_and_company)
{
    ravel_test_random random = {7};
    ravel_error error = {0};
    ravel_layer *norms = sequence(strided_conv(&random), group_norm(&random));
    ravel_layer *inner = sequence(norms, lstm(&random));
    cr_assert(!norms->rereads && norms->needs_all && inner->rereads);
    ravel_layer *layer = ravel_segment_new(inner, &(ravel_segment_spec){24, 9, true}, &error);
    cr_assert_not_null(layer, "%s", error.text);
    for (int n = 0; n < 200; n += 19)
        ravel_test_streaming(layer, n, &random);
    ravel_layer_destroy(layer);
}

/* However much is pushed at once: there may be many segments in it, but few are run together. */
Test(segment, takes_as_much_memory_for_an_hour_as_for_a_minute)
{
    ravel_test_random random = {8};
    ravel_layer *layer = segments(20, 16, true, &random), *back = overlaps(5, 16, &random);
    cr_assert_eq(ravel_layer_scratch_size(layer, 1 << 20, 1),
                 ravel_layer_scratch_size(layer, 1 << 26, 3));
    cr_assert_eq(ravel_layer_scratch_size(back, 1 << 10, 1),
                 ravel_layer_scratch_size(back, 1 << 20, 3));
    ravel_layer_destroy(layer);
    ravel_layer_destroy(back);
}

/* Lanes of layers that need all rows take turns, unless they have weights to share. */
Test(segment, norms_of_many_lanes_take_the_memory_of_one)
{
    ravel_test_random random = {9};
    ravel_layer *norms = sequence(strided_conv(&random), group_norm(&random));
    ravel_layer *shared = sequence(group_norm(&random), lstm(&random));
    cr_assert_eq(ravel_layer_scratch_size(norms, 1000, 8),
                 ravel_layer_scratch_size(norms, 1000, 1));
    cr_assert_gt(ravel_layer_scratch_size(shared, 1000, 8),
                 ravel_layer_scratch_size(shared, 1000, 1));
    ravel_layer_destroy(norms);
    ravel_layer_destroy(shared);
}

Test(segment, tells_steps_and_level_of_all_lengths)
{
    enum { LENGTH = 20, HOP = 16, STEPS = LENGTH / STRIDE };
    ravel_test_random random = {2};
    ravel_layer *layer = segments(LENGTH, HOP, true, &random);
    float *x = ravel_test_values(&random, 60 * CHANNELS);
    for (int n = 1; n <= 60; n++) {
        ravel_test_rows out = ravel_test_run(layer, x, n, NULL);
        cr_assert_eq(out.n, (n + HOP - 1) / HOP, "%d segments of %d samples", out.n, n);
        for (int i = 0; i < out.n; i++) {
            const float *row = out.rows + (ptrdiff_t)i * layer->out_channels;
            const int rows = n - i * HOP < LENGTH ? n - i * HOP : LENGTH;
            const int steps = (rows + STRIDE - 1) / STRIDE;
            double square = 0;
            for (int t = i * HOP; t < i * HOP + rows; t++) {
                const double mean = ((double)x[CHANNELS * t] + (double)x[CHANNELS * t + 1]) / 2;
                square += mean * mean / rows;
            }
            cr_assert(row[STEPS * LATENT] == (float)steps);
            cr_assert_float_eq(row[STEPS * LATENT + 1], sqrt(square), 1e-6);
            for (int k = steps * LATENT; k < STEPS * LATENT; k++)
                cr_assert(row[k] == 0.0f);
            cr_assert(row[0] != 0.0f);
        }
        free(out.rows);
    }
    free(x);
    ravel_layer_destroy(layer);
}

Test(segment, survives_silence_and_giants)
{
    ravel_test_random random = {3};
    ravel_layer *layer = segments(20, 16, true, &random);
    float x[20 * CHANNELS] = {0};
    ravel_test_rows out = ravel_test_run(layer, x, 20, NULL);
    cr_assert(out.n == 2 && out.rows[0] == 0.0f && out.rows[5 * LATENT + 1] == 1e-8f);
    free(out.rows);
    for (int i = 0; i < 20 * CHANNELS; i++)
        x[i] = 1e30f;
    out = ravel_test_run(layer, x, 20, NULL);
    for (int k = 0; k < 2 * layer->out_channels; k++)
        cr_assert(isfinite(out.rows[k]));
    free(out.rows);
    ravel_layer_destroy(layer);
}

Test(overlap_add, is_the_same_in_any_pieces)
{
    static const int shapes[][2] = {{5, 16}, {5, 20}, {7, 10}, {6, 3}, {1, 1}};
    ravel_test_random random = {4};
    for (int i = 0; i < 5; i++) {
        ravel_layer *layer = overlaps(shapes[i][0], shapes[i][1], &random);
        ravel_test_streaming(layer, 9, &random);
        float *rows = random_rows(6, shapes[i][0], &random);
        ravel_test_rows whole = ravel_test_run(layer, rows, 6, NULL);
        ravel_test_rows pieces = ravel_test_run(layer, rows, 6, &random);
        cr_assert(whole.n == 6 * shapes[i][1] && pieces.n == whole.n);
        cr_assert(
            memcmp(whole.rows, pieces.rows, (size_t)whole.n * CHANNELS * sizeof *whole.rows) == 0);
        free(whole.rows);
        free(pieces.rows);
        free(rows);
        ravel_layer_destroy(layer);
    }
}

/* What a concealer makes up, or a writer of bad faith. */
Test(overlap_add, takes_any_numbers)
{
    enum { STEPS = 5, WIDTH = STEPS * LATENT + 2, N = 7 };
    static const float numbers[N][2] = {{NAN, 1},   {-3, 1},     {1e30f, 1},  {2.4f, 1},
                                        {STEPS, 0}, {STEPS, -1}, {STEPS, NAN}};
    ravel_test_random random = {5};
    ravel_layer *layer = overlaps(STEPS, 20, &random);
    float *rows = random_rows(N, STEPS, &random);
    for (int i = 0; i < N; i++)
        set_numbers(rows + (ptrdiff_t)i * WIDTH, STEPS, numbers[i][0], numbers[i][1]);
    ravel_test_rows out = ravel_test_run(layer, rows, N, NULL);
    cr_assert_eq(out.n, N * 20);
    for (int i = 0; i < N; i++) {
        const float *y = out.rows + (ptrdiff_t)i * 20 * CHANNELS;
        const bool sounds = i == 2 || i == 3;
        for (int k = 0; k < 20 * CHANNELS; k++)
            cr_assert(isfinite(y[k]) && (sounds || y[k] == 0.0f));
        cr_assert((y[0] != 0.0f) == sounds);
    }
    free(out.rows);
    free(rows);
    ravel_layer_destroy(layer);
}

Test(segment, refuses_what_cannot_be)
{
    static const ravel_segment_spec wrong[] = {
        {10, 0, false}, {10, 11, false}, {0, 0, false}, {RAVEL_MAX_DIM + 1, 1, false}};
    ravel_test_random random = {6};
    ravel_error error;
    for (int i = 0; i < 4; i++) {
        cr_assert_null(ravel_segment_new(strided_conv(&random), &wrong[i], &error));
        cr_assert(strstr(error.text, "rows") != NULL, "%s", error.text);
    }
    cr_assert_null(
        ravel_segment_new(transposed_conv(&random), &(ravel_segment_spec){8, 8, false}, &error));
    cr_assert_null(ravel_overlap_add_new(strided_conv(&random), 4, 4, &error));
    cr_assert_null(ravel_overlap_add_new(transposed_conv(&random), 4, 17, &error));
    cr_assert_null(ravel_overlap_add_new(transposed_conv(&random), 0, 1, &error));
    cr_assert_null(ravel_overlap_add_new(transposed_conv(&random), INT32_MAX, 1, &error));
}

/* --- Quantiser -------------------------------------------------------------------------------- */

enum { STEPS = 6, DIM = STEPS * 4 + 2, HEAD = 3, CODES = HEAD + 2 * STEPS };

static ravel_quantizer *two_codebooks(ravel_error *error)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    ravel_quantizer *stages[] = {ravel_test_codebook(16, 4, RAVEL_SEARCH_EUCLIDEAN, 1),
                                 ravel_test_codebook(16, 4, RAVEL_SEARCH_EUCLIDEAN, 2)};
    ravel_quantizer *rvq = ravel_residual_quantizer_new(kernels, stages, 2, error);
    return ravel_strided_quantizer_new(kernels, STEPS, 1, rvq, error);
}

static ravel_quantizer *segment_quantizer(void)
{
    ravel_error error = {0};
    ravel_quantizer *q =
        ravel_segment_quantizer_new(ravel_kernels_select(), STEPS, two_codebooks(&error), &error);
    cr_assert_not_null(q, "%s", error.text);
    return q;
}

Test(segment_quantizer, keeps_steps_and_level_to_the_bit)
{
    ravel_quantizer *q = segment_quantizer();
    cr_assert(q->dim == DIM && q->n_codebooks == 5 && ravel_quantizer_codes(q, 5) == CODES);
    cr_assert(q->codebook_size[0] == STEPS + 1 && q->codebook_size[1] == 65536 &&
              q->codebook_size[2] == 65536 && q->steps[2] == 1 && q->steps[4] == STEPS);
    float *x = ravel_test_vectors(STEPS + 1, DIM, 3), y[(STEPS + 1) * DIM];
    float back[(STEPS + 1) * DIM];
    uint16_t codes[(STEPS + 1) * CODES];
    for (int i = 0; i <= STEPS; i++) {
        x[i * DIM + DIM - 2] = (float)i;
        x[i * DIM + DIM - 1] = 1e-8f * powf(3.7f, (float)i);
    }
    ravel_test_encode(q, x, STEPS + 1, 5, codes, y);
    ravel_test_decode(q, codes, STEPS + 1, 5, back);
    cr_assert(memcmp(y, back, sizeof y) == 0);
    for (int i = 0; i <= STEPS; i++) {
        cr_assert(memcmp(&y[i * DIM + DIM - 2], &x[i * DIM + DIM - 2], 2 * sizeof *x) == 0);
        cr_assert_eq(codes[i * CODES], i);
        for (int s = i; s < STEPS; s++) { /* steps that are not there */
            cr_assert(codes[i * CODES + HEAD + s] == 0 && codes[i * CODES + HEAD + STEPS + s] == 0);
            cr_assert(y[i * DIM + 4 * s] == 0.0f && y[i * DIM + 4 * s + 3] == 0.0f);
        }
        cr_assert(i == 0 || y[i * DIM + 4 * i - 1] != 0.0f);
    }
    free(x);
    ravel_quantizer_destroy(q);
}

Test(segment_quantizer, latents_are_those_of_the_quantiser_inside)
{
    ravel_error error;
    ravel_quantizer *q = segment_quantizer(), *inner = two_codebooks(&error);
    float *x = ravel_test_vectors(1, DIM, 4), y[DIM], inner_y[DIM - 2];
    uint16_t codes[CODES], inner_codes[2 * STEPS];
    x[DIM - 2] = STEPS;
    x[DIM - 1] = 0.5f;
    for (int k = 1; k <= 2; k++) {
        ravel_test_encode(q, x, 1, HEAD + k, codes, y);
        ravel_test_encode(inner, x, 1, k, inner_codes, inner_y);
        cr_assert(memcmp(codes + HEAD, inner_codes, (size_t)(k * STEPS) * sizeof *codes) == 0);
        cr_assert(memcmp(y, inner_y, sizeof inner_y) == 0);
    }
    free(x);
    ravel_quantizer_destroy(inner);
    ravel_quantizer_destroy(q);
}

Test(segment_quantizer, hostile_levels_and_missing_latents_are_silence)
{
    static const uint16_t levels[][2] = {{0x7f80, 0}, {0x7fc0, 1}, {0xbf80, 0}, {0x8000, 0}};
    ravel_quantizer *q = segment_quantizer();
    uint16_t codes[CODES] = {STEPS};
    float y[DIM];
    for (int i = 0; i < 4; i++) {
        memcpy(codes + 1, levels[i], sizeof levels[i]);
        ravel_test_decode(q, codes, 1, 5, y);
        cr_assert(y[DIM - 1] == 0.0f && !signbit(y[DIM - 1]) && y[DIM - 2] == STEPS);
    }
    codes[1] = 0x3f80;
    codes[2] = 0;
    ravel_test_decode(q, codes, 1, 4, y);
    cr_assert(y[DIM - 1] == 1.0f && y[0] != 0.0f);
    for (int k = 1; k <= HEAD; k++) {
        float encoded[DIM], x[DIM];
        memcpy(x, y, sizeof x);
        x[DIM - 1] = 2.0f;
        uint16_t head[HEAD];
        ravel_test_encode(q, x, 1, k, head, encoded);
        ravel_test_decode(q, head, 1, k, x);
        cr_assert(memcmp(x, encoded, sizeof x) == 0);
        cr_assert(head[0] == STEPS && x[0] == 0.0f && x[DIM - 1] == 0.0f && x[DIM - 2] == STEPS);
    }
    ravel_quantizer_destroy(q);
}

Test(segment_quantizer, refuses_what_does_not_fit)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    ravel_error error;
    static const int steps[] = {0, 5, 7, RAVEL_MAX_STEPS_PER_FRAME + 1, 3};
    for (int i = 0; i < 5; i++) {
        cr_assert_null(
            ravel_segment_quantizer_new(kernels, steps[i], two_codebooks(&error), &error));
        cr_assert(strstr(error.text, "steps") != NULL, "%s", error.text);
    }
    ravel_quantizer *stages[RAVEL_MAX_CODEBOOKS - 2];
    for (int s = 0; s < RAVEL_MAX_CODEBOOKS - 2; s++)
        stages[s] = ravel_test_codebook(2, 1, RAVEL_SEARCH_EUCLIDEAN, 1);
    ravel_quantizer *many =
        ravel_residual_quantizer_new(kernels, stages, RAVEL_MAX_CODEBOOKS - 2, &error);
    cr_assert_null(ravel_segment_quantizer_new(kernels, 1, many, &error));
    cr_assert(strstr(error.text, "codebooks") != NULL, "%s", error.text);
}
