/* SPDX-License-Identifier: BSD-3-Clause */
/* Some of the channels of each row, next to one another. */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

typedef struct {
    ravel_layer base;
    int first;
} slice;

static void slice_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    (void)state;
}

static void slice_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                       ravel_arena *scratch)
{
    const int in = layer->in_channels, out = layer->out_channels;
    (void)scratch;
    for (int l = 0; l < n_lanes; l++) {
        const float *x = lanes[l].in + ((const slice *)layer)->first;
        for (int t = 0; t < lanes[l].n_in; t++) {
            memcpy(lanes[l].out + (ptrdiff_t)t * out, x + (ptrdiff_t)t * in,
                   (size_t)out * sizeof *x);
        }
        lanes[l].n_out = lanes[l].n_in;
    }
}

static size_t slice_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)layer;
    (void)max_in;
    (void)n_lanes;
    return 0;
}

static void slice_destroy(ravel_layer *layer)
{
    free(layer);
}

static const ravel_layer_ops slice_ops = {slice_reset, slice_push, slice_scratch_size,
                                          slice_destroy};

ravel_layer *ravel_slice_new(const ravel_kernels *kernels, int in_channels, int first, int channels,
                             ravel_error *error)
{
    if (first < 0 || channels < 1 || channels > in_channels || first > in_channels - channels) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%d channels from %d on are not among %d", channels,
                        first, in_channels);
        return NULL;
    }
    slice *self = ravel_layer_alloc(sizeof *self, &slice_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->first = first;
    self->base.in_channels = in_channels;
    self->base.out_channels = channels;
    return &self->base;
}
