/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the resampler of ravel/ravel.h.
 *
 * With the ratio reduced to up / down, output o stands at input position o * down / up. It is the
 * sum of `taps` inputs around that place, each times the value that a windowed sinc has at its
 * distance:
 *
 *    y[o] = sum over k of h(k - taps / 2 + 1 - f) * x[n - taps / 2 + 1 + k],   n + f = o * down / up
 *
 * in increasing order of k, by fused multiply-adds from zero. The fraction f takes `up` values, its
 * phases. Where a table of all phases is small, outputs are made by a matrix product
 * (resample_panels.c), else from a table of fewer phases and straight lines between them
 * (resample_table.c); both are in the one arithmetic and depend on the two rates alone.
 *
 * Whoever changes a bit of the output changes tokens: the resampler's number in codec/identity.c
 * has to rise.
 */
#ifndef RAVEL_NN_RESAMPLE_H
#define RAVEL_NN_RESAMPLE_H

#include <stdbool.h>

#include "nn/kernels.h"
#include "ravel/ravel.h"

/* ravel_resampler_new with kernels of one's choice. */
ravel_resampler *ravel_resampler_new_with(const ravel_kernels *kernels, int from_hz, int to_hz,
                                          int channels);

/* --- The filter ----------------------------------------------------------------------------- */

typedef struct {
    int up, down;  /* to_hz / from_hz without common factor */
    int taps;      /* inputs in a sum, even */
    double cutoff; /* middle of the transition, in parts of half the input's rate */
} ravel_resample_filter;

ravel_resample_filter ravel_resample_design(int from_hz, int to_hz);

/*
 * The coefficients of fraction f, 0 ... 1: taps values whose sum is 1 before they are rounded.
 * work: room for taps values
 */
void ravel_resample_phase(const ravel_resample_filter *filter, double f, double *work,
                          float *coefficients);

/* floor(o * down / up), without overflow */
int64_t ravel_resample_position(const ravel_resample_filter *filter, int64_t o);

/* ceil(n * up / down), without overflow: how many outputs stand before input n */
int64_t ravel_resample_count(const ravel_resample_filter *filter, int64_t n);

/* --- Two ways to make outputs --------------------------------------------------------------- */

/* Inputs of all channels: sample i of channel c at samples[c * stride + i - first]. */
typedef struct {
    const float *samples;
    ptrdiff_t stride;
    int channels; /* 1 ... RAVEL_RESAMPLE_MAX_CHANNELS */
    int64_t first;
} ravel_resample_input;

enum { RAVEL_RESAMPLE_MAX_CHANNELS = 64 };

typedef struct ravel_resample_panels ravel_resample_panels;

/* *panels is set to NULL where there would be too many of them. Returns 0 or RAVEL_ERR_MEMORY. */
int ravel_resample_panels_new(const ravel_resample_filter *filter, ravel_resample_panels **panels);
void ravel_resample_panels_free(ravel_resample_panels *panels);
/* Most inputs that one panel's outputs need. */
int ravel_resample_panels_window(const ravel_resample_panels *panels);
/* Of the first n outputs those that make whole panels. */
int64_t ravel_resample_panels_whole(const ravel_resample_panels *panels, int64_t n);
/*
 * Makes outputs o ... o + n - 1, interleaved; o begins a panel. Of a panel that n cuts the inputs
 * are all needed.
 */
void ravel_resample_panels_run(const ravel_resample_panels *panels, const ravel_kernels *kernels,
                               const ravel_resample_input *in, int64_t o, int64_t n, float *out);

typedef struct ravel_resample_table ravel_resample_table;

/* NULL without memory. */
ravel_resample_table *ravel_resample_table_new(const ravel_resample_filter *filter);
void ravel_resample_table_free(ravel_resample_table *table);
/* Makes outputs o ... o + n - 1, interleaved. Uses working memory of the table. */
void ravel_resample_table_run(ravel_resample_table *table, const ravel_kernels *kernels,
                              const ravel_resample_input *in, int64_t o, int64_t n, float *out);

#endif
