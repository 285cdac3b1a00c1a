/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sliding windows over a stream: what convolutions and the STFT have in common. Window w covers
 * rows w * stride ... w * stride + span - 1 of the padded stream. The rows that later windows need
 * stay in the state; a push lays them and the new rows one after the other, so that the windows
 * are pointers into one buffer.
 *
 * A stream that ends before a reflection has its rows follows EnCodec's rule: zeros are appended
 * until one row more than the longer padding is there, then it is reflected, and the appended
 * number of rows is cut from the end again (so the windows see rows 0 ... length + padding - 1).
 */
#ifndef RAVEL_NN_WINDOW_H
#define RAVEL_NN_WINDOW_H

#include "nn/layer.h"

typedef struct {
    int channels;
    int span; /* rows, gaps of a dilation included */
    int stride;
    int pad_left, pad_right; /* rows */
    ravel_pad_mode mode;
    bool complete_last; /* see ravel_conv_spec */
} ravel_window;

/* The windows that a push completed: number w starts at rows + w * stride * channels. */
typedef struct {
    const float *rows;
    int n_windows;
} ravel_window_view;

/* Refuses what is out of range. */
bool ravel_window_check(const ravel_window *window, ravel_error *error);

/* Sets the rate, lookahead, delay and state size of a layer with one row out for each window. */
void ravel_window_describe(const ravel_window *window, ravel_layer *layer);

size_t ravel_window_state_size(const ravel_window *window);
void ravel_window_reset(const ravel_window *window, void *state);

/* in [n_in][channels]. The view lies in `in` or in the arena, from where it is taken. */
ravel_window_view ravel_window_push(const ravel_window *window, void *state, const float *in,
                                    int n_in, bool finish, ravel_arena *scratch);

/* Bound of the arena bytes of a push of at most max_in rows. */
size_t ravel_window_scratch_size(const ravel_window *window, int max_in);

#endif
