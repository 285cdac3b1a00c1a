/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers without a window: rowwise ones, LSTM and attention, against plain loops in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/rope.h"
#include "tests/support/layer_check.h"

static void free_tensor(ravel_tensor *tensor)
{
    free((void *)tensor->data);
}

static double at(const ravel_tensor *tensor, int i)
{
    return (double)ravel_tensor_get(tensor, (size_t)i);
}

/* One output from row x of n channels, channel c. */
typedef double formula(const double *x, int n, int c, const ravel_tensor *p, const ravel_tensor *q);

static void check_rowwise(ravel_layer *layer, formula *expected, const ravel_tensor *p,
                          const ravel_tensor *q, const char *what, ravel_test_random *random)
{
    enum { N = 9 };
    const int channels = layer->in_channels;
    float *x = ravel_test_values(random, N * channels);
    double *wide = ravel_test_zeros(N * channels);
    double *y = ravel_test_zeros(N * channels);
    for (int i = 0; i < N * channels; i++) {
        x[i] *= 3.0f;
        wide[i] = (double)x[i];
    }
    for (int i = 0; i < N * channels; i++) {
        y[i] = expected(wide + i / channels * channels, channels, i % channels, p, q);
    }
    ravel_test_rows rows = ravel_test_run(layer, x, N, NULL);
    ravel_test_near(&rows, y, N, channels, what);
    ravel_test_streaming(layer, 20, random);

    ravel_lane in_place = {.in = x, .out = x, .n_in = N};
    ravel_arena none = {0};
    cr_assert(layer->in_place && ravel_layer_scratch_size(layer, N, 1) == 0);
    ravel_layer_push(layer, &in_place, 1, &none);
    cr_assert(memcmp(x, rows.rows, (size_t)(N * channels) * sizeof *x) == 0);
    free(rows.rows);
    free(wide);
    free(y);
    free(x);
    ravel_layer_destroy(layer);
}

#define FORMULA(name, expression)                                                                  \
    static double name(const double *x, int n, int c, const ravel_tensor *p,                       \
                       const ravel_tensor *q)                                                      \
    {                                                                                              \
        (void)n, (void)p, (void)q;                                                                 \
        return expression;                                                                         \
    }

FORMULA(elu, x[c] > 0 ? x[c] : 0.7 * expm1(x[c]))
FORMULA(leaky_relu, x[c] > 0 ? x[c] : 0.125 * x[c])
FORMULA(gelu, 0.5 * x[c] * (1 + erf(x[c] / sqrt(2.0))))
FORMULA(silu, x[c] / (1 + exp(-x[c])))
FORMULA(hyperbolic_tangent, tanh(x[c]))
FORMULA(clamped, fmin(fmax(x[c], -0.25), 0.25))
FORMULA(snake, x[c] + pow(sin(at(p, c) * x[c]), 2) / (at(p, c) + 1e-9))
FORMULA(scaled, x[c] * at(p, c))

static double normed(const double *x, int n, int c, const ravel_tensor *p, const ravel_tensor *q)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < n; i++) {
        mean += x[i] / n;
    }
    for (int i = 0; i < n; i++) {
        variance += (x[i] - mean) * (x[i] - mean) / n;
    }
    return (x[c] - mean) / sqrt(variance + 1e-5) * at(p, c) + at(q, c);
}

static double compressed(const double *x, int n, int c, const ravel_tensor *p,
                         const ravel_tensor *q)
{
    const int bin = c % (n / 2);
    (void)p, (void)q;
    return x[c] * pow(x[bin] * x[bin] + x[bin + n / 2] * x[bin + n / 2] + 1e-3, -0.25);
}

