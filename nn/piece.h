/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A piece of a stream, run by layers as a stream of its own. So layers that must see all rows of
 * their input at once (normalisation over time, attention without a mask) stand in a graph that
 * streams: they see those of the piece.
 */
#ifndef RAVEL_NN_PIECE_H
#define RAVEL_NN_PIECE_H

#include "nn/layer.h"

/*
 * Runs `inner` from reset to finish on rows [n_in][in_channels]; its state is the arena's.
 * out       room for ravel_layer_max_out(inner, n_in) rows
 * return    rows made
 */
int ravel_piece_run(const ravel_layer *inner, const float *in, int n_in, float *out,
                    ravel_arena *scratch);

/* Upper bound of the arena bytes of a piece of at most max_in rows. */
size_t ravel_piece_scratch_size(const ravel_layer *inner, int max_in);

#endif
