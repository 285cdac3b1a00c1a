/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernels that treat every element by itself; nn/kernels.h describes them. */
#ifndef RAVEL_NN_ELEMENTWISE_TEMPLATE_H
#define RAVEL_NN_ELEMENTWISE_TEMPLATE_H

#include <stddef.h>

#include "nn/simd.h"
#include "nn/vmath.h"

enum { DEPTHWISE_ROWS = 4 }; /* that share a load of the weights */

/* What does not change from row to row. */
typedef struct {
    const float *w, *bias;
    int taps, channels;
    ptrdiff_t tap_stride, x_stride, y_stride;
} depthwise_map;

/* n_rows is a constant, at most DEPTHWISE_ROWS. */
V_INLINE void depthwise_rows(const depthwise_map *map, const float *x, float *y, int n_rows)
{
    for (int c = 0; c < map->channels; c += V_LANES) {
        const int n = map->channels - c;
        vfloat sum[DEPTHWISE_ROWS];
        V_UNROLL
        for (int r = 0; r < n_rows; r++) {
            sum[r] = v_load_part(map->bias + c, n);
        }
        for (int j = 0; j < map->taps; j++) {
            const vfloat w = v_load_part(map->w + (ptrdiff_t)j * map->channels + c, n);
            const float *tap = x + j * map->tap_stride + c;
            V_UNROLL
            for (int r = 0; r < n_rows; r++) {
                sum[r] = v_fma(v_load_part(tap + r * map->x_stride, n), w, sum[r]);
            }
        }
        V_UNROLL
        for (int r = 0; r < n_rows; r++) {
            v_store_part(y + r * map->y_stride + c, sum[r], n);
        }
    }
}

static void depthwise(const float *w, const float *bias, int taps, int channels, const float *x,
                      ptrdiff_t tap_stride, ptrdiff_t x_stride, float *y, ptrdiff_t y_stride,
                      int n_rows)
{
    const depthwise_map map = {w, bias, taps, channels, tap_stride, x_stride, y_stride};
    int m = 0;
    for (; m + DEPTHWISE_ROWS <= n_rows; m += DEPTHWISE_ROWS) {
        depthwise_rows(&map, x + m * x_stride, y + m * y_stride, DEPTHWISE_ROWS);
    }
    for (; m < n_rows; m++) {
        depthwise_rows(&map, x + m * x_stride, y + m * y_stride, 1);
    }
}

static void elu(const float *x, float *y, int n, float alpha)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat v = v_load_part(x + i, n - i);
        const vfloat low = v_mul(v_set1(alpha), v_expm1_negative(v));
        v_store_part(y + i, v_select(v_gt(v, v_set1(0.0f)), v, low), n - i);
    }
}

static void leaky_relu(const float *x, float *y, int n, float slope)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat v = v_load_part(x + i, n - i);
        const vfloat low = v_mul(v_set1(slope), v);
        v_store_part(y + i, v_select(v_gt(v, v_set1(0.0f)), v, low), n - i);
    }
}

/* x / 2 is exact, but for denormals. */
static void gelu(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat v = v_load_part(x + i, n - i);
        const vfloat half = v_mul(v, v_set1(0.5f));
        const vfloat gate = v_erf(v_mul(v, v_set1(0x1.6a09e6p-1f)));
        v_store_part(y + i, v_fma(half, gate, half), n - i);
    }
}

/* y[i] = f(x[i]) */
#define MAP(name, f)                                                                               \
    static void name(const float *x, float *y, int n)                                              \
    {                                                                                              \
        for (int i = 0; i < n; i += V_LANES) {                                                     \
            v_store_part(y + i, f(v_load_part(x + i, n - i)), n - i);                              \
        }                                                                                          \
    }

MAP(silu, v_silu)
MAP(map_tanh, v_tanh)
MAP(map_sigmoid, v_sigmoid)
MAP(map_exp, v_exp)
MAP(map_sin, v_sin)
MAP(map_cos, v_cos)
MAP(map_log, v_log)

static void add(const float *a, const float *b, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat sum = v_add(v_load_part(a + i, n - i), v_load_part(b + i, n - i));
        v_store_part(y + i, sum, n - i);
    }
}

static void scale(const float *x, float gain, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        v_store_part(y + i, v_mul(v_load_part(x + i, n - i), v_set1(gain)), n - i);
    }
}

static void axpy(const float *x, float a, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat sum = v_fma(v_load_part(x + i, n - i), v_set1(a), v_load_part(y + i, n - i));
        v_store_part(y + i, sum, n - i);
    }
}

/* fma(s / alpha, s, x) with s = sin(alpha x): no square of a tiny number is formed. */
static void snake(const float *x, const float *alpha, const float *inverse, float *y, int n_rows,
                  int channels)
{
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < channels; c += V_LANES) {
            const int n = channels - c;
            const vfloat v = v_load_part(x + c, n);
            const vfloat s = v_sin(v_mul(v_load_part(alpha + c, n), v));
            v_store_part(y + c, v_fma(v_mul(s, v_load_part(inverse + c, n)), s, v), n);
        }
        x += channels;
        y += channels;
    }
}

static void scale_channels(const float *x, const float *gain, float *y, int n_rows, int channels)
{
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < channels; c += V_LANES) {
            const int n = channels - c;
            v_store_part(y + c, v_mul(v_load_part(x + c, n), v_load_part(gain + c, n)), n);
        }
        x += channels;
        y += channels;
    }
}

/* c = fma(f, c, i * g); h = o * tanh(c) */
static void lstm_cell(const float *gates, float *c, float *h, int n)
{
    for (int j = 0; j < n; j += V_LANES) {
        const vfloat i = v_sigmoid(v_load_part(gates + j, n - j));
        const vfloat f = v_sigmoid(v_load_part(gates + n + j, n - j));
        const vfloat g = v_tanh(v_load_part(gates + 2 * (ptrdiff_t)n + j, n - j));
        const vfloat o = v_sigmoid(v_load_part(gates + 3 * (ptrdiff_t)n + j, n - j));
        const vfloat cell = v_fma(f, v_load_part(c + j, n - j), v_mul(i, g));
        v_store_part(c + j, cell, n - j);
        v_store_part(h + j, v_mul(o, v_tanh(cell)), n - j);
    }
}

static void compress(const float *re, const float *im, float eps, float *re_out, float *im_out,
                     int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat a = v_load_part(re + i, n - i), b = v_load_part(im + i, n - i);
        const vfloat power = v_fma(a, a, v_fma(b, b, v_set1(eps)));
        const vfloat gain = v_div(v_set1(1.0f), v_sqrt(v_sqrt(power)));
        v_store_part(re_out + i, v_mul(a, gain), n - i);
        v_store_part(im_out + i, v_mul(b, gain), n - i);
    }
}

static void polar(const float *log_magnitude, const float *phase, float bound, float *re, float *im,
                  int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat p = v_load_part(phase + i, n - i);
        const vfloat m = v_min(v_set1(bound), v_exp(v_load_part(log_magnitude + i, n - i)));
        v_store_part(re + i, v_mul(m, v_cos(p)), n - i);
        v_store_part(im + i, v_mul(m, v_sin(p)), n - i);
    }
}

#endif
