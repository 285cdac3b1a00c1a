/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of utterances: relative paths without suffix that stay below the folder of the outputs. */
#ifndef RAVEL_TOOLS_TOKENS_NAMES_H
#define RAVEL_TOOLS_TOKENS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the suffix is one of sound files. */
bool ravel_name_is_audio(const char *path);

/*
 * A path as a name: parts that are empty, "." or ".." are left out, and the suffix where it is one
 * of sounds or of tokens. malloc'ed; NULL without memory. An empty one becomes "-".
 */
char *ravel_name_of_path(const char *path);

/* Of a member of a tar: everything from the first dot of its last part on is the suffix. */
char *ravel_name_of_member(const char *path);

/* "FOLDER/NAME" with a suffix; malloc'ed; NULL without memory. */
char *ravel_name_join(const char *folder, const char *name, const char *suffix);

/* 64 bits of the name's SHA-256. */
uint64_t ravel_name_hash(const char *name);

/* A set of the names that were given out. A name takes 16 bytes. */
typedef struct {
    uint64_t (*slots)[2]; /* 128 bits of SHA-256; both 0: free */
    size_t n_slots, n_used;
} ravel_name_set;

/* return    1 where the name is new, 0 where it was there, RAVEL_ERR_MEMORY */
int ravel_name_set_add(ravel_name_set *set, const char *name);
void ravel_name_set_free(ravel_name_set *set);

#endif
