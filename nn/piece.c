/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/piece.h"

#include "nn/layer_impl.h"

int ravel_piece_run(const ravel_layer *inner, const float *in, int n_in, float *out,
                    ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    ravel_lane lane = {.state = ravel_arena_take(scratch, inner->state_size),
                       .in = in,
                       .out = out,
                       .n_in = n_in,
                       .finish = true};
    ravel_layer_reset(inner, lane.state);
    ravel_layer_push(inner, &lane, 1, scratch);
    scratch->used = mark;
    return lane.n_out;
}

size_t ravel_piece_scratch_size(const ravel_layer *inner, int max_in)
{
    return ravel_size_add(ravel_arena_bytes(inner->state_size),
                          ravel_layer_scratch_size(inner, max_in, 1));
}
