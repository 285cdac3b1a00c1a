/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of tokens, whole ones (docs/tokens.md, "Formats"). The same utterances make the same bytes:
 * no time, no user, no path of the machine is written.
 */
#ifndef RAVEL_TOOLS_TOKENS_PACK_H
#define RAVEL_TOOLS_TOKENS_PACK_H

#include <stdbool.h>

#include "tools/tokens/meta.h"
#include "tools/tokens/spool.h"

typedef enum {
    RAVEL_PACK_NPY,
    RAVEL_PACK_RVL,
    RAVEL_PACK_NPZ,
    RAVEL_PACK_SAFETENSORS,
    RAVEL_PACK_JSONL,
    RAVEL_PACK_TAR
} ravel_pack_format;

/* "npy", "rvl" ...: names and suffixes. NULL for another number. */
const char *ravel_pack_name(int format);
/* return    whether there is one of this name */
bool ravel_pack_find(const char *name, ravel_pack_format *format);
/* Whether a file holds one utterance only. */
bool ravel_pack_is_single(ravel_pack_format format);

typedef struct {
    char *name;
    int64_t n_samples, n_frames;
} ravel_pack_entry;

typedef struct ravel_pack ravel_pack;

struct ravel_pack {
    ravel_pack_format format;
    const ravel_model *model;
    const ravel_token_meta *meta;
    const ravel_pack_entry *entries;
    int64_t n_entries;
    const ravel_spool *spool; /* the codes of the only entry; NULL: as `open` tells */
    /*
     * The codes of an entry, entry after entry. The spool is freed by the caller.
     * return    0 or a negative status
     */
    int (*open)(void *context, int64_t entry, ravel_spool *spool, ravel_error *error);
    void *context;
};

/* path: a file, which appears when it is whole, or "-". return    0 or a negative status */
int ravel_pack_write(const ravel_pack *pack, const char *path, ravel_error *error);

#endif
