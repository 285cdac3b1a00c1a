/* SPDX-License-Identifier: BSD-3-Clause */
/* The utterances of files of tokens and of folders of such files, one after the other. */
#ifndef RAVEL_TOOLS_TOKENS_TOKEN_INPUTS_H
#define RAVEL_TOOLS_TOKENS_TOKEN_INPUTS_H

#include "tools/tokens/token_file.h"

typedef struct ravel_token_inputs ravel_token_inputs;

/* The paths are used, not copied. NULL without memory. */
ravel_token_inputs *ravel_token_inputs_open(char *const *paths, int n_paths,
                                            const ravel_model *model);
void ravel_token_inputs_close(ravel_token_inputs *inputs);

/*
 * An utterance that is a file of its own is named by its path below the folder.
 * return    1 and *utterance, 0 at the end, or a negative status with *error: something is wrong,
 *           and the next call goes on behind it
 */
int ravel_token_inputs_next(ravel_token_inputs *inputs, ravel_utterance *utterance,
                            ravel_error *error);

#endif
