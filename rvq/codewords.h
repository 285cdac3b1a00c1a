/* SPDX-License-Identifier: BSD-3-Clause */
/* The codewords of a codebook: as they are stored, and as they are searched. */
#ifndef RAVEL_RVQ_CODEWORDS_H
#define RAVEL_RVQ_CODEWORDS_H

#include "rvq/quantizer.h"

typedef struct {
    ravel_tensor stored; /* [size][dim], own copy without the name */
    ravel_search search;
} ravel_codewords;

/* The file's bytes may go away. return: 0 or RAVEL_ERR_MEMORY. */
int ravel_codewords_copy(ravel_codewords *codewords, const ravel_tensor *t, ravel_search search);
void ravel_codewords_free(ravel_codewords *codewords);

/* What a code stands for, y [dim]. */
void ravel_codeword(const ravel_codewords *codewords, int code, float *y);

/* What is searched, e [dim]: the same, or brought to length 1. */
void ravel_codeword_searched(const ravel_codewords *codewords, int code, float *e);

/* What is added to x.e, of such an e: - |e|^2 / 2 or 0. */
float ravel_codeword_bias(const ravel_codewords *codewords, const float *e);

#endif
