/* SPDX-License-Identifier: BSD-3-Clause */
/* Token layouts by pieces, for utterances that are too long to be held twice. */
#ifndef RAVEL_RVQ_TOKENS_H
#define RAVEL_RVQ_TOKENS_H

#include "ravel/tokens.h"

/* The token of a code that its codebook has, which stands at `place` (ravel_token_place). */
uint32_t ravel_token_of_code(const ravel_token_layout *layout, int64_t place, uint16_t code);

/*
 * Takes rows first_row ... first_row + n_rows - 1 of the tokens of n_frames frames.
 * tokens    [n_rows][row_tokens]
 * codes     [n_frames][columns], of which those are set that stand there
 * return    0, or RAVEL_ERR_DATA with *error
 */
int ravel_tokens_take(const ravel_token_layout *layout, int64_t n_frames, int64_t first_row,
                      int64_t n_rows, const uint32_t *tokens, uint16_t *codes, ravel_error *error);

#endif
