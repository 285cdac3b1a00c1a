/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every row becomes the mean of all rows of the stream. Each channel is summed on its own in the
 * order of the rows, in double, so that a mean over minutes of sound loses nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

static void mean_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    (void)state;
}

static void find_mean(const ravel_lane *lane, int channels, double *sums)
{
    const float *x = lane->in;
    memset(sums, 0, (size_t)channels * sizeof *sums);
    for (int t = 0; t < lane->n_in; t++, x += channels) {
        for (int c = 0; c < channels; c++) {
            sums[c] += (double)x[c];
        }
    }
    for (int c = 0; c < channels && lane->n_in > 0; c++) {
        lane->out[c] = (float)(sums[c] / lane->n_in);
    }
}

static void mean_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const size_t mark = scratch->used, channels = (size_t)layer->in_channels;
    double *sums = ravel_arena_take(scratch, channels * sizeof *sums);
    for (int l = 0; l < n_lanes; l++) {
        find_mean(&lanes[l], layer->in_channels, sums);
        for (int t = 1; t < lanes[l].n_in; t++) {
            memcpy(lanes[l].out + (size_t)t * channels, lanes[l].out, channels * sizeof(float));
        }
        lanes[l].n_out = lanes[l].n_in;
    }
    scratch->used = mark;
}

static size_t mean_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)max_in;
    (void)n_lanes;
    return ravel_arena_bytes((size_t)layer->in_channels * sizeof(double));
}

static void mean_destroy(ravel_layer *layer)
{
    free(layer);
}

static const ravel_layer_ops mean_ops = {mean_reset, mean_push, mean_scratch_size, mean_destroy};

ravel_layer *ravel_mean_new(const ravel_kernels *kernels, int channels, ravel_error *error)
{
    if (channels < 1 || channels > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%d channels are not in 1 ... %d", channels,
                        RAVEL_MAX_DIM);
        return NULL;
    }
    ravel_layer *layer = ravel_layer_alloc(sizeof *layer, &mean_ops, kernels, error);
    if (layer != NULL) {
        layer->in_channels = layer->out_channels = channels;
        layer->in_place = layer->needs_all = true;
    }
    return layer;
}
