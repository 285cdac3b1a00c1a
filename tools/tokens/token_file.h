/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of tokens read back, in all formats, as codes. What a file says about itself, or ravel.json
 * beside or above it, tells the layout. Everything may come from a stranger and is checked.
 */
#ifndef RAVEL_TOOLS_TOKENS_TOKEN_FILE_H
#define RAVEL_TOOLS_TOKENS_TOKEN_FILE_H

#include <stdbool.h>

#include "tools/tokens/meta.h"

typedef struct {
    char *name;
    ravel_token_meta meta;
    bool assumed;      /* no metadata were found */
    int64_t n_samples; /* of the sound; -1 where it is not told */
    int64_t n_frames;
    uint16_t *codes; /* [n_frames][meta.layout.columns] */
} ravel_utterance;

void ravel_utterance_clear(ravel_utterance *utterance);

typedef struct ravel_token_file ravel_token_file;

/*
 * path      the suffix tells the format; "-" is not possible
 * model     reads coded streams of its own; tokens that say nothing about themselves are taken for
 *           parallel codes of its first codebooks
 * return    NULL with *error
 */
ravel_token_file *ravel_token_file_open(const char *path, const ravel_model *model,
                                        ravel_error *error);
void ravel_token_file_close(ravel_token_file *file);

/*
 * The next utterance; one that is wrong does not keep the next from being read, if that is
 * possible.
 * return    1 and *utterance, 0 at the end; a negative status with *error, and *lost where nothing
 *           behind it can be read
 */
int ravel_token_file_next(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                          ravel_error *error);

/* Whether the suffix is of a format of tokens. */
bool ravel_token_file_known(const char *path);

#endif
