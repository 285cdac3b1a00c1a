/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of many utterances, in the making. The utterances of an index range are members of a part,
 * which becomes one file; until all of them are settled, each waits in the workplace as a .npy of
 * parallel codes. One thread at a time may use the list of parts; any number may store members and
 * write parts meanwhile.
 */
#ifndef RAVEL_TOOLS_TOKENS_PARTS_H
#define RAVEL_TOOLS_TOKENS_PARTS_H

#include "tools/tokens/outputs.h"
#include "tools/tokens/workplace.h"

typedef struct ravel_part ravel_part;

typedef struct {
    const ravel_outputs_options *options;
    const ravel_workplace *work;
    ravel_token_meta parallel; /* of members that wait */
    ravel_part *list;          /* not yet written; the latest first */
} ravel_parts;

ravel_parts ravel_parts_new(const ravel_outputs_options *options, const ravel_workplace *work);
void ravel_parts_free(ravel_parts *parts);

typedef enum {
    RAVEL_MEMBER_WANTED, /* is to be stored and settled */
    RAVEL_MEMBER_STORED, /* by an earlier run, and settled */
    RAVEL_MEMBER_WRITTEN /* an earlier run has written its part, with it or without */
} ravel_member_state;

/* The next item. return    its ravel_member_state, or a negative status with *error */
int ravel_parts_begin(ravel_parts *parts, const ravel_item *item, ravel_error *error);

/* Writes the codes of a member into the workplace. return    0 or a negative status */
int ravel_parts_store(const ravel_parts *parts, const ravel_item *item,
                      const ravel_pack_entry *entry, const ravel_spool *spool, ravel_error *error);

/*
 * A wanted member is settled.
 * entry     its name is taken over; NULL: the item failed
 * return    its part if that is complete now, off the list and to be written; else NULL
 */
ravel_part *ravel_parts_settle(ravel_parts *parts, int64_t index, const ravel_pack_entry *entry);

/* A part, complete or not, whose members are settled, after the last item; NULL: none is left. */
ravel_part *ravel_parts_take(ravel_parts *parts);

/*
 * Writes the file of a part, unless it has no good member, and frees the part.
 * return    0 or a negative status
 */
int ravel_parts_write(const ravel_parts *parts, ravel_part *part, ravel_error *error);

/* "-00003-of-00100" where there are several shards, else "". */
const char *ravel_shard_name(const ravel_outputs_options *options, char text[32]);

#endif
