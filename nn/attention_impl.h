/* SPDX-License-Identifier: BSD-3-Clause */
/* Self-attention: its weights, the turning by position, and the two kinds of mixing. */
#ifndef RAVEL_NN_ATTENTION_IMPL_H
#define RAVEL_NN_ATTENTION_IMPL_H

#include "nn/layer_impl.h"

typedef struct {
    ravel_layer base;
    ravel_matrix qkv, out; /* [C][3D], [D][C] */
    int n_heads, head_dim, context, together;
    int width; /* D = n_heads * head_dim, of a query, a key, a value */
    ravel_rope rope;
    double *frequency; /* [head_dim / 2], NULL without RoPE */
    float scale;       /* of a score: 1 / sqrt(head_dim) */
    float *distance;   /* [n_heads][context], the farthest row first; NULL without */
} ravel_attention;

/* --- Turning by position (nn/attention_turn.c) ------------------------------------------------ */

/* Room for the angles of one position. */
typedef struct {
    float *cosine, *sine; /* [head_dim / 2] */
} ravel_attention_angles;

ravel_attention_angles ravel_attention_take_angles(const ravel_attention *self,
                                                   ravel_arena *scratch);
size_t ravel_attention_angles_bytes(const ravel_attention *self);

/* Turns all heads of a query and a key [D] by their position; nothing without RoPE. */
void ravel_attention_turn(const ravel_attention *self, int64_t position, float *query, float *key,
                          const ravel_attention_angles *angles);

/* --- Mixing ----------------------------------------------------------------------------------- */

/*
 * Every row sees the last rows (nn/attention_ring.c), which lie in the lane's state.
 * qkv       [n][3D] of the lane's n rows, turned in place
 * mixed     [n][D]: the weighted values, before the last map
 */
void ravel_attention_ring(const ravel_attention *self, const ravel_lane *lane, float *qkv,
                          float *mixed, ravel_arena *scratch);
void ravel_attention_ring_reset(void *state);
size_t ravel_attention_ring_state_bytes(const ravel_attention *self);
size_t ravel_attention_ring_scratch_size(const ravel_attention *self);

/*
 * Every row sees all rows (nn/attention_all.c).
 * qkv       [n][3D], turned in place
 * mixed     [n][D]: the weighted values, before the last map
 */
void ravel_attention_all(const ravel_attention *self, float *qkv, int n, float *mixed,
                         ravel_arena *scratch);
size_t ravel_attention_all_scratch_size(const ravel_attention *self, int max_rows);

#endif
