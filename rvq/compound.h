/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What quantisers made of other quantisers have in common. Their codebooks are those of the parts,
 * one part after another; with fewer codebooks the last parts go unused, or the last one in part.
 */
#ifndef RAVEL_RVQ_COMPOUND_H
#define RAVEL_RVQ_COMPOUND_H

#include "rvq/quantizer.h"

typedef struct {
    ravel_quantizer base;
    int n_parts;
    ravel_quantizer *part[RAVEL_MAX_CODEBOOKS]; /* each has at least one codebook */
} ravel_compound;

typedef enum {
    RAVEL_COMPOUND_ALIKE,       /* all have the dimensions of the whole */
    RAVEL_COMPOUND_SIDE_BY_SIDE /* their dimensions add up to those of the whole */
} ravel_compound_shape;

/*
 * A quantiser of those operations. Takes ownership of the parts.
 * called    what a message calls a part: "residual quantiser: stage"
 */
ravel_quantizer *ravel_compound_new(const ravel_kernels *kernels, const ravel_quantizer_ops *ops,
                                    ravel_compound_shape shape, const char *called,
                                    ravel_quantizer **parts, int n_parts, ravel_error *error);

/* Codebooks of a part that are used where `left` codebooks are left for it and those after it. */
int ravel_compound_codebooks(const ravel_quantizer *part, int left);

/* Bytes of n vectors. */
size_t ravel_vector_bytes(const ravel_quantizer *q, int n);

/* Decoding where codes stand for the sum of what the parts say, added in their order. */
void ravel_compound_decode_sum(const ravel_quantizer *q, const uint16_t *codes, int code_stride,
                               int n, int n_codebooks, float *y, ravel_arena *scratch);

/* The most scratch that a part takes for n vectors; the sum takes n vectors more. */
size_t ravel_compound_scratch_size(const ravel_quantizer *q, int n);

void ravel_compound_destroy(ravel_quantizer *q);

#endif