Test(rowwise, equals_the_formulas)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_test_random random = {1};
    for (int channels = 2; channels < 40; channels += 6) {
        ravel_tensor p = ravel_test_tensor(&random, "p", 1, channels, 0);
        ravel_tensor q = ravel_test_tensor(&random, "q", channels, 0, 0);
        const struct {
            ravel_activation kind;
            float parameter;
            formula *expected;
        } activations[] = {{RAVEL_ELU, 0.7f, elu},
                           {RAVEL_LEAKY_RELU, 0.125f, leaky_relu},
                           {RAVEL_GELU, 0, gelu},
                           {RAVEL_SILU, 0, silu},
                           {RAVEL_TANH, 0, hyperbolic_tangent},
                           {RAVEL_CLAMP, 0.25f, clamped}};
        for (int i = 0; i < 6; i++) {
            check_rowwise(ravel_activation_new(k, activations[i].kind, activations[i].parameter,
                                               channels, NULL),
                          activations[i].expected, NULL, NULL, "activation", &random);
        }
        check_rowwise(ravel_scale_new(k, &p, NULL), scaled, &p, NULL, "scale", &random);
        check_rowwise(ravel_layer_norm_new(k, &p, &q, 1e-5f, NULL), normed, &p, &q, "norm",
                      &random);
        check_rowwise(ravel_compress_new(k, channels, 1e-3f, NULL), compressed, NULL, NULL,
                      "compress", &random);
        for (int i = 0; i < channels; i++) {
            ((float *)p.data)[i] += 1.5f; /* Snake's alpha is above 0 */
        }
        check_rowwise(ravel_snake_new(k, &p, NULL), snake, &p, NULL, "snake", &random);
        free_tensor(&p);
        free_tensor(&q);
    }
}

Test(rowwise, refuses_what_does_not_fit)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_test_random random = {2};
    ravel_tensor p = ravel_test_tensor(&random, "p", 4, 0, 0);
    ravel_tensor q = ravel_test_tensor(&random, "q", 5, 0, 0);
    ravel_error error = {0};
    cr_assert(ravel_activation_new(k, RAVEL_GELU, 0, 0, &error) == NULL);
    cr_assert(ravel_activation_new(k, RAVEL_GELU, 0, INT32_MAX, &error) == NULL);
    cr_assert(ravel_layer_norm_new(k, &p, &q, 1e-5f, &error) == NULL);
    cr_assert(strstr(error.text, "q has 5 elements") != NULL, "%s", error.text);
    cr_assert(ravel_layer_norm_new(k, &p, NULL, 1e-5f, &error) == NULL);
    cr_assert(ravel_layer_norm_new(k, &p, &p, 0, &error) == NULL);
    cr_assert(ravel_layer_norm_new(k, &p, &p, NAN, &error) == NULL);
    cr_assert(ravel_compress_new(k, 7, 1e-3f, &error) == NULL);
    cr_assert(ravel_compress_new(k, 8, -1, &error) == NULL);
    cr_assert(ravel_snake_new(k, NULL, &error) == NULL);
    cr_assert(ravel_scale_new(k, NULL, &error) == NULL);
    ravel_tensor column = ravel_test_tensor(&random, "column", 4, 1, 0);
    cr_assert(ravel_snake_new(k, &column, &error) == NULL);
    cr_assert(strstr(error.text, "'column' is not [C], [1, C]") != NULL, "%s", error.text);
    free_tensor(&column);
    free_tensor(&p);
    free_tensor(&q);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* w [n_out][n_in] times x, added to y */
static void multiply(const ravel_tensor *w, const double *x, int n_in, int n_out, double *y)
{
    for (int o = 0; o < n_out; o++) {
        for (int i = 0; i < n_in; i++) {
            y[o] += at(w, o * n_in + i) * x[i];
        }
    }
}

static void reference_lstm(const ravel_lstm_spec *spec, const double *x, int n, double *y)
{
    const int in = spec->weight_ih->shape[1], hidden = spec->weight_hh->shape[1];
    double *gates = ravel_test_zeros(6 * hidden);
    double *c = gates + 4 * hidden, *h = c + hidden;
    for (int t = 0; t < n; t++) {
        for (int i = 0; i < 4 * hidden; i++) {
            gates[i] = (spec->bias_ih != NULL ? at(spec->bias_ih, i) : 0) +
                       (spec->bias_hh != NULL ? at(spec->bias_hh, i) : 0);
        }
        multiply(spec->weight_ih, x + t * in, in, 4 * hidden, gates);
        multiply(spec->weight_hh, h, hidden, 4 * hidden, gates);
        for (int i = 0; i < hidden; i++) {
            c[i] =
                sigmoid(gates[hidden + i]) * c[i] + sigmoid(gates[i]) * tanh(gates[2 * hidden + i]);
            h[i] = sigmoid(gates[3 * hidden + i]) * tanh(c[i]);
            y[t * hidden + i] = h[i];
        }
    }
    free(gates);
}

