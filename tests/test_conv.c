/* SPDX-License-Identifier: BSD-3-Clause */
/* Convolutions against plain loops in double, over random shapes, paddings and lengths. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/layer_check.h"

typedef struct {
    ravel_tensor weight, bias;
    ravel_conv_spec spec;
    int kernel, in, out;
} conv_case;

/* For convolutions weight [out, in / groups, k], for transposed ones [in, out / groups, k]. */
static conv_case *make_case(ravel_test_random *random, bool transposed, int groups, int group_in,
                            int group_out, int kernel)
{
    conv_case *made = calloc(1, sizeof *made);
    const int in = groups * group_in, out = groups * group_out;
    made->weight = transposed ? ravel_test_tensor(random, "w", in, group_out, kernel)
                              : ravel_test_tensor(random, "w", out, group_in, kernel);
    made->bias = ravel_test_tensor(random, "b", out, 0, 0);
    made->kernel = kernel;
    made->in = in;
    made->out = out;
    made->spec = (ravel_conv_spec){
        .weight = &made->weight, .bias = &made->bias, .stride = 1, .dilation = 1, .groups = groups};
    return made;
}

static void free_case(conv_case *made)
{
    free((void *)made->weight.data);
    free((void *)made->bias.data);
    free(made);
}

/* EnCodec's rule in its own words: the padded signal, built whole. Returns its length. */
static int pad(const conv_case *c, const float *x, int n, double **padded)
{
    const ravel_conv_spec *s = &c->spec;
    const int span = (c->kernel - 1) * s->dilation + 1;
    int right = s->pad_right, total = s->pad_left + n + right;
    if (s->complete_last) {
        int windows = 1;
        while ((windows - 1) * s->stride + span < total) {
            windows++;
        }
        right += (windows - 1) * s->stride + span - total;
        total = s->pad_left + n + right;
    }
    const int longest = s->pad_left > right ? s->pad_left : right;
    const int extended = s->mode == RAVEL_PAD_REFLECT && n <= longest ? longest + 1 : n;
    *padded = ravel_test_zeros(total * c->in);
    for (int i = 0; i < total; i++) {
        int from = i - s->pad_left;
        if (s->mode == RAVEL_PAD_REFLECT) {
            from = abs(from);
            from = from < extended ? from : 2 * (extended - 1) - from;
        } else if (s->mode == RAVEL_PAD_REPLICATE) {
            from = from < 0 ? 0 : from >= n ? n - 1 : from;
        }
        for (int ch = 0; ch < c->in && from >= 0 && from < n; ch++) {
            (*padded)[i * c->in + ch] = (double)x[from * c->in + ch];
        }
    }
    return total;
}

static int reference_conv(const conv_case *c, const float *x, int n, double **y)
{
    const ravel_conv_spec *s = &c->spec;
    const int group_in = c->in / s->groups, group_out = c->out / s->groups;
    const int span = (c->kernel - 1) * s->dilation + 1;
    const float *w = c->weight.data, *b = c->bias.data;
    double *padded = NULL;
    const int total = pad(c, x, n, &padded);
    const int n_out = n == 0 || total < span ? 0 : (total - span) / s->stride + 1;
    *y = ravel_test_zeros(n_out * c->out);
    for (int t = 0; t < n_out; t++) {
        for (int o = 0; o < c->out; o++) {
            double sum = (double)b[o];
            for (int i = 0; i < group_in; i++) {
                for (int k = 0; k < c->kernel; k++) {
                    const int row = t * s->stride + k * s->dilation;
                    sum += padded[row * c->in + o / group_out * group_in + i] *
                           (double)w[(o * group_in + i) * c->kernel + k];
                }
            }
            (*y)[t * c->out + o] = sum;
        }
    }
    free(padded);
    return n_out;
}

static int reference_transposed(const conv_case *c, const float *x, int n, double **y)
{
    const ravel_conv_spec *s = &c->spec;
    const int group_in = c->in / s->groups, group_out = c->out / s->groups;
    const float *w = c->weight.data, *b = c->bias.data;
    const int full = n > 0 ? (n - 1) * s->stride + c->kernel + s->output_padding : 0;
    const int n_out = full - s->pad_left - s->pad_right;
    *y = ravel_test_zeros((full + 1) * c->out);
    for (int i = s->pad_left; i < s->pad_left + n_out; i++) {
        for (int o = 0; o < c->out; o++) {
            double sum = (double)b[o];
            for (int t = 0; t < n; t++) {
                const int k = i - t * s->stride;
                for (int j = 0; j < group_in && k >= 0 && k < c->kernel; j++) {
                    const int in = o / group_out * group_in + j;
                    sum += (double)x[t * c->in + in] *
                           (double)w[(in * group_out + o % group_out) * c->kernel + k];
                }
            }
            (*y)[(i - s->pad_left) * c->out + o] = sum;
        }
    }
    return n_out > 0 ? n_out : 0;
}

