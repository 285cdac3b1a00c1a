/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the codes of one frame are: codebook after codebook, coarse to fine, each with
 * steps_per_frame codes below codebook_size. Packets, blocks and headers need no more of a model.
 */
#ifndef RAVEL_RVQ_LAYOUT_H
#define RAVEL_RVQ_LAYOUT_H

#include <stdbool.h>

#include "ravel/ravel.h"

enum { RAVEL_MAX_CODEBOOK_SIZE = 65536, RAVEL_MAX_STEPS_PER_FRAME = 256 };

typedef struct {
    int n_codebooks;                          /* 1 ... RAVEL_MAX_CODEBOOKS */
    int codebook_size[RAVEL_MAX_CODEBOOKS];   /* 2 ... RAVEL_MAX_CODEBOOK_SIZE */
    int steps_per_frame[RAVEL_MAX_CODEBOOKS]; /* 1 ... RAVEL_MAX_STEPS_PER_FRAME */
} ravel_layout;

/* Whether all numbers are in range. Every other function here expects that. */
bool ravel_layout_valid(const ravel_layout *layout);

/* Bits of one packed code: the least b with 2^b >= codebook_size. */
int ravel_code_bits(int codebook_size);

/* Codes and packed bits of a frame of the first n_codebooks, 1 ... layout->n_codebooks. */
int ravel_layout_codes(const ravel_layout *layout, int n_codebooks);
int ravel_layout_bits(const ravel_layout *layout, int n_codebooks);

/* Whether each of the codes [n_frames][codes of a frame] is below the size of its codebook. */
bool ravel_layout_codes_valid(const ravel_layout *layout, int n_codebooks, const uint16_t *codes,
                              int n_frames);

#endif
