/* SPDX-License-Identifier: BSD-3-Clause */
/* The greatest of the rows of a window, channel by channel. */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/window.h"

typedef struct {
    ravel_layer base;
    ravel_window window;
} max_pool;

static void max_pool_reset(const ravel_layer *layer, void *state)
{
    ravel_window_reset(&((const max_pool *)layer)->window, state);
}

/* Row by row of the windows, all of them at once, which compilers vectorise. */
static void find_greatest(const ravel_window *window, const ravel_window_view *view, float *y)
{
    const ptrdiff_t n = (ptrdiff_t)view->n_windows * window->channels;
    memcpy(y, view->rows, (size_t)n * sizeof *y);
    for (int k = 1; k < window->span; k++) {
        const float *x = view->rows + (ptrdiff_t)k * window->channels;
        for (ptrdiff_t i = 0; i < n; i++) {
            y[i] = x[i] > y[i] ? x[i] : y[i];
        }
    }
}

static void max_pool_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                          ravel_arena *scratch)
{
    const ravel_window *window = &((const max_pool *)layer)->window;
    const size_t mark = scratch->used;
    for (int l = 0; l < n_lanes; l++) {
        const ravel_window_view view = ravel_window_push(window, lanes[l].state, lanes[l].in,
                                                         lanes[l].n_in, lanes[l].finish, scratch);
        lanes[l].n_out = view.n_windows;
        if (view.n_windows > 0) {
            find_greatest(window, &view, lanes[l].out);
        }
        scratch->used = mark;
    }
}

static size_t max_pool_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)n_lanes;
    return ravel_window_scratch_size(&((const max_pool *)layer)->window, max_in);
}

static void max_pool_destroy(ravel_layer *layer)
{
    free(layer);
}

static const ravel_layer_ops max_pool_ops = {max_pool_reset, max_pool_push, max_pool_scratch_size,
                                             max_pool_destroy};

ravel_layer *ravel_max_pool_new(const ravel_kernels *kernels, int channels, int rows, int pad_left,
                                int pad_right, ravel_error *error)
{
    /* A row of the edge again changes no maximum of a window that it is in. */
    const ravel_window window = {.channels = channels,
                                 .span = rows,
                                 .stride = 1,
                                 .pad_left = pad_left,
                                 .pad_right = pad_right,
                                 .mode = RAVEL_PAD_REPLICATE};
    if (!ravel_window_check(&window, error)) {
        return NULL;
    }
    if (pad_left >= rows || pad_right >= rows) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "padding %d, %d leaves windows of %d rows without any", pad_left, pad_right,
                        rows);
        return NULL;
    }
    max_pool *self = ravel_layer_alloc(sizeof *self, &max_pool_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->window = window;
    ravel_window_describe(&window, &self->base);
    self->base.out_channels = channels;
    return &self->base;
}
