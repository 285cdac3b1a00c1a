/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Static tables: how likely each code of a codebook is by itself, and given the code that the frame
 * has in the codebook before. They need nothing of other frames.
 *
 * A full table of pairs would have a million entries a codebook, more than there are codes to count
 * in hours of speech; it is kept as a product of two narrow ones:
 *
 *     logits[code] = by_itself[code] + sum over r of from[code before][r] to[code][r]
 */
#ifndef RAVEL_RVQ_TABLES_H
#define RAVEL_RVQ_TABLES_H

#include "nn/kernels.h"
#include "ravel/ravel.h"

enum { RAVEL_TABLES_MAX_RANK = 64, RAVEL_TABLES_MAX_ROWS = 32 };

typedef struct ravel_tables ravel_tables;

/* Of one codebook; from and to both NULL where the code before says nothing. */
typedef struct {
    const ravel_tensor *logits; /* [size] */
    const ravel_tensor *from;   /* [size of the codebook before, rank]; not I8 */
    const ravel_tensor *to;     /* [size, rank]; not I8 */
} ravel_table_spec;

/*
 * codebook_size    [n_codebooks], 2 ... RAVEL_FREQUENCIES_MAX_SYMBOLS each
 * specs            [n_codebooks]; the tensors may go away afterwards
 * return           NULL with *error filled where shapes do not fit, or without memory
 */
ravel_tables *ravel_tables_new(const ravel_kernels *kernels, const ravel_table_spec *specs,
                               const int *codebook_size, int n_codebooks, ravel_error *error);
void ravel_tables_free(ravel_tables *tables); /* NULL is allowed */

/* Bytes of all tables in memory. */
size_t ravel_tables_bytes(const ravel_tables *tables);

/*
 * Logits of n codes of a codebook, n up to RAVEL_TABLES_MAX_ROWS.
 * before    code i of the codebook before at before[i * stride]; not read for the first codebook
 * logits    [n][codebook size]
 */
void ravel_tables_logits(const ravel_tables *tables, int codebook, const uint16_t *before,
                         ptrdiff_t stride, int n, float *logits);

#endif
