/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Causal self-attention over the last `context` rows, the row itself included. Keys, already turned
 * by their position, and values lie in a ring in the state. Scores, their softmax and the weighted
 * sum of values run over the keys from the oldest to the newest.
 */
#include <string.h>

#include "nn/attention_impl.h"

/* Followed by keys [context][D] and values [context][D]; position p lies in slot p % context. */
typedef struct {
    int64_t position; /* of the next row */
    int64_t unused;
} attention_state;

/* Room for the work on one row. */
typedef struct {
    float *scores; /* [context] */
    ravel_attention_angles angles;
} workspace;

static float *keys_of(const ravel_lane *lane)
{
    return (float *)((attention_state *)lane->state + 1);
}

static float *values_of(const ravel_attention *self, const ravel_lane *lane)
{
    return keys_of(lane) + (ptrdiff_t)self->context * self->width;
}

void ravel_attention_ring_reset(void *state)
{
    *(attention_state *)state = (attention_state){0};
}

size_t ravel_attention_ring_state_bytes(const ravel_attention *self)
{
    const size_t keys = ravel_size_mul((size_t)self->context, (size_t)self->width);
    return ravel_size_add(sizeof(attention_state), ravel_size_mul(keys, 2 * sizeof(float)));
}

/* Of head h, over the n newest rows, what their distance adds to the scores. */
static void add_distance(const ravel_attention *self, int h, float *scores, int n)
{
    const float *farthest = self->distance + (ptrdiff_t)(h + 1) * self->context - n;
    self->base.kernels->add(scores, farthest, scores, n);
}

/* Head h of one row: the n newest keys, of which the oldest lies in slot `oldest`. */
static void attend_head(const ravel_attention *self, int h, const float *query, const float *keys,
                        const float *values, int n, int oldest, float *y, float *scores)
{
    const ravel_kernels *kernels = self->base.kernels;
    const ptrdiff_t row = self->width;
    for (int i = 0, slot = oldest; i < n; i++, slot = slot + 1 == self->context ? 0 : slot + 1) {
        scores[i] = kernels->dot(query, keys + slot * row, self->head_dim);
    }
    kernels->scale(scores, self->scale, scores, n);
    if (self->distance != NULL) {
        add_distance(self, h, scores, n);
    }
    kernels->softmax(scores, scores, n);
    memset(y, 0, (size_t)self->head_dim * sizeof *y);
    for (int i = 0, slot = oldest; i < n; i++, slot = slot + 1 == self->context ? 0 : slot + 1) {
        kernels->axpy(values + slot * row, scores[i], y, self->head_dim);
    }
}

/* Keys that the row at a position sees, its own included. */
static int n_visible(const ravel_attention *self, int64_t position)
{
    const int behind = self->together - 1 - (int)(position % self->together);
    const int most = self->context - behind;
    return position < most ? (int)position + 1 : most;
}

/* qkv [3D] of the lane's next row; y [D] */
static void attend(const ravel_attention *self, const ravel_lane *lane, float *qkv, float *y,
                   const workspace *work)
{
    attention_state *state = lane->state;
    const int width = self->width, head_dim = self->head_dim;
    const int slot = (int)(state->position % self->context);
    const int n = n_visible(self, state->position);
    const int oldest = slot + 1 >= n ? slot + 1 - n : slot + 1 - n + self->context;
    const size_t row = (size_t)width * sizeof(float);
    ravel_attention_turn(self, state->position, qkv, qkv + width, &work->angles);
    memcpy(keys_of(lane) + (ptrdiff_t)slot * width, qkv + width, row);
    memcpy(values_of(self, lane) + (ptrdiff_t)slot * width, qkv + 2 * width, row);
    for (int h = 0; h < self->n_heads; h++) {
        attend_head(self, h, qkv + h * head_dim, keys_of(lane) + h * head_dim,
                    values_of(self, lane) + h * head_dim, n, oldest, y + h * head_dim,
                    work->scores);
    }
    state->position++;
}

void ravel_attention_ring(const ravel_attention *self, const ravel_lane *lane, float *qkv,
                          float *mixed, ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    const ptrdiff_t width = self->width;
    const workspace work = {.scores =
                                ravel_arena_take(scratch, (size_t)self->context * sizeof(float)),
                            .angles = ravel_attention_take_angles(self, scratch)};
    for (int t = 0; t < lane->n_in; t++) {
        attend(self, lane, qkv + 3 * t * width, mixed + t * width, &work);
    }
    scratch->used = mark;
}

size_t ravel_attention_ring_scratch_size(const ravel_attention *self)
{
    return ravel_rows_bytes(1, 1, self->context) + ravel_attention_angles_bytes(self);
}
