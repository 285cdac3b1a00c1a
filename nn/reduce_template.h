/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernels that fold a row into one number; nn/kernels.h describes them.
 *
 * Element i belongs to lane i mod 16, whatever the width of the machine's vectors; a last partial
 * block is completed by elements that change nothing; and the sixteen lanes are folded in halves.
 */
#ifndef RAVEL_NN_REDUCE_TEMPLATE_H
#define RAVEL_NN_REDUCE_TEMPLATE_H

#include <stddef.h>

#include "nn/simd.h"
#include "nn/vmath.h"

enum { ROW_LANES = 16, ROW_VECTORS = ROW_LANES / V_LANES };

typedef struct {
    vfloat part[ROW_VECTORS];
} lanes;

V_INLINE lanes lanes_set1(float x)
{
    lanes a;
    V_UNROLL
    for (int v = 0; v < ROW_VECTORS; v++) {
        a.part[v] = v_set1(x);
    }
    return a;
}

V_INLINE lanes lanes_load(const float *p)
{
    lanes a;
    V_UNROLL
    for (int v = 0; v < ROW_VECTORS; v++) {
        a.part[v] = v_load(p + v * V_LANES);
    }
    return a;
}

V_INLINE void lanes_store(float *p, lanes a)
{
    V_UNROLL
    for (int v = 0; v < ROW_VECTORS; v++) {
        v_store(p + v * V_LANES, a.part[v]);
    }
}

/* The first n elements and `rest` after them. */
V_INLINE lanes lanes_load_part(const float *p, int n, float rest)
{
    if (n >= ROW_LANES) {
        return lanes_load(p);
    }
    float block[ROW_LANES];
    for (int i = 0; i < ROW_LANES; i++) {
        block[i] = i < n ? p[i] : rest;
    }
    return lanes_load(block);
}

V_INLINE float lanes_sum(lanes a)
{
    float sum[ROW_LANES];
    lanes_store(sum, a);
    for (int half = ROW_LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            sum[i] += sum[i + half];
        }
    }
    return sum[0];
}

static float dot(const float *a, const float *b, int n)
{
    lanes sum = lanes_set1(0.0f);
    for (int i = 0; i < n; i += ROW_LANES) {
        const lanes x = lanes_load_part(a + i, n - i, 0.0f);
        const lanes y = lanes_load_part(b + i, n - i, 0.0f);
        V_UNROLL
        for (int v = 0; v < ROW_VECTORS; v++) {
            sum.part[v] = v_fma(x.part[v], y.part[v], sum.part[v]);
        }
    }
    return lanes_sum(sum);
}

static float row_sum(const float *x, int n)
{
    lanes sum = lanes_set1(0.0f);
    for (int i = 0; i < n; i += ROW_LANES) {
        const lanes a = lanes_load_part(x + i, n - i, 0.0f);
        V_UNROLL
        for (int v = 0; v < ROW_VECTORS; v++) {
            sum.part[v] = v_add(sum.part[v], a.part[v]);
        }
    }
    return lanes_sum(sum);
}

/* The sum of (x - mean)^2; a last partial block is completed by the mean. */
static float row_deviation(const float *x, int n, float mean)
{
    lanes sum = lanes_set1(0.0f);
    for (int i = 0; i < n; i += ROW_LANES) {
        const lanes a = lanes_load_part(x + i, n - i, mean);
        V_UNROLL
        for (int v = 0; v < ROW_VECTORS; v++) {
            const vfloat d = v_sub(a.part[v], v_set1(mean));
            sum.part[v] = v_fma(d, d, sum.part[v]);
        }
    }
    return lanes_sum(sum);
}

/* The greatest element; NaN is passed over. */
static float row_max(const float *x, int n)
{
    lanes greatest = lanes_set1(-INFINITY);
    for (int i = 0; i < n; i += ROW_LANES) {
        const lanes a = lanes_load_part(x + i, n - i, -INFINITY);
        V_UNROLL
        for (int v = 0; v < ROW_VECTORS; v++) {
            greatest.part[v] = v_max(a.part[v], greatest.part[v]);
        }
    }
    float lane[ROW_LANES];
    lanes_store(lane, greatest);
    float best = lane[0];
    for (int i = 1; i < ROW_LANES; i++) {
        best = lane[i] > best ? lane[i] : best;
    }
    return best;
}

