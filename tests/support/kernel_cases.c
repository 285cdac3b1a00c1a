/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/kernel_cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/half.h"

/* splitmix64 */
uint32_t case_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

static int range(uint64_t *seed, int low, int high)
{
    return low + (int)(case_random(seed) % (uint32_t)(high - low + 1));
}

static float tame(uint64_t *seed)
{
    static const float scale[] = {0x1p-23f, 0x1p-22f, 0x1p-20f, 0x1p-19f, 0x1p-29f};
    const float mantissa = (float)range(seed, -(1 << 23), 1 << 23);
    return mantissa * scale[case_random(seed) % 5];
}

static float awkward(uint64_t *seed)
{
    static const float list[] = {
        0.0f,       -0.0f,         1.0f,           -1.0f,    0x1p-149f, -0x1p-149f, 0x1.8p-130f,
        0x1p-126f,  -0x1p-126f,    0x1p-75f,       1e-20f,   1e6f,      1000001.0f, 88.72284f,
        -87.33655f, 3.4028235e38f, -3.4028235e38f, INFINITY, -INFINITY, NAN,
    };
    return list[case_random(seed) % (sizeof list / sizeof list[0])];
}

void case_fill(float *x, int n, bool wild, uint64_t *seed)
{
    for (int i = 0; i < n; i++) {
        const uint32_t kind = wild ? case_random(seed) % 4 : 3;
        x[i] = kind == 0   ? awkward(seed)
               : kind == 1 ? ravel_float_of_bits(case_random(seed))
                           : tame(seed);
    }
}

uint32_t case_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0x7fc00000u : bits;
}

/* --- Products ------------------------------------------------------------------------------- */

product_case case_product(uint64_t *seed)
{
    static const int most_rows[] = {3, 20, 70, 130}, most_out[] = {4, 40, 40, 300};
    product_case p = {.dtype = (ravel_dtype)(case_random(seed) % 4)};
    p.n_rows = range(seed, 1, most_rows[case_random(seed) % 4]);
    p.n_out = range(seed, 1, most_out[case_random(seed) % 4]);
    p.taps = range(seed, 1, 4);
    p.width = range(seed, 1, case_random(seed) % 8 == 0 ? 150 : 20);
    p.row_step = range(seed, 0, 2 * p.width);
    p.tap_step = range(seed, 0, 1) == 0 ? p.width : range(seed, 0, 2 * p.width);
    p.y_stride = p.n_out + range(seed, 0, 3);
    p.accumulate = case_random(seed) % 2 == 0;
    return p;
}

/* Random elements in their own type; halves are finite and not too great unless wild. */
static void *make_weights(const product_case *p, int n, bool wild, uint64_t *seed)
{
    char *weights = malloc((size_t)n * 4);
    for (int i = 0; weights != NULL && i < n; i++) {
        const uint32_t bits = case_random(seed);
        const uint16_t half =
            (uint16_t)(wild ? bits : bits & (p->dtype == RAVEL_F16 ? 0xbfffu : 0xbfbfu));
        const int8_t byte = (int8_t)(bits & 0xff);
        float full;
        case_fill(&full, 1, wild, seed);
        const void *element = p->dtype == RAVEL_F32  ? (const void *)&full
                              : p->dtype == RAVEL_I8 ? (const void *)&byte
                                                     : &half;
        const size_t size = ravel_dtype_size(p->dtype);
        memcpy(weights + (size_t)i * size, element, size);
    }
    return weights;
}

static ptrdiff_t row_major(const void *n_in, int k, int n)
{
    return (ptrdiff_t)n * *(const int *)n_in + k;
}

/* What nn/kernels.h says, and nothing else. */
static void define_product(const ravel_tensor *weight, const float *scale, const float *bias,
                           const product_case *p, const ravel_rows *x, float *y)
{
    const int n_in = p->taps * p->width;
    for (int m = 0; m < p->n_rows; m++) {
        for (int n = 0; n < p->n_out; n++) {
            float *out = &y[m * p->y_stride + n];
            const float start = p->accumulate ? *out : bias[n];
            float sum = p->dtype == RAVEL_I8 ? 0.0f : start;
            for (int k = 0; k < n_in; k++) {
                sum = fmaf(x->row[m][k / p->width * p->tap_step + k % p->width],
                           ravel_tensor_get(weight, (size_t)row_major(&n_in, k, n)), sum);
            }
            *out = p->dtype == RAVEL_I8 ? fmaf(sum, scale[n], start) : sum;
        }
    }
}

static void pack_and_multiply(const ravel_kernels *kernels, const ravel_tensor *weight,
                              const float *scale, const float *bias, const product_case *p,
                              const ravel_rows *x, float *y)
{
    const int n_in = p->taps * p->width;
    const ravel_tensor scales = {"scale", scale, RAVEL_F32, 1, {p->n_out}};
    const ravel_tensor biases = {"bias", bias, RAVEL_F32, 1, {p->n_out}};
    ravel_matrix w;
    if (ravel_matrix_pack(&w, n_in, p->n_out, weight, row_major, &n_in,
                          p->dtype == RAVEL_I8 ? &scales : NULL, &biases, NULL) == 0) {
        kernels->matmul(&w, x, y, p->y_stride, p->accumulate);
        ravel_matrix_free(&w);
    }
}

