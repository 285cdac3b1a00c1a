/* SPDX-License-Identifier: BSD-3-Clause */
/* All items of a run, one after the other: what the feeds give, dealt out to shards. */
#ifndef RAVEL_TOOLS_TOKENS_INPUTS_H
#define RAVEL_TOOLS_TOKENS_INPUTS_H

#include <stdbool.h>

#include "tools/tokens/item.h"

typedef enum {
    RAVEL_INPUT_NAME, /* a file, a folder, or a tar by its suffix */
    RAVEL_INPUT_TAR,
    RAVEL_INPUT_LIST,
    RAVEL_INPUT_NUL_LIST,
    RAVEL_INPUT_MANIFEST,
    RAVEL_INPUT_KALDI
} ravel_input_kind;

typedef struct {
    ravel_input_kind kind;
    const char *path;
} ravel_input;

typedef struct {
    const ravel_input *inputs;
    int n_inputs;
    int shard, n_shards; /* every n_shards-th item from `shard` on; tars are dealt out whole */
    bool tars_only;      /* names are tars whatever their suffix */
} ravel_inputs_options;

typedef struct ravel_inputs ravel_inputs;

/* The options' array is used, not copied. NULL without memory. */
ravel_inputs *ravel_inputs_open(const ravel_inputs_options *options);
void ravel_inputs_close(ravel_inputs *inputs);

/*
 * The next item of this shard. Of two items of one name the second is refused, in whatever shard.
 * return    false at the end
 */
bool ravel_inputs_next(ravel_inputs *inputs, ravel_item *item);

/* Items of this shard, or -1 where only a reading of everything would tell. */
int64_t ravel_inputs_count(const ravel_inputs_options *options);

#endif
