/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of a stream, and the layers that see all rows of one, against plain loops in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/layer_check.h"

static double at(const ravel_tensor *tensor, int i)
{
    return (double)ravel_tensor_get(tensor, (size_t)i);
}

static void free_tensor(const ravel_tensor *tensor)
{
    free((void *)tensor->data);
}

static double *widen(const float *x, int n)
{
    double *wide = ravel_test_zeros(n);
    for (int i = 0; i < n; i++) {
        wide[i] = (double)x[i];
    }
    return wide;
}

/* What is expected of a piece of n rows. */
typedef void reference(const void *context, const double *x, int n, double *y);

/* The layer, which needs all rows and keeps their shape, on pieces of `rows`; it is taken. */
static void check_pieces(ravel_layer *layer, int rows, int n, reference *expected,
                         const void *context, ravel_test_random *random)
{
    const int channels = layer->in_channels;
    float *x = ravel_test_values(random, n * channels);
    double *wide = widen(x, n * channels), *y = ravel_test_zeros(n * channels);
    cr_assert(layer->needs_all && layer->state_size == 0);
    layer = ravel_whole_new(layer, rows, NULL);
    cr_assert(layer != NULL && !layer->needs_all && layer->lookahead_in == rows - 1);
    for (int t = 0; t < n; t += rows) {
        expected(context, wide + t * channels, n - t < rows ? n - t : rows, y + t * channels);
    }
    ravel_test_rows got = ravel_test_run(layer, x, n, NULL);
    ravel_test_near(&got, y, n, channels, "pieces");
    ravel_test_streaming(layer, n, random);
    free(got.rows);
    free(wide);
    free(x);
    free(y);
    ravel_layer_destroy(layer);
}

typedef struct {
    int groups;
    ravel_tensor gamma, beta;
} norm_case;

static void reference_norm(const void *context, const double *x, int n, double *y)
{
    const norm_case *norm = context;
    const int channels = norm->gamma.shape[0], width = channels / norm->groups;
    for (int g = 0; g < norm->groups; g++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < n * width; i++) {
            mean += x[i / width * channels + g * width + i % width] / (n * width);
        }
        for (int i = 0; i < n * width; i++) {
            const double d = x[i / width * channels + g * width + i % width] - mean;
            variance += d * d / (n * width);
        }
        for (int i = 0; i < n * width; i++) {
            const int c = g * width + i % width, to = i / width * channels + c;
            y[to] =
                (x[to] - mean) / sqrt(variance + 1e-6) * at(&norm->gamma, c) + at(&norm->beta, c);
        }
    }
}

Test(group_norm, equals_plain_loops)
{
    static const int shapes[][2] = {{1, 1}, {1, 7}, {4, 3}, {3, 16}, {35, 1}};
    ravel_test_random random = {1};
    for (int i = 0; i < 5; i++) {
        const int channels = shapes[i][0] * shapes[i][1];
        norm_case norm = {shapes[i][0], ravel_test_tensor(&random, "gamma", channels, 0, 0),
                          ravel_test_tensor(&random, "beta", channels, 0, 0)};
        for (int rows = 1; rows < 60; rows += 19) {
            if (rows * shapes[i][1] > 1) { /* one value is its own mean */
                check_pieces(ravel_group_norm_new(ravel_kernels_select(), norm.groups, &norm.gamma,
                                                  &norm.beta, 1e-6f, NULL),
                             rows, rows * 2, reference_norm, &norm, &random);
            }
        }
        free_tensor(&norm.gamma);
        free_tensor(&norm.beta);
    }
}

