/* SPDX-License-Identifier: BSD-3-Clause */
/* One utterance that is to become tokens. */
#ifndef RAVEL_TOOLS_TOKENS_ITEM_H
#define RAVEL_TOOLS_TOKENS_ITEM_H

#include "ravel/io.h"

typedef struct {
    char *name;                  /* of the utterance: a relative path without suffix */
    char *path;                  /* of its sound, "-" for standard input; for messages */
    int fd;                      /* where its sound is open already, e.g. from a tar; else -1 */
    double offset_s, duration_s; /* the part that is wanted; duration 0: up to the end */
    int64_t index;               /* of all items of this shard, from 0 */
    ravel_error refused;         /* status < 0: nothing can be done with this item, and why */
} ravel_item;

/* Frees and closes what it has; empty afterwards. */
void ravel_item_clear(ravel_item *item);

/*
 * Copies of both. return    0, or RAVEL_ERR_MEMORY with *error filled; the item is then empty
 */
int ravel_item_set(ravel_item *item, const char *name, const char *path, ravel_error *error);

#endif
