/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sliding product: every window of a stream times a matrix. A convolution is one; a transposed
 * convolution is one whose outputs are `phases` rows at once.
 *
 * The sum of an output runs over the taps, oldest first, and over the channels within a tap.
 */
#ifndef RAVEL_NN_SLIDE_H
#define RAVEL_NN_SLIDE_H

#include "nn/window.h"

typedef struct {
    const ravel_tensor *weight, *bias, *scale; /* bias and scale [groups * group_out] or NULL */
    int taps; /* rows of a window that count, dilation rows apart */
    int dilation;
    int phases;                      /* output rows of a window */
    int groups, group_in, group_out; /* channels of a group */
    int kernel, stride, shift;       /* of the layer, for `source` */
} ravel_slide_spec;

/* Element of the weight between input `in` and output `out` of a group; negative: none, zero. */
typedef ptrdiff_t ravel_slide_source(const ravel_slide_spec *spec, int group, int phase, int tap,
                                     int in, int out);

/* One matrix: from the channels of one group, to a piece of the output. */
typedef struct {
    ravel_matrix matrix;
    int in_offset, out_offset; /* floats within a row of input and of output */
} ravel_slide_part;

typedef struct {
    ravel_window window;
    int taps, tap_width;
    ptrdiff_t tap_stride; /* floats */
    int phases;
    int out_floats; /* of a window: phases * groups * group_out */
    int n_parts;
    ravel_slide_part *parts; /* NULL for a depthwise product */
    float *depthwise;        /* [phases][taps][channels] */
    float *bias;             /* [channels], depthwise only */
} ravel_slide;

/* Checks sizes and packs. return: whether it worked; otherwise free what there is and *error. */
bool ravel_slide_init(ravel_slide *slide, const ravel_slide_spec *spec, ravel_slide_source *source,
                      ravel_error *error);
void ravel_slide_free(ravel_slide *slide);

/* Adds to the layer's weight_bytes and sets its macs (a row of input). */
void ravel_slide_describe(const ravel_slide *slide, ravel_layer *layer);

/* y [windows of all lanes][out_floats], lane after lane. */
void ravel_slide_run(const ravel_slide *slide, const ravel_kernels *kernels,
                     const ravel_window_view *views, int n_lanes, float *y, ravel_arena *scratch);

/* Bound of the arena bytes that run takes for n_lanes times max_windows windows. */
size_t ravel_slide_scratch_size(int max_windows, int n_lanes);

#endif
