/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arithmetic of Ravel: one table of functions for each instruction set, made from one source,
 * all giving the same bits (docs/determinism.md). Pointers need no alignment beyond that of
 * float. Unless said otherwise x and y may be the same buffer and may not overlap otherwise.
 * No function allocates, locks or calls the system; the stack they use is below 32 KB.
 */
#ifndef RAVEL_NN_KERNELS_H
#define RAVEL_NN_KERNELS_H

#include <stdint.h>

#include "nn/matrix.h"

/*
 * The left operand of a matrix product: n_rows rows, each of `taps` pieces of `width` contiguous
 * floats that lie tap_stride floats apart. A row has taps * width = matrix->n_in elements.
 * Rows may overlap in memory, so a convolution needs no im2col.
 */
typedef struct {
    const float *const *row; /* [n_rows] */
    int n_rows;
    int taps, width;
    ptrdiff_t tap_stride;
} ravel_rows;

/*
 * A band-limited pulse train: sample i, from 1 on, is gain times the sum of the cosines of k t
 * turns, k = 1 ... harmonics, where t = start + i * step + i^2 * slope, 0 <= t < 2^20.
 */
typedef struct {
    float start, step, slope; /* turns; turns a sample; half the step's change in a sample */
    float harmonics;          /* a whole number, at most 2^20 */
    float gain;
} ravel_pulses;

typedef struct ravel_kernels {
    const char *name; /* "c", "avx2", "avx512", "neon" */

    /*
     * y[m][n] = start + sum over k of x[m][k] * w[k][n], k increasing, fused multiply-adds, one
     * accumulator. start is the matrix's bias, or y[m][n] itself where accumulate is set.
     * I8: the sum starts at zero and y = fma(sum, scale[n], start).
     * y[m] lies at y + m * y_stride; only n_out floats a row are written. y may not overlap x.
     */
    void (*matmul)(const ravel_matrix *w, const ravel_rows *x, float *y, ptrdiff_t y_stride,
                   int accumulate);

    /*
     * y[m][c] = bias[c] + sum over j < taps of x[m][j * tap_stride + c] * w[j * channels + c], j
     * increasing. Row m of x lies at x + m * x_stride, of y at y + m * y_stride.
     */
    void (*depthwise)(const float *w, const float *bias, int taps, int channels, const float *x,
                      ptrdiff_t tap_stride, ptrdiff_t x_stride, float *y, ptrdiff_t y_stride,
                      int n_rows);

    /* Elementwise over n floats. */
    void (*elu)(const float *x, float *y, int n, float alpha);
    void (*leaky_relu)(const float *x, float *y, int n, float slope);
    void (*gelu)(const float *x, float *y, int n); /* exact: x * (1 + erf(x / sqrt 2)) / 2 */
    void (*silu)(const float *x, float *y, int n);
    void (*tanh)(const float *x, float *y, int n);
    void (*sigmoid)(const float *x, float *y, int n);
    void (*exp)(const float *x, float *y, int n);
    void (*sin)(const float *x, float *y, int n); /* |x| up to 1e6; else 0 */
    void (*cos)(const float *x, float *y, int n); /* |x| up to 1e6; else 1 */
    void (*log)(const float *x, float *y, int n); /* x > 0; else the value at FLT_MIN */
    void (*add)(const float *a, const float *b, float *y, int n); /* y may be a or b */
    void (*scale)(const float *x, float gain, float *y, int n);

    /* Snake, [n_rows][channels]: x + sin(alpha x)^2 / (alpha + 1e-9); inverse[c] is the quotient. */
    void (*snake)(const float *x, const float *alpha, const float *inverse, float *y, int n_rows,
                  int channels);
    /* y[r][c] = x[r][c] * gain[c] */
    void (*scale_channels)(const float *x, const float *gain, float *y, int n_rows, int channels);

    /*
     * LayerNorm of each row over its channels, biased variance, then * gamma + beta
     * (either may be NULL). Sums use sixteen lanes and one fixed tree.
     */
    void (*layer_norm)(const float *x, const float *gamma, const float *beta, float eps, float *y,
                       int n_rows, int channels);
    /*
     * sums[c] = sum over the rows of x[r][c] - means[c], or of its square where `squares` is set;
     * double, the rows in their order.
     */
    void (*sum_columns)(const float *x, const double *means, int squares, double *sums, int n_rows,
                        int channels);
    /* Softmax of one row of n values; sixteen lanes and one fixed tree. */
    void (*softmax)(const float *x, float *y, int n);
    /* Dot product of two rows; sixteen lanes and one fixed tree. */
    float (*dot)(const float *a, const float *b, int n);
    /* y[i] = fma(x[i], a, y[i]) */
    void (*axpy)(const float *x, float a, float *y, int n);

    /* LSTM cell: gates [4n] as i,f,g,o before activation; c and h [n] are updated in place. */
    void (*lstm_cell)(const float *gates, float *c, float *h, int n);

    /*
     * Index of the greatest of n values; ties go to the lowest index. NaN never wins.
     */
    int (*argmax)(const float *x, int n);

    /* Power-law compression of a spectrum: re,im * (re^2 + im^2 + eps)^(-1/4), n bins. */
    void (*compress)(const float *re, const float *im, float eps, float *re_out, float *im_out,
                     int n);
    /* m = min(exp(log_magnitude), bound); re = m cos(phase), im = m sin(phase), n bins. */
    void (*polar)(const float *log_magnitude, const float *phase, float bound, float *re, float *im,
                  int n);

    /* The next n samples of a pulse train. */
    void (*pulses)(const ravel_pulses *train, float *y, int n);
    /* Samples first ... first + n - 1 of white noise, evenly in +/- sqrt 3: a hash of the number. */
    void (*noise)(uint32_t first, float *y, int n);
    /*
     * Two spectra, each filtered, added; n bins. With m1, p, m2 the rows of filters [3][n]
     *     y = min(exp(m1), bound) * e^(i p) * pulses + min(exp(m2), bound) * level * noise / |noise|
     * where |noise| is made larger by 0.001, so that nothing stays nothing;
     * pulses, noise and y are [2][n]: real parts, imaginary parts. y may be neither of them.
     */
    void (*filter_sources)(const float *filters, const float *pulses, const float *noise,
                           float bound, float level, float *y, int n);
} ravel_kernels;

/*
 * The fastest table that this processor runs, or the one that the environment variable RAVEL_CPU
 * names (c, avx2, avx512, neon). NULL where RAVEL_CPU names one that is unknown or cannot run here.
 */
const ravel_kernels *ravel_kernels_select(void);

/* The table of that name, or NULL where it is unknown or this processor cannot run it. */
const ravel_kernels *ravel_kernels_named(const char *name);

#endif