void case_run_product(const ravel_kernels *kernels, const product_case *p, bool wild,
                      uint64_t *seed, float *y)
{
    const int n_in = p->taps * p->width;
    const int n_x = (p->n_rows - 1) * p->row_step + (p->taps - 1) * p->tap_step + p->width;
    float *x = malloc((size_t)n_x * sizeof *x);
    const float **row = malloc((size_t)p->n_rows * sizeof *row);
    float scale[300], bias[300];
    void *weights = make_weights(p, n_in * p->n_out, wild, seed);
    if (x != NULL && row != NULL && weights != NULL) {
        case_fill(x, n_x, wild, seed);
        case_fill(scale, p->n_out, wild, seed);
        case_fill(bias, p->n_out, wild, seed);
        case_fill(y, p->n_rows * p->y_stride, wild, seed);
        for (int m = 0; m < p->n_rows; m++) {
            row[m] = x + (ptrdiff_t)m * p->row_step;
        }
        const ravel_tensor weight = {"weight", weights, p->dtype, 2, {p->n_out, n_in}};
        const ravel_rows rows = {row, p->n_rows, p->taps, p->width, p->tap_step};
        if (kernels != NULL) {
            pack_and_multiply(kernels, &weight, scale, bias, p, &rows, y);
        } else {
            define_product(&weight, scale, bias, p, &rows, y);
        }
    }
    free(weights);
    free(row);
    free(x);
}

/* --- The others ----------------------------------------------------------------------------- */

#define INPUTS const ravel_kernels *k, const float *const in[CASE_INPUTS], int n, float *y

#define MAP(name)                                                                                  \
    static int run_##name(INPUTS)                                                                  \
    {                                                                                              \
        k->name(in[0], y, n);                                                                      \
        return n;                                                                                  \
    }

MAP(gelu)
MAP(silu)
MAP(tanh)
MAP(sigmoid)
MAP(exp)
MAP(sin)
MAP(cos)
MAP(log)
MAP(softmax)

static int run_elu(INPUTS)
{
    k->elu(in[0], y, n, 1.25f);
    return n;
}

static int run_leaky_relu(INPUTS)
{
    k->leaky_relu(in[0], y, n, 0.2f);
    return n;
}

static int run_add(INPUTS)
{
    k->add(in[0], in[1], y, n);
    return n;
}

static int run_scale(INPUTS)
{
    k->scale(in[0], 0.3f, y, n);
    return n;
}

static int run_axpy(INPUTS)
{
    memcpy(y, in[0], (size_t)n * sizeof *y);
    k->axpy(in[1], in[2][0], y, n);
    return n;
}

static int run_dot(INPUTS)
{
    y[0] = k->dot(in[0], in[1], n);
    return 1;
}

static int run_argmax(INPUTS)
{
    y[0] = (float)k->argmax(in[0], n);
    return 1;
}

static int run_snake(INPUTS)
{
    k->snake(in[0], in[1], in[2], y, 3, n);
    return 3 * n;
}

static int run_scale_channels(INPUTS)
{
    k->scale_channels(in[0], in[1], y, 3, n);
    return 3 * n;
}

static int run_layer_norm(INPUTS)
{
    k->layer_norm(in[0], in[1], in[2], 1e-5f, y, 3, n);
    return 3 * n;
}

static int run_layer_norm_plain(INPUTS)
{
    k->layer_norm(in[0], NULL, NULL, 1e-6f, y, 3, n);
    return 3 * n;
}

static int run_lstm_cell(INPUTS)
{
    memcpy(y, in[1], (size_t)n * sizeof *y);
    k->lstm_cell(in[0], y, y + n, n);
    return 2 * n;
}

static int run_compress(INPUTS)
{
    k->compress(in[0], in[1], 1e-6f, y, y + n, n);
    return 2 * n;
}

static int run_polar(INPUTS)
{
    k->polar(in[0], in[1], 100.0f, y, y + n, n);
    return 2 * n;
}

/* A pitch that glides; the wild numbers make phases far outside of what the kernel promises. */
static int run_pulses(INPUTS)
{
    const ravel_pulses train = {.start = in[0][0],
                                .step = in[0][1] * 0x1p-6f,
                                .slope = in[0][2] * 0x1p-16f,
                                .harmonics = (float)(1 + n * 5),
                                .gain = in[0][3]};
    k->pulses(&train, y, n);
    return n;
}

static int run_noise(INPUTS)
{
    k->noise(case_bits(in[0][0]) - (uint32_t)n / 2, y, n);
    return n;
}

static int run_filter_sources(INPUTS)
{
    k->filter_sources(in[0], in[1], in[2], 100.0f, 20.0f, y, n);
    return 2 * n;
}

/* Two rows of n channels and three taps that overlap. */
static int run_depthwise(INPUTS)
{
    k->depthwise(in[0], in[1], 3, n, in[2], n, n / 2, y, n + 1, 2);
    y[n] = 0.0f; /* between the rows: not written */
    return 2 * n + 1;
}

const kernel_case kernel_cases[] = {
    {"elu", run_elu, true},
    {"leaky_relu", run_leaky_relu, true},
    {"gelu", run_gelu, true},
    {"silu", run_silu, true},
    {"tanh", run_tanh, true},
    {"sigmoid", run_sigmoid, true},
    {"exp", run_exp, true},
    {"sin", run_sin, true},
    {"cos", run_cos, true},
    {"log", run_log, true},
    {"softmax", run_softmax, true},
    {"add", run_add, true},
    {"scale", run_scale, true},
    {"snake", run_snake, true},
    {"scale_channels", run_scale_channels, true},
    {"layer_norm", run_layer_norm, true},
    {"layer_norm_plain", run_layer_norm_plain, true},
    {"axpy", run_axpy, false},
    {"dot", run_dot, false},
    {"argmax", run_argmax, false},
    {"lstm_cell", run_lstm_cell, false},
    {"compress", run_compress, false},
    {"polar", run_polar, false},
    {"pulses", run_pulses, false},
    {"noise", run_noise, false},
    {"filter_sources", run_filter_sources, false},
    {"depthwise", run_depthwise, false},
};

const int n_kernel_cases = sizeof kernel_cases / sizeof kernel_cases[0];
