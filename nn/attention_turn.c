/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/attention_impl.h"
#include "nn/rope.h"

ravel_attention_angles ravel_attention_take_angles(const ravel_attention *self,
                                                   ravel_arena *scratch)
{
    const size_t pairs = (size_t)self->head_dim / 2 * sizeof(float);
    return (ravel_attention_angles){.cosine = ravel_arena_take(scratch, pairs),
                                    .sine = ravel_arena_take(scratch, pairs)};
}

size_t ravel_attention_angles_bytes(const ravel_attention *self)
{
    return 2 * ravel_rows_bytes(1, 1, self->head_dim / 2);
}

void ravel_attention_turn(const ravel_attention *self, int64_t position, float *query, float *key,
                          const ravel_attention_angles *angles)
{
    const int head_dim = self->head_dim;
    float *cosine = angles->cosine, *sine = angles->sine;
    if (self->rope == RAVEL_ROPE_NONE) {
        return;
    }
    ravel_rope_angles(self->frequency, head_dim / 2, position, cosine, sine);
    for (int h = 0; h < self->n_heads; h++) {
        ravel_rope_turn(self->rope, query + h * head_dim, head_dim, cosine, sine);
        ravel_rope_turn(self->rope, key + h * head_dim, head_dim, cosine, sine);
    }
}
