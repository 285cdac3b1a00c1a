/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/blocks.h"

#include <stdlib.h>

#include "nn/error.h"
#include "rvq/tokens.h"

enum { BLOCK_TOKENS = 16384, WINDOW_CODES = 65536 };

int ravel_token_blocks_begin(ravel_token_blocks *blocks, const ravel_token_layout *layout,
                             const ravel_spool *spool, ravel_error *error)
{
    *blocks = (ravel_token_blocks){
        .layout = layout, .spool = spool, .n_frames = spool->n / layout->columns};
    blocks->n_rows = ravel_token_rows(layout, blocks->n_frames);
    blocks->tokens = malloc((BLOCK_TOKENS + (size_t)layout->row_tokens) * sizeof *blocks->tokens);
    if (spool->fd >= 0)
        blocks->window = malloc(WINDOW_CODES * sizeof *blocks->window);
    if (blocks->tokens == NULL || (spool->fd >= 0 && blocks->window == NULL))
        return ravel_error_memory(error);
    return 0;
}

void ravel_token_blocks_free(ravel_token_blocks *blocks)
{
    free(blocks->tokens);
    free(blocks->window);
    *blocks = (ravel_token_blocks){0};
}

/* Layouts go forward, with steps back of no more than the longest delay: half a window behind. */
static int move_window(ravel_token_blocks *blocks, int64_t place, ravel_error *error)
{
    blocks->first = place > WINDOW_CODES / 2 ? place - WINDOW_CODES / 2 : 0;
    blocks->n_codes = blocks->spool->n - blocks->first;
    if (blocks->n_codes > WINDOW_CODES)
        blocks->n_codes = WINDOW_CODES;
    return ravel_spool_read(blocks->spool, blocks->first, blocks->n_codes, blocks->window, error);
}

static int read_code(ravel_token_blocks *blocks, int64_t place, uint16_t *code, ravel_error *error)
{
    int status = 0;
    if (blocks->spool->fd < 0) {
        *code = blocks->spool->codes[place];
        return 0;
    }
    if (place < blocks->first || place >= blocks->first + blocks->n_codes)
        status = move_window(blocks, place, error);
    if (status == 0)
        *code = blocks->window[place - blocks->first];
    return status;
}

static int fill_row(ravel_token_blocks *blocks, uint32_t *tokens, ravel_error *error)
{
    for (int column = 0; column < blocks->layout->row_tokens; column++) {
        uint16_t code = 0;
        const int64_t place = ravel_token_place(blocks->layout, blocks->n_frames, blocks->row,
                                                column, &tokens[column]);
        if (place < 0)
            continue;
        const int status = read_code(blocks, place, &code, error);
        if (status < 0)
            return status;
        tokens[column] = ravel_token_of_code(blocks->layout, place, code);
    }
    return 0;
}

int ravel_token_blocks_next(ravel_token_blocks *blocks, ravel_error *error)
{
    int n_rows = 0;
    uint32_t *tokens = blocks->tokens;
    while (blocks->row < blocks->n_rows && tokens < blocks->tokens + BLOCK_TOKENS) {
        const int status = fill_row(blocks, tokens, error);
        if (status < 0)
            return status;
        tokens += blocks->layout->row_tokens;
        blocks->row++;
        n_rows++;
    }
    return n_rows;
}