static double *widen(const float *x, int n)
{
    double *wide = ravel_test_zeros(n);
    for (int i = 0; i < n; i++) {
        wide[i] = (double)x[i];
    }
    return wide;
}

static void check_lstm(int in, int hidden, bool biased, ravel_test_random *random)
{
    enum { N = 30 };
    ravel_tensor ih = ravel_test_tensor(random, "ih", 4 * hidden, in, 0);
    ravel_tensor hh = ravel_test_tensor(random, "hh", 4 * hidden, hidden, 0);
    ravel_tensor b0 = ravel_test_tensor(random, "b0", 4 * hidden, 0, 0);
    ravel_tensor b1 = ravel_test_tensor(random, "b1", 4 * hidden, 0, 0);
    for (int i = 0; i < 4 * hidden * hidden; i++) {
        ((float *)hh.data)[i] /= (float)hidden; /* otherwise errors grow with time */
    }
    const ravel_lstm_spec spec = {&ih, &hh, biased ? &b0 : NULL, &b1, NULL, NULL};
    ravel_layer *layer = ravel_lstm_new(ravel_kernels_select(), &spec, NULL);
    float *x = ravel_test_values(random, N * in);
    double *wide = widen(x, N * in), *y = ravel_test_zeros(N * hidden);
    reference_lstm(&spec, wide, N, y);
    ravel_test_rows rows = ravel_test_run(layer, x, N, NULL);
    ravel_test_near(&rows, y, N, hidden, "lstm");
    ravel_test_streaming(layer, 25, random);
    free(rows.rows);
    free(wide);
    free(x);
    free(y);
    free_tensor(&ih);
    free_tensor(&hh);
    free_tensor(&b0);
    free_tensor(&b1);
    ravel_layer_destroy(layer);
}

Test(lstm, equals_plain_loops)
{
    ravel_test_random random = {3};
    for (int trial = 0; trial < 12; trial++) {
        check_lstm(ravel_test_between(&random, 1, 20), ravel_test_between(&random, 1, 40),
                   trial % 2 == 0, &random);
    }
    check_lstm(5, 150, true, &random); /* its matrix is read in several parts, to and fro */
}

Test(lstm, refuses_what_does_not_fit)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_test_random random = {4};
    ravel_tensor ih = ravel_test_tensor(&random, "ih", 8, 3, 0);
    ravel_tensor hh = ravel_test_tensor(&random, "hh", 8, 2, 0);
    ravel_tensor odd = ravel_test_tensor(&random, "odd", 6, 3, 0);
    const ravel_lstm_spec specs[] = {
        {&ih, NULL, NULL, NULL, NULL, NULL}, {NULL, &hh, NULL, NULL, NULL, NULL},
        {&odd, &hh, NULL, NULL, NULL, NULL}, {&ih, &odd, NULL, NULL, NULL, NULL},
        {&ih, &ih, NULL, NULL, NULL, NULL},  {&ih, &hh, &odd, NULL, NULL, NULL},
        {&ih, &hh, NULL, NULL, NULL, &odd}};
    for (int i = 0; i < 7; i++) {
        ravel_error error = {0};
        cr_assert(ravel_lstm_new(k, &specs[i], &error) == NULL, "%d", i);
        cr_assert(error.status == RAVEL_ERR_MODEL && error.text[0] != '\0');
    }
    free_tensor(&ih);
    free_tensor(&hh);
    free_tensor(&odd);
}

