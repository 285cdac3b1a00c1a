/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rows joined to longer ones and taken apart again: [time][channels] and [time / n][n * channels]
 * are the same memory. A codec of several rates has folded rows as its frames.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/window.h"

typedef struct {
    ravel_layer base;
    ravel_window window; /* the rows of a folded one; fold only */
} fold;

static void fold_reset(const ravel_layer *layer, void *state)
{
    ravel_window_reset(&((const fold *)layer)->window, state);
}

static void fold_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const ravel_window *window = &((const fold *)layer)->window;
    for (int l = 0; l < n_lanes; l++) {
        const size_t mark = scratch->used;
        const ravel_window_view view = ravel_window_push(window, lanes[l].state, lanes[l].in,
                                                         lanes[l].n_in, lanes[l].finish, scratch);
        const size_t count = (size_t)view.n_windows * (size_t)layer->out_channels;
        if (count > 0) {
            memcpy(lanes[l].out, view.rows, count * sizeof(float));
        }
        lanes[l].n_out = view.n_windows;
        scratch->used = mark;
    }
}

static size_t fold_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)n_lanes;
    return ravel_window_scratch_size(&((const fold *)layer)->window, max_in);
}

static void fold_destroy(ravel_layer *layer)
{
    free(layer);
}

static const ravel_layer_ops fold_ops = {fold_reset, fold_push, fold_scratch_size, fold_destroy};

static bool check(int rows, int channels, ravel_error *error)
{
    if (rows >= 1 && channels >= 1 && (int64_t)rows * channels <= RAVEL_MAX_DIM) {
        return true;
    }
    ravel_error_set(error, RAVEL_ERR_MODEL, "a folded row of %d rows of %d channels, not 1 to %d",
                    rows, channels, RAVEL_MAX_DIM);
    return false;
}

ravel_layer *ravel_fold_new(const ravel_kernels *kernels, int rows, int channels,
                            ravel_error *error)
{
    if (!check(rows, channels, error)) {
        return NULL;
    }
    fold *self = ravel_layer_alloc(sizeof *self, &fold_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->window = (ravel_window){.channels = channels, .span = rows, .stride = rows};
    ravel_window_describe(&self->window, &self->base);
    self->base.out_channels = rows * channels;
    return &self->base;
}

/* --- And back ------------------------------------------------------------------------------- */

static void unfold_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    (void)state;
}

static void unfold_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                        ravel_arena *scratch)
{
    (void)scratch;
    for (int l = 0; l < n_lanes; l++) {
        const size_t count = (size_t)lanes[l].n_in * (size_t)layer->in_channels;
        if (count > 0 && lanes[l].out != lanes[l].in) {
            memcpy(lanes[l].out, lanes[l].in, count * sizeof(float));
        }
        lanes[l].n_out = lanes[l].n_in * layer->up;
    }
}

static size_t unfold_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)layer;
    (void)max_in;
    (void)n_lanes;
    return 0;
}

static const ravel_layer_ops unfold_ops = {unfold_reset, unfold_push, unfold_scratch_size,
                                           fold_destroy};

ravel_layer *ravel_unfold_new(const ravel_kernels *kernels, int rows, int channels,
                              ravel_error *error)
{
    if (!check(rows, channels, error)) {
        return NULL;
    }
    ravel_layer *layer = ravel_layer_alloc(sizeof(ravel_layer), &unfold_ops, kernels, error);
    if (layer == NULL) {
        return NULL;
    }
    layer->in_channels = rows * channels;
    layer->out_channels = channels;
    layer->up = rows;
    layer->in_place = true;
    return layer;
}
