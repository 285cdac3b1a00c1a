/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces of streams, each run by layers as a stream of its own. So layers that must see all rows of
 * their input at once (normalisation over time, attention without a mask) stand in a graph that
 * streams: they see those of the piece.
 */
#ifndef RAVEL_NN_PIECE_H
#define RAVEL_NN_PIECE_H

#include <stdint.h>

#include "nn/layer.h"

/* Most that layers are given together where there are many: each takes the memory of its rows. */
enum { RAVEL_PIECES_TOGETHER = 8 };

/* How many of n pieces are. */
static inline int ravel_pieces_together(int64_t n)
{
    return n < RAVEL_PIECES_TOGETHER ? (int)n : RAVEL_PIECES_TOGETHER;
}

/*
 * Runs `inner` from reset to finish on n >= 1 pieces together; their states are the arena's.
 * pieces    in, n_in and out are set, with room for ravel_layer_max_out(inner, n_in) rows
 */
void ravel_pieces_run(const ravel_layer *inner, ravel_lane *pieces, int n, ravel_arena *scratch);

/* Upper bound of the arena bytes of n pieces of at most max_in rows. */
size_t ravel_pieces_scratch_size(const ravel_layer *inner, int max_in, int n);

#endif
