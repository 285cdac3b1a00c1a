/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/piece.h"

#include "nn/layer_impl.h"

void ravel_pieces_run(const ravel_layer *inner, ravel_lane *pieces, int n, ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    for (int i = 0; i < n; i++) {
        pieces[i].state = ravel_arena_take(scratch, inner->state_size);
        pieces[i].finish = true;
        ravel_layer_reset(inner, pieces[i].state);
    }
    ravel_layer_push(inner, pieces, n, scratch);
    scratch->used = mark;
}

size_t ravel_pieces_scratch_size(const ravel_layer *inner, int max_in, int n)
{
    const size_t states = ravel_size_mul((size_t)n, ravel_arena_bytes(inner->state_size));
    return ravel_size_add(states, ravel_layer_scratch_size(inner, max_in, n));
}
