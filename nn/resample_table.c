/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outputs of any phase from a table of some phases. Coefficients between two phases of the table lie
 * on a straight line; with LINES of them for each zero crossing of the sinc, what that adds stays
 * below -100 dB (the error of a line is an eighth of the second derivative times the step squared).
 * Lanes are outputs: their coefficients and inputs are gathered side by side, tap by tap.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/resample.h"

enum {
    LINES = 512,
    LANES = 32,
    SLAB = 256 /* taps that are gathered at a time */
};

struct ravel_resample_table {
    ravel_resample_filter filter;
    int phases; /* the fraction 1 is one more */
    float weights[SLAB * LANES];
    float inputs[SLAB * LANES];
    float sums[2][RAVEL_RESAMPLE_MAX_CHANNELS * LANES];
    float coefficients[]; /* [phases + 1][taps] */
};

ravel_resample_table *ravel_resample_table_new(const ravel_resample_filter *filter)
{
    const double per_input = LINES * (filter->cutoff < 1.0 ? filter->cutoff : 1.0);
    const int phases = (int)per_input + 1;
    const size_t taps = (size_t)filter->taps, count = taps * ((size_t)phases + 1);
    ravel_resample_table *self = calloc(1, sizeof *self + count * sizeof(float));
    double *work = calloc(taps, sizeof *work);
    if (self && work) {
        self->filter = *filter;
        self->phases = phases;
        for (int p = 0; p <= phases; p++) {
            ravel_resample_phase(filter, (double)p / phases, work,
                                 self->coefficients + (ptrdiff_t)p * filter->taps);
        }
    } else {
        free(self);
        self = NULL;
    }
    free(work);
    return self;
}

void ravel_resample_table_free(ravel_resample_table *table)
{
    free(table);
}

/* weights [n_taps][n]: lane i takes the coefficients of output o + i from tap `tap` on. */
static void gather_weights(ravel_resample_table *self, int64_t o, int n, int tap, int n_taps)
{
    const ravel_resample_filter *filter = &self->filter;
    for (int i = 0; i < n; i++) {
        const int64_t rest = (o + i) % filter->up * filter->down % filter->up;
        const int64_t place = rest * self->phases;
        const float part = (float)((double)(place % filter->up) / filter->up);
        const float *low = self->coefficients + place / filter->up * filter->taps + tap;
        const float *high = low + filter->taps;
        for (int k = 0; k < n_taps; k++) {
            self->weights[k * n + i] = low[k] + part * (high[k] - low[k]);
        }
    }
}

/* inputs [n_taps][n] of one channel, likewise */
static void gather_inputs(ravel_resample_table *self, const ravel_resample_input *in, int channel,
                          int64_t o, int n, int tap, int n_taps)
{
    const ravel_resample_filter *filter = &self->filter;
    for (int i = 0; i < n; i++) {
        const int64_t start = ravel_resample_position(filter, o + i) - filter->taps / 2 + 1;
        const float *x = in->samples + channel * in->stride + (start - in->first) + tap;
        for (int k = 0; k < n_taps; k++) {
            self->inputs[k * n + i] = x[k];
        }
    }
}

/* Outputs o ... o + n - 1, n at most LANES. The sums so far are the bias of the next slab. */
static void run_lanes(ravel_resample_table *self, const ravel_kernels *kernels,
                      const ravel_resample_input *in, int64_t o, int n, float *out)
{
    const float *sums = self->sums[1];
    memset(self->sums, 0, sizeof self->sums);
    for (int tap = 0, slab = 0; tap < self->filter.taps; tap += SLAB, slab ^= 1) {
        const int n_taps = self->filter.taps - tap < SLAB ? self->filter.taps - tap : SLAB;
        gather_weights(self, o, n, tap, n_taps);
        for (int c = 0; c < in->channels; c++) {
            gather_inputs(self, in, c, o, n, tap, n_taps);
            kernels->depthwise(self->weights, sums + c * LANES, n_taps, n, self->inputs, n, 0,
                               self->sums[slab] + c * LANES, LANES, 1);
        }
        sums = self->sums[slab];
    }
    for (int c = 0; c < in->channels; c++) {
        for (int i = 0; i < n; i++) {
            out[i * in->channels + c] = sums[c * LANES + i];
        }
    }
}

void ravel_resample_table_run(ravel_resample_table *table, const ravel_kernels *kernels,
                              const ravel_resample_input *in, int64_t o, int64_t n, float *out)
{
    while (n > 0) {
        const int now = n < LANES ? (int)n : LANES;
        run_lanes(table, kernels, in, o, now, out);
        o += now;
        n -= now;
        out += (ptrdiff_t)now * in->channels;
    }
}
