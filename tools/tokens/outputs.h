/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the tokens of a run go: one file, or a folder with
 *
 *     ravel.json                            what the tokens are (docs/tokens.md)
 *     NAME.npy                              an utterance each, or
 *     tokens-[SHARD-of-SHARDS-]PART.npz     a number of them each
 *     failed[-SHARD-of-SHARDS].jsonl        where something failed
 *
 * Utterances may be finished in any order and by several threads at once; what the folder holds in
 * the end does not depend on it.
 */
#ifndef RAVEL_TOOLS_TOKENS_OUTPUTS_H
#define RAVEL_TOOLS_TOKENS_OUTPUTS_H

#include <stdbool.h>

#include "tools/tokens/item.h"
#include "tools/tokens/pack.h"

typedef struct {
    const char *path;      /* of the one file, or NULL */
    const char *directory; /* or of the folder */
    ravel_pack_format format;
    const ravel_model *model;
    const ravel_token_meta *meta;
    int shard, n_shards;
    int64_t per_file; /* utterances of a file that holds many */
    bool resume;
    const char *report; /* the failures go there too; or NULL */
} ravel_outputs_options;

typedef struct ravel_outputs ravel_outputs;

/*
 * NULL with *error: RAVEL_ERR_MODEL where the folder has tokens of another model, RAVEL_ERR_ARGUMENT
 * where they are made otherwise.
 */
ravel_outputs *ravel_outputs_open(const ravel_outputs_options *options, ravel_error *error);

/*
 * Announces the next item; items come in order of their indices, from one thread at a time.
 * return    1: encode it; 0: it was done, or is known to fail, by an earlier run; or a negative
 *           status with *error: it fails
 */
int ravel_outputs_begin(ravel_outputs *outputs, const ravel_item *item, ravel_error *error);

/* Codes of an announced item. return    0 or a negative status: tell it by ravel_outputs_fail */
int ravel_outputs_put(ravel_outputs *outputs, const ravel_item *item, const ravel_spool *spool,
                      int64_t n_samples, ravel_error *error);

void ravel_outputs_fail(ravel_outputs *outputs, const ravel_item *item, const ravel_error *reason);

/*
 * After the last item: writes what is not yet full, and the failures. Frees the outputs.
 * stopped      leave everything for a later run to resume
 * n_failed     set, with those of earlier runs that were not tried again
 * return       0, or a negative status with *error
 */
int ravel_outputs_close(ravel_outputs *outputs, bool stopped, int64_t *n_failed,
                        ravel_error *error);

#endif
