/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transposed convolution as a convolution in disguise. Input row t reaches output rows
 * t * stride ... t * stride + kernel - 1, so the `stride` output rows that begin at t * stride are a
 * product of the last ceil(kernel / stride) inputs: a window whose outputs, phase after phase, lie
 * in memory as the rows themselves.
 *
 * Rows cut at the start are swallowed as they come. Where the cut at the end is longer than
 * kernel - stride, the last rows before the end must not be given out with the last input: the
 * blocks then begin `late` rows earlier, which is a shift of the weights and more to swallow.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/slide.h"

typedef struct {
    ravel_layer base;
    ravel_slide slide;
    int lead;   /* rows swallowed at the start */
    int excess; /* rows of the last block beyond the end of the stream */
} conv_transpose;

/* Followed by the window's state. */
typedef struct {
    int32_t lead; /* rows still to swallow */
    int32_t unused[3];
} transpose_state;

static void transpose_reset(const ravel_layer *layer, void *state)
{
    const conv_transpose *self = (const conv_transpose *)layer;
    *(transpose_state *)state = (transpose_state){.lead = self->lead};
    ravel_window_reset(&self->slide.window, (transpose_state *)state + 1);
}

/* Rows of the blocks that a lane gets: all but the first *skip and what lies beyond the end. */
static int cut(const conv_transpose *self, const ravel_lane *lane, int n_blocks, int *skip)
{
    transpose_state *state = lane->state;
    int n_rows = n_blocks * self->slide.phases;
    if (lane->finish && n_blocks > 0) {
        n_rows -= self->excess;
    }
    *skip = n_rows < state->lead ? n_rows : state->lead;
    state->lead -= *skip;
    return n_rows - *skip;
}

/* Whether the blocks can be computed in their place. */
static bool is_whole(const ravel_lane *lanes, int n_lanes, const ravel_window_view *views,
                     int phases)
{
    for (int l = 0; l < n_lanes; l++) {
        if (lanes[l].n_out != views[l].n_windows * phases) {
            return false;
        }
    }
    return true;
}

/* The blocks of all lanes to the arena, from where each lane gets its rows. */
static void run_cut(const conv_transpose *self, const ravel_lane *lanes, int n_lanes,
                    const ravel_window_view *views, const int *skip, ravel_arena *scratch)
{
    const ptrdiff_t channels = self->base.out_channels, block = self->slide.out_floats;
    ptrdiff_t n_blocks = 0;
    for (int l = 0; l < n_lanes; l++) {
        n_blocks += views[l].n_windows;
    }
    float *y = ravel_arena_take(scratch, (size_t)(n_blocks * block) * sizeof *y);
    ravel_slide_run(&self->slide, self->base.kernels, views, n_lanes, y, scratch);
    for (int l = 0; l < n_lanes; l++) {
        if (lanes[l].n_out > 0) {
            memcpy(lanes[l].out, y + skip[l] * channels,
                   (size_t)(lanes[l].n_out * channels) * sizeof *y);
        }
        y += views[l].n_windows * block;
    }
}

static void transpose_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                           ravel_arena *scratch)
{
    const conv_transpose *self = (const conv_transpose *)layer;
    const size_t mark = scratch->used;
    ravel_window_view *views = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *views);
    int *skip = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *skip);
    for (int l = 0; l < n_lanes; l++) {
        views[l] = ravel_window_push(&self->slide.window, (transpose_state *)lanes[l].state + 1,
                                     lanes[l].in, lanes[l].n_in, lanes[l].finish, scratch);
        lanes[l].n_out = cut(self, &lanes[l], views[l].n_windows, &skip[l]);
    }
    if (ravel_lanes_count_out(lanes, n_lanes) == 0) {
        scratch->used = mark;
        return;
    }
    if (is_whole(lanes, n_lanes, views, self->slide.phases)) {
        float *y = ravel_lanes_target(lanes, n_lanes, layer->out_channels, scratch);
        ravel_slide_run(&self->slide, layer->kernels, views, n_lanes, y, scratch);
        ravel_lanes_deliver(lanes, n_lanes, layer->out_channels, y);
    } else {
        run_cut(self, lanes, n_lanes, views, skip, scratch);
    }
    scratch->used = mark;
}

static size_t transpose_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const conv_transpose *self = (const conv_transpose *)layer;
    const int max_blocks = max_in + self->slide.window.pad_right;
    const size_t lanes = (size_t)n_lanes;
    size_t size = ravel_arena_bytes(lanes * sizeof(ravel_window_view));
    size = ravel_size_add(size, ravel_arena_bytes(lanes * sizeof(int)));
    size = ravel_size_add(
        size, ravel_size_mul(lanes, ravel_window_scratch_size(&self->slide.window, max_in)));
    size = ravel_size_add(size, ravel_rows_bytes(n_lanes, max_blocks, self->slide.out_floats));
    return ravel_size_add(size, ravel_slide_scratch_size(max_blocks, n_lanes));
}

