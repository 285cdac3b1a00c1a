/* SPDX-License-Identifier: BSD-3-Clause */
/* The tokens of an utterance in their layout, a block of rows at a time. */
#ifndef RAVEL_TOOLS_TOKENS_BLOCKS_H
#define RAVEL_TOOLS_TOKENS_BLOCKS_H

#include "ravel/tokens.h"
#include "tools/tokens/spool.h"

typedef struct {
    const ravel_token_layout *layout;
    const ravel_spool *spool;
    int64_t n_frames, n_rows;
    int64_t row;            /* the next */
    uint32_t *tokens;       /* [rows of a block][row_tokens] */
    uint16_t *window;       /* codes of the spool, where that is a file */
    int64_t first, n_codes; /* that are in the window */
} ravel_token_blocks;

/* return    0 or RAVEL_ERR_MEMORY; free it in either case */
int ravel_token_blocks_begin(ravel_token_blocks *blocks, const ravel_token_layout *layout,
                             const ravel_spool *spool, ravel_error *error);
void ravel_token_blocks_free(ravel_token_blocks *blocks);

/* return    rows that are now in blocks->tokens, 0 at the end, or a negative status */
int ravel_token_blocks_next(ravel_token_blocks *blocks, ravel_error *error);

#endif