/* Statistics over minutes: a mean far off, and sums over many more rows than a float counts. */
Test(group_norm, is_exact_on_long_streams)
{
    enum { N = 1 << 20 };
    const float one = 1, zero = 0;
    ravel_test_random random = {2};
    const ravel_tensor gamma = {"gamma", &one, RAVEL_F32, 1, {1}};
    const ravel_tensor beta = {"beta", &zero, RAVEL_F32, 1, {1}};
    ravel_layer *layer =
        ravel_group_norm_new(ravel_kernels_select(), 1, &gamma, &beta, 1e-12f, NULL);
    float *x = ravel_test_values(&random, N);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        x[i] += 100.0f;
    }
    ravel_test_rows rows = ravel_test_run(layer, x, N, NULL);
    for (int i = 0; i < N; i++) {
        sum += (double)rows.rows[i];
        squares += (double)rows.rows[i] * (double)rows.rows[i];
    }
    cr_assert_lt(fabs(sum / N), 1e-5, "%g", sum / N);
    cr_assert_lt(fabs(squares / N - 1), 1e-5, "%g", squares / N);
    free(rows.rows);
    free(x);
    ravel_layer_destroy(layer);
}

Test(group_norm, refuses_what_does_not_fit)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_test_random random = {3};
    ravel_tensor p = ravel_test_tensor(&random, "p", 12, 0, 0);
    ravel_tensor q = ravel_test_tensor(&random, "q", 5, 0, 0);
    ravel_error error = {0};
    cr_assert(ravel_group_norm_new(k, 5, &p, &p, 1e-5f, &error) == NULL);
    cr_assert(strstr(error.text, "12 channels do not make 5 groups") != NULL, "%s", error.text);
    cr_assert(ravel_group_norm_new(k, 0, &p, &p, 1e-5f, &error) == NULL);
    cr_assert(ravel_group_norm_new(k, 3, &p, &p, 0, &error) == NULL);
    cr_assert(ravel_group_norm_new(k, 3, &p, &p, NAN, &error) == NULL);
    cr_assert(ravel_group_norm_new(k, 3, &p, &q, 1e-5f, &error) == NULL);
    cr_assert(strstr(error.text, "q has 5 elements") != NULL, "%s", error.text);
    cr_assert(ravel_group_norm_new(k, 3, NULL, &p, 1e-5f, &error) == NULL);
    cr_assert(ravel_group_norm_new(k, 3, &p, NULL, 1e-5f, &error) == NULL);
    free_tensor(&p);
    free_tensor(&q);
}

static void reference_mean(const void *context, const double *x, int n, double *y)
{
    const int channels = *(const int *)context;
    for (int i = 0; i < n * n * channels; i++) {
        const int t = i / channels / n, s = i / channels % n, c = i % channels;
        y[t * channels + c] += x[s * channels + c] / n;
    }
}

Test(mean, equals_plain_loops)
{
    static const int widths[] = {1, 3, 40};
    ravel_test_random random = {6};
    for (int i = 0; i < 3; i++) {
        check_pieces(ravel_mean_new(ravel_kernels_select(), widths[i], NULL), 9, 31, reference_mean,
                     &widths[i], &random);
    }
}

Test(mean, refuses_what_has_no_channels)
{
    ravel_error error = {0};
    cr_assert(ravel_mean_new(ravel_kernels_select(), 0, &error) == NULL);
    cr_assert(strstr(error.text, "0 channels") != NULL, "%s", error.text);
}

/* Without RoPE: that it begins anew with the piece is the matter of the twins in PyTorch. */
static void reference_attention(const void *context, const double *x, int n, double *y)
{
    const ravel_attention_spec *spec = context;
    const int channels = spec->qkv_weight->shape[1], d = channels / spec->n_heads;
    double *qkv = ravel_test_zeros(n * 3 * channels), *weights = ravel_test_zeros(n);
    for (int i = 0; i < n * 3 * channels; i++) {
        for (int c = 0; c < channels; c++) {
            qkv[i] += at(spec->qkv_weight, i % (3 * channels) * channels + c) *
                      x[i / (3 * channels) * channels + c];
        }
    }
    for (int i = 0; i < n * spec->n_heads; i++) {
        const int t = i / spec->n_heads, h = i % spec->n_heads * d;
        double sum = 0;
        for (int s = 0; s < n; s++) {
            weights[s] = 0;
            for (int c = h; c < h + d; c++) {
                weights[s] += qkv[t * 3 * channels + c] * qkv[(s * 3 + 1) * channels + c];
            }
            weights[s] = exp(weights[s] / sqrt((double)d));
            sum += weights[s];
        }
        for (int s = 0; s < n; s++) {
            for (int c = h; c < h + d; c++) {
                const double value = weights[s] / sum * qkv[(s * 3 + 2) * channels + c];
                for (int o = 0; o < channels; o++) {
                    y[t * channels + o] += at(spec->out_weight, o * channels + c) * value;
                }
            }
        }
    }
    free(qkv);
    free(weights);
}