/* Turns the pairs of a head in place. */
static void turn_head(const ravel_attention_spec *spec, double *head, int d, int position)
{
    for (int i = 0; i < d / 2 && spec->rope != RAVEL_ROPE_NONE; i++) {
        const bool half = spec->rope == RAVEL_ROPE_HALF;
        double *a = head + (half ? i : 2 * i), *b = half ? a + d / 2 : a + 1;
        const double angle = position * pow((double)spec->rope_base, -2.0 * i / d);
        const double x = *a, y = *b;
        *a = x * cos(angle) - y * sin(angle);
        *b = x * sin(angle) + y * cos(angle);
    }
}

/* What is added to the score of a row so far back. */
static double distance(const ravel_attention_spec *spec, int head, int rows)
{
    return spec->distance_bias ? at(spec->distance_bias, head * spec->context + rows) : 0.0;
}

static void reference_attention(const ravel_attention_spec *spec, const double *x, int n, double *y)
{
    const int channels = spec->qkv_weight->shape[1], width = spec->out_weight->shape[1];
    const int d = width / spec->n_heads;
    double *qkv = ravel_test_zeros(n * 3 * width);
    double *weights = ravel_test_zeros(n);
    double *mixed = ravel_test_zeros(width);
    for (int t = 0; t < n; t++) {
        double *row = qkv + t * 3 * width;
        for (int i = 0; i < 3 * width; i++) {
            row[i] = at(spec->qkv_bias, i);
        }
        multiply(spec->qkv_weight, x + t * channels, channels, 3 * width, row);
        for (int h = 0; h < 2 * spec->n_heads; h++) {
            turn_head(spec, row + h * d, d, t);
        }
        memset(mixed, 0, (size_t)width * sizeof *mixed);
        for (int c = 0; c < width; c += d) {
            const int ring_end = (t / spec->together + 1) * spec->together;
            const int first = ring_end > spec->context ? ring_end - spec->context : 0;
            double sum = 0;
            for (int s = first; s <= t; s++) {
                double dot = 0;
                for (int i = 0; i < d; i++) {
                    dot += row[c + i] * qkv[s * 3 * width + width + c + i];
                }
                weights[s] = exp(dot / sqrt((double)d) + distance(spec, c / d, t - s));
                sum += weights[s];
            }
            for (int s = first; s <= t; s++) {
                for (int i = 0; i < d; i++) {
                    mixed[c + i] += weights[s] / sum * qkv[s * 3 * width + 2 * width + c + i];
                }
            }
        }
        memset(y + t * channels, 0, (size_t)channels * sizeof *y);
        multiply(spec->out_weight, mixed, width, channels, y + t * channels);
    }
    free(qkv);
    free(weights);
    free(mixed);
}

static void check_attention(int n_heads, int d, int context, int together, ravel_rope rope,
                            ravel_test_random *random)
{
    enum { N = 40 };
    const int width = n_heads * d, channels = ravel_test_between(random, 1, 2 * width);
    ravel_tensor qkv = ravel_test_tensor(random, "qkv", 3 * width, channels, 0);
    ravel_tensor bias = ravel_test_tensor(random, "bias", 3 * width, 0, 0);
    ravel_tensor out = ravel_test_tensor(random, "out", channels, width, 0);
    ravel_tensor far = ravel_test_tensor(random, "distance_bias", n_heads, context, 0);
    const ravel_attention_spec spec = {.qkv_weight = &qkv,
                                       .qkv_bias = &bias,
                                       .out_weight = &out,
                                       .distance_bias = together > 1 ? &far : NULL,
                                       .n_heads = n_heads,
                                       .context = context,
                                       .together = together,
                                       .rope = rope,
                                       .rope_base = 10000};
    ravel_layer *layer = ravel_attention_new(ravel_kernels_select(), &spec, NULL);
    float *x = ravel_test_values(random, N * channels);
    double *wide = widen(x, N * channels), *y = ravel_test_zeros(N * channels);
    reference_attention(&spec, wide, N, y);
    ravel_test_rows rows = ravel_test_run(layer, x, N, NULL);
    ravel_test_near(&rows, y, N, channels, "attention");
    ravel_test_streaming(layer, 30, random);
    free(rows.rows);
    free(wide);
    free(x);
    free(y);
    free_tensor(&qkv);
    free_tensor(&bias);
    free_tensor(&out);
    free_tensor(&far);
    ravel_layer_destroy(layer);
}

