/* SPDX-License-Identifier: BSD-3-Clause */
/* Items that failed, and why: one JSON object a line, {"index", "name", "input", "reason"}. */
#ifndef RAVEL_TOOLS_TOKENS_FAILURES_H
#define RAVEL_TOOLS_TOKENS_FAILURES_H

#include "tools/tokens/item.h"

typedef struct {
    int64_t index; /* of the item */
    char *line;    /* without its end */
} ravel_failure;

typedef struct {
    ravel_failure *list;
    size_t n, room;
} ravel_failures;

void ravel_failures_free(ravel_failures *failures);

/* Adds one. return    its line, owned by the list; NULL without memory */
const char *ravel_failures_add(ravel_failures *failures, const ravel_item *item,
                               const char *reason);

/* Adds what an earlier run wrote; lines that are broken, and a file that is not there, count for
 * nothing. */
void ravel_failures_load(ravel_failures *failures, const char *path);

/* Moves the failure of that index to another list. return    whether there was one */
int ravel_failures_move(ravel_failures *from, int64_t index, ravel_failures *to);

/* In order of the items. path: a file or "-". return    0 or a negative status */
int ravel_failures_write(ravel_failures *failures, const char *path, ravel_error *error);

#endif