typedef int reference(const conv_case *c, const float *x, int n, double **y);

static void compare(const ravel_layer *layer, const conv_case *c, reference *expected, int n,
                    ravel_test_random *random)
{
    float *x = ravel_test_values(random, n * c->in);
    double *y = NULL;
    const int n_out = expected(c, x, n, &y);
    ravel_test_rows rows = ravel_test_run(layer, x, n, NULL);
    char what[160];
    (void)snprintf(what, sizeof what,
                   "n %d in %d out %d k %d s %d d %d g %d pad %d %d mode %d complete %d op %d", n,
                   c->in, c->out, c->kernel, c->spec.stride, c->spec.dilation, c->spec.groups,
                   c->spec.pad_left, c->spec.pad_right, (int)c->spec.mode, c->spec.complete_last,
                   c->spec.output_padding);
    ravel_test_near(&rows, y, n_out, c->out, what);
    free(rows.rows);
    free(x);
    free(y);
}

/* Short streams one by one, then streaming of a longer one. */
static void check(const ravel_layer *layer, const conv_case *c, reference *expected,
                  ravel_test_random *random)
{
    for (int n = 0; n < 6; n++) {
        compare(layer, c, expected, n, random);
    }
    compare(layer, c, expected, ravel_test_between(random, 6, 70), random);
    ravel_test_streaming(layer, ravel_test_between(random, 1, 60), random);
}

static void check_conv(conv_case *c, ravel_test_random *random)
{
    ravel_error error = {0};
    ravel_layer *layer = ravel_conv_new(ravel_kernels_select(), &c->spec, &error);
    cr_assert(layer != NULL, "%s", error.text);
    check(layer, c, reference_conv, random);
    ravel_layer_destroy(layer);
    free_case(c);
}

Test(conv, equals_plain_loops)
{
    ravel_test_random random = {1};
    for (int trial = 0; trial < 400; trial++) {
        const bool depthwise = ravel_test_between(&random, 0, 3) == 0;
        const int groups = depthwise ? 5 : ravel_test_between(&random, 1, 3);
        conv_case *c = make_case(
            &random, false, groups, depthwise ? 1 : ravel_test_between(&random, 1, 9),
            depthwise ? 1 : ravel_test_between(&random, 1, 9), ravel_test_between(&random, 1, 7));
        c->spec.stride = ravel_test_between(&random, 1, 4);
        c->spec.dilation = ravel_test_between(&random, 1, 3);
        c->spec.pad_left = ravel_test_between(&random, 0, 8);
        c->spec.pad_right = ravel_test_between(&random, 0, 8);
        c->spec.mode = (ravel_pad_mode)ravel_test_between(&random, 0, 2);
        c->spec.complete_last = ravel_test_between(&random, 0, 1);
        check_conv(c, &random);
    }
}

Test(conv, stride_longer_than_the_kernel)
{
    ravel_test_random random = {2};
    for (int trial = 0; trial < 40; trial++) {
        conv_case *c = make_case(&random, false, 1, 3, 2, ravel_test_between(&random, 1, 2));
        c->spec.stride = ravel_test_between(&random, 3, 9);
        c->spec.pad_left = ravel_test_between(&random, 0, 4);
        c->spec.complete_last = ravel_test_between(&random, 0, 1);
        c->spec.mode = (ravel_pad_mode)ravel_test_between(&random, 0, 2);
        check_conv(c, &random);
    }
}

/* The causal convolutions of EnCodec: all lengths up to a few windows. */
Test(conv, encodec_short_streams)
{
    ravel_test_random random = {3};
    const struct {
        int kernel, stride, dilation;
    } shapes[] = {{7, 1, 1}, {4, 2, 1}, {8, 4, 1}, {3, 1, 2}, {16, 8, 1}};
    for (int i = 0; i < 10; i++) {
        conv_case *c = make_case(&random, false, 1, 2, 3, shapes[i / 2].kernel);
        c->spec.stride = shapes[i / 2].stride;
        c->spec.dilation = shapes[i / 2].dilation;
        c->spec.pad_left = (c->kernel - 1) * c->spec.dilation + 1 - c->spec.stride;
        c->spec.mode = i % 2 ? RAVEL_PAD_REFLECT : RAVEL_PAD_ZERO;
        c->spec.complete_last = true;
        ravel_layer *layer = ravel_conv_new(ravel_kernels_select(), &c->spec, NULL);
        for (int n = 0; n < 40; n++) {
            compare(layer, c, reference_conv, n, &random);
            ravel_test_streaming(layer, n, &random);
        }
        ravel_layer_destroy(layer);
        free_case(c);
    }
}