Test(attention, equals_plain_loops)
{
    ravel_test_random random = {5};
    for (int rope = RAVEL_ROPE_NONE; rope <= RAVEL_ROPE_HALF; rope++) {
        check_attention(1, 2, 1, 1, (ravel_rope)rope, &random);
        check_attention(3, 4, 7, 1, (ravel_rope)rope, &random);
        check_attention(2, 10, 64, 1, (ravel_rope)rope, &random);
        check_attention(4, 8, 39, 1, (ravel_rope)rope, &random);
        check_attention(2, 4, 10, 2, (ravel_rope)rope, &random);
        check_attention(2, 4, 7, 5, (ravel_rope)rope, &random);
        check_attention(1, 4, 3, 3, (ravel_rope)rope, &random);
    }
}

Test(attention, refuses_what_does_not_fit)
{
    const ravel_kernels *k = ravel_kernels_select();
    ravel_test_random random = {6};
    ravel_tensor qkv = ravel_test_tensor(&random, "qkv", 18, 6, 0);
    ravel_tensor out = ravel_test_tensor(&random, "out", 6, 6, 0);
    ravel_tensor wide = ravel_test_tensor(&random, "wide", 1, 36, 0);
    ravel_error error = {0};
    const ravel_attention_spec good = {.qkv_weight = &qkv,
                                       .out_weight = &out,
                                       .n_heads = 3,
                                       .context = 4,
                                       .rope = RAVEL_ROPE_HALF,
                                       .rope_base = 10000};
    ravel_layer *layer = ravel_attention_new(k, &good, &error);
    cr_assert(layer != NULL);
    ravel_layer_destroy(layer);
#define REFUSE(field, value)                                                                       \
    do {                                                                                           \
        ravel_attention_spec spec = good;                                                          \
        spec.field = value;                                                                        \
        error.text[0] = '\0';                                                                      \
        cr_assert(ravel_attention_new(k, &spec, &error) == NULL && error.text[0] != '\0');         \
    } while (0)
    REFUSE(qkv_weight, NULL);
    REFUSE(qkv_weight, &out);
    REFUSE(out_weight, NULL);
    REFUSE(out_weight, &qkv);
    REFUSE(out_weight, &wide); /* as many weights, of another shape */
    REFUSE(qkv_bias, &out);
    REFUSE(out_scale, &out);
    REFUSE(n_heads, 0);
    REFUSE(n_heads, 4);
    REFUSE(n_heads, 2); /* heads of three channels have no pairs */
    REFUSE(context, 0);
    REFUSE(context, INT32_MAX);
    REFUSE(together, -1);
    REFUSE(together, 5); /* of a context of 4 */
    REFUSE(rope_base, 1.0f);
    REFUSE(rope_base, NAN);
    REFUSE(distance_bias, &out); /* [6, 6] rather than [3, 4] */
#undef REFUSE
    free_tensor(&qkv);
    free_tensor(&out);
    free_tensor(&wide);
}

/* Angles stay exact however long the stream: whole turns are taken off in double. */
Test(rope, is_accurate_after_years)
{
    double frequency[32];
    float cosine[32], sine[32];
    ravel_rope_frequencies(frequency, 64, 10000.0);
    for (int64_t position = 1; position < (int64_t)1 << 33; position = position * 3 + 1) {
        ravel_rope_angles(frequency, 32, position, cosine, sine);
        for (int i = 0; i < 32; i++) {
            const long double angle =
                (long double)position * powl(10000.0L, -(long double)i / 32.0L);
            cr_assert(fabsl((long double)cosine[i] - cosl(angle)) < 1e-5L);
            cr_assert(fabsl((long double)sine[i] - sinl(angle)) < 1e-5L);
        }
    }
}
