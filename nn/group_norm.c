/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Group normalisation (Wu and He, arXiv 1803.08494): mean and variance over all rows of a group of
 * channels. Each channel is summed on its own in the order of the rows, then the channels in their
 * order; in double, so that a mean over minutes of sound loses nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

enum { BLOCK_FLOATS = 1 << 14 };

typedef struct {
    ravel_layer base;
    int groups;
    float eps;
    float *gamma, *beta; /* [channels] */
} group_norm;

/* Room for the work on one lane; all [channels]. */
typedef struct {
    double *sums;
    double *means;       /* of the channel's group */
    float *gain, *shift; /* y = gain * x + shift */
} workspace;

static void group_norm_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    (void)state;
}

/* The mean of a group's elements, from the sums of its channels. */
static double group_mean(const group_norm *self, const double *sums, int group, int n_rows)
{
    const int width = self->base.in_channels / self->groups;
    double sum = 0.0;
    for (int c = group * width; c < (group + 1) * width; c++) {
        sum += sums[c];
    }
    return sum / ((double)n_rows * width);
}

static void find_means(const group_norm *self, const ravel_lane *lane, const workspace *work)
{
    const int channels = self->base.in_channels, width = channels / self->groups;
    memset(work->means, 0, (size_t)channels * sizeof *work->means);
    self->base.kernels->sum_columns(lane->in, work->means, 0, work->sums, lane->n_in, channels);
    for (int g = 0; g < self->groups; g++) {
        const double mean = group_mean(self, work->sums, g, lane->n_in);
        for (int c = g * width; c < (g + 1) * width; c++) {
            work->means[c] = mean;
        }
    }
}

static void find_gains(const group_norm *self, const ravel_lane *lane, const workspace *work)
{
    const int channels = self->base.in_channels, width = channels / self->groups;
    self->base.kernels->sum_columns(lane->in, work->means, 1, work->sums, lane->n_in, channels);
    for (int g = 0; g < self->groups; g++) {
        const double variance = group_mean(self, work->sums, g, lane->n_in);
        const float deviation = sqrtf((float)(variance + (double)self->eps));
        for (int c = g * width; c < (g + 1) * width; c++) {
            const double gain = (double)(self->gamma[c] / deviation);
            work->gain[c] = (float)gain;
            work->shift[c] = (float)((double)self->beta[c] - work->means[c] * gain);
        }
    }
}

/* From the end on: the last rows are those that the cache still has of the sums. */
static void apply(const group_norm *self, const ravel_lane *lane, const workspace *work)
{
    const int channels = self->base.in_channels;
    const int most = BLOCK_FLOATS / channels + 1;
    for (int end = lane->n_in, first; end > 0; end = first) {
        first = end > most ? end - most : 0;
        const ptrdiff_t at = (ptrdiff_t)first * channels;
        self->base.kernels->depthwise(work->gain, work->shift, 1, channels, lane->in + at, 0,
                                      channels, lane->out + at, channels, end - first);
    }
}

static void group_norm_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                            ravel_arena *scratch)
{
    const group_norm *self = (const group_norm *)layer;
    const size_t mark = scratch->used, channels = (size_t)layer->in_channels;
    const workspace work = {.sums = ravel_arena_take(scratch, channels * sizeof(double)),
                            .means = ravel_arena_take(scratch, channels * sizeof(double)),
                            .gain = ravel_arena_take(scratch, channels * sizeof(float)),
                            .shift = ravel_arena_take(scratch, channels * sizeof(float))};
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = lanes[l].n_in;
        if (lanes[l].n_in > 0) {
            find_means(self, &lanes[l], &work);
            find_gains(self, &lanes[l], &work);
            apply(self, &lanes[l], &work);
        }
    }
    scratch->used = mark;
}

static size_t group_norm_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const size_t channels = (size_t)layer->in_channels;
    (void)max_in;
    (void)n_lanes;
    return 2 * ravel_arena_bytes(channels * sizeof(double)) +
           2 * ravel_arena_bytes(channels * sizeof(float));
}

static void group_norm_destroy(ravel_layer *layer)
{
    free(((group_norm *)layer)->gamma);
    free(((group_norm *)layer)->beta);
    free(layer);
}

static const ravel_layer_ops group_norm_ops = {group_norm_reset, group_norm_push,
                                               group_norm_scratch_size, group_norm_destroy};

static bool check(int groups, const ravel_tensor *gamma, const ravel_tensor *beta, float eps,
                  ravel_error *error)
{
    const size_t channels = gamma != NULL ? ravel_tensor_count(gamma) : 0;
    if (!ravel_tensor_has(gamma, "the weight of a group norm", channels, error) ||
        !ravel_tensor_has(beta, "the bias of a group norm", channels, error)) {
        return false;
    }
    if (groups < 1 || channels > RAVEL_MAX_DIM || channels % (size_t)groups != 0 || !(eps > 0)) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "%zu channels do not make %d groups, or eps %g is not above 0", channels,
                        groups, (double)eps);
        return false;
    }
    return true;
}

ravel_layer *ravel_group_norm_new(const ravel_kernels *kernels, int groups,
                                  const ravel_tensor *gamma, const ravel_tensor *beta, float eps,
                                  ravel_error *error)
{
    group_norm *self = check(groups, gamma, beta, eps, error)
                           ? ravel_layer_alloc(sizeof *self, &group_norm_ops, kernels, error)
                           : NULL;
    if (self == NULL) {
        return NULL;
    }
    self->groups = groups;
    self->eps = eps;
    self->gamma = ravel_tensor_floats(gamma);
    self->beta = ravel_tensor_floats(beta);
    if (self->gamma == NULL || self->beta == NULL) {
        ravel_error_memory(error);
        group_norm_destroy(&self->base);
        return NULL;
    }
    self->base.in_channels = self->base.out_channels = (int)ravel_tensor_count(gamma);
    self->base.in_place = self->base.needs_all = true;
    self->base.weight_bytes = 2 * ravel_tensor_count(gamma) * sizeof(float);
    return &self->base;
}