Test(conv, reports_lookahead)
{
    ravel_test_random random = {4};
    conv_case *c = make_case(&random, false, 1, 2, 2, 7);
    c->spec.pad_left = c->spec.pad_right = 3;
    ravel_layer *layer = ravel_conv_new(ravel_kernels_select(), &c->spec, NULL);
    cr_assert(layer->lookahead_in == 3 && layer->hold_rows == 3 && layer->lookahead_out == 0);
    ravel_layer_destroy(layer);
    c->spec.pad_left = 5;
    c->spec.pad_right = 0;
    c->spec.stride = 2;
    layer = ravel_conv_new(ravel_kernels_select(), &c->spec, NULL);
    cr_assert(layer->lookahead_in == 0 && layer->up == 1 && layer->down == 2);
    cr_assert(layer->macs == 14.0);
    ravel_layer_destroy(layer);
    free_case(c);
}

static void check_transposed(conv_case *c, ravel_test_random *random)
{
    ravel_error error = {0};
    ravel_layer *layer = ravel_conv_transpose_new(ravel_kernels_select(), &c->spec, &error);
    cr_assert(layer != NULL, "%s", error.text);
    check(layer, c, reference_transposed, random);
    ravel_layer_destroy(layer);
    free_case(c);
}

Test(conv_transpose, equals_plain_loops)
{
    ravel_test_random random = {5};
    for (int trial = 0; trial < 400; trial++) {
        const bool depthwise = ravel_test_between(&random, 0, 3) == 0;
        const int groups = depthwise ? 5 : ravel_test_between(&random, 1, 3);
        conv_case *c = make_case(
            &random, true, groups, depthwise ? 1 : ravel_test_between(&random, 1, 9),
            depthwise ? 1 : ravel_test_between(&random, 1, 9), ravel_test_between(&random, 1, 12));
        c->spec.stride = ravel_test_between(&random, 1, c->kernel < 6 ? c->kernel : 6);
        c->spec.pad_left = ravel_test_between(&random, 0, c->kernel - 1);
        c->spec.pad_right = ravel_test_between(&random, 0, c->kernel - 1);
        c->spec.output_padding = ravel_test_between(&random, 0, c->spec.stride - 1);
        check_transposed(c, &random);
    }
}

/* DAC's odd strides: trims of ceil(stride / 2) on both sides leave 5 n - 1 rows. */
Test(conv_transpose, odd_stride_of_dac)
{
    ravel_test_random random = {6};
    conv_case *c = make_case(&random, true, 1, 3, 2, 10);
    c->spec.stride = 5;
    c->spec.pad_left = c->spec.pad_right = 3;
    ravel_layer *layer = ravel_conv_transpose_new(ravel_kernels_select(), &c->spec, NULL);
    cr_assert(layer->lookahead_out == 3);
    float *x = ravel_test_values(&random, 60);
    ravel_test_rows rows = ravel_test_run(layer, x, 20, NULL);
    cr_assert(rows.n == 99);
    free(rows.rows);
    free(x);
    ravel_layer_destroy(layer);
    check_transposed(c, &random);
}

/* I8, F16 and BF16 reach the kernels as they are; the sum of I8 is scaled once at the end. */
Test(conv, integer_weights_with_a_scale)
{
    ravel_test_random random = {7};
    for (int groups = 1; groups <= 4; groups += 3) {
        int8_t integers[4 * 4 * 3];
        conv_case *c = make_case(&random, false, groups, 4 / groups, 4 / groups, 3);
        float *w = (float *)c->weight.data;
        ravel_tensor scale = ravel_test_tensor(&random, "s", 4, 0, 0);
        const float *s = scale.data;
        for (int i = 0; i < (int)ravel_tensor_count(&c->weight); i++) {
            integers[i] = (int8_t)ravel_test_between(&random, -127, 127);
            w[i] = (float)integers[i] * s[i * 4 / (int)ravel_tensor_count(&c->weight)];
        }
        ravel_tensor whole = c->weight;
        whole.data = integers;
        whole.dtype = RAVEL_I8;
        c->spec.weight = &whole;
        c->spec.scale = &scale;
        c->spec.pad_left = 2;
        ravel_layer *layer = ravel_conv_new(ravel_kernels_select(), &c->spec, NULL);
        check(layer, c, reference_conv, &random);
        ravel_layer_destroy(layer);
        free((void *)scale.data);
        free_case(c);
    }
}

/* --- The greatest row of a window -------------------------------------------------------------- */