static void transpose_destroy(ravel_layer *layer)
{
    ravel_slide_free(&((conv_transpose *)layer)->slide);
    free(layer);
}

static const ravel_layer_ops transpose_ops = {transpose_reset, transpose_push,
                                              transpose_scratch_size, transpose_destroy};

/* [in][out of a group][kernel]; tap 0 is the oldest input. */
static ptrdiff_t transpose_source(const ravel_slide_spec *spec, int group, int phase, int tap,
                                  int in, int out)
{
    const ptrdiff_t row = (ptrdiff_t)group * spec->group_in + in;
    const int at = (spec->taps - 1 - tap) * spec->stride + phase - spec->shift;
    return at < 0 || at >= spec->kernel ? -1 : (row * spec->group_out + out) * spec->kernel + at;
}

static bool check(const ravel_conv_spec *spec, ravel_error *error)
{
    const ravel_tensor *weight = spec->weight;
    if (weight == NULL || weight->rank != 3) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "a transposed convolution takes a weight [in, out, kernel]%s%s",
                        weight != NULL ? ", not " : "", weight != NULL ? weight->name : "");
        return false;
    }
    const int kernel = weight->shape[2];
    if (kernel > RAVEL_MAX_DIM || spec->stride < 1 || spec->stride > kernel) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: stride %d is not in 1 ... kernel %d",
                        weight->name, spec->stride, kernel);
        return false;
    }
    if (spec->dilation != 1 || spec->output_padding < 0 || spec->output_padding >= spec->stride) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "%s: dilation %d is not 1 or output padding %d is not below the stride %d",
                        weight->name, spec->dilation, spec->output_padding, spec->stride);
        return false;
    }
    if (spec->pad_left < 0 || spec->pad_right < 0 || spec->pad_left >= kernel ||
        spec->pad_right >= kernel) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: trim %d, %d is not below the kernel %d",
                        weight->name, spec->pad_left, spec->pad_right, kernel);
        return false;
    }
    if (spec->groups < 1 || weight->shape[0] % spec->groups != 0 ||
        weight->shape[0] > RAVEL_MAX_DIM || weight->shape[1] > RAVEL_MAX_DIM / spec->groups) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s with %d inputs cannot have %d groups",
                        weight->name, weight->shape[0], spec->groups);
        return false;
    }
    return true;
}

/* Of the full length (n - 1) * stride + kernel + output_padding, behind n * stride. */
static int rows_after(const ravel_conv_spec *spec)
{
    return spec->weight->shape[2] - spec->stride - spec->pad_right + spec->output_padding;
}

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

static ravel_slide_spec plan(const ravel_conv_spec *spec, int late)
{
    const ravel_tensor *weight = spec->weight;
    return (ravel_slide_spec){.weight = weight,
                              .bias = spec->bias,
                              .scale = spec->scale,
                              .taps = divide_up(weight->shape[2] + late, spec->stride),
                              .dilation = 1,
                              .phases = spec->stride,
                              .groups = spec->groups,
                              .group_in = weight->shape[0] / spec->groups,
                              .group_out = weight->shape[1],
                              .kernel = weight->shape[2],
                              .stride = spec->stride,
                              .shift = late};
}

ravel_layer *ravel_conv_transpose_new(const ravel_kernels *kernels, const ravel_conv_spec *spec,
                                      ravel_error *error)
{
    if (!check(spec, error)) {
        return NULL;
    }
    conv_transpose *self = ravel_layer_alloc(sizeof *self, &transpose_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    const int after = rows_after(spec);
    const int late = after < 0 ? -after : 0, flush = after > 0 ? after : 0;
    const ravel_slide_spec slide_spec = plan(spec, late);
    const int flush_blocks = divide_up(flush, spec->stride);
    self->lead = spec->pad_left + late;
    self->excess = flush_blocks * spec->stride - flush;
    self->slide.window = (ravel_window){.channels = spec->weight->shape[0],
                                        .span = slide_spec.taps,
                                        .stride = 1,
                                        .pad_left = slide_spec.taps - 1,
                                        .pad_right = flush_blocks};
    if (!ravel_slide_init(&self->slide, &slide_spec, transpose_source, error)) {
        transpose_destroy(&self->base);
        return NULL;
    }
    ravel_layer *layer = &self->base;
    ravel_slide_describe(&self->slide, layer);
    layer->in_channels = spec->weight->shape[0];
    layer->out_channels = spec->weight->shape[1] * spec->groups;
    layer->up = spec->stride;
    layer->lookahead_out = self->lead;
    layer->hold_rows = divide_up(self->lead, spec->stride);
    layer->extra_out = flush;
    layer->state_size = sizeof(transpose_state) + ravel_window_state_size(&self->slide.window);
    return layer;
}
