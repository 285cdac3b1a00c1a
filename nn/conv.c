/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Convolution over time, linear maps included. The rows are time-major, so a window of a dense
 * convolution is one contiguous row of a matrix product and windows overlap in memory.
 */
#include <stdlib.h>

#include "nn/layer_impl.h"
#include "nn/slide.h"

typedef struct {
    ravel_layer base;
    ravel_slide slide;
} conv;

static void conv_reset(const ravel_layer *layer, void *state)
{
    ravel_window_reset(&((const conv *)layer)->slide.window, state);
}

static void conv_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const conv *self = (const conv *)layer;
    const size_t mark = scratch->used;
    ravel_window_view *views = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *views);
    for (int l = 0; l < n_lanes; l++) {
        views[l] = ravel_window_push(&self->slide.window, lanes[l].state, lanes[l].in,
                                     lanes[l].n_in, lanes[l].finish, scratch);
        lanes[l].n_out = views[l].n_windows;
    }
    if (ravel_lanes_count_out(lanes, n_lanes) > 0) {
        float *y = ravel_lanes_target(lanes, n_lanes, layer->out_channels, scratch);
        ravel_slide_run(&self->slide, layer->kernels, views, n_lanes, y, scratch);
        ravel_lanes_deliver(lanes, n_lanes, layer->out_channels, y);
    }
    scratch->used = mark;
}

static size_t conv_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const conv *self = (const conv *)layer;
    const int max_out = ravel_layer_max_out(layer, max_in);
    const size_t lanes = (size_t)n_lanes;
    size_t size = ravel_arena_bytes(lanes * sizeof(ravel_window_view));
    size = ravel_size_add(
        size, ravel_size_mul(lanes, ravel_window_scratch_size(&self->slide.window, max_in)));
    size = ravel_size_add(size, ravel_lanes_target_bytes(n_lanes, max_out, layer->out_channels));
    return ravel_size_add(size, ravel_slide_scratch_size(max_out, n_lanes));
}

static void conv_destroy(ravel_layer *layer)
{
    ravel_slide_free(&((conv *)layer)->slide);
    free(layer);
}

static const ravel_layer_ops conv_ops = {conv_reset, conv_push, conv_scratch_size, conv_destroy};

/* [out][in of a group][kernel] */
static ptrdiff_t conv_source(const ravel_slide_spec *spec, int group, int phase, int tap, int in,
                             int out)
{
    (void)phase;
    const ptrdiff_t row = (ptrdiff_t)group * spec->group_out + out;
    return (row * spec->group_in + in) * spec->kernel + tap;
}

static bool plan(const ravel_conv_spec *spec, ravel_slide_spec *plan_out, ravel_window *window,
                 ravel_error *error)
{
    const ravel_tensor *weight = spec->weight;
    if (weight == NULL || weight->rank < 2 || weight->rank > 3) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "a convolution takes a weight [out, in, kernel]%s%s",
                        weight != NULL ? ", not " : "", weight != NULL ? weight->name : "");
        return false;
    }
    const int kernel = weight->rank == 3 ? weight->shape[2] : 1;
    const int64_t in = (int64_t)weight->shape[1] * spec->groups;
    const int64_t span = (int64_t)(kernel - 1) * spec->dilation + 1;
    if (spec->groups < 1 || weight->shape[0] % spec->groups != 0 || in > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s with %d outputs cannot have %d groups of %d",
                        weight->name, weight->shape[0], spec->groups, weight->shape[1]);
        return false;
    }
    if (spec->dilation < 1 || span > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: a kernel of %d with dilation %d", weight->name,
                        kernel, spec->dilation);
        return false;
    }
    *plan_out = (ravel_slide_spec){.weight = weight,
                                   .bias = spec->bias,
                                   .scale = spec->scale,
                                   .taps = kernel,
                                   .dilation = spec->dilation,
                                   .phases = 1,
                                   .groups = spec->groups,
                                   .group_in = weight->shape[1],
                                   .group_out = weight->shape[0] / spec->groups,
                                   .kernel = kernel};
    *window = (ravel_window){.channels = (int)in,
                             .span = (int)span,
                             .stride = spec->stride,
                             .pad_left = spec->pad_left,
                             .pad_right = spec->pad_right,
                             .mode = spec->mode,
                             .complete_last = spec->complete_last};
    return ravel_window_check(window, error);
}

ravel_layer *ravel_conv_new(const ravel_kernels *kernels, const ravel_conv_spec *spec,
                            ravel_error *error)
{
    ravel_slide_spec slide_spec;
    ravel_window window;
    if (!plan(spec, &slide_spec, &window, error)) {
        return NULL;
    }
    conv *self = ravel_layer_alloc(sizeof *self, &conv_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->slide.window = window;
    if (!ravel_slide_init(&self->slide, &slide_spec, conv_source, error)) {
        conv_destroy(&self->base);
        return NULL;
    }
    ravel_window_describe(&window, &self->base);
    ravel_slide_describe(&self->slide, &self->base);
    self->base.out_channels = self->slide.out_floats;
    return &self->base;
}
