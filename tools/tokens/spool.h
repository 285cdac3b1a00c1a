/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codes of one utterance while it is encoded: in memory as long as they are few, then in a
 * temporary file, so that an hour costs no more memory than a minute.
 */
#ifndef RAVEL_TOOLS_TOKENS_SPOOL_H
#define RAVEL_TOOLS_TOKENS_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "ravel/ravel.h"

enum { RAVEL_SPOOL_MEMORY = 1 << 18 }; /* codes */

typedef struct {
    uint16_t *codes; /* [RAVEL_SPOOL_MEMORY at most] */
    size_t room;
    int64_t n;      /* codes so far */
    int64_t offset; /* of the first code in the file, in bytes */
    int fd;         /* -1: all are in memory */
} ravel_spool;

/* A temporary file without a name, in TMPDIR or /tmp; -1 with *error filled. */
int ravel_temporary_file(ravel_error *error);

ravel_spool ravel_spool_new(void);
/* Codes that lie in a file already; the descriptor is the spool's from now on. */
ravel_spool ravel_spool_of_file(int fd, int64_t offset, int64_t n_codes);
void ravel_spool_free(ravel_spool *spool);

/* return    0 or a negative status */
int ravel_spool_add(ravel_spool *spool, const uint16_t *codes, int64_t n, ravel_error *error);

/* Codes first ... first + n - 1, which must be there. return    0 or a negative status */
int ravel_spool_read(const ravel_spool *spool, int64_t first, int64_t n, uint16_t *codes,
                     ravel_error *error);

/* Empty again, for the next utterance. */
void ravel_spool_reset(ravel_spool *spool);

#endif