static void layer_norm(const float *x, const float *gamma, const float *beta, float eps, float *y,
                       int n_rows, int channels)
{
    for (int r = 0; r < n_rows; r++) {
        const float mean = row_sum(x, channels) / (float)channels;
        const float variance = row_deviation(x, channels, mean) / (float)channels;
        const vfloat gain = v_div(v_set1(1.0f), v_sqrt(v_set1(variance + eps)));
        for (int c = 0; c < channels; c += V_LANES) {
            const int n = channels - c;
            const vfloat v = v_mul(v_sub(v_load_part(x + c, n), v_set1(mean)), gain);
            const vfloat g = gamma != NULL ? v_load_part(gamma + c, n) : v_set1(1.0f);
            const vfloat b = beta != NULL ? v_load_part(beta + c, n) : v_set1(0.0f);
            v_store_part(y + c, v_fma(v, g, b), n);
        }
        x += channels;
        y += channels;
    }
}

static void softmax(const float *x, float *y, int n)
{
    const vfloat greatest = v_set1(row_max(x, n));
    for (int i = 0; i < n; i += V_LANES) {
        v_store_part(y + i, v_exp(v_sub(v_load_part(x + i, n - i), greatest)), n - i);
    }
    const vfloat sum = v_set1(row_sum(y, n));
    for (int i = 0; i < n; i += V_LANES) {
        v_store_part(y + i, v_div(v_load_part(y + i, n - i), sum), n - i);
    }
}

/* A value that is found again is the greatest: equal values and zeros of both signs are ties. */
static int argmax(const float *x, int n)
{
    const float greatest = row_max(x, n);
    for (int i = 0; i < n; i++) {
        if (x[i] == greatest) {
            return i;
        }
    }
    return 0; /* nothing but NaN */
}

/* --- Columns ---------------------------------------------------------------------------------- */

enum {
    COLUMNS = 32,       /* whose sums stay in registers */
    BLOCK_FLOATS = 4096 /* of rows whose columns are summed one after the other: 16 KB */
};

/* What a sum runs over: rows of so many channels, and what is taken from each. */
typedef struct {
    const float *x;
    const double *means;
    int n_rows, channels;
} column_block;

/* Tells the cache that the line of x[ahead] will be read; it may lie behind the array. */
V_INLINE void fetch_floats(const float *x, int ahead)
{
    const uintptr_t address = (uintptr_t)x + (uintptr_t)ahead * sizeof *x;
    __builtin_prefetch((const void *)address); /* NOLINT(performance-no-int-to-ptr) */
}

/* Columns first ... first + n - 1; a constant n, at most COLUMNS, is a loop that becomes vectors. */
V_INLINE void sum_some_columns(const column_block *of, int first, int n, int squares, double *sums)
{
    double sum[COLUMNS];
    const float *x = of->x + first;
    for (int c = 0; c < n; c++) {
        sum[c] = sums[first + c];
    }
    for (int r = 0; r < of->n_rows; r++, x += of->channels) {
        if (n == COLUMNS) { /* with fewer the loop has no time for it */
            fetch_floats(x, BLOCK_FLOATS);
            fetch_floats(x, BLOCK_FLOATS + COLUMNS / 2);
        }
        for (int c = 0; c < n; c++) {
            const double d = (double)x[c] - of->means[first + c];
            sum[c] += squares ? d * d : d;
        }
    }
    for (int c = 0; c < n; c++) {
        sums[first + c] = sum[c];
    }
}

V_INLINE void sum_block(const column_block *of, int squares, double *sums)
{
    int c = 0;
    for (; c + COLUMNS <= of->channels; c += COLUMNS) {
        sum_some_columns(of, c, COLUMNS, squares, sums);
    }
    for (; c + COLUMNS / 2 <= of->channels; c += COLUMNS / 2) {
        sum_some_columns(of, c, COLUMNS / 2, squares, sums);
    }
    sum_some_columns(of, c, of->channels - c, squares, sums);
}

static void sum_columns(const float *x, const double *means, int squares, double *sums, int n_rows,
                        int channels)
{
    const int most = channels < BLOCK_FLOATS ? BLOCK_FLOATS / channels : 1;
    for (int c = 0; c < channels; c++) {
        sums[c] = 0.0;
    }
    for (int r = 0; r < n_rows; r += most) {
        const column_block block = {.x = x + (ptrdiff_t)r * channels,
                                    .means = means,
                                    .n_rows = n_rows - r < most ? n_rows - r : most,
                                    .channels = channels};
        if (squares) {
            sum_block(&block, 1, sums);
        } else {
            sum_block(&block, 0, sums);
        }
    }
}

#endif