Test(attention_all, equals_plain_loops)
{
    static const int shapes[][3] = {{1, 2, 1}, {3, 4, 7}, {1, 40, 33}, {2, 33, 70}};
    ravel_test_random random = {4};
    for (int i = 0; i < 4; i++) {
        const int channels = shapes[i][0] * shapes[i][1], rows = shapes[i][2];
        ravel_tensor qkv = ravel_test_tensor(&random, "qkv", 3 * channels, channels, 0);
        ravel_tensor out = ravel_test_tensor(&random, "out", channels, channels, 0);
        const ravel_attention_spec spec = {.qkv_weight = &qkv,
                                           .out_weight = &out,
                                           .n_heads = shapes[i][0],
                                           .context = rows,
                                           .all_rows = true};
        check_pieces(ravel_attention_new(ravel_kernels_select(), &spec, NULL), rows,
                     rows + rows / 2 + 1, reference_attention, &spec, &random);
        free_tensor(&qkv);
        free_tensor(&out);
    }
}

/* --- Pieces of layers that change the rate, or wait ------------------------------------------- */

static ravel_layer *conv(ravel_tensor *weight, int stride, int left, int right)
{
    const ravel_conv_spec spec = {.weight = weight,
                                  .stride = stride,
                                  .dilation = 1,
                                  .groups = 1,
                                  .pad_left = left,
                                  .pad_right = right};
    return ravel_conv_new(ravel_kernels_select(), &spec, NULL);
}

/* The rows of each piece, run alone. */
static ravel_test_rows run_alone(const ravel_layer *layer, const float *x, int n, int rows)
{
    const size_t width = (size_t)layer->out_channels;
    const size_t most = (size_t)ravel_layer_max_out(layer, n) + (size_t)n;
    ravel_test_rows all = {.rows = malloc(most * width * sizeof(float))};
    for (int t = 0; t < n; t += rows) {
        const int length = n - t < rows ? n - t : rows;
        ravel_test_rows piece = ravel_test_run(layer, x + t * layer->in_channels, length, NULL);
        memcpy(all.rows + (size_t)all.n * width, piece.rows,
               (size_t)piece.n * width * sizeof(float));
        all.n += piece.n;
        free(piece.rows);
    }
    return all;
}

/* After each row that comes in as many have come out as the delay says. */
static void check_pace(const ravel_layer *layer, const float *x, int n)
{
    ravel_arena scratch = {.size = ravel_layer_scratch_size(layer, 1, 1)};
    void *state = aligned_alloc(64, (layer->state_size + 63) / 64 * 64);
    float *out =
        malloc((size_t)ravel_layer_max_out(layer, 1) * (size_t)layer->out_channels * sizeof *out);
    int made = 0;
    scratch.base = aligned_alloc(64, (scratch.size + 63) / 64 * 64);
    ravel_layer_reset(layer, state);
    for (int t = 0; t < n; t++) {
        ravel_lane lane = {state, x + t * layer->in_channels, out, 1, 0, false};
        ravel_layer_push(layer, &lane, 1, &scratch);
        made += lane.n_out;
        const int in_time = t + 1 - layer->lookahead_in;
        cr_assert_eq(made, in_time > 0 ? in_time / layer->down * layer->up : 0, "row %d: %d", t,
                     made);
    }
    free(out);
    free(state);
    free(scratch.base);
}

static void check_whole(ravel_layer *inner, int rows, ravel_test_random *random)
{
    const int n = 3 * rows + ravel_test_between(random, 0, rows - 1);
    float *x = ravel_test_values(random, n * inner->in_channels);
    ravel_test_rows expected = run_alone(inner, x, n, rows);
    ravel_layer *layer = ravel_whole_new(inner, rows, NULL);
    ravel_test_rows got = ravel_test_run(layer, x, n, NULL);
    cr_assert_eq(got.n, expected.n);
    cr_assert(memcmp(got.rows, expected.rows,
                     (size_t)got.n * (size_t)layer->out_channels * sizeof(float)) == 0);
    ravel_test_streaming(layer, n, random);
    check_pace(layer, x, n);
    free(expected.rows);
    free(got.rows);
    free(x);
    ravel_layer_destroy(layer);
}

