/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rotary position embedding (Su et al., RoFormer, arXiv 2104.09864): pair i of a head of d channels
 * is turned by position * base^(-2 i / d) radians. Angles are kept as turns in double, so they
 * are as good after a year of audio as at the start.
 */
#ifndef RAVEL_NN_ROPE_H
#define RAVEL_NN_ROPE_H

#include "nn/layer.h"

/* frequency [head_dim / 2]: turns a position. base above 1. */
void ravel_rope_frequencies(double *frequency, int head_dim, double base);

/* cosine, sine [n_pairs] at a position */
void ravel_rope_angles(const double *frequency, int n_pairs, int64_t position, float *cosine,
                       float *sine);

/* Turns the pairs of one head: neighbours (interleaved), or i and i + head_dim / 2 (half). */
void ravel_rope_turn(ravel_rope rope, float *head, int head_dim, const float *cosine,
                     const float *sine);

#endif