static void check_max_pool(int channels, int rows, const int pad[2], ravel_test_random *random)
{
    enum { N = 30 };
    const int n_out = N + pad[0] + pad[1] - rows + 1;
    float *x = ravel_test_values(random, N * channels);
    double *y = ravel_test_zeros(n_out * channels);
    for (int i = 0; i < n_out * channels; i++) {
        const int t = i / channels - pad[0];
        y[i] = -HUGE_VAL;
        for (int s = t > 0 ? t : 0; s < t + rows && s < N; s++) {
            y[i] = fmax(y[i], (double)x[s * channels + i % channels]);
        }
    }
    ravel_layer *layer =
        ravel_max_pool_new(ravel_kernels_select(), channels, rows, pad[0], pad[1], NULL);
    ravel_test_rows made = ravel_test_run(layer, x, N, NULL);
    ravel_test_near(&made, y, n_out, channels, "max_pool");
    ravel_test_streaming(layer, N, random);
    free(made.rows);
    free(x);
    free(y);
    ravel_layer_destroy(layer);
}

Test(max_pool, equals_plain_loops)
{
    ravel_test_random random = {11};
    check_max_pool(1, 1, (int[2]){0, 0}, &random);
    check_max_pool(1, 9, (int[2]){4, 4}, &random);
    check_max_pool(5, 4, (int[2]){0, 0}, &random);
    check_max_pool(17, 6, (int[2]){5, 5}, &random);
    check_max_pool(3, 45, (int[2]){22, 22}, &random); /* longer than the stream */
}

Test(max_pool, refuses_what_is_out_of_range)
{
    static const int bad[][4] = {{0, 3, 0, 0},  {INT32_MAX, 3, 0, 0}, {2, 0, 0, 0},
                                 {2, 3, -1, 0}, {2, 3, 3, 0},         {2, 3, 0, INT32_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ravel_error error = {0};
        cr_assert_null(ravel_max_pool_new(ravel_kernels_select(), bad[i][0], bad[i][1], bad[i][2],
                                          bad[i][3], &error));
        cr_assert(error.status == RAVEL_ERR_MODEL && error.text[0] != '\0');
    }
}

/* --- Refusals ---------------------------------------------------------------------------------- */

typedef ravel_layer *constructor(const ravel_kernels *kernels, const ravel_conv_spec *spec,
                                 ravel_error *error);

static void refuse(constructor *make, const ravel_conv_spec *spec, const char *about)
{
    ravel_error error = {0};
    cr_assert(make(ravel_kernels_select(), spec, &error) == NULL, "accepted: %s", about);
    cr_assert(error.status == RAVEL_ERR_MODEL && strstr(error.text, about) != NULL, "%s: %s", about,
              error.text);
}

Test(conv, refuses_what_is_out_of_range)
{
    ravel_test_random random = {8};
    conv_case *c = make_case(&random, false, 2, 3, 2, 5);
    ravel_conv_spec spec = c->spec;
    ravel_tensor short_bias = ravel_test_tensor(&random, "short", 3, 0, 0);
#define REFUSE(make, field, value, about)                                                          \
    spec = c->spec;                                                                                \
    spec.field = value;                                                                            \
    refuse(make, &spec, about)
    REFUSE(ravel_conv_new, weight, NULL, "takes a weight");
    REFUSE(ravel_conv_new, bias, &short_bias, "short has 3 elements");
    REFUSE(ravel_conv_new, scale, &short_bias, "not I8");
    REFUSE(ravel_conv_new, stride, 0, "stride of 0");
    REFUSE(ravel_conv_new, stride, -3, "stride of -3");
    REFUSE(ravel_conv_new, stride, INT32_MAX, "stride of 2147483647");
    REFUSE(ravel_conv_new, dilation, 0, "dilation 0");
    REFUSE(ravel_conv_new, dilation, INT32_MAX, "dilation 2147483647");
    REFUSE(ravel_conv_new, groups, 0, "0 groups");
    REFUSE(ravel_conv_new, groups, -1, "-1 groups");
    REFUSE(ravel_conv_new, groups, 3, "3 groups");
    REFUSE(ravel_conv_new, pad_left, -1, "padding -1");
    REFUSE(ravel_conv_new, pad_right, INT32_MAX, "2147483647");
    REFUSE(ravel_conv_transpose_new, weight, NULL, "takes a weight");
    REFUSE(ravel_conv_transpose_new, stride, 0, "stride 0");
    REFUSE(ravel_conv_transpose_new, stride, 6, "stride 6");
    REFUSE(ravel_conv_transpose_new, dilation, 2, "dilation 2");
    REFUSE(ravel_conv_transpose_new, output_padding, 1, "output padding 1");
    REFUSE(ravel_conv_transpose_new, pad_left, 5, "trim 5");
    REFUSE(ravel_conv_transpose_new, pad_right, -1, "trim 0, -1");
    REFUSE(ravel_conv_transpose_new, groups, 3, "3 groups");
    REFUSE(ravel_conv_transpose_new, groups, INT32_MAX, "groups");
#undef REFUSE
    free((void *)short_bias.data);
    free_case(c);
}