Test(whole, streams_at_any_rate)
{
    ravel_test_random random = {5};
    ravel_tensor same = ravel_test_tensor(&random, "same", 4, 4, 7);
    ravel_tensor down = ravel_test_tensor(&random, "down", 6, 4, 8);
    ravel_tensor up = ravel_test_tensor(&random, "up", 4, 3, 6);
    for (int rows = 1; rows < 12; rows += 5) {
        const ravel_conv_spec spec = {
            .weight = &up, .stride = 3, .dilation = 1, .groups = 1, .pad_left = 1, .pad_right = 2};
        check_whole(conv(&same, 1, 3, 3), rows, &random);
        check_whole(conv(&down, 4, 2, 2), 4 * rows, &random);
        check_whole(ravel_conv_transpose_new(ravel_kernels_select(), &spec, NULL), rows, &random);
        check_whole(ravel_whole_new(conv(&same, 1, 3, 3), 2, NULL), rows, &random);
    }
    free_tensor(&same);
    free_tensor(&down);
    free_tensor(&up);
}

Test(whole, refuses_what_does_not_fit)
{
    ravel_test_random random = {6};
    ravel_tensor down = ravel_test_tensor(&random, "down", 6, 4, 8);
    ravel_error error = {0};
    cr_assert(ravel_whole_new(conv(&down, 4, 2, 2), 6, &error) == NULL);
    cr_assert(strstr(error.text, "a piece of 6 rows") != NULL, "%s", error.text);
    cr_assert(ravel_whole_new(conv(&down, 4, 2, 2), 0, &error) == NULL);
    cr_assert(ravel_whole_new(conv(&down, 4, 2, 2), 1 << 30, &error) == NULL);
    free_tensor(&down);
}

/*
 * A network that needs all rows: only where it does are all of them in memory, and only the delay
 * inside of the piece is made up for.
 */
Test(whole, residuals_and_sequences_inside)
{
    ravel_test_random random = {7};
    const ravel_kernels *k = ravel_kernels_select();
    ravel_tensor w = ravel_test_tensor(&random, "w", 8, 8, 5);
    ravel_tensor gain = ravel_test_tensor(&random, "gain", 8, 0, 0);
    ravel_layer *side[] = {conv(&w, 1, 2, 2), conv(&w, 1, 2, 2)};
    ravel_layer *branch = ravel_sequence_new(side, 2, NULL);
    ravel_layer *both[] = {ravel_residual_new(branch, conv(&w, 1, 2, 2), NULL),
                           ravel_group_norm_new(k, 2, &gain, &gain, 1e-5f, NULL)};
    ravel_layer *nested =
        ravel_residual_new(conv(&w, 1, 2, 2), ravel_sequence_new(both, 2, NULL), NULL);
    cr_assert(nested->needs_all);
    check_whole(nested, 23, &random);
    free_tensor(&w);
    free_tensor(&gain);
}

/* A push of any length takes the memory of a piece, unless a layer needs all rows. */
Test(whole, long_pushes_take_little_memory)
{
    ravel_test_random random = {8};
    ravel_tensor w = ravel_test_tensor(&random, "w", 8, 8, 5);
    ravel_layer *two[] = {conv(&w, 1, 2, 2), conv(&w, 1, 2, 2)};
    ravel_layer *layer = ravel_sequence_new(two, 2, NULL);
    cr_assert_eq(ravel_layer_scratch_size(layer, 1 << 16, 1),
                 ravel_layer_scratch_size(layer, 1 << 24, 1));
    cr_assert_leq(ravel_layer_scratch_size(layer, 1 << 24, 1), 1 << 20);
    ravel_test_streaming(layer, 40000, &random);
    ravel_layer_destroy(layer);
    free_tensor(&w);
}
